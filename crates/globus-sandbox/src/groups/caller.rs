//! Who calls Groups.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use std::sync::Arc;

use crate::answer::groups_error::GroupsError;
use crate::auth::credentials;
use crate::ground::moment::now;
use crate::memory::app::App;
use crate::world::people::Person;

/// A person whose token may change groups.
pub(crate) fn writer(app: &App, headers: &HeaderMap) -> Result<Arc<Person>, GroupsError> {
    with_scope(app, headers, &[ALL])
}

/// Whom the token speaks for. Either scope of Groups is good enough for reading.
pub(crate) fn reader(app: &App, headers: &HeaderMap) -> Result<Arc<Person>, GroupsError> {
    with_scope(app, headers, &[VIEW, ALL])
}

fn with_scope(app: &App, headers: &HeaderMap, scopes: &[&str]) -> Result<Arc<Person>, GroupsError> {
    let unauthorized = |code, detail: &str| GroupsError::new(StatusCode::UNAUTHORIZED, code, detail);
    let malformed = || unauthorized("AUTHENTICATION_ERROR", "Missing or malformed Authorization header");
    headers.get(AUTHORIZATION).ok_or_else(malformed)?;
    let text = credentials::bearer(headers).ok_or_else(malformed)?;
    let store = app.store();
    let invalid = || unauthorized("INVALID_TOKEN", "The token is not active");
    let token = store.access_tokens.get(text, now()).ok_or_else(invalid)?;
    if token.resource_server == SERVER && scopes.iter().any(|scope| token.has_scope(scope)) {
        return Ok(token.grant.person.clone());
    }
    Err(GroupsError::forbidden(format!("The token does not have the scope {}", scopes.join(" or "))))
}

const SERVER: &str = "groups.api.globus.org";

const VIEW: &str = "urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships";

const ALL: &str = "urn:globus:auth:scope:groups.api.globus.org:all";
