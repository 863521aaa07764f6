//! Flow managers: one value is one login, from the authorize URL to the exchange of the code.
//!
//! The exchange takes the value, so nothing of a login can be used twice, and any number of logins can be under way.
//!
//! ```
//! use globus_sdk::{
//!     auth::{ConfidentialAppAuthClient, TokenError},
//!     environment::Environment,
//!     flow::{AuthorizeParameters, FlowManager as _, random_verifier},
//!     http::HttpClient,
//!     scopes,
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
//! let http = HttpClient::from_env()?;
//! # let http = HttpClient::new(Default::default(), true)?;
//! let client = ConfidentialAppAuthClient::new(environment.auth, http, Clock::system(), client_id, &client_secret);
//! let flow = client.oauth2_start_flow("http://localhost:5000/login", ["openid", scopes::transfer::ALL])?;
//! let flow = flow.with_verifier(random_verifier())?;
//! let url = flow.get_authorize_url(&AuthorizeParameters::default());
//! assert!(url.as_str().starts_with(client.authorize_endpoint().as_str()));
//!
//! // The browser goes there and comes back with `state` and `code`. `state` must be that of the flow. A code that Globus
//! // has not given is refused.
//! let code = AuthorizationCode::new("made up");
//! let refused = flow.exchange_code_for_tokens(code).await;
//! assert!(matches!(refused, Err(TokenError::InvalidGrant(_))));
//! # Ok(())
//! # }
//! ```
//!
//! A whole login, by an app without a secret, is in `examples/native_app.rs`.

use std::fmt::Display;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    auth::{ConfidentialAppAuthClient, NativeAppAuthClient, TokenError, UsageError},
    environment::join,
    query::{Parameters, encode_to},
    tokens::TokenResponse,
};
use crate::secret::{AuthorizationCode, CodeVerifier, random_text};

/// A login by an authorization code: where to send the browser, and what to do with the code that comes back.
pub trait FlowManager {
    /// Where to send the browser.
    fn get_authorize_url(&self, parameters: &AuthorizeParameters) -> Url;

    /// Exchanges the code that came back. This spends the flow.
    ///
    /// # Errors
    /// [`TokenError`].
    fn exchange_code_for_tokens(
        self,
        auth_code: AuthorizationCode,
    ) -> impl Future<Output = Result<TokenResponse, TokenError>> + Send;
}

/// What else an authorize URL may ask for (Globus Auth developer guide, "authorize"). An empty list is sent as an empty
/// value, as the Python SDK does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizeParameters {
    /// The session must hold an authentication with these identities, by id or username.
    pub session_required_identities: Option<Vec<String>>,
    /// The session must hold an identity of one of these domains.
    pub session_required_single_domain: Option<Vec<String>>,
    /// These authentication policies must hold, by id.
    pub session_required_policies: Option<Vec<String>>,
    /// Whether multi-factor authentication is needed.
    pub session_required_mfa: Option<bool>,
    /// A text that Globus shows to the person.
    pub session_message: Option<String>,
    /// `login`: the person has to authenticate again.
    pub prompt: Option<String>,
    /// Any other parameters, in their order. A name that is there already gets this value, in its old place.
    pub query_params: Vec<(String, String)>,
}

impl AuthorizeParameters {
    /// The parameters with their values, in the order of the SDK's `oauth2_get_authorize_url`, not yet encoded. As in the
    /// SDK, lists are joined with commas, and the flag is `True` or `False`.
    #[must_use]
    pub fn query_pairs(&self) -> Vec<(&str, String)> {
        let list = |items: &Option<Vec<String>>| items.as_ref().map(|items| items.join(","));
        let flag = |flag: bool| if flag { "True" } else { "False" }.to_owned();
        let known = [
            ("session_required_identities", list(&self.session_required_identities)),
            ("session_required_single_domain", list(&self.session_required_single_domain)),
            ("session_required_policies", list(&self.session_required_policies)),
            ("session_required_mfa", self.session_required_mfa.map(flag)),
            ("session_message", self.session_message.clone()),
            ("prompt", self.prompt.clone()),
        ];
        let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
        known.chain(self.query_params.iter().map(|(name, value)| (&**name, value.clone()))).collect()
    }

    fn add_to(&self, parameters: &mut Parameters) {
        for (name, value) in self.query_pairs() {
            parameters.set(name, value);
        }
    }
}

