//! The login of an app with a secret.

use url::Url;

use super::{
    manager::{AccessType, FlowManager, scope_parameter},
    parameters::AuthorizeParameters,
    pkce::{check_verifier, code_challenge},
};
use crate::{
    auth::{
        app::ConfidentialAppAuthClient,
        tokens::{TokenError, TokenResponse},
    },
    error::UsageError,
    scopes::Scopes,
    secret::{AuthorizationCode, CodeVerifier, random_text},
    service::query::{Parameters, encode_to},
};

/// The authorization code flow of an app with a secret (Globus Auth developer guide; RFC 6749 section 4.1).
#[derive(Clone, Debug)]
pub struct AuthorizationCodeFlowManager {
    auth_client: ConfidentialAppAuthClient,
    authorize_endpoint: Url,
    redirect_uri: String,
    scope: String,
    state: String,
    access_type: AccessType,
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
        requested_scopes: impl Into<Scopes>,
    ) -> Result<Self, UsageError> {
        Ok(Self {
            auth_client: auth_client.clone(),
            authorize_endpoint: auth_client.authorize_endpoint(),
            redirect_uri: redirect_uri.into(),
            scope: scope_parameter(requested_scopes)?,
            state: random_text::<32>(),
            access_type: AccessType::Online,
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
    pub fn with_refresh_tokens(mut self) -> Self {
        self.access_type = AccessType::Offline;
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
    /// [`UsageError`] for an invalid verifier: see [`check_verifier`](super::check_verifier).
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
        parameters.set("access_type", self.access_type.as_str());
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
        after.set("access_type", flow.access_type.as_str());
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

impl ConfidentialAppAuthClient {
    /// Begins a login: [`AuthorizationCodeFlowManager::new`]. The login is the value that comes back, not a part of this
    /// client.
    ///
    /// # Errors
    /// [`UsageError`] when no scope is asked for.
    pub fn oauth2_start_flow(
        &self,
        redirect_uri: impl Into<String>,
        requested_scopes: impl Into<Scopes>,
    ) -> Result<AuthorizationCodeFlowManager, UsageError> {
        AuthorizationCodeFlowManager::new(self, redirect_uri, requested_scopes)
    }
}
