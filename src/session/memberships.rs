//! The groups that people are active members of, as Globus Groups says it with their own tokens. What it says counts for
//! `GROUPS_MAX_AGE_SECONDS`; a failure is not kept, and says neither yes nor no.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use time::OffsetDateTime;

use crate::{
    clock::Clock,
    globus::{error::CallError, groups::GroupsClient},
};

/// The groups of how many sessions or programs are kept. Beyond that all are read again.
const MOST: usize = 10_000;

/// The groups of sessions, or of programs.
#[derive(Debug)]
pub struct Memberships {
    clock: Clock,
    max_age: Duration,
    known: Mutex<HashMap<[u8; 32], Arc<Place>>>,
}

/// What is known of one. There is one call at a time: an app's page makes many requests at once.
#[derive(Debug, Default)]
struct Place {
    known: tokio::sync::Mutex<Option<Known>>,
    /// How many calls have failed.
    failures: AtomicU64,
}

/// The call that this one has waited for has failed. Another one would make the person wait once more for the same.
#[derive(Debug, thiserror::Error)]
#[error("Globus Groups did not answer another request of the same session or token")]
pub struct CallFailed;

#[derive(Clone, Debug)]
struct Known {
    at: OffsetDateTime,
    groups: Arc<[String]>,
}

impl Memberships {
    /// Nobody's yet.
    #[must_use]
    pub fn new(clock: Clock, max_age: Duration) -> Self {
        Self { clock, max_age, known: Mutex::default() }
    }

    /// The ids, in lower case, of the groups that the person of a session, or the holder of a token, is an active member of,
    /// with any of their identities. `key` is the session's, or the token's hash. If the groups have to be read, `client` gives the client of this person. The caller may be dropped.
    ///
    /// # Errors
    /// That of `client`, or of the call; [`CallFailed`] if the call that this one has waited for has failed.
    pub async fn of<E: From<CallError> + From<CallFailed>>(
        &self,
        key: [u8; 32],
        client: impl AsyncFnOnce() -> Result<GroupsClient, E>,
    ) -> Result<Arc<[String]>, E> {
        let place = self.place(key);
        let failures = place.failures.load(Ordering::Relaxed);
        let mut known = place.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| self.is_fresh(known)) {
            return Ok(known.groups.clone());
        }
        if place.failures.load(Ordering::Relaxed) != failures {
            return Err(CallFailed.into());
        }
        let at = self.clock.now();
        let groups = client().await?.get_my_groups(&[]).await;
        if groups.is_err() {
            place.failures.fetch_add(1, Ordering::Relaxed);
        }
        let groups = groups?;
        let active = groups.iter().filter(|group| group.is_active_member());
        let groups: Arc<[String]> = active.map(|group| group.id.to_ascii_lowercase()).collect();
        *known = Some(Known { at, groups: groups.clone() });
        Ok(groups)
    }

    fn is_fresh(&self, known: &Known) -> bool {
        let age = self.clock.now() - known.at;
        !age.is_negative() && age < self.max_age
    }

    fn place(&self, key: [u8; 32]) -> Arc<Place> {
        let mut known = self.known();
        if known.len() >= MOST && !known.contains_key(&key) {
            known.clear();
        }
        known.entry(key).or_default().clone()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Arc<Place>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
