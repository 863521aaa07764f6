//! What goes into the `Authorization` header of a request, and what happens when a service no longer accepts it.
//!
//! ```
//! use globus_sdk::{Globus, auth::RenewingAuthorizer};
//!
//! # use globus_sandbox::{self as sandbox, Sandbox};
//! # use globus_sdk::{environment::Environment, http::HttpClient, secret::*};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
//! # let environment = Environment::at(&sandbox.base_url().parse()?);
//! # tokio::spawn(sandbox.serve(std::future::pending()));
//! # let (client_id, client_secret) = (sandbox::CLIENT_ID.to_owned(), ClientSecret::new(sandbox::CLIENT_SECRET));
//! let globus = Globus::from_env()?;
//! # let globus = Globus::new(environment, HttpClient::direct(Default::default())?);
//! let app = globus.confidential_app(client_id, &client_secret);
//! let authorizer = RenewingAuthorizer::client_credentials(app, "openid profile", None)
//!     .on_refresh(|response| println!("a new token for {}", response.tokens()[0].resource_server));
//! // The first request gets a token; later ones use it until a minute before it expires.
//! let auth = globus.auth(authorizer);
//! assert!(!auth.userinfo().await?.sub.is_empty());
//! # Ok(())
//! # }
//! ```

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;
use tokio::time::{Instant, timeout_at};

use crate::{error::CallError, secret::AccessToken};

/// Where the access tokens of a client come from, and where another one comes from when a service refuses one.
///
/// [`RenewingAuthorizer`](crate::auth::RenewingAuthorizer) is one; a program that keeps tokens in its own way writes its
/// own. Any number of calls may ask at the same time, and a call that is dropped stops asking.
#[async_trait]
pub trait TokenSource: fmt::Debug + Send + Sync + 'static {
    /// The access token to send now, renewed first if that is needed.
    ///
    /// # Errors
    /// [`CallError`] when there is none; the call then fails with it, and nothing is sent.
    async fn access_token(&self) -> Result<AccessToken, CallError>;

    /// Called when a service has refused a token, once in a call. Returns whether the next
    /// [`access_token`](Self::access_token) may be another one, so that a second try makes sense. Another call may have
    /// replaced the token already.
    ///
    /// # Errors
    /// [`CallError`], which the caller gets instead of the refusal: whether there is another token cannot be known now.
    async fn refused(&self, token: &AccessToken) -> Result<bool, CallError>;
}

/// How a client's requests are authorized. Cheap to clone; clones share their token source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Authorizer {
    /// No `Authorization` header at all.
    Null,
    /// A name and a password.
    Basic(BasicAuthorizer),
    /// One access token, which is never renewed: a 401 goes to the caller.
    AccessToken(AccessTokenAuthorizer),
    /// Access tokens from a source that can replace them.
    Source(Arc<dyn TokenSource>),
}

/// What one try sends.
pub(crate) struct Authorization {
    pub(super) header: HeaderValue,
    /// The token in the header, if it came from a source.
    token: Option<AccessToken>,
}

impl Authorizer {
    /// What to send now, after a renewal if need be.
    pub(crate) async fn authorization(&self, deadline: Instant) -> Result<Option<Authorization>, CallError> {
        let fixed = |header| Ok(Some(Authorization { header, token: None }));
        match self {
            Self::Null => Ok(None),
            Self::Basic(basic) => fixed(basic.0.clone()),
            Self::AccessToken(token) => fixed(bearer(&token.0)),
            Self::Source(source) => {
                let token = timeout_at(deadline, source.access_token()).await.map_err(|_| CallError::Timeout)??;
                Ok(Some(Authorization { header: bearer(&token), token: Some(token) }))
            }
        }
    }

    /// Reports a refused token to its source. Returns whether another try may have a new one.
    pub(crate) async fn refused(&self, sent: Option<&Authorization>, deadline: Instant) -> Result<bool, CallError> {
        match (self, sent.and_then(|sent| sent.token.as_ref())) {
            (Self::Source(source), Some(token)) => {
                timeout_at(deadline, source.refused(token)).await.map_err(|_| CallError::Timeout)?
            }
            _ => Ok(false),
        }
    }
}

impl<S: TokenSource> From<S> for Authorizer {
    fn from(source: S) -> Self {
        Self::Source(Arc::new(source))
    }
}

impl From<Arc<dyn TokenSource>> for Authorizer {
    fn from(source: Arc<dyn TokenSource>) -> Self {
        Self::Source(source)
    }
}

fn secret_header(text: &str) -> HeaderValue {
    // Tokens are plain ASCII. Anything else is sent as an empty header, which the service refuses.
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
