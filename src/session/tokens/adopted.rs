//! Tokens of a step-up: they join the session that there is.

use super::kept::{Kept, TokenUnavailable, Tokens};
use crate::{
    globus::tokens::{Token, TokenResponse},
    secret::{RefreshToken, equal},
    session::store::{SessionKey, TokenRow},
    traces::InRequest as _,
};

impl Tokens {
    /// Puts the tokens of a login into a session that there is, each in place of the ones for its resource server; the others
    /// stay. Those that are replaced are revoked, except what the new ones share with them. Returns whether the session is
    /// still there; if it is not, the new ones are revoked.
    ///
    /// It runs in a task of its own and finishes even if the caller is dropped.
    ///
    /// # Errors
    /// [`TokenUnavailable::Store`] or [`TokenUnavailable::Seal`]; the tokens that have not been put are revoked.
    pub async fn adopt(&self, key: SessionKey, response: &TokenResponse) -> Result<bool, TokenUnavailable> {
        let (this, tokens) = (self.clone(), response.tokens().to_vec());
        let adopting = async move { this.adopt_here(key, &tokens).await };
        let adopted = self.vault.underway.spawn(adopting.in_request()).await;
        adopted.unwrap_or(Err(TokenUnavailable::BrokenOff))
    }

    async fn adopt_here(&self, key: SessionKey, tokens: &[Token]) -> Result<bool, TokenUnavailable> {
        for (place, token) in tokens.iter().enumerate() {
            match self.adopt_one(key, token).await {
                Ok(true) => {}
                other => {
                    self.discard_tokens(tokens[place..].to_vec()).await;
                    return other;
                }
            }
        }
        let this = self.clone();
        let revoking = async move {
            if let Err(error) = this.revoke_due(Some(key)).await {
                tracing::warn!(error = %error, "cannot revoke replaced tokens yet; the sweep tries again");
            }
        };
        drop(self.vault.underway.spawn(revoking.in_request()));
        Ok(true)
    }

    /// Returns whether the session is still there.
    async fn adopt_one(&self, key: SessionKey, token: &Token) -> Result<bool, TokenUnavailable> {
        let resource_server = &*token.resource_server;
        let kept = Kept::new(token, None);
        loop {
            let before = self.vault.store.token(key, resource_server).await?;
            let row = self.row(key, resource_server, &kept, before.as_ref().map_or(0, |row| row.version))?;
            let left = before.map(|before| self.left_over(key, before, token)).transpose()?.flatten();
            if self.vault.store.put_token(key, &row, left.as_ref(), self.vault.clock.now()).await? {
                return Ok(true);
            }
            if self.vault.store.session(key).await?.is_none() {
                return Ok(false);
            }
            // Meanwhile a renewal has replaced them.
        }
    }

    /// What is to be revoked of the tokens that `token` replaces: all that they do not share. Tokens that no key opens are
    /// queued as they are.
    fn left_over(
        &self,
        key: SessionKey,
        before: TokenRow,
        token: &Token,
    ) -> Result<Option<TokenRow>, TokenUnavailable> {
        let Some(mut kept) = self.open(key, &before.resource_server, &before.sealed) else { return Ok(Some(before)) };
        let refresh_token = token.refresh_token.as_ref().map(RefreshToken::expose_secret);
        let own_refresh_token = kept.refresh_token.take().filter(|own| Some(&**own) != refresh_token);
        let shares_access_token = equal(kept.access_token.as_bytes(), token.access_token.expose_secret().as_bytes());
        match (shares_access_token, own_refresh_token) {
            (true, None) => return Ok(None),
            // A server looks for a token of the other kind too (RFC 7009 section 2.1).
            (true, Some(refresh_token)) => kept.access_token = refresh_token,
            (false, refresh_token) => kept.refresh_token = refresh_token,
        }
        Ok(Some(self.row(key, &before.resource_server, &kept, before.version)?))
    }
}
