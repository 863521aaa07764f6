//! Clients of Globus Auth for apps: with a secret, and without one.

use url::Url;

use super::{
    documents::{DependentTokenOptions, Identities, IdentitiesQuery, Introspection},
    person::get_identities,
    tokens::{DependentTokenResponse, TokenError, TokenResponse},
};
use crate::{
    clock::Clock,
    error::{CallError, Service, UsageError},
    scopes::Scopes,
    secret::{AccessToken, ClientSecret, RefreshToken, TokenRef},
    service::{
        authorizer::{Authorizer, BasicAuthorizer},
        client::ServiceClient,
        http::HttpClient,
        query::{Parameters, encode},
        url::{join, with_slash},
    },
};

/// Which kind of token a revocation is about (RFC 7009 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

/// How an app proves to Globus Auth who it is.
#[derive(Clone, Debug)]
pub struct Confidential(());

/// An app that cannot keep a secret: it names itself in each form instead.
#[derive(Clone, Debug)]
pub struct Native(());

/// A client of Globus Auth for an app that people log in to. `K` says which kind of app: [`Confidential`] or [`Native`].
#[derive(Clone, Debug)]
pub struct AppAuthClient<K> {
    pub(super) service: ServiceClient,
    /// Where browsers reach Globus Auth: the same base, except for a stand-in that has another address inside a container.
    browser_base: Url,
    pub(super) clock: Clock,
    pub(super) client_id: String,
    /// Added to each form; only for native apps.
    names_itself: bool,
    kind: std::marker::PhantomData<K>,
}

/// An app with a secret, which it sends by Basic authentication (the Python SDK's `ConfidentialAppAuthClient`); made by
/// [`Globus::confidential_app`](crate::Globus::confidential_app).
pub type ConfidentialAppAuthClient = AppAuthClient<Confidential>;

/// An app without a secret (the Python SDK's `NativeAppAuthClient`); made by
/// [`Globus::native_app`](crate::Globus::native_app).
pub type NativeAppAuthClient = AppAuthClient<Native>;

impl ConfidentialAppAuthClient {
    /// A client of the Globus Auth at `base`.
    pub(crate) fn new(
        base: Url,
        http: HttpClient,
        clock: Clock,
        client_id: String,
        client_secret: &ClientSecret,
    ) -> Self {
        let (name, password) = (basic_part(&client_id), basic_part(client_secret.expose_secret()));
        let authorizer = BasicAuthorizer::new(&name, &password).into();
        let base = with_slash(base);
        let browser_base = base.clone();
        let service = ServiceClient { service: Service::Auth, base, http, authorizer };
        Self { service, browser_base, clock, client_id, names_itself: false, kind: std::marker::PhantomData }
    }

    /// Gets tokens for the app itself (RFC 6749 section 4.4).
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn oauth2_client_credentials_tokens(
        &self,
        scopes: impl Into<Scopes>,
    ) -> Result<TokenResponse, TokenError> {
        let scopes = scopes.into();
        self.oauth2_token(&[("grant_type", "client_credentials"), ("scope", scopes.as_str())]).await
    }

    /// Exchanges a token that a caller sent to this app, which is a service, for tokens of the services that it depends on
    /// (Globus Auth developer guide, "dependent token grant").
    ///
    /// # Errors
    /// [`TokenError`]; its [`ApiError`](crate::error::ApiError) carries the scopes to ask for when the person has not consented to them.
    pub async fn oauth2_get_dependent_tokens(
        &self,
        token: &AccessToken,
        options: &DependentTokenOptions,
    ) -> Result<DependentTokenResponse, TokenError> {
        let mut form =
            vec![("grant_type", "urn:globus:auth:grant_type:dependent_token"), ("token", token.expose_secret())];
        form.extend(options.refresh_tokens.then_some(("access_type", "offline")));
        form.extend(options.scopes.as_ref().map(|scopes| ("scope", scopes.as_str())));
        let answer = self.service.post_form("v2/oauth2/token", &self.form(&form), false).await?;
        Ok(DependentTokenResponse::read(&answer, self.clock.now())?)
    }

