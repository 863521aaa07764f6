//! What goes into the `Authorization` header of a request, and what happens when a service no longer accepts it.
//!
//! ```
//! use globus_sdk::{
//!     auth::{AuthClient, ConfidentialAppAuthClient},
//!     authorizer::RenewingAuthorizer,
//!     environment::Environment,
//!     http::HttpClient,
//! };
//!
//! # use globus_sandbox::{self as sandbox, Sandbox};
//! # use globus_sdk::{clock::Clock, secret::*};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
//! # let environment = Environment::at(&sandbox.base_url().parse()?);
//! # tokio::spawn(sandbox.serve(std::future::pending()));
//! # let (client_id, client_secret) = (sandbox::CLIENT_ID.to_owned(), ClientSecret::new(sandbox::CLIENT_SECRET));
//! // `environment` is `Environment::from_env()?`, or here, a sandbox.
//! let (base, http, clock) = (environment.auth, HttpClient::from_env()?, Clock::system());
//! # let http = HttpClient::new(Default::default(), true)?;
//! let app = ConfidentialAppAuthClient::new(base.clone(), http.clone(), clock.clone(), client_id, &client_secret);
//! let authorizer = RenewingAuthorizer::client_credentials(app, "openid profile", None, clock)
//!     .on_refresh(|response| println!("a new token for {}", response.tokens()[0].resource_server));
//! // The first request gets a token; later ones use it until a minute before it expires.
//! let auth = AuthClient::new(base, http, authorizer);
//! assert!(!auth.userinfo().await?.sub.is_empty());
//! # Ok(())
//! # }
//! ```

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;
use time::{Duration, OffsetDateTime};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

use super::{
    auth::{ConfidentialAppAuthClient, NativeAppAuthClient, TokenError},
    error::CallError,
    tokens::{Token, TokenResponse},
};
use crate::{
    clock::Clock,
    secret::{AccessToken, RefreshToken},
};

/// A token is renewed this long before it expires.
pub const EXPIRES_ADJUST: Duration = Duration::seconds(60);

/// How a client's requests are authorized. Cheap to clone; clones of a renewing one share its token.
#[derive(Clone, Debug)]
pub enum Authorizer {
    /// No `Authorization` header at all.
    Null,
    /// A name and a password.
    Basic(BasicAuthorizer),
    /// One access token, which is never renewed: a 401 goes to the caller.
    AccessToken(AccessTokenAuthorizer),
    /// Access tokens that are renewed: from a refresh token, or for the app itself.
    Renewing(RenewingAuthorizer),
    /// An access token that somebody else keeps, who is asked for another when it is refused.
    Kept(KeptAuthorizer),
}

impl Authorizer {
    /// The header to send now, after a renewal if need be.
    pub(super) async fn authorization(&self, deadline: Instant) -> Result<Option<HeaderValue>, CallError> {
        match self {
            Self::Null => Ok(None),
            Self::Basic(basic) => Ok(Some(basic.0.clone())),
            Self::AccessToken(token) => Ok(Some(bearer(&token.0))),
            Self::Renewing(renewing) => {
                let renewal = tokio::time::timeout_at(deadline, renewing.token());
                let token = renewal.await.map_err(|_| CallError::Timeout)??;
                Ok(Some(bearer(&token)))
            }
            Self::Kept(kept) => Ok(Some(bearer(&kept.token()))),
        }
    }

    /// Forgets the token that a service has just refused. Whether another try will have a new one.
    pub(super) async fn forget(&self, refused: Option<&HeaderValue>, deadline: Instant) -> Result<bool, CallError> {
        match (self, refused) {
            (Self::Renewing(renewing), Some(refused)) => {
                Ok(tokio::time::timeout_at(deadline, renewing.forget(refused)).await.is_ok())
            }
            (Self::Kept(kept), Some(refused)) => {
                let replaced = tokio::time::timeout_at(deadline, kept.replace(refused)).await;
                replaced.map_err(|_| CallError::Timeout)?
            }
            _ => Ok(false),
        }
    }
}

fn secret_header(text: &str) -> HeaderValue {
    // Tokens are plain ASCII; one that is not is no token, and an empty header says so to the service.
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn bearer(token: &AccessToken) -> HeaderValue {
    secret_header(&format!("Bearer {}", token.expose_secret()))
}

/// Sends a name and a password as `Basic` (RFC 7617).
#[derive(Clone, Debug)]
pub struct BasicAuthorizer(HeaderValue);

impl BasicAuthorizer {
    /// From a name without a colon, and a password.
    #[must_use]
    pub fn new(username: &str, password: &str) -> Self {
        Self(secret_header(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))))
    }
}

