//! Globus Auth for a confidential app: tokens, revocation, introspection, userinfo, and the page that logs out.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use url::Url;

use super::{
    authorizer::AccessTokenAuthorizer,
    environment::join,
    error::{ApiError, CallError, Service},
    http::{Answer, HttpClient},
    id_token::IdTokenClaims,
    provider::{Discovery, JwkSet},
    query::{Parameters, encode},
    tokens::{Document, TokenResponse},
};
use crate::{
    clock::Clock,
    secret::{AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, RefreshToken},
};

/// Why the token endpoint gave no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The code or refresh token is unknown, used, expired, revoked, or was made for something else: `invalid_grant`
    /// (RFC 6749 section 5.2). Globus says so with status 401 for codes and 400 for refresh tokens.
    #[error("Globus refuses the grant: {0}")]
    InvalidGrant(ApiError),
    /// Globus does not accept our client id and secret.
    #[error("Globus does not accept the client id and secret: {0}")]
    ClientRefused(ApiError),
    /// Anything else.
    #[error(transparent)]
    Call(CallError),
}

impl From<CallError> for TokenError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Api(error) if error.is_invalid_grant() => Self::InvalidGrant(error),
            CallError::Api(error) if error.http_status() == 401 => Self::ClientRefused(error),
            error => Self::Call(error),
        }
    }
}

/// Which kind of token a revocation is about (RFC 7009 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
}

impl TokenTypeHint {
    fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// What introspection tells of a token (RFC 7662 section 2.2), as far as this crate uses it.
#[derive(Clone, Debug, Deserialize)]
pub struct Introspection {
    /// Whether the token is good now.
    pub active: bool,
    /// The scopes it has, space-separated.
    pub scope: Option<String>,
    /// The identity it acts for.
    pub sub: Option<String>,
    /// When it expires, in seconds since 1970.
    pub exp: Option<i64>,
}

/// A confidential app's client of Globus Auth: it authenticates with client id and secret.
#[derive(Clone, Debug)]
pub struct AuthClient {
    base: Url,
    http: HttpClient,
    clock: Clock,
    client_id: String,
    client_secret: ClientSecret,
}

impl AuthClient {
    /// A client of the Globus Auth at `base`, a URL whose path ends with a slash.
    #[must_use]
    pub fn new(base: Url, http: HttpClient, clock: Clock, client_id: String, client_secret: ClientSecret) -> Self {
        Self { base, http, clock, client_id, client_secret }
    }

    /// The app's client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The authorize endpoint, where a person's browser starts a login.
    #[must_use]
    pub fn authorize_endpoint(&self) -> Url {
        join(&self.base, "v2/oauth2/authorize")
    }

    /// Exchanges an authorization code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5). The code is spent
    /// whatever comes back, so it is moved here and sent once.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn exchange_code_for_tokens(
        &self,
        code: AuthorizationCode,
        redirect_uri: &str,
        verifier: &CodeVerifier,
    ) -> Result<TokenResponse, TokenError> {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose_secret()),
        ])
        .await
    }

    /// Gets a new access token for the resource server of a refresh token (RFC 6749 section 6).
    ///
    /// # Errors
    /// [`TokenError`]; [`TokenError::InvalidGrant`] when the refresh token is no longer good.
    pub async fn refresh_token(&self, token: &RefreshToken) -> Result<TokenResponse, TokenError> {
        self.token(&[("refresh_token", token.expose_secret()), ("grant_type", "refresh_token")]).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> Result<TokenResponse, TokenError> {
        let answer = self.authenticated("v2/oauth2/token", form).await?;
        let document: Document = answer.document()?;
        Ok(TokenResponse::new(document, self.clock.now())?)
    }

    /// Revokes a token (RFC 7009). A token that is unknown or already revoked is a success.
    ///
    /// # Errors
    /// [`CallError`]: the token may still be good.
    pub async fn revoke_token(&self, token: &str, hint: TokenTypeHint) -> Result<(), CallError> {
        let form = [("token", token), ("token_type_hint", hint.as_str())];
        self.authenticated("v2/oauth2/token/revoke", &form).await?.success()
    }

    /// Asks what a token is (RFC 7662).
    ///
    /// # Errors
    /// [`CallError`]; an [`ApiError`] with status 401 when Globus does not accept the client id and secret.
    pub async fn introspect_token(&self, token: &str) -> Result<Introspection, CallError> {
        self.authenticated("v2/oauth2/token/introspect", &[("token", token)]).await?.document()
    }

    /// The claims about the person whose token this is (OpenID Connect Core section 5.3).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn userinfo(&self, token: &AccessToken) -> Result<IdTokenClaims, CallError> {
        let authorizer = AccessTokenAuthorizer::new(token.clone());
        let request = self.http.get(join(&self.base, "v2/oauth2/userinfo"));
        self.http.send(authorizer.authorize(request)).await?.of(Service::Auth).document()
    }

    /// The discovery document (OpenID Connect Discovery section 4).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn openid_configuration(&self) -> Result<Discovery, CallError> {
        let request = self.http.get(join(&self.base, ".well-known/openid-configuration"));
        self.http.send(request).await?.of(Service::Auth).document()
    }

    /// The set of keys that sign id_tokens (RFC 7517 section 5).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn jwk_set(&self, jwks_uri: Url) -> Result<JwkSet, CallError> {
        self.http.send(self.http.get(jwks_uri)).await?.of(Service::Auth).document()
    }

    /// The base URL of Globus Auth, with a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    /// Globus's page that ends the browser's session with Globus Auth (Globus Auth documentation, "helper pages"). It
    /// shows a link to `redirect_uri` named `redirect_name`; it revokes no token.
    #[must_use]
    pub fn logout_url(&self, redirect_uri: &str, redirect_name: &str) -> Url {
        let mut parameters = Parameters::default();
        parameters.set("client_id", &self.client_id);
        parameters.set("redirect_uri", redirect_uri);
        parameters.set("redirect_name", redirect_name);
        let mut url = join(&self.base, "v2/web/logout");
        url.set_query(Some(&parameters.encoded()));
        url
    }

    async fn authenticated(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, CallError> {
        let request = self.http.post(join(&self.base, path)).header(AUTHORIZATION, self.basic()).form(form);
        Ok(self.http.send(request).await?.of(Service::Auth))
    }

    fn basic(&self) -> reqwest::header::HeaderValue {
        let pair = format!("{}:{}", basic_part(&self.client_id), basic_part(self.client_secret.expose_secret()));
        let text = format!("Basic {}", STANDARD.encode(pair));
        let mut value = reqwest::header::HeaderValue::from_str(&text)
            .unwrap_or_else(|_| reqwest::header::HeaderValue::from_static("Basic"));
        value.set_sensitive(true);
        value
    }
}

/// One half of the Basic credentials. RFC 6749 section 2.3.1 wants both halves form-encoded. Globus makes its secrets
/// of base64 text and compares them as they come, without decoding, as its SDKs send them: a `+` or `=` must stay what
/// it is. So text of that alphabet goes as it is, and any other text as the RFC says.
fn basic_part(text: &str) -> String {
    let base64_text = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    if base64_text { text.to_owned() } else { encode(text) }
}