    /// Asks what a token is (RFC 7662). `include` asks for more: `identity_set`, `identity_set_detail`,
    /// `session_info`.
    ///
    /// # Errors
    /// [`CallError`]; an [`ApiError`](crate::error::ApiError) with status 401 when Globus does not accept the client id and secret.
    pub async fn oauth2_token_introspect(
        &self,
        token: impl Into<TokenRef<'_>>,
        include: &[&str],
    ) -> Result<Introspection, CallError> {
        self.oauth2_token_introspect_with_policies(token, include, &[]).await
    }

    /// The same, and whether these authentication policies, by their ids, hold for the session that the token is of: the member
    /// `policy_evaluations` of [`Introspection::more`].
    ///
    /// # Errors
    /// As [`oauth2_token_introspect`](Self::oauth2_token_introspect).
    pub async fn oauth2_token_introspect_with_policies(
        &self,
        token: impl Into<TokenRef<'_>>,
        include: &[&str],
        authentication_policies: &[&str],
    ) -> Result<Introspection, CallError> {
        let (include, policies) = (include.join(","), authentication_policies.join(","));
        let mut form = vec![("token", token.into().expose_secret())];
        form.extend((!include.is_empty()).then_some(("include", include.as_str())));
        form.extend((!policies.is_empty()).then_some(("authentication_policies", policies.as_str())));
        self.service.post_form("v2/oauth2/token/introspect", &self.form(&form), false).await?.document()
    }

    /// Identities by their usernames or ids, asked with the app's own credentials: see [`AuthClient::get_identities`](super::AuthClient::get_identities).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_identities(&self, query: &IdentitiesQuery<'_>) -> Result<Identities, CallError> {
        get_identities(&self.service, query).await
    }
}

impl NativeAppAuthClient {
    /// A client of the Globus Auth at `base`. Fails for an empty client id.
    pub(crate) fn new(base: Url, http: HttpClient, clock: Clock, client_id: String) -> Result<Self, UsageError> {
        if client_id.is_empty() {
            return Err(UsageError("a native app needs a client id".to_owned()));
        }
        let base = with_slash(base);
        let browser_base = base.clone();
        let service = ServiceClient { service: Service::Auth, base, http, authorizer: Authorizer::Null };
        Ok(Self { service, browser_base, clock, client_id, names_itself: true, kind: std::marker::PhantomData })
    }
}

impl<K> AppAuthClient<K> {
    /// The app's client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The same client with this time limit for a call, and without retries.
    #[must_use]
    pub fn with_timeout(mut self, timeout: std::time::Duration) -> Self {
        self.service.http = self.service.http.without_retries().with_timeout(timeout);
        self
    }

    /// The same client, of a Globus Auth that browsers reach at another base URL, which is its issuer too.
    #[must_use]
    pub fn with_browser_base(mut self, base: Url) -> Self {
        self.browser_base = with_slash(base);
        self
    }

    /// The base URL at which browsers reach Globus Auth, with a slash at its end.
    #[must_use]
    pub fn browser_base(&self) -> &Url {
        &self.browser_base
    }