impl From<BasicAuthorizer> for Authorizer {
    fn from(authorizer: BasicAuthorizer) -> Self {
        Self::Basic(authorizer)
    }
}

/// Sends one access token as `Bearer` (RFC 6750 section 2.1).
#[derive(Clone, Debug)]
pub struct AccessTokenAuthorizer(AccessToken);

impl AccessTokenAuthorizer {
    /// Wraps the token of the resource server that will be called.
    #[must_use]
    pub fn new(access_token: AccessToken) -> Self {
        Self(access_token)
    }
}

impl From<AccessTokenAuthorizer> for Authorizer {
    fn from(authorizer: AccessTokenAuthorizer) -> Self {
        Self::AccessToken(authorizer)
    }
}

/// Gives an access token in the place of one that was refused: for those who keep tokens in a way of their own.
#[async_trait]
pub trait Replace: fmt::Debug + Send + Sync + 'static {
    /// Another token than this; nothing when there is none, and the refusal stands.
    ///
    /// # Errors
    /// [`CallError`], which the caller gets instead of the refusal: whether there is another cannot be known now.
    async fn replace(&self, refused: &AccessToken) -> Result<Option<AccessToken>, CallError>;
}

/// Sends an access token as `Bearer`, and once, when a service refuses it, the one that its keeper gives instead.
#[derive(Clone, Debug)]
pub struct KeptAuthorizer {
    token: Arc<RwLock<AccessToken>>,
    keeper: Arc<dyn Replace>,
}

impl KeptAuthorizer {
    /// Begins with this token of the resource server that will be called.
    #[must_use]
    pub fn new(access_token: AccessToken, keeper: Arc<dyn Replace>) -> Self {
        Self { token: Arc::new(RwLock::new(access_token)), keeper }
    }

    fn token(&self) -> AccessToken {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn replace(&self, refused: &HeaderValue) -> Result<bool, CallError> {
        let token = self.token();
        if bearer(&token) != refused {
            return Ok(true); // Another call has done so.
        }
        let Some(another) = self.keeper.replace(&token).await? else { return Ok(false) };
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = another;
        Ok(true)
    }
}

impl From<KeptAuthorizer> for Authorizer {
    fn from(authorizer: KeptAuthorizer) -> Self {
        Self::Kept(authorizer)
    }
}

/// A renewal is a call, and a call may need a renewal: the type has to end somewhere.
type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<AccessToken, CallError>> + Send + 'a>>;

/// Told of every renewal: the place to store the new tokens.
pub type OnRefresh = Arc<dyn Fn(&TokenResponse) + Send + Sync>;

/// Sends an access token as `Bearer` and renews it: 60 seconds before it expires, and once when a service refuses it.
/// Many callers at the same time make one renewal.
///
/// A renewal that Globus Auth refuses comes to the caller as the error of Globus Auth, not as the 401 of the service.
#[derive(Clone)]
pub struct RenewingAuthorizer(Arc<Renewing>);

struct Renewing {
    source: Source,
    clock: Clock,
    held: Arc<Mutex<Held>>,
    on_refresh: RwLock<Option<OnRefresh>>,
}

/// Where new tokens come from.
enum Source {
    RefreshConfidential(ConfidentialAppAuthClient),
    RefreshNative(NativeAppAuthClient),
    ClientCredentials(ConfidentialAppAuthClient, String),
}

#[derive(Default)]
struct Held {
    access_token: Option<(AccessToken, OffsetDateTime)>,
    refresh_token: Option<RefreshToken>,
}

impl fmt::Debug for RenewingAuthorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RenewingAuthorizer(…)")
    }
}

impl From<RenewingAuthorizer> for Authorizer {
    fn from(authorizer: RenewingAuthorizer) -> Self {
        Self::Renewing(authorizer)
    }
}

/// An app that can refresh tokens.
#[derive(Clone, Debug)]
pub enum LoginClient {
    /// An app with a secret.
    Confidential(ConfidentialAppAuthClient),
    /// An app without one.
    Native(NativeAppAuthClient),
}

impl From<ConfidentialAppAuthClient> for LoginClient {
    fn from(client: ConfidentialAppAuthClient) -> Self {
        Self::Confidential(client)
    }
}

impl From<NativeAppAuthClient> for LoginClient {
    fn from(client: NativeAppAuthClient) -> Self {
        Self::Native(client)
    }
}

