//! Beginning a session.

use tower_sessions::session::Id;

use super::{
    records::Records,
    seal::Purpose,
    store::{SessionRow, StoreError},
    tokens::TokenUnavailable,
    user::UserSession,
    vault::{person_key, session_key},
};
use crate::globus::tokens::TokenResponse;

impl Records {
    /// Begins a session under a new id, with the tokens of its login, in one step. It is in the store when this returns. If the
    /// person then has too many sessions, the least recently used one has ended.
    ///
    /// If the caller is dropped, the session begins as a whole or not at all, and its id is lost. A caller that must end such
    /// a session calls this in a task of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(&self, user: &UserSession, response: &TokenResponse) -> Result<Id, StoreError> {
        let id = self.create(user, response).await.map_err(|error| match error {
            TokenUnavailable::Store(error) => error,
            error => StoreError::from_cause(error),
        })?;
        self.keep_to_the_limit(person_key(&user.claims.sub), session_key(id)).await;
        Ok(id)
    }

    async fn create(&self, user: &UserSession, response: &TokenResponse) -> Result<Id, TokenUnavailable> {
        let Self { vault, tokens, .. } = self;
        let now = vault.clock.now();
        let packed = user.pack();
        loop {
            let id = Id::default();
            let key = session_key(id);
            let row = SessionRow {
                record: vault.keys.seal(Purpose::Session, &key.0, &packed)?,
                person: person_key(&user.claims.sub),
                last_seen: now,
                ends: now.saturating_add(vault.lifetimes.absolute),
            };
            if vault.store.create_session(key, &row, &tokens.rows(key, response.tokens())?).await? {
                return Ok(id);
            }
        }
    }
}
