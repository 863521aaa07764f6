//! Changes to memberships: `POST /v2/groups/{id}` with lists of identities, by action ("Globus Groups API", Membership
//! Actions). Each identity succeeds or fails by itself.

use axum::extract::{Path, State};
use serde_json::{Map, Value, json};

use crate::answer::groups_error::GroupsError;
use crate::answer::reply::Document;
use crate::groups::caller::{Change, Outcome};
use crate::groups::documents::entry;
use crate::groups::endpoints::visible;
use crate::memory::app::AppState;
use crate::world::groups::Group;
use crate::world::people::{Identity, Person};

/// The most identities for one action.
const MAX_IDENTITIES: usize = 200;

const ROLES: [&str; 3] = ["member", "manager", "admin"];

/// A membership action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Accept,
    Add,
    Approve,
    ChangeRole,
    Decline,
    Invite,
    Join,
    Leave,
    Reject,
    Remove,
    RequestJoin,
}

const ACTIONS: [(&str, Action); 11] = [
    ("accept", Action::Accept),
    ("add", Action::Add),
    ("approve", Action::Approve),
    ("change_role", Action::ChangeRole),
    ("decline", Action::Decline),
    ("invite", Action::Invite),
    ("join", Action::Join),
    ("leave", Action::Leave),
    ("reject", Action::Reject),
    ("remove", Action::Remove),
    ("request_join", Action::RequestJoin),
];

/// Why an action fails for an identity: code and detail.
type Refused = (&'static str, &'static str);

const NOT_INVITED: Refused = ("NOT_INVITED", "This identity is not invited");
const NOT_PENDING: Refused = ("NOT_PENDING", "This identity does not ask to join");
const NOT_ACTIVE: Refused = ("NOT_ACTIVE", "This identity is not an active member");

/// `POST /v2/groups/{id}`
pub(crate) async fn act(
    State(app): State<AppState>,
    Path(id): Path<String>,
    Change { person, asked }: Change,
) -> Outcome<Document<Map<String, Value>>> {
    let actions = actions_of(&asked)?;
    let known = app.identities(&app.store());
    let mut book = app.groups();
    visible(&book, &person, &id)?;
    let group = book.find_mut(&id).ok_or_else(|| GroupsError::unknown(&id))?;
    let (mut done, mut errors) = (Map::new(), Map::new());
    for (name, action, items) in actions {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for item in items {
            match one(group, &person, &known, action, &item) {
                Ok(document) => good.push(document),
                Err((code, detail)) => {
                    bad.push(json!({ "code": code, "detail": detail, "identity_id": item["identity_id"] }));
                }
            }
        }
        done.insert(name.into(), good.into());
        if !bad.is_empty() {
            errors.insert(name.into(), bad.into());
        }
    }
    if !errors.is_empty() {
        done.insert("errors".into(), errors.into());
    }
    Ok(Document(done))
}