impl RenewingAuthorizer {
    /// Renews with a refresh token (the Python SDK's `RefreshTokenAuthorizer`). `access_token` is a token that is known
    /// already, with the time it expires; without one, the first request gets one.
    #[must_use]
    #[doc(alias = "RefreshTokenAuthorizer")]
    pub fn refresh_token(
        refresh_token: RefreshToken,
        client: impl Into<LoginClient>,
        access_token: Option<(AccessToken, OffsetDateTime)>,
        clock: Clock,
    ) -> Self {
        let source = match client.into() {
            LoginClient::Confidential(client) => Source::RefreshConfidential(client),
            LoginClient::Native(client) => Source::RefreshNative(client),
        };
        Self::over(source, Held { access_token, refresh_token: Some(refresh_token) }, clock)
    }

    /// Gets tokens for the app itself (the Python SDK's `ClientCredentialsAuthorizer`; RFC 6749 section 4.4). `scopes` must
    /// all belong to one resource server. `access_token` as for [`refresh_token`](Self::refresh_token).
    #[must_use]
    #[doc(alias = "ClientCredentialsAuthorizer")]
    pub fn client_credentials(
        client: ConfidentialAppAuthClient,
        scopes: impl Into<String>,
        access_token: Option<(AccessToken, OffsetDateTime)>,
        clock: Clock,
    ) -> Self {
        let source = Source::ClientCredentials(client, scopes.into());
        Self::over(source, Held { access_token, refresh_token: None }, clock)
    }

    fn over(source: Source, held: Held, clock: Clock) -> Self {
        let held = Arc::new(Mutex::new(held));
        Self(Arc::new(Renewing { source, clock, held, on_refresh: RwLock::default() }))
    }

    /// Tells `on_refresh` of every renewal from now on, before any request uses the new token. There is one such place: a
    /// second call replaces it.
    #[must_use]
    pub fn on_refresh(self, on_refresh: impl Fn(&TokenResponse) + Send + Sync + 'static) -> Self {
        *self.0.on_refresh.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(on_refresh));
        self
    }

    /// A token that is good for another minute.
    fn token(&self) -> TokenFuture<'_> {
        Box::pin(async move {
            // The caller itself stands in line: one that gives up leaves it, and asks for nothing afterwards.
            let held = self.0.held.clone().lock_owned().await;
            if let Some(token) = self.held_token(&held) {
                return Ok(token);
            }
            // In a task of its own: a caller that gives up must not lose a refresh token that has already been replaced.
            let this = self.clone();
            let renewal = tokio::spawn(async move { this.renewed_token(held).await });
            renewal.await.map_err(|_| CallError::Malformed { what: "the renewal was broken off".to_owned() })?
        })
    }

    /// The token that is held, if it is good for another minute.
    fn held_token(&self, held: &Held) -> Option<AccessToken> {
        let (token, expires_at) = held.access_token.as_ref()?;
        (self.0.clock.now().saturating_add(EXPIRES_ADJUST) <= *expires_at).then(|| token.clone())
    }

    async fn renewed_token(&self, mut held: OwnedMutexGuard<Held>) -> Result<AccessToken, CallError> {
        let response = self.0.renew(held.refresh_token.as_ref()).await?;
        let token = the_only(&response)?;
        held.access_token = Some((token.access_token.clone(), token.expires_at));
        // An answer that leaves the refresh token out means that the old one is still good.
        held.refresh_token = token.refresh_token.clone().or_else(|| held.refresh_token.take());
        let on_refresh = self.0.on_refresh.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(on_refresh) = on_refresh {
            on_refresh(&response);
        }
        Ok(token.access_token.clone())
    }

    /// Forgets the token, if it still is the one that was refused: others may have renewed it meanwhile.
    async fn forget(&self, refused: &HeaderValue) {
        let mut held = self.0.held.lock().await;
        if held.access_token.as_ref().is_some_and(|(token, _)| bearer(token) == refused) {
            held.access_token = None;
        }
    }
}

impl Renewing {
    async fn renew(&self, refresh_token: Option<&RefreshToken>) -> Result<TokenResponse, CallError> {
        let missing = || CallError::Malformed { what: "there is no refresh token to renew with".to_owned() };
        let result = match &self.source {
            Source::ClientCredentials(client, scopes) => client.oauth2_client_credentials_tokens(scopes).await,
            Source::RefreshConfidential(client) => {
                client.oauth2_refresh_token(refresh_token.ok_or_else(missing)?).await
            }
            Source::RefreshNative(client) => client.oauth2_refresh_token(refresh_token.ok_or_else(missing)?).await,
        };
        result.map_err(TokenError::into_call_error)
    }
}

/// A renewal is for one resource server: an answer with other than one token is none.
fn the_only(response: &TokenResponse) -> Result<&Token, CallError> {
    match response.tokens() {
        [token] => Ok(token),
        tokens => {
            Err(CallError::Malformed { what: format!("a renewal gave {} tokens where one was expected", tokens.len()) })
        }
    }
}
