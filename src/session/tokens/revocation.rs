//! Revoking tokens: those of sessions that have ended are queued in the store until Globus has revoked them, or until they
//! have expired.

use super::kept::{Kept, TokenUnavailable, Tokens};
use crate::{
    globus::{
        auth::TokenTypeHint,
        tokens::{Token, TokenResponse},
    },
    secret::{TokenRef, random_bytes},
    session::store::{RevocationRow, SessionKey, StoreError},
    traces::InRequest as _,
};

/// How many revocations run at the same time.
const A_ROUND: u32 = 64;

impl Tokens {
    /// Revokes the tokens that are due, of one ended session or of any. Failed revocations are due again later; if a whole round
    /// fails, the rest waits. Returns how many tokens were revoked and how many could not be.
    ///
    /// The caller may be dropped: unfinished revocations stay queued, and are due again a minute later.
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
        self.vault.metrics.revocations(results.len() - failed, failed);
        Ok((results.len() - failed, failed))
    }

    /// Revokes the refresh token and the access token of a row: ending one need not end the other.
    async fn revoke(&self, row: RevocationRow) -> bool {
        let Some(kept) = self.open(row.session, &row.resource_server, &row.sealed) else {
            // This portal, or another one, may get the key back before they expire.
            tracing::warn!(resource_server = row.resource_server, "cannot revoke tokens that none of the keys opens");
            return false;
        };
        let refresh_token = match &kept.refresh_token {
            Some(token) => self.revoke_one(token.as_str(), TokenTypeHint::RefreshToken).await,
            None => true,
        };
        let access_token = self.revoke_one(kept.access_token.as_str(), TokenTypeHint::AccessToken).await;
        refresh_token && access_token && self.vault.store.finish_revocation(row.id).await.is_ok()
    }

    async fn revoke_one(&self, token: impl Into<TokenRef<'_>>, hint: TokenTypeHint) -> bool {
        let result = self.auth.oauth2_revoke_token(token, Some(hint)).await;
        if let Err(error) = &result {
            tracing::warn!(error = error.for_log(), "Globus did not revoke a token; it stays queued");
        }
        result.is_ok()
    }

    /// Revokes tokens without a session, whose login or refresh has failed. They are queued first, so that Globus is asked
    /// again if it does not answer now. It runs in a task of its own and finishes even if the caller is dropped.
    pub async fn discard(&self, response: &TokenResponse) {
        self.discard_tokens(response.tokens().to_vec()).await;
    }

    pub(super) async fn discard_tokens(&self, tokens: Vec<Token>) {
        let this = self.clone();
        let discarding = async move { this.discard_here(&tokens).await };
        // It fails only when the process stops.
        let _ = self.vault.underway.spawn(discarding.in_request()).await;
    }

    async fn discard_here(&self, tokens: &[Token]) {
        // No session has this key.
        let key = SessionKey(random_bytes());
        let revoked = match self.queue(key, tokens).await {
            Ok(()) => self.revoke_due(Some(key)).await.map(drop).map_err(TokenUnavailable::from),
            Err(error) => Err(error),
        };
        if let Err(error) = revoked {
            tracing::warn!(error = %error, "revoking orphaned tokens directly: they could not be queued");
            for token in tokens {
                self.revoke_now(token).await;
            }
        }
    }

    async fn queue(&self, key: SessionKey, tokens: &[Token]) -> Result<(), TokenUnavailable> {
        for row in self.rows(key, tokens)? {
            self.vault.store.add_revocation(key, &row, self.vault.clock.now()).await?;
        }
        Ok(())
    }

    pub(super) async fn revoke_now(&self, token: &Token) {
        if let Some(refresh_token) = &token.refresh_token {
            self.revoke_one(refresh_token, TokenTypeHint::RefreshToken).await;
        }
        self.revoke_one(&token.access_token, TokenTypeHint::AccessToken).await;
    }

    /// Revokes a token that could not be kept, but not a refresh token that it shares with the one that is kept.
    pub(super) async fn revoke_beside(&self, token: &Token, kept: &Kept) {
        let mut own = token.clone();
        own.refresh_token = own.refresh_token.filter(|own| kept.refresh_token.as_deref() != Some(own.expose_secret()));
        self.revoke_now(&own).await;
    }
}
