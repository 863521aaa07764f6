//! The limit on the sessions of a person. A login beyond it ends the least recently used ones.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    records::Records,
    seal::hash,
    store::{Lease, SessionKey, StoreError},
};
use crate::{metrics::Cause, secret::random_bytes, traces::InRequest as _};

/// How many sessions are ended at a time.
const AT_ONCE: u32 = 100;
/// How long one login may be the only one that ends sessions of its person.
const LEASE: time::Duration = time::Duration::seconds(20);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often it checks whether another login of the person is done.
const LOOKS: u32 = 500;

impl Records {
    /// Ends sessions of a person down to the limit; `newest` has just begun. It runs in a task of its own and finishes even if
    /// the caller is dropped. If it fails, the next login makes up for it.
    pub(super) async fn keep_to_the_limit(&self, person: [u8; 32], newest: SessionKey) {
        let this = self.clone();
        let limiting = async move {
            if let Err(error) = this.end_those_beyond(person, newest).await {
                tracing::warn!(error = %error, "cannot enforce SESSIONS_PER_PERSON; the next login tries again");
            }
        };
        // It fails only when the process stops.
        let _ = self.vault.underway.spawn(limiting.in_request()).await;
    }

    async fn end_those_beyond(&self, person: [u8; 32], newest: SessionKey) -> Result<(), StoreError> {
        let first = self.vault.store.sessions_of(person, self.per_person + 1).await?;
        if first.len() <= self.per_person as usize {
            return Ok(());
        }
        // One login at a time, across all portals: two that end each other's session would leave none.
        let (lease, holder) = (hash(&[b"sessions of", &person]), random_bytes());
        for look in 0..LOOKS {
            match self.vault.store.take_lease(lease, holder, LEASE).await? {
                Lease::Taken | Lease::TakenOver => break,
                Lease::Held if look + 1 == LOOKS => return Err(StoreError::new("timed out on another login")),
                Lease::Held => sleep(LOOK_AGAIN).await,
            }
        }
        let ended = self.end_oldest(person, newest).await;
        self.vault.store.release_lease(lease, holder).await?;
        ended
    }

    /// The newest stays; it may have been ended by another login that came later.
    async fn end_oldest(&self, person: [u8; 32], newest: SessionKey) -> Result<(), StoreError> {
        while self.vault.store.session(newest).await?.is_some() {
            let theirs = self.vault.store.sessions_of(person, self.per_person + AT_ONCE).await?;
            let others = theirs.iter().map(|(key, _)| *key).filter(|key| *key != newest);
            let beyond: Vec<_> = others.skip(self.per_person as usize - 1).collect();
            if beyond.is_empty() {
                return Ok(());
            }
            tracing::info!(ended = beyond.len(), "ended a person's least recently used sessions (SESSIONS_PER_PERSON)");
            for key in beyond {
                self.end_by(key, Cause::Limit).await?;
            }
        }
        Ok(())
    }
}
