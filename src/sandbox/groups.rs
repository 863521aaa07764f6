//! Globus Groups: the groups of the person who asks, and single groups ("Globus Groups API", Get my groups and
//! memberships, Get group).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::group_book::{GROUPS, Group, Membership};
use super::params::Params;
use super::people::{Identity, Person};
use super::store::now;
use super::{App, AppState, client, random, reply};

const SERVER: &str = "groups.api.globus.org";
const VIEW: &str = "urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships";
const ALL: &str = "urn:globus:auth:scope:groups.api.globus.org:all";

/// The statuses that a membership can have.
const STATUSES: [&str; 7] = ["active", "invited", "pending", "rejected", "removed", "left", "declined"];
/// What `include` knows.
const INCLUDES: [&str; 5] = ["memberships", "my_memberships", "policies", "allowed_actions", "child_ids"];

/// Why Groups refuses.
#[derive(Debug)]
pub(super) struct GroupsError {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl GroupsError {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    fn bad_request(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", detail)
    }

    fn unknown(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "GROUP_NOT_FOUND", format!("Group {id} not found"))
    }
}

impl IntoResponse for GroupsError {
    fn into_response(self) -> Response {
        tracing::debug!(error = ?self, "sandbox: Globus Groups refuses");
        let document = json!({"errors": [{
            "id": random::uuid(),
            "status": self.status.as_str(),
            "code": self.code,
            "title": self.status.canonical_reason(),
            "detail": self.detail,
        }]});
        reply::json(self.status, &document)
    }
}

