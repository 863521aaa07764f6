//! Documents of Globus Groups.

use serde_json::{Value, json};

use crate::world::groups::{Group, GroupBook, Membership, Policies};
use crate::world::people::Person;

pub(crate) fn document(book: &GroupBook, group: &Group, reader: &Person, include: &[String]) -> Value {
    let mut document = with(
        summary(group),
        [
            ("description", json!(group.description)),
            ("policies", policies_document(&group.policies)),
            ("terms_and_conditions", json!(group.terms)),
            ("my_memberships", memberships(group, reader, |_| true).into()),
            ("subscription_id", Value::Null),
            ("subscription_info", Value::Null),
            ("subscription_admin_verified_id", Value::Null),
        ],
    );
    for name in include {
        let value = match name.as_str() {
            "memberships" if group.shows_members_to(reader) => {
                group.memberships.iter().map(|membership| entry(group, membership)).collect()
            }
            // A reader who may not see the other members still sees their own memberships.
            "memberships" => memberships(group, reader, |_| true).into(),
            "allowed_actions" => allowed_actions(group, reader),
            "child_ids" => children(book, group),
            _ => continue,
        };
        document[name] = value;
    }
    document
}

/// The fields that both documents have.
pub(crate) fn summary(group: &Group) -> Value {
    json!({
        "name": group.name,
        "parent_id": group.parent,
        "id": group.id,
        "group_type": "regular",
        "enforce_session": group.policies.high_assurance,
        "session_limit": group.policies.assurance_timeout,
        "session_timeouts": {},
        "policies": {
            "group_visibility": visibility(&group.policies),
            "group_members_visibility": group.policies.members_visible_to,
        },
    })
}

pub(crate) fn with<const N: usize>(mut document: Value, members: [(&str, Value); N]) -> Value {
    for (name, value) in members {
        document[name] = value;
    }
    document
}

/// The reader's memberships in a group, over all linked identities.
pub(crate) fn memberships(group: &Group, reader: &Person, wanted: impl Fn(&str) -> bool) -> Vec<Value> {
    let mine = group.held(reader).filter(|membership| wanted(membership.status));
    mine.map(|membership| entry(group, membership)).collect()
}

pub(crate) fn entry(group: &Group, membership: &Membership) -> Value {
    json!({
        "group_id": group.id,
        "identity_id": membership.identity.id,
        "username": membership.identity.username,
        "role": membership.role,
        "status": membership.status,
    })
}

/// The form of this field is not documented; a list of names is a guess.
pub(crate) fn allowed_actions(group: &Group, reader: &Person) -> Value {
    let mut actions = vec!["view"];
    if group.has_role(reader, &["manager", "admin"]) {
        actions.extend(["invite", "approve", "reject", "remove"]);
    }
    if group.has_role(reader, &["admin"]) {
        actions.extend(["update", "delete"]);
    }
    json!(actions)
}

pub(crate) fn children(book: &GroupBook, group: &Group) -> Value {
    let inside = book.all().iter().filter(|other| other.parent.as_deref() == Some(group.id.as_str()));
    inside.map(|other| json!(other.id)).collect()
}

pub(crate) fn visibility(policies: &Policies) -> &'static str {
    if policies.private { "private" } else { "authenticated" }
}

pub(crate) fn policies_document(policies: &Policies) -> Value {
    json!({
        "is_high_assurance": policies.high_assurance,
        "authentication_assurance_timeout": policies.assurance_timeout,
        "group_visibility": visibility(policies),
        "group_members_visibility": policies.members_visible_to,
        "join_requests": policies.join_requests,
        "signup_fields": policies.signup_fields,
    })
}
