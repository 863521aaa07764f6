//! Ending sessions. Every end goes through here (by a person, a login, a limit or the operator) or through the vault's
//! sweep (by age): the store first, then the cache, then the tokens.

use tokio::task::JoinHandle;

use super::{
    records::Records,
    store::{SessionKey, StoreError},
};
use crate::{metrics::Cause, traces::InRequest as _};

/// Sessions that have ended.
#[derive(Debug)]
pub struct Ended {
    /// How many there were.
    pub count: usize,
    /// The revocation of their tokens, which continues in the background. Returns how many tokens are still queued because
    /// Globus did not revoke them.
    pub revoking: JoinHandle<Result<usize, StoreError>>,
}

impl Records {
    /// Ends a session for good, as its person asks. See [`end_by`](Self::end_by).
    ///
    /// # Errors
    /// [`StoreError`]: the session may have ended anyway.
    pub async fn end(&self, key: SessionKey) -> Result<Ended, StoreError> {
        self.end_by(key, Cause::Logout).await
    }

    /// Ends a session for good, and starts to revoke its tokens. Finishes even if the caller is dropped. `cause` is for the
    /// log and the metrics.
    ///
    /// # Errors
    /// [`StoreError`]: the session may have ended anyway.
    pub async fn end_by(&self, key: SessionKey, cause: Cause) -> Result<Ended, StoreError> {
        let ended = self.vault.end(key, None, cause).await?;
        Ok(Ended { count: usize::from(ended), revoking: self.revoke_in_background(vec![key]) })
    }

    /// Ends sessions from elsewhere: from another browser of their person, or as the operator. Until they would have ended by
    /// themselves, [`Vault::was_ended_elsewhere`](super::Vault::was_ended_elsewhere) is true for them. A session that cannot
    /// be ended does not stop the others from ending; its error comes second.
    pub async fn end_from_elsewhere(&self, keys: &[SessionKey]) -> (Ended, Result<(), StoreError>) {
        let mut ended = Vec::with_capacity(keys.len());
        let mut result = Ok(());
        for key in keys {
            match self.end_and_note(*key).await {
                Ok(true) => ended.push(*key),
                Ok(false) => {}
                Err(error) => result = Err(error),
            }
        }
        (Ended { count: ended.len(), revoking: self.revoke_in_background(ended) }, result)
    }

    async fn end_and_note(&self, key: SessionKey) -> Result<bool, StoreError> {
        // Without a row there is nothing to record, but the cache may still hold the session.
        let note_until = self.vault.store.session(key).await?.map(|row| row.ends);
        self.vault.end(key, note_until, Cause::Elsewhere).await
    }

    /// Ends a session whose browser left before it got the cookie: nothing else could ever use or end it.
    pub fn abandon(&self, key: SessionKey) {
        let this = self.clone();
        let ending = async move {
            if let Err(error) = this.end_by(key, Cause::Abandoned).await {
                tracing::error!(error = %error, "could not end an abandoned session; it will expire");
            }
        };
        drop(self.vault.underway.spawn(ending.in_request()));
    }

    /// Revokes the tokens of ended sessions, one session after another. Failed revocations stay queued, and the sweep retries
    /// them.
    fn revoke_in_background(&self, keys: Vec<SessionKey>) -> JoinHandle<Result<usize, StoreError>> {
        let tokens = self.tokens.clone();
        let revoking = async move {
            let mut queued = 0;
            for key in keys {
                match tokens.revoke_due(Some(key)).await {
                    Ok((0, 0)) => {}
                    Ok((revoked, failed)) => {
                        queued += failed;
                        tracing::info!(revoked, failed, "tokens revoked");
                    }
                    Err(error) => {
                        tracing::error!(error = %error, "cannot revoke the tokens of an ended session yet; the sweep tries again");
                        return Err(error);
                    }
                }
            }
            Ok(queued)
        };
        self.vault.underway.spawn(revoking.in_request())
    }
}
