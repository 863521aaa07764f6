//! The login of an app without a secret.

use url::Url;

use super::{
    manager::{AccessType, FlowManager, scope_parameter},
    parameters::AuthorizeParameters,
    pkce::{check_verifier, code_challenge, random_verifier},
};
use crate::{
    auth::{
        app::NativeAppAuthClient,
        tokens::{TokenError, TokenResponse},
    },
    error::UsageError,
    scopes::Scopes,
    secret::{AuthorizationCode, CodeVerifier, random_text},
    service::{query::Parameters, url::join},
};

/// The authorization code flow of an app without a secret, always with PKCE (Globus Auth developer guide, "native apps";
/// RFC 8252).
#[derive(Clone, Debug)]
pub struct NativeAppFlowManager {
    auth_client: NativeAppAuthClient,
    redirect_uri: String,
    scope: String,
    state: String,
    access_type: AccessType,
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
    pub fn new(auth_client: &NativeAppAuthClient, requested_scopes: impl Into<Scopes>) -> Result<Self, UsageError> {
        Ok(Self {
            redirect_uri: join(auth_client.base_url(), "v2/web/auth-code").into(),
            auth_client: auth_client.clone(),
            scope: scope_parameter(requested_scopes)?,
            state: random_text::<32>(),
            access_type: AccessType::Online,
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
    /// [`UsageError`] for an invalid verifier: see [`check_verifier`](super::check_verifier).
    pub fn with_verifier(mut self, verifier: CodeVerifier) -> Result<Self, UsageError> {
        check_verifier(&verifier)?;
        self.verifier = verifier;
        Ok(self)
    }

    /// Asks for refresh tokens as well (`access_type=offline`).
    #[must_use]
    pub fn with_refresh_tokens(mut self) -> Self {
        self.access_type = AccessType::Offline;
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
        parameters.set("access_type", self.access_type.as_str());
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

impl NativeAppAuthClient {
    /// Begins a login: [`NativeAppFlowManager::new`]. The login is the value that comes back, not a part of this client.
    ///
    /// # Errors
    /// [`UsageError`] when no scope is asked for.
    pub fn oauth2_start_flow(&self, requested_scopes: impl Into<Scopes>) -> Result<NativeAppFlowManager, UsageError> {
        NativeAppFlowManager::new(self, requested_scopes)
    }
}