    /// The base URL of Globus Auth, with a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.service.base
    }

    /// The authorize endpoint, where a person's browser starts a login.
    #[must_use]
    pub fn authorize_endpoint(&self) -> Url {
        join(&self.browser_base, "v2/oauth2/authorize")
    }

    /// Asks the token endpoint with any form (RFC 6749 section 4.5), for grants that have no method here. A form that
    /// carries a code or a refresh token is never sent a second time, whatever comes back: it may have been spent.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn oauth2_token(&self, form: &[(&str, &str)]) -> Result<TokenResponse, TokenError> {
        let spends = |(name, value): &(&str, &str)| {
            *name == "grant_type" && matches!(*value, "authorization_code" | "refresh_token")
        };
        let once = form.iter().any(spends);
        let answer = self.service.post_form("v2/oauth2/token", &self.form(form), once).await?;
        Ok(TokenResponse::read(&answer, self.clock.now())?)
    }

    /// Gets a new access token for the resource server of a refresh token (RFC 6749 section 6).
    ///
    /// # Errors
    /// [`TokenError`]; [`TokenError::InvalidGrant`] when the refresh token is no longer valid.
    pub async fn oauth2_refresh_token(&self, token: &RefreshToken) -> Result<TokenResponse, TokenError> {
        self.oauth2_token(&[("refresh_token", token.expose_secret()), ("grant_type", "refresh_token")]).await
    }

    /// Revokes a token (RFC 7009). A token that is unknown or already revoked is a success. `hint` says which kind it is.
    ///
    /// # Errors
    /// [`CallError`]: the token may still be valid.
    pub async fn oauth2_revoke_token(
        &self,
        token: impl Into<TokenRef<'_>>,
        hint: Option<TokenTypeHint>,
    ) -> Result<(), CallError> {
        let mut form = vec![("token", token.into().expose_secret())];
        form.extend(hint.map(|hint| ("token_type_hint", hint.as_str())));
        self.service.post_form("v2/oauth2/token/revoke", &self.form(&form), false).await?.success()
    }

    /// Globus's page that ends the browser's session with Globus Auth (Globus Auth documentation, "helper pages"). It
    /// shows a link to `redirect_uri` named `redirect_name`; it revokes no token.
    #[must_use]
    pub fn logout_url(&self, redirect_uri: &str, redirect_name: &str) -> Url {
        self.helper_page("v2/web/logout", redirect_uri, redirect_name)
    }

    /// Globus's page on which a person sees and links identities.
    #[must_use]
    pub fn identities_url(&self, redirect_uri: &str, redirect_name: &str) -> Url {
        self.helper_page("v2/web/identities", redirect_uri, redirect_name)
    }

    /// Globus's page on which a person sees and rescinds consents.
    #[must_use]
    pub fn consents_url(&self, redirect_uri: &str, redirect_name: &str) -> Url {
        self.helper_page("v2/web/consents", redirect_uri, redirect_name)
    }

    fn helper_page(&self, path: &str, redirect_uri: &str, redirect_name: &str) -> Url {
        let parameters =
            [("client_id", &*self.client_id), ("redirect_uri", redirect_uri), ("redirect_name", redirect_name)];
        let mut url = join(&self.browser_base, path);
        url.set_query(Some(&Parameters::from(&parameters[..]).encoded()));
        url
    }

    /// The service as anybody may ask it: no credentials go where none are needed.
    pub(super) fn public_service(&self) -> ServiceClient {
        ServiceClient { authorizer: Authorizer::Null, ..self.service.clone() }
    }

    /// A form with the app's name in it, where that is how the app says who it is.
    fn form(&self, pairs: &[(&str, &str)]) -> Parameters {
        let mut form = Parameters::from(pairs);
        if self.names_itself {
            form.set("client_id", &*self.client_id);
        }
        form
    }
}

/// One half of the Basic credentials. RFC 6749 section 2.3.1 wants both halves form-encoded. Globus makes its secrets
/// of base64 text and compares them as they come, without decoding, as its SDKs send them: a `+` or `=` must stay what
/// it is. So text of that alphabet goes as it is, and any other text as the RFC says.
fn basic_part(text: &str) -> String {
    let base64_text = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    if base64_text { text.to_owned() } else { encode(text) }
}

/// Calls that have no method here: `get`, `post`, `put`, `patch` and `delete` of [`ServiceClient`].
impl<K> std::ops::Deref for AppAuthClient<K> {
    type Target = ServiceClient;

    fn deref(&self) -> &ServiceClient {
        &self.service
    }
}
