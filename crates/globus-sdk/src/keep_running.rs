//! Work that must run for as long as the process does: the sweep, the listeners, the accept loop. A panic ends one round
//! of it and not the work.

use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};

/// The pause before work that has panicked is started again.
const PAUSE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_secs(1) };

/// Runs `start()` in a task of its own, and starts it again whenever it panics. Work that returns is done. Aborting the
/// task aborts the work. `what` names the work in the log. Called within a runtime.
pub fn keep_running<Work>(what: &'static str, mut start: impl FnMut() -> Work + Send + 'static) -> JoinHandle<()>
where
    Work: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            let mut round = JoinSet::new();
            round.spawn(start());
            match round.join_next().await {
                Some(Err(error)) if error.is_panic() => {
                    tracing::error!(what, error = %error, "a background task panicked; restarting it");
                }
                _ => return,
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::keep_running;

    #[tokio::test]

    async fn work_that_panics_is_started_again_and_work_that_returns_is_done() {
        let rounds = Arc::new(AtomicUsize::new(0));
        let counted = rounds.clone();
        let running = keep_running("a test", move || {
            let round = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(round >= 2, "round {round}");
            }
        });
        running.await.unwrap();
        assert_eq!(rounds.load(Ordering::SeqCst), 3);
    }
}
