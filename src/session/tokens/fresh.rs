//! A valid token for a caller, and for a client whose token was rejected.

use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;

use super::{
    kept::{Kept, TokenUnavailable, Tokens},
    renewal::{MARGIN, Wanted},
};
use crate::{
    globus::{authorizer::TokenSource, error::CallError},
    secret::{AccessToken, equal},
    session::store::{SessionKey, TokenRow},
};

impl Tokens {
    /// An access token for a resource server that is good for at least a minute, renewed if necessary. One that cannot be
    /// renewed is used until it expires. The caller may be dropped: a renewal that has begun finishes in a task of its own.
    ///
    /// # Errors
    /// [`TokenUnavailable`].
    pub async fn fresh(&self, key: SessionKey, resource_server: &str) -> Result<AccessToken, TokenUnavailable> {
        let (row, kept) = self.read(key, resource_server).await?;
        let now = self.vault.clock.now();
        if kept.is_good(now.saturating_add(MARGIN)) || (kept.refresh_token.is_none() && kept.is_good(now)) {
            if kept.stale {
                self.reseal_one(key, &kept, &row).await;
            }
            return Ok(AccessToken::new(kept.access_token));
        }
        let renewed = self.renewed(key, resource_server, Wanted::GoodForAWhile).await;
        match renewed {
            Err(TokenUnavailable::Globus(_) | TokenUnavailable::TakesLong | TokenUnavailable::JustFailed)
                if kept.is_good(self.vault.clock.now()) =>
            {
                Ok(AccessToken::new(kept.access_token))
            }
            renewed => renewed,
        }
    }

    /// Re-seals a token that another portal has renewed with an earlier key. It is one write, so the caller may be dropped; if
    /// it fails, the next use tries again.
    async fn reseal_one(&self, key: SessionKey, kept: &Kept, row: &TokenRow) {
        let resealing = async {
            let resealed = self.row(key, &row.resource_server, kept, row.version)?;
            self.vault.store.replace_token(key, &TokenRow { revoke_until: row.revoke_until, ..resealed }).await?;
            Ok::<_, TokenUnavailable>(())
        };
        if let Err(error) = resealing.await {
            tracing::warn!(error = %error, "could not re-seal a token; its next use tries again");
        }
    }

    /// Another access token, after its resource server has rejected this one before it expired; `None` if there is no other.
    ///
    /// # Errors
    /// [`TokenUnavailable`].
    pub(in super::super) async fn another(
        &self,
        key: SessionKey,
        resource_server: &str,
        refused: &AccessToken,
    ) -> Result<Option<AccessToken>, TokenUnavailable> {
        match self.renewed(key, resource_server, Wanted::OtherThan(refused.clone())).await {
            Ok(token) => Ok(Some(token)),
            Err(TokenUnavailable::SignIn(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The token of a session for one resource server, as a client's token source. If the token is rejected, it is renewed once.
#[derive(Debug)]
pub struct SessionToken {
    tokens: Tokens,
    key: SessionKey,
    resource_server: String,
    current: RwLock<AccessToken>,
}

impl SessionToken {
    /// Of this session, for this resource server, beginning with `current`.
    #[must_use]
    pub fn new(tokens: Tokens, key: SessionKey, resource_server: impl Into<String>, current: AccessToken) -> Self {
        Self { tokens, key, resource_server: resource_server.into(), current: RwLock::new(current) }
    }

    fn current(&self) -> AccessToken {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl TokenSource for SessionToken {
    async fn access_token(&self) -> Result<AccessToken, CallError> {
        Ok(self.current())
    }

    async fn refused(&self, token: &AccessToken) -> Result<bool, CallError> {
        if !equal(self.current().expose_secret().as_bytes(), token.expose_secret().as_bytes()) {
            return Ok(true); // Another call has replaced it.
        }
        let another = self.tokens.another(self.key, &self.resource_server, token).await;
        let Some(another) = another.map_err(|error| CallError::NoToken(error.into()))? else { return Ok(false) };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = another;
        Ok(true)
    }
}
