//! Whose session it is, for the log (OWASP ASVS V16.2: who did it stands in every security event).

use std::time::Duration;

use tokio::time::timeout;

use super::{seal::Purpose, store::SessionKey, user::UserSession, vault::Vault};

/// How long the store may take to say so.
const WITHIN: Duration = Duration::from_millis(500);

impl Vault {
    /// The id of the identity that a session is of, or `-` if that cannot be found out quickly. It neither ends the session nor
    /// counts as its use.
    pub async fn whose(&self, key: SessionKey) -> String {
        let sub = match self.live.as_ref().and_then(|live| live.get(key, self.clock.now())) {
            Some(live) => Some(live.user.claims.sub.clone()),
            None => timeout(WITHIN, self.sub_in_store(key)).await.ok().flatten(),
        };
        sub.unwrap_or_else(|| "-".to_owned())
    }

    async fn sub_in_store(&self, key: SessionKey) -> Option<String> {
        let row = self.store.session(key).await.ok().flatten()?;
        let opened = self.keys.open(Purpose::Session, &key.0, &row.record)?;
        Some(UserSession::unpack(&opened.plain)?.claims.sub)
    }
}
