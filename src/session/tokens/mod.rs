//! The tokens of a session: kept sealed, refreshed once for all who ask, and revoked when the session ends.
//!
//! | module | what it holds |
//! |---|---|
//! | here | rows of tokens, written and read; a token for whoever needs one |
//! | `renewal` | one refresh at a time, in this process and everywhere |
//! | `revocation` | tokens of sessions that have ended, until Globus has taken them back |

mod renewal;
mod revocation;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use self::renewal::Wanted;
use super::{
    Vault,
    seal::{Purpose, SealError},
    store::{SessionKey, StoreError, TokenRow},
};
use crate::{
    globus::{
        auth::{ConfidentialAppAuthClient, TokenError},
        authorizer::TokenSource,
        error::CallError,
        id_token::IdTokenVerifier,
        tokens::{Token, TokenResponse},
    },
    secret::{AccessToken, RefreshToken, equal},
};

/// A token is renewed this long before it expires.
const MARGIN: Duration = Duration::minutes(1);
/// A refresh token that nobody uses dies after six months (Globus Auth documentation).
const REFRESH_TOKEN_LIFETIME: Duration = Duration::days(183);

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
    #[error("the token could not be renewed: {}", .0.for_log())]
    Globus(#[from] TokenError),
    /// The renewal has begun, and takes longer than a request can wait.
    #[error("the token is being renewed, and that takes long")]
    TakesLong,
    /// Our own failure.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A renewal that this request has waited for has failed.
    #[error("the token could not be renewed a moment ago")]
    JustFailed,
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
    /// Whether a key of before has sealed it.
    #[serde(skip)]
    stale: bool,
}

impl Kept {
    fn new(token: &Token, refresh_token: Option<&str>) -> Self {
        let own = token.refresh_token.as_ref().map(RefreshToken::expose_secret);
        Self {
            access_token: token.access_token.expose_secret().to_owned(),
            refresh_token: own.or(refresh_token).map(ToOwned::to_owned),
            scopes: token.scopes.clone(),
            expires_at: token.expires_at.unix_timestamp(),
            stale: false,
        }
    }

    fn expires(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.expires_at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn is_good(&self, at: OffsetDateTime) -> bool {
        at < self.expires()
    }

    fn is(&self, access_token: &AccessToken) -> bool {
        equal(self.access_token.as_bytes(), access_token.expose_secret().as_bytes())
    }
}

/// The token of a session for a resource server.
type TokenName = (SessionKey, String);
/// Whose turn it is to renew a token, and when Globus last did not do it.
type Turn = tokio::sync::Mutex<Option<tokio::time::Instant>>;

/// Keeps, refreshes and revokes tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tokens {
    vault: Vault,
    auth: ConfidentialAppAuthClient,
    renewal: Renewal,
}

/// What a renewal needs besides.
#[derive(Clone, Debug)]
struct Renewal {
    /// A client that waits for as long as a renewal may take.
    auth: ConfidentialAppAuthClient,
    /// How long that is.
    timeout: std::time::Duration,
    id_tokens: Arc<IdTokenVerifier>,
    turns: Arc<Mutex<HashMap<TokenName, Weak<Turn>>>>,
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
    pub(super) fn rows(&self, key: SessionKey, response: &TokenResponse) -> Result<Vec<TokenRow>, SealError> {
        let row = |token: &Token| self.row(key, &token.resource_server, &Kept::new(token, None), 1);
        response.tokens().iter().map(row).collect()
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

    /// An access token for a resource server that is good for at least a minute, renewed if need be. One that cannot be
    /// renewed is used to its end. Whoever waits may leave: a renewal that has begun is finished in a task of its own.
    ///
    /// # Errors
    /// [`TokenUnavailable`].
    pub async fn fresh(&self, key: SessionKey, resource_server: &str) -> Result<AccessToken, TokenUnavailable> {
        let (row, kept) = self.read(key, resource_server).await?;
        let now = self.vault.clock.now();
        if kept.is_good(now.saturating_add(MARGIN)) || (kept.refresh_token.is_none() && kept.is_good(now)) {
            if kept.stale {
                self.seal_one_anew(key, &kept, &row).await;
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

    /// One write that is done or not; and done by the next use where it is not. For a token that was renewed by a portal which does not seal with the key of today yet. If it fails, the next use
    /// does it.
    async fn seal_one_anew(&self, key: SessionKey, kept: &Kept, row: &TokenRow) {
        let anew = async {
            let anew = self.row(key, &row.resource_server, kept, row.version)?;
            self.vault.store.replace_token(key, &TokenRow { revoke_until: row.revoke_until, ..anew }).await?;
            Ok::<_, TokenUnavailable>(())
        };
        if let Err(error) = anew.await {
            tracing::warn!(error = %error, "a token is not sealed anew yet");
        }
    }

    /// An access token in the place of one that its resource server has just refused, though it should be good; nothing when
    /// there is no other.
    ///
    /// # Errors
    /// [`TokenUnavailable`].
    async fn another(
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

    async fn read(&self, key: SessionKey, resource_server: &str) -> Result<(TokenRow, Kept), TokenUnavailable> {
        let row = self.vault.store.token(key, resource_server).await?;
        let kept = row.and_then(|row| {
            let kept = self.open(key, resource_server, &row.sealed)?;
            Some((row, kept))
        });
        kept.ok_or_else(|| TokenUnavailable::SignIn(resource_server.to_owned()))
    }

    fn row(&self, key: SessionKey, resource_server: &str, kept: &Kept, version: i64) -> Result<TokenRow, SealError> {
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

    fn open(&self, key: SessionKey, resource_server: &str, sealed: &[u8]) -> Option<Kept> {
        let opened = self.vault.keys.open(Purpose::Token, &place(key, resource_server), sealed)?;
        let kept: Kept = serde_json::from_slice(&opened.plain).ok()?;
        Some(Kept { stale: opened.is_stale(), ..kept })
    }
}

/// Tokens open only in the row they were sealed for.
fn place(key: SessionKey, resource_server: &str) -> Vec<u8> {
    [&key.0[..], resource_server.as_bytes()].concat()
}

/// The token of a session for one resource server, as the source of a client's tokens: refused once, it is renewed once.
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
