//! What Globus has answered about sessions. There is one call at a time for each key: an app's page makes many requests at
//! once, and all of them get the answer of the one call.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use time::OffsetDateTime;

use crate::clock::Clock;

/// For how many keys answers are kept. Beyond that all are asked for again.
const MOST: usize = 10_000;

/// The call that this one has waited for has failed. Another one would make the person wait once more for the same.
#[derive(Debug, thiserror::Error)]
#[error("Globus did not answer another request of the same session or token")]
pub struct CallFailed;

/// The latest answer for each key.
#[derive(Debug)]
pub(super) struct Answers<K, T> {
    clock: Clock,
    places: Mutex<HashMap<K, Arc<Place<T>>>>,
}

/// An answer, and when it was asked for.
#[derive(Clone, Debug)]
pub(super) struct Answered<T> {
    pub(super) at: OffsetDateTime,
    pub(super) value: T,
}

#[derive(Debug)]
struct Place<T> {
    latest: Mutex<Option<Answered<T>>>,
    turn: tokio::sync::Mutex<()>,
    /// How many calls have failed.
    failures: AtomicU64,
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self { latest: Mutex::default(), turn: tokio::sync::Mutex::default(), failures: AtomicU64::default() }
    }
}

impl<T: Clone> Place<T> {
    fn latest(&self) -> MutexGuard<'_, Option<Answered<T>>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn that(&self, counts: impl Fn(&Answered<T>) -> bool) -> Option<T> {
        self.latest().as_ref().filter(|answered| counts(answered)).map(|answered| answered.value.clone())
    }
}

impl<K: Eq + Hash, T: Clone> Answers<K, T> {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, places: Mutex::default() }
    }

    /// The latest answer that `counts`, without a call.
    pub(super) fn latest(&self, key: &K, counts: impl Fn(&Answered<T>) -> bool) -> Option<T> {
        let place = self.places().get(key)?.clone();
        place.that(counts)
    }

    /// The latest answer that `counts`, else that of a call. `call` fails by itself before it has called, and with `F` after.
    /// The caller may be dropped: then the next one calls.
    ///
    /// # Errors
    /// Those of `call`; [`CallFailed`] if the call that this one has waited for has failed.
    pub(super) async fn of<F, E: From<F> + From<CallFailed>>(
        &self,
        key: K,
        counts: impl Fn(&Answered<T>) -> bool,
        call: impl AsyncFnOnce() -> Result<Result<T, F>, E>,
    ) -> Result<T, E> {
        let place = self.place(key);
        let failures = place.failures.load(Ordering::Relaxed);
        let _turn = place.turn.lock().await;
        if let Some(value) = place.that(counts) {
            return Ok(value);
        }
        if place.failures.load(Ordering::Relaxed) != failures {
            return Err(CallFailed.into());
        }
        let at = self.clock.now();
        let answer = call().await?;
        if answer.is_err() {
            place.failures.fetch_add(1, Ordering::Relaxed);
        }
        let value = answer?;
        *place.latest() = Some(Answered { at, value: value.clone() });
        Ok(value)
    }

    /// Forgets the answers for these keys. What a call that is under way finds out is not kept either.
    pub(super) fn forget(&self, is_one: impl Fn(&K) -> bool) {
        self.places().retain(|key, _| !is_one(key));
    }

    fn place(&self, key: K) -> Arc<Place<T>> {
        let mut places = self.places();
        if places.len() >= MOST && !places.contains_key(&key) {
            places.clear();
        }
        places.entry(key).or_default().clone()
    }

    fn places(&self) -> MutexGuard<'_, HashMap<K, Arc<Place<T>>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
