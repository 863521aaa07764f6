//! Flow managers: from the authorize URL to the exchange of the code.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use super::{
    auth::{AuthClient, TokenError},
    query::Parameters,
    tokens::TokenResponse,
};
use crate::secret::{AuthorizationCode, CodeVerifier};

/// The code challenge of a verifier by method `S256` (RFC 7636 section 4.2).
#[must_use]
pub fn code_challenge(verifier: &CodeVerifier) -> String {
    let hash = digest::digest(&digest::SHA256, verifier.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

/// The authorization code flow of a confidential app (Globus Auth developer guide; RFC 6749 section 4.1), with PKCE
/// and a nonce. A value is one login: the exchange takes it, so that nothing of it can be used twice.
#[derive(Debug)]
pub struct AuthorizationCodeFlowManager<'a> {
    auth_client: &'a AuthClient,
    redirect_uri: &'a str,
    requested_scopes: &'a [String],
    refresh_tokens: bool,
    state: String,
    nonce: String,
    verifier: CodeVerifier,
}

/// The random values of one login.
#[derive(Debug)]
pub struct FlowSecrets {
    /// Given back with the code: ties the answer to the browser that asked (RFC 6749 section 10.12).
    pub state: String,
    /// Given back in the id_token: ties it to this login (OpenID Connect Core section 3.1.2.1).
    pub nonce: String,
    /// Proves at the exchange who asked for the code (RFC 7636).
    pub verifier: CodeVerifier,
}

impl<'a> AuthorizationCodeFlowManager<'a> {
    /// Begins (or takes up again) a login. `redirect_uri` must be registered with the app; `refresh_tokens` asks for
    /// offline access.
    #[must_use]
    pub fn new(
        auth_client: &'a AuthClient,
        redirect_uri: &'a str,
        requested_scopes: &'a [String],
        refresh_tokens: bool,
        secrets: FlowSecrets,
    ) -> Self {
        let FlowSecrets { state, nonce, verifier } = secrets;
        Self { auth_client, redirect_uri, requested_scopes, refresh_tokens, state, nonce, verifier }
    }

    /// Where to send the browser. `query_params` are added at the end; a name that is there already gets the new
    /// value in its old place.
    #[must_use]
    pub fn authorize_url(&self, query_params: &[(&str, &str)]) -> Url {
        let mut parameters = Parameters::default();
        parameters.set("client_id", self.auth_client.client_id());
        parameters.set("redirect_uri", self.redirect_uri);
        parameters.set("scope", self.requested_scopes.join(" "));
        parameters.set("state", &self.state);
        parameters.set("response_type", "code");
        parameters.set("access_type", if self.refresh_tokens { "offline" } else { "online" });
        parameters.set("nonce", &self.nonce);
        parameters.set("code_challenge", code_challenge(&self.verifier));
        parameters.set("code_challenge_method", "S256");
        for (name, value) in query_params {
            parameters.set(name, *value);
        }
        let mut url = self.auth_client.authorize_endpoint();
        url.set_query(Some(&parameters.encoded()));
        url
    }

    /// Exchanges the code that came back. This spends the flow.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn exchange_code_for_tokens(self, code: AuthorizationCode) -> Result<TokenResponse, TokenError> {
        self.auth_client.exchange_code_for_tokens(code, self.redirect_uri, &self.verifier).await
    }
}
