//! Who calls the APIs of Globus Auth: an app with its credentials, or the bearer of a token. A handler checks a request
//! with its extractors, in their order.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::answer::auth_error::{AuthError, Outcome};
use crate::auth::bearer::{NoToken, live_token};
use crate::auth::credentials;
use crate::ground::params::Params;
use crate::memory::app::{App, AppState};
use crate::memory::store::Token;
use crate::world::apps::Client;
use crate::world::scopes::AUTH;

/// A live token of Globus Auth. A token that was issued for another service is forbidden.
pub(crate) struct AuthToken(pub(crate) Token);

/// A confidential app that sends its credentials in the `Authorization` header.
pub(crate) struct BasicClient(pub(crate) Client);

/// The parameters of the query.
pub(crate) struct Query(pub(crate) Params);

/// A form, and the app that sent it: a confidential app with its secret, or a native app with its id alone.
pub(crate) struct ClientForm {
    pub(crate) client: Client,
    pub(crate) form: Params,
}

/// A form from a confidential app.
pub(crate) struct ConfidentialForm(pub(crate) ClientForm);

impl FromRequestParts<AppState> for AuthToken {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Outcome<Self> {
        let token = live_token(app, &parts.headers)?;
        if token.resource_server == AUTH { Ok(Self(token)) } else { Err(AuthError::Forbidden) }
    }
}

impl FromRequestParts<AppState> for BasicClient {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Outcome<Self> {
        credentials::confidential(app, &parts.headers, &Params::of_query(None)?).map(Self)
    }
}

impl FromRequestParts<AppState> for Query {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Outcome<Self> {
        Ok(Self(Params::of_query(parts.uri.query())?))
    }
}

impl FromRequest<AppState> for ClientForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Response> {
        form_of(request, app, credentials::authenticated).await
    }
}

impl FromRequest<AppState> for ConfidentialForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Response> {
        form_of(request, app, credentials::confidential).await.map(Self)
    }
}

/// How an app proves who it is.
type Proof = fn(&App, &HeaderMap, &Params) -> Outcome<Client>;

async fn form_of(request: Request, app: &AppState, proof: Proof) -> Result<ClientForm, Response> {
    let (name, headers) = (seen_name(request.uri().path()), request.headers().clone());
    let bytes = Bytes::from_request(request, app).await.map_err(IntoResponse::into_response)?;
    let read = || {
        let form = Params::read(&bytes)?;
        if let Some(name) = name {
            app.seen().note(name, form.pairs());
        }
        Ok(ClientForm { client: proof(app, &headers, &form)?, form })
    };
    read().map_err(|error: AuthError| error.into_response())
}

/// What `/sandbox/seen` calls the requests of a route; none for a route whose forms it does not keep.
fn seen_name(path: &str) -> Option<&'static str> {
    match path {
        "/v2/oauth2/token" => Some("token"),
        "/v2/oauth2/token/revoke" => Some("revoke"),
        "/v2/oauth2/token/introspect" => Some("introspect"),
        _ => None,
    }
}

impl From<NoToken> for AuthError {
    fn from(_: NoToken) -> Self {
        Self::Unauthenticated
    }
}
