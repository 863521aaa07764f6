//! Who calls Groups, and what a change asks for.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::answer::groups_error::GroupsError;
use crate::auth::bearer::{NoToken, live_token};
use crate::memory::app::{App, AppState};
use crate::world::people::Person;

const SERVER: &str = "groups.api.globus.org";

const VIEW: &str = "urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships";

const ALL: &str = "urn:globus:auth:scope:groups.api.globus.org:all";

/// An answer, or an error of Groups.
pub(crate) type Outcome<T> = Result<T, GroupsError>;

/// A person whose token may read groups. Either scope of Groups allows that.
pub(crate) struct Reader(pub(crate) Arc<Person>);

/// A person whose token may change groups.
pub(crate) struct Writer(pub(crate) Arc<Person>);

/// A change: who asks for it, and the JSON object that says what to change.
pub(crate) struct Change {
    pub(crate) person: Arc<Person>,
    pub(crate) asked: Value,
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = GroupsError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Outcome<Self> {
        with_scope(app, &parts.headers, &[VIEW, ALL]).map(Self)
    }
}

impl FromRequestParts<AppState> for Writer {
    type Rejection = GroupsError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Outcome<Self> {
        with_scope(app, &parts.headers, &[ALL]).map(Self)
    }
}

impl FromRequest<AppState> for Change {
    type Rejection = Response;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let bytes = Bytes::from_request(request, app).await.map_err(IntoResponse::into_response)?;
        Self::read(app, &headers, &bytes).map_err(IntoResponse::into_response)
    }
}

impl Change {
    fn read(app: &App, headers: &HeaderMap, bytes: &[u8]) -> Outcome<Self> {
        let person = with_scope(app, headers, &[ALL])?;
        let asked: Option<Value> = serde_json::from_slice(bytes).ok().filter(Value::is_object);
        let asked = asked.ok_or_else(|| GroupsError::bad_request("The body must be a JSON object"))?;
        Ok(Self { person, asked })
    }
}

/// Whom the token speaks for, if it has one of these scopes.
fn with_scope(app: &App, headers: &HeaderMap, scopes: &[&str]) -> Outcome<Arc<Person>> {
    let token = live_token(app, headers)?;
    if token.resource_server == SERVER && scopes.iter().any(|scope| token.has_scope(scope)) {
        return Ok(token.grant.person.clone());
    }
    Err(GroupsError::forbidden(format!("The token does not have the scope {}", scopes.join(" or "))))
}

impl From<NoToken> for GroupsError {
    fn from(why: NoToken) -> Self {
        let (code, detail) = match why {
            NoToken::Missing => ("AUTHENTICATION_ERROR", "Missing or malformed Authorization header"),
            NoToken::Inactive => ("INVALID_TOKEN", "The token is not active"),
        };
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }
}