/// The code challenge of a verifier by method `S256` (RFC 7636 section 4.2).
#[must_use]
pub fn code_challenge(verifier: &CodeVerifier) -> String {
    let hash = digest::digest(&digest::SHA256, verifier.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

/// A fresh code verifier: 32 random bytes as 43 characters (RFC 7636 section 4.1).
#[must_use]
pub fn random_verifier() -> CodeVerifier {
    CodeVerifier::new(random_text::<32>())
}

/// Whether a text may be a code verifier: 43 to 128 characters out of `A-Z a-z 0-9 ~ _ . -` (RFC 7636 section 4.1).
///
/// # Errors
/// [`UsageError`] with the Python SDK's words.
pub fn check_verifier(verifier: &CodeVerifier) -> Result<(), UsageError> {
    let text = verifier.expose_secret();
    let length = text.chars().count();
    if !(43..=128).contains(&length) {
        return Err(UsageError(format!("verifier must be 43-128 characters long: {length}")));
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"~_.-".contains(&b)) {
        return Err(UsageError("verifier contained invalid characters".to_owned()));
    }
    Ok(())
}

fn scope_parameter(scopes: impl IntoIterator<Item = impl Display>) -> Result<String, UsageError> {
    let scopes: Vec<_> = scopes.into_iter().map(|scope| scope.to_string()).collect();
    let scope = scopes.join(" ");
    if scope.is_empty() {
        return Err(UsageError("'scopes' cannot be the empty string or empty collection.".to_owned()));
    }
    Ok(scope)
}

fn access_type(refresh_tokens: bool) -> &'static str {
    if refresh_tokens { "offline" } else { "online" }
}

/// The authorization code flow of an app with a secret (Globus Auth developer guide; RFC 6749 section 4.1).
#[derive(Clone, Debug)]
pub struct AuthorizationCodeFlowManager {
    auth_client: ConfidentialAppAuthClient,
    authorize_endpoint: Url,
    redirect_uri: String,
    scope: String,
    state: String,
    refresh_tokens: bool,
    nonce: Option<String>,
    verifier: Option<CodeVerifier>,
}

impl AuthorizationCodeFlowManager {
    /// Begins a login. `redirect_uri` must be registered with the app. The state is random: keep
    /// [`state`](Self::state), and compare it with the one that comes back.
    ///
    /// # Errors
    /// [`UsageError`] when no scope is asked for.
    pub fn new(
        auth_client: &ConfidentialAppAuthClient,
        redirect_uri: impl Into<String>,
        requested_scopes: impl IntoIterator<Item = impl Display>,
    ) -> Result<Self, UsageError> {
        Ok(Self {
            auth_client: auth_client.clone(),
            authorize_endpoint: auth_client.authorize_endpoint(),
            redirect_uri: redirect_uri.into(),
            scope: scope_parameter(requested_scopes)?,
            state: random_text::<32>(),
            refresh_tokens: false,
            nonce: None,
            verifier: None,
        })
    }

    /// The state that will come back with the code.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Uses a state of the caller's own.
    #[must_use]
    pub fn with_state(mut self, state: impl Into<String>) -> Self {
        self.state = state.into();
        self
    }

    /// Asks for refresh tokens as well (`access_type=offline`).
    #[must_use]
    pub fn with_refresh_tokens(mut self, refresh_tokens: bool) -> Self {
        self.refresh_tokens = refresh_tokens;
        self
    }

    /// Sends a nonce, which the id_token will carry (OpenID Connect Core section 3.1.2.1).
    #[must_use]
    pub fn with_nonce(mut self, nonce: impl Into<String>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }

    /// Proves at the exchange who asked for the code (PKCE, RFC 7636). Globus takes it beside the secret.
    ///
    /// # Errors
    /// [`UsageError`] when it is no code verifier.
    pub fn with_verifier(mut self, verifier: CodeVerifier) -> Result<Self, UsageError> {
        check_verifier(&verifier)?;
        self.verifier = Some(verifier);
        Ok(self)
    }
}

impl FlowManager for AuthorizationCodeFlowManager {
    fn get_authorize_url(&self, more: &AuthorizeParameters) -> Url {
        let mut parameters = Parameters::default();
        parameters.set("client_id", self.auth_client.client_id());
        parameters.set("redirect_uri", &self.redirect_uri);
        parameters.set("scope", &self.scope);
        parameters.set("state", &self.state);
        parameters.set("response_type", "code");
        parameters.set("access_type", access_type(self.refresh_tokens));
        parameters.set_some("nonce", self.nonce.as_deref());
        if let Some(verifier) = &self.verifier {
            parameters.set("code_challenge", code_challenge(verifier));
            parameters.set("code_challenge_method", "S256");
        }
        more.add_to(&mut parameters);
        let mut url = self.authorize_endpoint.clone();
        url.set_query(Some(&parameters.encoded()));
        url
    }

    async fn exchange_code_for_tokens(self, auth_code: AuthorizationCode) -> Result<TokenResponse, TokenError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", auth_code.expose_secret()),
            ("redirect_uri", &*self.redirect_uri),
        ];
        form.extend(self.verifier.as_ref().map(|verifier| ("code_verifier", verifier.expose_secret())));
        self.auth_client.oauth2_token(&form).await
    }
}

/// Where to send browsers for logins that differ only in what is random: nothing else is encoded more than once.
#[derive(Clone, Debug)]
pub struct AuthorizeUrls {
    before_state: String,
    after_state: String,
}

