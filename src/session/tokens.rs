//! The tokens of a session: kept sealed, refreshed once for all who ask, and revoked when the session ends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use tracing::Instrument as _;

use super::{
    Vault,
    seal::{Opened, Purpose, SealError},
    store::{RevocationRow, SessionKey, StoreError, TokenRow},
};
use crate::{
    globus::{
        auth::{ConfidentialAppAuthClient, TokenError, TokenTypeHint},
        tokens::{Token, TokenResponse},
    },
    secret::{AccessToken, RefreshToken},
};

/// A token is renewed this long before it expires.
const MARGIN: Duration = Duration::minutes(1);
/// A refresh token that nobody uses dies after six months (Globus Auth documentation).
const REFRESH_TOKEN_LIFETIME: Duration = Duration::days(183);
/// How long after a failed revocation the next try comes.
const REVOKE_AGAIN: Duration = Duration::minutes(1);
/// How many revocations are tried in one round.
const REVOCATIONS_A_ROUND: u32 = 64;

/// Why there is no token to use.
#[derive(Debug, thiserror::Error)]
pub enum TokenUnavailable {
    /// There is none, or it is no longer good: the person has to sign in again.
    #[error("the session has no good token for {0}")]
    SignIn(String),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Globus did not renew it, and that is not the person's fault.
    #[error("the token could not be renewed: {0}")]
    Globus(#[from] TokenError),
    /// Our own failure.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The renewal ended without an answer.
    #[error("the renewal was broken off")]
    BrokenOff,
}

/// The facts of a token, without the token.
#[derive(Clone, Debug)]
pub struct TokenFacts {
    /// Whose API it is for.
    pub resource_server: String,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// When the access token expires.
    pub expires_at: OffsetDateTime,
    /// Whether there is a refresh token.
    pub renewable: bool,
}

/// What is sealed in a token row.
#[derive(Deserialize, Serialize)]
struct Kept {
    access_token: String,
    refresh_token: Option<String>,
    scopes: Vec<String>,
    expires_at: i64,
}

impl Kept {
    fn new(token: &Token, refresh_token: Option<&str>) -> Self {
        let own = token.refresh_token.as_ref().map(RefreshToken::expose_secret);
        Self {
            access_token: token.access_token.expose_secret().to_owned(),
            refresh_token: own.or(refresh_token).map(ToOwned::to_owned),
            scopes: token.scopes.clone(),
            expires_at: token.expires_at.unix_timestamp(),
        }
    }

    fn expires(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.expires_at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn is_good(&self, at: OffsetDateTime) -> bool {
        at < self.expires()
    }
}

/// The token of a session for a resource server.
type TokenName = (SessionKey, String);
/// Whose turn it is to renew a token.
type Turn = tokio::sync::Mutex<()>;

/// Keeps, refreshes and revokes tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tokens {
    vault: Vault,
    auth: ConfidentialAppAuthClient,
    renewing: Arc<Mutex<HashMap<TokenName, Weak<Turn>>>>,
}

impl Tokens {
    /// Keeps tokens in `vault`; refreshes and revokes them with `auth`.
    #[must_use]
    pub fn new(vault: Vault, auth: ConfidentialAppAuthClient) -> Self {
        Self { vault, auth, renewing: Arc::default() }
    }

    /// Keeps the tokens of a login in its new session.
    ///
    /// # Errors
    /// [`TokenUnavailable::Store`] or [`TokenUnavailable::Seal`].
    pub async fn keep(&self, key: SessionKey, response: &TokenResponse) -> Result<(), TokenUnavailable> {
        for token in response.tokens() {
            let row = self.row(key, &token.resource_server, &Kept::new(token, None), 1)?;
            self.vault.store.insert_token(key, &row).await?;
        }
        Ok(())
    }

