//! Access tokens that are renewed: from a refresh token, or for the app itself.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    app::{ConfidentialAppAuthClient, NativeAppAuthClient},
    tokens::{Token, TokenError, TokenResponse},
};
use crate::{
    clock::Clock,
    error::CallError,
    scopes::Scopes,
    secret::{AccessToken, RefreshToken, equal},
    service::authorizer::TokenSource,
};

/// A token is renewed this long before it expires.
pub const EXPIRES_ADJUST: Duration = Duration::seconds(60);

/// Called after every renewal: the place to store the new tokens.
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
    ClientCredentials(ConfidentialAppAuthClient, Scopes),
}

impl Source {
    fn clock(&self) -> &Clock {
        match self {
            Self::RefreshConfidential(client) | Self::ClientCredentials(client, _) => &client.clock,
            Self::RefreshNative(client) => &client.clock,
        }
    }
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

/// An app that can refresh tokens.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
    /// already, with the time it expires; without one, the first request gets one. Expiry is judged by the client's clock.
    #[must_use]
    #[doc(alias = "RefreshTokenAuthorizer")]
    pub fn refresh_token(
        refresh_token: RefreshToken,
        client: impl Into<LoginClient>,
        access_token: Option<(AccessToken, OffsetDateTime)>,
    ) -> Self {
        let source = match client.into() {
            LoginClient::Confidential(client) => Source::RefreshConfidential(client),
            LoginClient::Native(client) => Source::RefreshNative(client),
        };
        Self::over(source, Held { access_token, refresh_token: Some(refresh_token) })
    }

    /// Gets tokens for the app itself (the Python SDK's `ClientCredentialsAuthorizer`; RFC 6749 section 4.4). `scopes` must
    /// all belong to one resource server. `access_token` as for [`refresh_token`](Self::refresh_token).
    #[must_use]
    #[doc(alias = "ClientCredentialsAuthorizer")]
    pub fn client_credentials(
        client: ConfidentialAppAuthClient,
        scopes: impl Into<Scopes>,
        access_token: Option<(AccessToken, OffsetDateTime)>,
    ) -> Self {
        let source = Source::ClientCredentials(client, scopes.into());
        Self::over(source, Held { access_token, refresh_token: None })
    }

    fn over(source: Source, held: Held) -> Self {
        let clock = source.clock().clone();
        let held = Arc::new(Mutex::new(held));
        Self(Arc::new(Renewing { source, clock, held, on_refresh: RwLock::default() }))
    }

    /// Calls `on_refresh` after every renewal from now on, before any request uses the new token. There is one such
    /// function: a second call replaces it.
    #[must_use]
    pub fn on_refresh(self, on_refresh: impl Fn(&TokenResponse) + Send + Sync + 'static) -> Self {
        *self.0.on_refresh.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(on_refresh));
        self
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
}

#[async_trait]
impl TokenSource for RenewingAuthorizer {
    /// A token that is good for another minute.
    async fn access_token(&self) -> Result<AccessToken, CallError> {
        // Callers queue on the lock; one that gives up leaves the queue and sends nothing.
        let held = self.0.held.clone().lock_owned().await;
        if let Some(token) = self.held_token(&held) {
            return Ok(token);
        }
        // In a task of its own: a caller that gives up must not lose a refresh token that has already been replaced.
        let this = self.clone();
        let renewal = tokio::spawn(async move { this.renewed_token(held).await });
        renewal.await.map_err(|_| CallError::Malformed { what: "the renewal was broken off".to_owned() })?
    }

    /// Forgets the token, unless another call has renewed it already.
    async fn refused(&self, token: &AccessToken) -> Result<bool, CallError> {
        let mut held = self.0.held.lock().await;
        let same = |(held, _): &(AccessToken, OffsetDateTime)| {
            equal(held.expose_secret().as_bytes(), token.expose_secret().as_bytes())
        };
        if held.access_token.as_ref().is_some_and(same) {
            held.access_token = None;
        }
        Ok(true)
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

/// A renewal is for one resource server: an answer must have exactly one token.
fn the_only(response: &TokenResponse) -> Result<&Token, CallError> {
    match response.tokens() {
        [token] => Ok(token),
        tokens => {
            Err(CallError::Malformed { what: format!("a renewal gave {} tokens where one was expected", tokens.len()) })
        }
    }
}
