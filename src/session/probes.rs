//! Tests whether the store works, for any number of callers: one probe at a time, and at most ten a second. Every caller gets
//! the result of a probe that began after its call.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::store::{Store, StoreError};
use crate::traces::InRequest as _;

/// The shortest time from the begin of one probe to the begin of the next.
const BETWEEN: Duration = Duration::from_millis(100);

type Answer = Result<(), StoreError>;

/// The probes of a store. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The probe that has not begun yet, if any: callers that ask now get its result.
    next: Mutex<Option<watch::Receiver<Option<Answer>>>>,
    /// When the last probe began. Held while a probe runs.
    began: tokio::sync::Mutex<Option<Instant>>,
    /// Whether the last probe failed.
    failed: AtomicBool,
}

impl Probes {
    /// Probes the store. The caller may be dropped: the probe belongs to no caller.
    pub(super) async fn ask(&self, store: &Arc<dyn Store>) -> Result<(), StoreError> {
        let mut answer = self.join(store);
        let answered = match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        answered.unwrap_or_else(|| Err(StoreError::new("the probe was interrupted")))
    }

    /// The next probe, which is started in a task of its own if none is waiting.
    fn join(&self, store: &Arc<dyn Store>) -> watch::Receiver<Option<Answer>> {
        let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
        // A probe whose task has died will not answer.
        if let Some(probe) = next.as_ref().filter(|probe| probe.has_changed().is_ok()) {
            return probe.clone();
        }
        let (answer, probe) = watch::channel(None);
        *next = Some(probe.clone());
        let (this, store) = (self.clone(), store.clone());
        let probing = async move {
            let result = this.probe(&*store).await;
            // It fails only if every caller is gone.
            let _ = answer.send(Some(result));
        };
        tokio::spawn(probing.in_request());
        probe
    }

    async fn probe(&self, store: &dyn Store) -> Answer {
        let mut began = self.0.began.lock().await;
        if let Some(began) = *began {
            sleep_until(began + BETWEEN).await;
        }
        // Callers from here on must not get this result.
        *self.0.next.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *began = Some(Instant::now());
        let result = store.probe().await;
        match (&result, self.0.failed.swap(result.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::error!(error = %error, "the session store fails its probe"),
            (Ok(()), true) => tracing::info!("the session store passes its probe again"),
            _ => {}
        }
        result
    }
}