    /// What tokens a session has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn facts(&self, key: SessionKey) -> Result<Vec<TokenFacts>, StoreError> {
        let rows = self.vault.store.tokens(key).await?;
        let facts = |row: TokenRow| {
            let kept = self.open(key, &row.resource_server, &row.sealed)?;
            Some(TokenFacts {
                expires_at: kept.expires(),
                renewable: kept.refresh_token.is_some(),
                scopes: kept.scopes,
                resource_server: row.resource_server,
            })
        };
        Ok(rows.into_iter().filter_map(facts).collect())
    }

    /// An access token for a resource server that is good for at least a minute, renewed if need be.
    ///
    /// # Errors
    /// [`TokenUnavailable`].
    pub async fn fresh(&self, key: SessionKey, resource_server: &str) -> Result<AccessToken, TokenUnavailable> {
        let (_, kept) = self.read(key, resource_server).await?;
        let now = self.vault.clock.now();
        if kept.is_good(now + MARGIN) || (kept.refresh_token.is_none() && kept.is_good(now)) {
            return Ok(AccessToken::new(kept.access_token));
        }
        // In a task of its own: a browser that leaves must not break off what Globus has already begun to answer.
        let (this, resource_server) = (self.clone(), resource_server.to_owned());
        let renewing = async move { this.renew(key, &resource_server).await };
        let renewal = tokio::spawn(renewing.in_current_span());
        renewal.await.map_err(|_| TokenUnavailable::BrokenOff)?
    }

    /// Renews a token, unless another request has done so meanwhile.
    async fn renew(&self, key: SessionKey, resource_server: &str) -> Result<AccessToken, TokenUnavailable> {
        let turn = self.turn(key, resource_server);
        let _mine = turn.lock().await;
        let (row, kept) = self.read(key, resource_server).await?;
        if kept.is_good(self.vault.clock.now() + MARGIN) {
            return Ok(AccessToken::new(kept.access_token));
        }
        let sign_in = || TokenUnavailable::SignIn(resource_server.to_owned());
        let refresh_token = kept.refresh_token.as_deref().ok_or_else(sign_in)?;
        let response = match self.auth.oauth2_refresh_token(&RefreshToken::new(refresh_token)).await {
            Ok(response) => response,
            Err(TokenError::InvalidGrant(_)) => {
                // These tokens will never be good again; those of other resource servers stay.
                self.vault.store.remove_token(key, resource_server, row.version).await?;
                return Err(sign_in());
            }
            Err(_) if kept.is_good(self.vault.clock.now()) => return Ok(AccessToken::new(kept.access_token)),
            Err(error) => return Err(error.into()),
        };
        let token = response.by_resource_server(resource_server).ok_or_else(sign_in)?;
        let renewed = self.row(key, resource_server, &Kept::new(token, Some(refresh_token)), row.version)?;
        if self.vault.store.replace_token(key, &renewed).await? {
            tracing::info!(resource_server, "token renewed");
            return Ok(token.access_token.clone());
        }
        self.came_too_late(key, resource_server, renewed).await
    }

    /// What a renewal brought home cannot be kept. Either another process has renewed the token meanwhile: then its
    /// tokens serve, and ours must not be revoked, for they may share the refresh token. Or the session has ended: then
    /// ours are revoked as well.
    async fn came_too_late(
        &self,
        key: SessionKey,
        resource_server: &str,
        renewed: TokenRow,
    ) -> Result<AccessToken, TokenUnavailable> {
        let now = self.vault.clock.now();
        if let Ok((_, kept)) = self.read(key, resource_server).await
            && kept.is_good(now)
        {
            return Ok(AccessToken::new(kept.access_token));
        }
        self.vault.store.add_revocation(key, &renewed, now).await?;
        self.revoke_due(Some(key)).await?;
        Err(TokenUnavailable::SignIn(resource_server.to_owned()))
    }