type Actions = Vec<(&'static str, Action, Vec<Value>)>;

fn actions_of(document: &Value) -> Outcome<Actions> {
    let mut actions = Vec::new();
    for (name, items) in document.as_object().into_iter().flatten() {
        let action = ACTIONS.iter().find(|(known, _)| known == name);
        let (name, action) = action.ok_or_else(|| GroupsError::bad_request(format!("Invalid action '{name}'")))?;
        let items = items.as_array().filter(|items| items.len() <= MAX_IDENTITIES);
        let items = items.ok_or_else(|| GroupsError::bad_request(format!("'{name}' must be a list")))?;
        actions.push((*name, *action, items.clone()));
    }
    if actions.is_empty() {
        return Err(GroupsError::bad_request("No action"));
    }
    Ok(actions)
}

/// Performs an action for one identity; returns its membership.
fn one(group: &mut Group, person: &Person, known: &[Identity], action: Action, item: &Value) -> Result<Value, Refused> {
    let identity = known.iter().find(|identity| item["identity_id"] == identity.id);
    let identity = identity.ok_or(("IDENTITY_NOT_FOUND", "There is no such identity"))?;
    let role = match &item["role"] {
        Value::Null => None,
        named => Some(ROLES.into_iter().find(|role| named == *role).ok_or(("INVALID_ROLE", "There is no such role"))?),
    };
    may(group, person, action, identity, role)?;
    let (role, status) = outcome(group, action, identity, role)?;
    if !group.put(identity, role, status) {
        return Err(("GROUP_FULL", "The group has too many memberships"));
    }
    group.member(&identity.id).map(|membership| entry(group, membership)).ok_or(("INTERNAL", "No membership"))
}

/// Whether the person may do this to the identity.
fn may(group: &Group, person: &Person, action: Action, identity: &Identity, role: Option<&str>) -> Result<(), Refused> {
    let own = matches!(action, Action::Accept | Action::Decline | Action::Join | Action::Leave | Action::RequestJoin);
    if own {
        let mine = person.identities().any(|own| own.id == identity.id);
        return if mine { Ok(()) } else { Err(("FORBIDDEN", "This is not one of your identities")) };
    }
    let admin = group.has_role(person, &["admin"]);
    if !admin && !group.has_role(person, &["manager"]) {
        return Err(("FORBIDDEN", "You must be a manager or an admin of the group"));
    }
    let target = group.member(&identity.id).filter(|member| member.status == "active").map(|member| member.role);
    let raised = |role: Option<&str>| role.is_some_and(|role| role != "member");
    if !admin && (raised(role) || raised(target)) {
        return Err(("FORBIDDEN", "You must be an admin of the group"));
    }
    Ok(())
}

/// The new role and status of an identity; no role leaves it as it is.
fn outcome(
    group: &Group,
    action: Action,
    identity: &Identity,
    role: Option<&'static str>,
) -> Result<(Option<&'static str>, &'static str), Refused> {
    let status = group.member(&identity.id).map(|membership| membership.status);
    let last_admin = || group.is_last_admin(&identity.id);
    let from = |wanted: &str, refused: Refused| if status == Some(wanted) { Ok(()) } else { Err(refused) };
    let new = || match status {
        Some("active") => Err(("ALREADY_ACTIVE", "This identity is an active member already")),
        _ => Ok(()),
    };
    match action {
        Action::Add => new().map(|()| (Some(role.unwrap_or("member")), "active")),
        Action::Invite => new().map(|()| (Some(role.unwrap_or("member")), "invited")),
        Action::Accept => from("invited", NOT_INVITED).map(|()| (None, "active")),
        Action::Decline => from("invited", NOT_INVITED).map(|()| (None, "declined")),
        Action::Approve => from("pending", NOT_PENDING).map(|()| (None, "active")),
        Action::Reject => from("pending", NOT_PENDING).map(|()| (None, "rejected")),
        Action::Join | Action::RequestJoin => {
            new()?;
            let barred = matches!(status, Some("removed" | "rejected"));
            if barred || !group.policies.join_requests {
                return Err(("JOIN_NOT_ALLOWED", "This identity may not join the group: ask its managers"));
            }
            Ok((Some("member"), if action == Action::Join { "active" } else { "pending" }))
        }
        Action::Leave | Action::Remove if status.is_none() => {
            Err(("MEMBERSHIP_NOT_FOUND", "This identity has no membership in the group"))
        }
        Action::Leave | Action::Remove if last_admin() => {
            Err(("LAST_ADMIN", "The last admin can neither leave the group nor be removed"))
        }
        Action::Leave => from("active", NOT_ACTIVE).map(|()| (None, "left")),
        Action::Remove => Ok((None, "removed")),
        Action::ChangeRole => {
            from("active", NOT_ACTIVE)?;
            let role = role.ok_or(("INVALID_ROLE", "The role is missing"))?;
            if role != "admin" && last_admin() {
                return Err(("LAST_ADMIN", "The last admin stays an admin"));
            }
            Ok((Some(role), "active"))
        }
    }
}