/// `GET /v2/groups/my_groups`: a bare array of the groups where the person has a membership with one of `statuses`.
pub(super) async fn my_groups(
    State(app): State<AppState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, GroupsError> {
    let reader = reader(&app, &headers)?;
    let params = params(query.as_deref())?;
    let statuses = known(&params, "statuses", &STATUSES)?;
    let wanted =
        |status: &str| if statuses.is_empty() { status == "active" } else { statuses.iter().any(|s| s == status) };
    let documents: Vec<Value> = GROUPS
        .iter()
        .filter_map(|group| {
            let mine = memberships(group, &reader, wanted);
            (!mine.is_empty()).then(|| with(summary(group), [("my_memberships", mine.into())]))
        })
        .collect();
    Ok(reply::json(StatusCode::OK, &documents))
}

/// `GET /v2/groups/{id}`, with `include`. Memberships and policies of the reader's own are there in any case.
pub(super) async fn group(
    State(app): State<AppState>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, GroupsError> {
    let reader = reader(&app, &headers)?;
    let params = params(query.as_deref())?;
    let include = known(&params, "include", &INCLUDES)?;
    let group = GROUPS.iter().find(|group| group.id == id).ok_or_else(|| GroupsError::unknown(&id))?;
    let mine = memberships(group, &reader, |_| true);
    if group.private && mine.is_empty() {
        return Err(GroupsError::unknown(&id));
    }
    let mut document = with(
        summary(group),
        [
            ("description", json!(group.description)),
            ("my_memberships", mine.into()),
            ("subscription_id", Value::Null),
            ("subscription_info", Value::Null),
        ],
    );
    for name in include {
        let value = match name.as_str() {
            "memberships" if sees_members(group, &reader) => everybody(&app, group),
            "allowed_actions" => allowed_actions(group, &reader),
            "child_ids" => children(group),
            _ => continue,
        };
        document[name] = value;
    }
    Ok(reply::json(StatusCode::OK, &document))
}

/// Whom the token speaks for. Either scope of Groups is good enough for reading.
fn reader(app: &App, headers: &HeaderMap) -> Result<Arc<Person>, GroupsError> {
    let unauthorized = |code, detail: &str| GroupsError::new(StatusCode::UNAUTHORIZED, code, detail);
    let malformed = || unauthorized("AUTHENTICATION_ERROR", "Missing or malformed Authorization header");
    headers.get(AUTHORIZATION).ok_or_else(malformed)?;
    let text = client::bearer(headers).ok_or_else(malformed)?;
    let store = app.store();
    let invalid = || unauthorized("INVALID_TOKEN", "The token is not active");
    let token = store.access_tokens.get(text, now()).ok_or_else(invalid)?;
    if token.resource_server == SERVER && (token.has_scope(VIEW) || token.has_scope(ALL)) {
        return Ok(token.grant.person.clone());
    }
    Err(GroupsError::new(StatusCode::FORBIDDEN, "FORBIDDEN", format!("The token does not have the scope {VIEW}")))
}

fn params(query: Option<&str>) -> Result<Params, GroupsError> {
    Params::read(query.unwrap_or_default().as_bytes())
        .map_err(|again| GroupsError::bad_request(format!("Repeated parameter '{}'", again.0)))
}

/// A comma list of which every member has to be known.
fn known(params: &Params, name: &str, all: &[&str]) -> Result<Vec<String>, GroupsError> {
    let list = params.list(name);
    match list.iter().find(|member| !all.contains(&member.as_str())) {
        None => Ok(list),
        Some(member) => Err(GroupsError::bad_request(format!("Invalid value '{member}' in '{name}'"))),
    }
}

/// The members that both documents have.
fn summary(group: &Group) -> Value {
    json!({
        "name": group.name,
        "parent_id": group.parent,
        "id": group.id,
        "group_type": "regular",
        "enforce_session": false,
        "session_limit": 28800,
        "session_timeouts": {},
        "policies": {
            "group_visibility": if group.private { "private" } else { "authenticated" },
            "group_members_visibility": group.members_visible_to,
        },
    })
}

fn with<const N: usize>(mut document: Value, members: [(&str, Value); N]) -> Value {
    for (name, value) in members {
        document[name] = value;
    }
    document
}

/// The reader's memberships in a group, over all linked identities.
fn memberships(group: &Group, reader: &Person, wanted: impl Fn(&str) -> bool) -> Vec<Value> {
    held(group, reader)
        .filter(|(membership, _)| wanted(membership.status))
        .map(|(membership, identity)| entry(group, membership, identity))
        .collect()
}

fn held<'a>(group: &'a Group, reader: &'a Person) -> impl Iterator<Item = (&'a Membership, &'a Identity)> {
    group.memberships.iter().filter_map(|membership| {
        let mut identities = reader.identities();
        identities.find(|identity| is_named(identity, membership.identity)).map(|identity| (membership, identity))
    })
}

fn is_named(identity: &Identity, name: &str) -> bool {
    identity.id == name || identity.username == name
}

fn entry(group: &Group, membership: &Membership, identity: &Identity) -> Value {
    json!({
        "group_id": group.id,
        "identity_id": identity.id,
        "username": identity.username,
        "role": membership.role,
        "status": membership.status,
    })
}

/// Managers and admins always see who is in a group, members if its policy says so.
fn sees_members(group: &Group, reader: &Person) -> bool {
    held(group, reader).any(|(membership, _)| {
        membership.status == "active" && (membership.role != "member" || group.members_visible_to == "members")
    })
}

fn everybody(app: &App, group: &Group) -> Value {
    group
        .memberships
        .iter()
        .filter_map(|membership| {
            let mut identities = app.people.identities();
            let identity = identities.find(|identity| is_named(identity, membership.identity))?;
            Some(entry(group, membership, identity))
        })
        .collect()
}

/// The form of this member is not documented; a list of words is a guess.
fn allowed_actions(group: &Group, reader: &Person) -> Value {
    let active = |role: &str| held(group, reader).any(|(m, _)| m.status == "active" && m.role == role);
    let mut actions = vec!["view"];
    if active("manager") || active("admin") {
        actions.extend(["invite", "approve", "reject", "remove"]);
    }
    if active("admin") {
        actions.extend(["update", "delete"]);
    }
    json!(actions)
}

fn children(group: &Group) -> Value {
    GROUPS.iter().filter(|other| other.parent == Some(group.id)).map(|other| json!(other.id)).collect()
}