    /// Seals the tokens of a session with the key of today, where a key of before sealed them. Whether that is done for
    /// all: a token that is just being renewed is left alone, for two writers would be in each other's way.
    ///
    /// # Errors
    /// [`TokenUnavailable::Store`] or [`TokenUnavailable::Seal`].
    pub async fn seal_anew(&self, key: SessionKey) -> Result<bool, TokenUnavailable> {
        let mut all = true;
        for row in self.vault.store.tokens(key).await? {
            let turn = self.turn(key, &row.resource_server);
            let Ok(_mine) = turn.try_lock() else {
                all = false;
                continue;
            };
            let place = place(key, &row.resource_server);
            let opened = self.vault.keys.open(Purpose::Token, &place, &row.sealed);
            if let Some(opened) = opened.filter(Opened::is_stale) {
                let sealed = self.vault.keys.seal(Purpose::Token, &place, &opened.plain)?;
                all &= self.vault.store.replace_token(key, &TokenRow { sealed, ..row }).await?;
            }
        }
        Ok(all)
    }

    fn turn(&self, key: SessionKey, resource_server: &str) -> Arc<Turn> {
        let mut renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        renewing.retain(|_, lock| lock.strong_count() > 0);
        let name = (key, resource_server.to_owned());
        if let Some(lock) = renewing.get(&name).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        renewing.insert(name, Arc::downgrade(&lock));
        lock
    }

    async fn read(&self, key: SessionKey, resource_server: &str) -> Result<(TokenRow, Kept), TokenUnavailable> {
        let row = self.vault.store.token(key, resource_server).await?;
        let kept = row.and_then(|row| {
            let kept = self.open(key, resource_server, &row.sealed)?;
            Some((row, kept))
        });
        kept.ok_or_else(|| TokenUnavailable::SignIn(resource_server.to_owned()))
    }

    /// Revokes what is due: the tokens of one ended session, or of any. What fails stays due. Gives how many tokens were
    /// revoked and how many could not be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_due(&self, session: Option<SessionKey>) -> Result<(usize, usize), StoreError> {
        let now = self.vault.clock.now();
        let due = self.vault.store.claim_revocations(session, now, now + REVOKE_AGAIN, REVOCATIONS_A_ROUND).await?;
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
            tracing::warn!(resource_server = row.resource_server, "tokens that no key opens cannot be revoked");
            return self.vault.store.finish_revocation(row.id).await.is_ok();
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
            tracing::warn!(error = %error, "a token could not be revoked yet");
        }
        result.is_ok()
    }

    /// Revokes tokens that were never kept.
    pub async fn revoke_response(&self, response: &TokenResponse) {
        for token in response.tokens() {
            if let Some(refresh_token) = &token.refresh_token {
                self.revoke_one(refresh_token.expose_secret(), TokenTypeHint::RefreshToken).await;
            }
            self.revoke_one(token.access_token.expose_secret(), TokenTypeHint::AccessToken).await;
        }
    }

    fn row(&self, key: SessionKey, resource_server: &str, kept: &Kept, version: i64) -> Result<TokenRow, SealError> {
        let plain = serde_json::to_vec(kept).map_err(|_| SealError)?;
        let revoke_until = match kept.refresh_token {
            Some(_) => self.vault.clock.now() + REFRESH_TOKEN_LIFETIME,
            None => kept.expires(),
        };
        Ok(TokenRow {
            resource_server: resource_server.to_owned(),
            sealed: self.vault.keys.seal(Purpose::Token, &place(key, resource_server), &plain)?,
            version,
            revoke_until,
        })
    }

    fn open(&self, key: SessionKey, resource_server: &str, sealed: &[u8]) -> Option<Kept> {
        let opened = self.vault.keys.open(Purpose::Token, &place(key, resource_server), sealed)?;
        serde_json::from_slice(&opened.plain).ok()
    }
}

/// Tokens open only in the row they were sealed for.
fn place(key: SessionKey, resource_server: &str) -> Vec<u8> {
    [&key.0[..], resource_server.as_bytes()].concat()
}
