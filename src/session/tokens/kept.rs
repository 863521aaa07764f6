//! Rows of tokens: sealed and written, read and opened.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    globus::{
        auth::{ConfidentialAppAuthClient, TokenError},
        id_token::IdTokenVerifier,
        tokens::Token,
    },
    secret::{AccessToken, RefreshToken, equal},
    session::{
        seal::{Purpose, SealError},
        store::{SessionKey, StoreError, TokenRow},
        vault::Vault,
    },
};

/// A refresh token that is not used expires after six months (Globus Auth documentation).
const REFRESH_TOKEN_LIFETIME: Duration = Duration::days(183);

/// Why there is no token to use.
#[derive(Debug, thiserror::Error)]
pub enum TokenUnavailable {
    /// There is none, or it is no longer valid: the person must sign in again.
    #[error("the session has no valid token for {0}")]
    SignIn(String),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Globus did not renew it, and signing in again would not help.
    #[error("the token could not be renewed: {}", .0.for_log())]
    Globus(#[from] TokenError),
    /// It is being renewed, and that takes longer than a request can wait.
    #[error("renewing the token takes too long; it continues in the background")]
    TakesLong,
    /// Our own failure.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The renewal that this caller waited for has failed.
    #[error("the token could not be renewed a moment ago")]
    JustFailed,
    /// The renewal ended without an answer.
    #[error("the renewal was interrupted")]
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

/// The sealed contents of a token row.
#[derive(Deserialize, Serialize)]
pub(super) struct Kept {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) scopes: Vec<String>,
    expires_at: i64,
    /// Whether an earlier key has sealed it.
    #[serde(skip)]
    pub(super) stale: bool,
}

impl Kept {
    pub(super) fn new(token: &Token, refresh_token: Option<&str>) -> Self {
        let own = token.refresh_token.as_ref().map(RefreshToken::expose_secret);
        Self {
            access_token: token.access_token.expose_secret().to_owned(),
            refresh_token: own.or(refresh_token).map(ToOwned::to_owned),
            scopes: token.scopes.clone(),
            expires_at: token.expires_at.unix_timestamp(),
            stale: false,
        }
    }

    pub(super) fn expires(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.expires_at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    pub(super) fn is_good(&self, at: OffsetDateTime) -> bool {
        at < self.expires()
    }

    pub(super) fn is(&self, access_token: &AccessToken) -> bool {
        equal(self.access_token.as_bytes(), access_token.expose_secret().as_bytes())
    }
}

/// Names a token: its session and its resource server.
pub(super) type TokenName = (SessionKey, String);
/// Held by the caller that renews a token; holds when Globus last failed to.
pub(super) type Turn = tokio::sync::Mutex<Option<tokio::time::Instant>>;

/// Keeps, refreshes and revokes tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub(super) vault: Vault,
    pub(super) auth: ConfidentialAppAuthClient,
    pub(super) renewal: Renewal,
}

/// What a renewal needs besides.
#[derive(Clone, Debug)]
pub(super) struct Renewal {
    /// A client that waits as long as a renewal may take.
    pub(super) auth: ConfidentialAppAuthClient,
    /// How long that is.
    pub(super) timeout: std::time::Duration,
    pub(super) id_tokens: Arc<IdTokenVerifier>,
    pub(super) turns: Arc<Mutex<HashMap<TokenName, Weak<Turn>>>>,
}

impl Tokens {
    /// Keeps tokens in `vault`; revokes them with `auth`, and refreshes them with it within `timeout`. An id_token that comes
    /// with a refresh is verified by `id_tokens`.
    #[must_use]
    pub fn new(
        vault: Vault,
        auth: ConfidentialAppAuthClient,
        timeout: std::time::Duration,
        id_tokens: Arc<IdTokenVerifier>,
    ) -> Self {
        let renewal = Renewal { auth: auth.clone().with_timeout(timeout), timeout, id_tokens, turns: Arc::default() };
        Self { vault, auth, renewal }
    }

    /// The rows of the tokens of a login, for its new session.
    pub(in super::super) fn rows(&self, key: SessionKey, tokens: &[Token]) -> Result<Vec<TokenRow>, SealError> {
        let row = |token: &Token| self.row(key, &token.resource_server, &Kept::new(token, None), 1);
        tokens.iter().map(row).collect()
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

    pub(super) async fn read(
        &self,
        key: SessionKey,
        resource_server: &str,
    ) -> Result<(TokenRow, Kept), TokenUnavailable> {
        let row = self.vault.store.token(key, resource_server).await?;
        let kept = row.and_then(|row| {
            let kept = self.open(key, resource_server, &row.sealed)?;
            Some((row, kept))
        });
        kept.ok_or_else(|| TokenUnavailable::SignIn(resource_server.to_owned()))
    }

    pub(super) fn row(
        &self,
        key: SessionKey,
        resource_server: &str,
        kept: &Kept,
        version: i64,
    ) -> Result<TokenRow, SealError> {
        let plain = serde_json::to_vec(kept).map_err(|_| SealError)?;
        let revoke_until = match kept.refresh_token {
            Some(_) => self.vault.clock.now().saturating_add(REFRESH_TOKEN_LIFETIME),
            None => kept.expires(),
        };
        Ok(TokenRow {
            resource_server: resource_server.to_owned(),
            sealed: self.vault.keys.seal(Purpose::Token, &place(key, resource_server), &plain)?,
            version,
            revoke_until,
        })
    }

    pub(super) fn open(&self, key: SessionKey, resource_server: &str, sealed: &[u8]) -> Option<Kept> {
        let opened = self.vault.keys.open(Purpose::Token, &place(key, resource_server), sealed)?;
        let kept: Kept = serde_json::from_slice(&opened.plain).ok()?;
        Some(Kept { stale: opened.is_stale(), ..kept })
    }
}

/// What a token is bound to: it opens only in the row it was sealed for.
pub(super) fn place(key: SessionKey, resource_server: &str) -> Vec<u8> {
    [&key.0[..], resource_server.as_bytes()].concat()
}