impl AuthorizeUrls {
    /// The authorize URLs of logins like `flow`, with PKCE by method `S256` and without further parameters.
    #[must_use]
    pub fn like(flow: &AuthorizationCodeFlowManager) -> Self {
        let mut before = Parameters::default();
        before.set("client_id", flow.auth_client.client_id());
        before.set("redirect_uri", &flow.redirect_uri);
        before.set("scope", &flow.scope);
        let mut after = Parameters::default();
        after.set("response_type", "code");
        after.set("access_type", access_type(flow.refresh_tokens));
        after.set("code_challenge_method", "S256");
        let endpoint = &flow.authorize_endpoint;
        Self {
            before_state: format!("{endpoint}?{}&state=", before.encoded()),
            after_state: format!("&{}", after.encoded()),
        }
    }

    /// The URL of one login.
    #[must_use]
    pub fn url(&self, state: &str, nonce: &str, verifier: &CodeVerifier) -> String {
        let mut url = String::with_capacity(self.before_state.len() + self.after_state.len() + state.len() + 128);
        url.push_str(&self.before_state);
        encode_to(&mut url, state);
        url.push_str(&self.after_state);
        url.push_str("&nonce=");
        encode_to(&mut url, nonce);
        url.push_str("&code_challenge=");
        url.push_str(&code_challenge(verifier));
        url
    }
}

/// The authorization code flow of an app without a secret, always with PKCE (Globus Auth developer guide, "native apps";
/// RFC 8252).
#[derive(Clone, Debug)]
pub struct NativeAppFlowManager {
    auth_client: NativeAppAuthClient,
    redirect_uri: String,
    scope: String,
    state: String,
    refresh_tokens: bool,
    verifier: CodeVerifier,
    prefill_named_grant: Option<String>,
    nonce: Option<String>,
}

impl NativeAppFlowManager {
    /// Begins a login with a random verifier and state. Without [`with_redirect_uri`](Self::with_redirect_uri), Globus
    /// shows the code to the person, to be copied.
    ///
    /// # Errors
    /// [`UsageError`] when no scope is asked for.
    pub fn new(
        auth_client: &NativeAppAuthClient,
        requested_scopes: impl IntoIterator<Item = impl Display>,
    ) -> Result<Self, UsageError> {
        Ok(Self {
            redirect_uri: join(auth_client.base_url(), "v2/web/auth-code").into(),
            auth_client: auth_client.clone(),
            scope: scope_parameter(requested_scopes)?,
            state: random_text::<32>(),
            refresh_tokens: false,
            verifier: random_verifier(),
            prefill_named_grant: None,
            nonce: None,
        })
    }

    /// The state that will come back with the code.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Sends the browser back to this registered URI.
    #[must_use]
    pub fn with_redirect_uri(mut self, redirect_uri: impl Into<String>) -> Self {
        self.redirect_uri = redirect_uri.into();
        self
    }

    /// Uses a state of the caller's own.
    #[must_use]
    pub fn with_state(mut self, state: impl Into<String>) -> Self {
        self.state = state.into();
        self
    }

    /// Uses a verifier of the caller's own.
    ///
    /// # Errors
    /// [`UsageError`] when it is no code verifier.
    pub fn with_verifier(mut self, verifier: CodeVerifier) -> Result<Self, UsageError> {
        check_verifier(&verifier)?;
        self.verifier = verifier;
        Ok(self)
    }

    /// Asks for refresh tokens as well (`access_type=offline`).
    #[must_use]
    pub fn with_refresh_tokens(mut self, refresh_tokens: bool) -> Self {
        self.refresh_tokens = refresh_tokens;
        self
    }

    /// Suggests the label of the grant on Globus's consent page.
    #[must_use]
    pub fn with_prefill_named_grant(mut self, label: impl Into<String>) -> Self {
        self.prefill_named_grant = Some(label.into());
        self
    }

    /// Sends a nonce, which the id_token will carry (OpenID Connect Core section 3.1.2.1).
    #[must_use]
    pub fn with_nonce(mut self, nonce: impl Into<String>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }
}

impl FlowManager for NativeAppFlowManager {
    fn get_authorize_url(&self, more: &AuthorizeParameters) -> Url {
        let mut parameters = Parameters::default();
        parameters.set("client_id", self.auth_client.client_id());
        parameters.set("redirect_uri", &self.redirect_uri);
        parameters.set("scope", &self.scope);
        parameters.set("state", &self.state);
        parameters.set("response_type", "code");
        parameters.set("code_challenge", code_challenge(&self.verifier));
        parameters.set("code_challenge_method", "S256");
        parameters.set("access_type", access_type(self.refresh_tokens));
        parameters.set_some("prefill_named_grant", self.prefill_named_grant.as_deref());
        parameters.set_some("nonce", self.nonce.as_deref());
        more.add_to(&mut parameters);
        let mut url = self.auth_client.authorize_endpoint();
        url.set_query(Some(&parameters.encoded()));
        url
    }

    async fn exchange_code_for_tokens(self, auth_code: AuthorizationCode) -> Result<TokenResponse, TokenError> {
        let form = [
            ("client_id", self.auth_client.client_id()),
            ("grant_type", "authorization_code"),
            ("code", auth_code.expose_secret()),
            ("code_verifier", self.verifier.expose_secret()),
            ("redirect_uri", &*self.redirect_uri),
        ];
        self.auth_client.oauth2_token(&form).await
    }
}
