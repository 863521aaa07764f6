//! Revoking tokens: those of sessions that have ended wait on a list in the store until Globus has taken them back, or until
//! they have expired.

use tracing::Instrument as _;

use super::{Kept, TokenUnavailable, Tokens};
use crate::{
    globus::{
        auth::TokenTypeHint,
        tokens::{Token, TokenResponse},
    },
    secret::random_bytes,
    session::store::{RevocationRow, SessionKey, StoreError},
};

/// How many revocations are tried at the same time.
const A_ROUND: u32 = 64;

impl Tokens {
    /// Revokes what is due: the tokens of one ended session, or of any. What fails is due again later; a Globus that
    /// takes none is not asked for more now. Gives how many tokens were revoked and how many could not be.
    ///
    /// Whoever waits may leave: what was not finished is on the list still, and is due again a minute later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_due(&self, session: Option<SessionKey>) -> Result<(usize, usize), StoreError> {
        let mut all = (0, 0);
        loop {
            let (revoked, failed) = self.revoke_some(session).await?;
            all = (all.0 + revoked, all.1 + failed);
            if revoked == 0 || revoked + failed < A_ROUND as usize {
                return Ok(all);
            }
        }
    }

    async fn revoke_some(&self, session: Option<SessionKey>) -> Result<(usize, usize), StoreError> {
        let due = self.vault.store.claim_revocations(session, self.vault.clock.now(), A_ROUND).await?;
        let mut tasks = tokio::task::JoinSet::new();
        for row in due {
            let this = self.clone();
            tasks.spawn(async move { this.revoke(row).await });
        }
        let results = tasks.join_all().await;
        let failed = results.iter().filter(|revoked| !**revoked).count();
        Ok((results.len() - failed, failed))
    }

    /// Revokes the refresh token and the access token of a row: ending one need not end the other.
    async fn revoke(&self, row: RevocationRow) -> bool {
        let Some(kept) = self.open(row.session, &row.resource_server, &row.sealed) else {
            // Another portal may have the key, or this one again, before they expire.
            tracing::warn!(resource_server = row.resource_server, "tokens that no key opens cannot be revoked here");
            return false;
        };
        let refresh_token = match &kept.refresh_token {
            Some(token) => self.revoke_one(token, TokenTypeHint::RefreshToken).await,
            None => true,
        };
        let access_token = self.revoke_one(&kept.access_token, TokenTypeHint::AccessToken).await;
        refresh_token && access_token && self.vault.store.finish_revocation(row.id).await.is_ok()
    }

    async fn revoke_one(&self, token: &str, hint: TokenTypeHint) -> bool {
        let result = self.auth.oauth2_revoke_token(token, Some(hint)).await;
        if let Err(error) = &result {
            tracing::warn!(error = error.for_log(), "a token could not be revoked yet");
        }
        result.is_ok()
    }

    /// Revokes tokens that belong to no session, because their login or refresh has failed. They are put on the list first,
    /// so that a Globus which does not answer now is asked again. In a task of its own: it is done though nobody waits for it.
    pub async fn discard(&self, response: &TokenResponse) {
        let (this, response) = (self.clone(), response.clone());
        let discarding = async move { this.discard_here(&response).await };
        // Nothing to wait for where the process stops.
        let _ = self.vault.underway.spawn(discarding.in_current_span()).await;
    }

    async fn discard_here(&self, response: &TokenResponse) {
        // A session that there never was.
        let key = SessionKey(random_bytes());
        let revoked = match self.put_on_list(key, response).await {
            Ok(()) => self.revoke_due(Some(key)).await.map(drop).map_err(TokenUnavailable::from),
            Err(error) => Err(error),
        };
        if let Err(error) = revoked {
            tracing::warn!(error = %error, "tokens of no session are revoked without a list");
            for token in response.tokens() {
                self.revoke_now(token).await;
            }
        }
    }

    async fn put_on_list(&self, key: SessionKey, response: &TokenResponse) -> Result<(), TokenUnavailable> {
        for row in self.rows(key, response)? {
            self.vault.store.add_revocation(key, &row, self.vault.clock.now()).await?;
        }
        Ok(())
    }

    pub(super) async fn revoke_now(&self, token: &Token) {
        if let Some(refresh_token) = &token.refresh_token {
            self.revoke_one(refresh_token.expose_secret(), TokenTypeHint::RefreshToken).await;
        }
        self.revoke_one(token.access_token.expose_secret(), TokenTypeHint::AccessToken).await;
    }

    /// Revokes a token that could not be kept beside another, whose refresh token is left alone where both have the same.
    pub(super) async fn revoke_beside(&self, token: &Token, kept: &Kept) {
        let mut own = token.clone();
        own.refresh_token = own.refresh_token.filter(|own| kept.refresh_token.as_deref() != Some(own.expose_secret()));
        self.revoke_now(&own).await;
    }
}
