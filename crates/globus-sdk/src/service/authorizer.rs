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
///
/// An app that keeps its token in a file, so that the next run need not get another one:
///
/// ```
/// use std::{fs, io::{self, Write as _}, os::unix::fs::OpenOptionsExt as _, path::PathBuf};
///
/// use globus_sdk::{
///     async_trait,
///     auth::{ConfidentialAppAuthClient, TokenError},
///     authorizer::TokenSource,
///     error::CallError,
///     secret::AccessToken,
///     serde_json,
///     time::{Duration, OffsetDateTime},
///     tokens::Token,
/// };
/// use tokio::sync::Mutex;
///
/// #[derive(Debug)]
/// struct TokenFile {
///     app: ConfidentialAppAuthClient,
///     /// All of one resource server.
///     scopes: String,
///     path: PathBuf,
///     held: Mutex<Option<Token>>,
/// }
///
/// impl TokenFile {
///     /// A file that is missing or cannot be read is the same as one without a token.
///     fn open(app: ConfidentialAppAuthClient, scopes: &str, path: PathBuf) -> Self {
///         let held = fs::read(&path).ok().and_then(|json| serde_json::from_slice(&json).ok());
///         Self { app, scopes: scopes.to_owned(), path, held: Mutex::new(held) }
///     }
///
///     async fn new_token(&self) -> Result<Token, CallError> {
///         let response = self.app.oauth2_client_credentials_tokens(&self.scopes).await;
///         let response = response.map_err(TokenError::into_call_error)?;
///         let token = response.by_scopes(&self.scopes);
///         token.cloned().ok_or_else(|| CallError::NoToken("not all scopes were granted".into()))
///     }
///
///     /// Writes a file that only its owner can read.
///     fn write(&self, token: &Token) -> io::Result<()> {
///         let mut options = fs::OpenOptions::new();
///         let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&self.path)?;
///         file.write_all(&serde_json::to_vec(token)?)
///     }
/// }
///
/// #[async_trait]
/// impl TokenSource for TokenFile {
///     async fn access_token(&self) -> Result<AccessToken, CallError> {
///         // Callers queue here: the first renews the token, and the others find the new one.
///         let mut held = self.held.lock().await;
///         let in_a_minute = OffsetDateTime::now_utc() + Duration::minutes(1);
///         if let Some(token) = held.as_ref().filter(|token| token.expires_at > in_a_minute) {
///             return Ok(token.access_token.clone());
///         }
///         let token = self.new_token().await?;
///         self.write(&token).map_err(|error| CallError::NoToken(error.into()))?;
///         Ok(held.insert(token).access_token.clone())
///     }
///
///     async fn refused(&self, token: &AccessToken) -> Result<bool, CallError> {
///         // Another call may have replaced the refused token already.
///         let refused = |held: &mut Token| held.access_token.expose_secret() == token.expose_secret();
///         self.held.lock().await.take_if(refused);
///         Ok(true)
///     }
/// }
///
/// # use globus_sandbox::{self as sandbox, Sandbox};
/// # use globus_sdk::{Globus, environment::Environment, http::HttpClient, secret::*};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
/// # let environment = Environment::at(&sandbox.base_url().parse()?);
/// # tokio::spawn(sandbox.serve(std::future::pending()));
/// # let (client_id, client_secret) = (sandbox::CLIENT_ID.to_owned(), ClientSecret::new(sandbox::CLIENT_SECRET));
/// # let globus = Globus::new(environment, HttpClient::direct(Default::default())?);
/// # let app = globus.confidential_app(client_id, &client_secret);
/// # let path = std::env::temp_dir().join(format!("globus-sdk-token-{}", std::process::id()));
/// let source = TokenFile::open(app.clone(), "openid profile", path.clone());
/// let auth = globus.auth(source);
/// assert!(!auth.userinfo().await?.sub.is_empty());
/// # let next = TokenFile::open(app.clone(), "openid profile", path.clone());
/// # let kept: Token = serde_json::from_slice(&fs::read(&path)?)?;
/// # assert_eq!(next.access_token().await?.expose_secret(), kept.access_token.expose_secret());
/// # app.oauth2_revoke_token(&kept.access_token, None).await?;
/// # assert!(!globus.auth(next).userinfo().await?.sub.is_empty());
/// # let renewed: Token = serde_json::from_slice(&fs::read(&path)?)?;
/// # assert_ne!(renewed.access_token.expose_secret(), kept.access_token.expose_secret());
/// # fs::remove_file(&path)?;
/// # Ok(())
/// # }
/// ```
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
