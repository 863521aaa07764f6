//! Globus Groups: the caller's groups, single groups, creating and changing them ("Globus Groups API", Groups,
//! Policies). Memberships are changed in `actions`.

use axum::extract::{Path, RawQuery, State};
use serde_json::Value;

use crate::answer::groups_error::GroupsError;
use crate::answer::reply::{Created, Document};
use crate::ground::params::Params;
use crate::groups::caller::{Change, Outcome, Reader, Writer};
use crate::groups::documents::{document, memberships, policies_document, summary, with};
use crate::memory::app::AppState;
use crate::world::groups::{Full, Group, GroupBook, Policies};
use crate::world::people::Person;

/// The statuses that a membership can have.
const STATUSES: [&str; 7] = ["active", "invited", "pending", "rejected", "removed", "left", "declined"];
/// The longest name or description.
const MAX_TEXT: usize = 4_000;
/// The values of `include`.
const INCLUDES: [&str; 5] = ["memberships", "my_memberships", "policies", "allowed_actions", "child_ids"];

/// `GET /v2/groups/my_groups`: a bare array of the groups where the person has a membership with one of `statuses`.
pub(crate) async fn my_groups(
    State(app): State<AppState>,
    Reader(reader): Reader,
    RawQuery(query): RawQuery,
) -> Outcome<Document<Vec<Value>>> {
    let params = Params::of_query(query.as_deref())?;
    let statuses = known(&params, "statuses", &STATUSES)?;
    let wanted =
        |status: &str| if statuses.is_empty() { status == "active" } else { statuses.iter().any(|s| s == status) };
    let documents = app
        .groups()
        .all()
        .iter()
        .filter_map(|group| {
            let mine = memberships(group, &reader, wanted);
            (!mine.is_empty()).then(|| with(summary(group), [("my_memberships", mine.into())]))
        })
        .collect();
    Ok(Document(documents))
}

/// `GET /v2/groups/{id}`, with `include`. The document always has the policies and the reader's own memberships.
pub(crate) async fn group(
    State(app): State<AppState>,
    Path(id): Path<String>,
    Reader(reader): Reader,
    RawQuery(query): RawQuery,
) -> Outcome<Document<Value>> {
    let params = Params::of_query(query.as_deref())?;
    let include = known(&params, "include", &INCLUDES)?;
    let book = app.groups();
    let group = visible(&book, &reader, &id)?;
    Ok(Document(document(&book, group, &reader, &include)))
}

/// A group that the reader may see.
pub(crate) fn visible<'a>(book: &'a GroupBook, reader: &Person, id: &str) -> Outcome<&'a Group> {
    let may_see = |group: &&Group| !group.policies.private || group.held(reader).next().is_some();
    book.find(id).filter(may_see).ok_or_else(|| GroupsError::unknown(id))
}

/// A comma-separated list whose members must all be known.
fn known(params: &Params, name: &str, all: &[&str]) -> Outcome<Vec<String>> {
    let list = params.list(name);
    match list.iter().find(|member| !all.contains(&member.as_str())) {
        None => Ok(list),
        Some(member) => Err(GroupsError::bad_request(format!("Invalid value '{member}' in '{name}'"))),
    }
}

/// A field that is null or a string.
fn text(document: &Value, name: &str) -> Outcome<Option<String>> {
    match &document[name] {
        Value::Null => Ok(None),
        Value::String(text) if text.chars().count() <= MAX_TEXT => Ok(Some(text.clone())),
        _ => Err(GroupsError::bad_request(format!("{name} must be a string of at most {MAX_TEXT} characters"))),
    }
}

fn name(document: &Value) -> Outcome<String> {
    let name = text(document, "name")?.filter(|name| !name.trim().is_empty());
    name.ok_or_else(|| GroupsError::bad_request("name is missing"))
}

/// A group that the person is an admin of.
fn administered<'a>(book: &'a mut GroupBook, person: &Person, id: &str) -> Outcome<&'a mut Group> {
    if !visible(book, person, id)?.has_role(person, &["admin"]) {
        return Err(GroupsError::forbidden("You must be an admin of the group"));
    }
    book.find_mut(id).ok_or_else(|| GroupsError::unknown(id))
}

/// `POST /v2/groups` with `name`, `description` and `parent_id`: the caller becomes its admin.
pub(crate) async fn create(State(app): State<AppState>, Change { person, asked }: Change) -> Outcome<Created<Value>> {
    let parent = text(&asked, "parent_id")?;
    let mut book = app.groups();
    if let Some(parent) = &parent {
        administered(&mut book, &person, parent)?;
    }
    let group = Group::new(name(&asked)?, text(&asked, "description")?, parent, &person.primary);
    let id = group.id.clone();
    book.add(group).map_err(|Full| GroupsError::bad_request("The sandbox has too many groups"))?;
    let made = visible(&book, &person, &id)?;
    Ok(Created(document(&book, made, &person, &[])))
}

/// `PUT /v2/groups/{id}` with any of `name`, `description` and `terms_and_conditions`.
pub(crate) async fn update(
    State(app): State<AppState>,
    Path(id): Path<String>,
    Change { person, asked }: Change,
) -> Outcome<Document<Value>> {
    let mut book = app.groups();
    let group = administered(&mut book, &person, &id)?;
    let (name, description) = (name(&asked), text(&asked, "description")?);
    let terms = text(&asked, "terms_and_conditions")?;
    if asked.get("name").is_some() {
        group.name = name?;
    }
    if asked.get("description").is_some() {
        group.description = description;
    }
    if asked.get("terms_and_conditions").is_some() {
        group.terms = terms;
    }
    let changed = visible(&book, &person, &id)?;
    Ok(Document(document(&book, changed, &person, &[])))
}

/// `DELETE /v2/groups/{id}`: deletes the group and all its subgroups.
pub(crate) async fn delete(
    State(app): State<AppState>,
    Path(id): Path<String>,
    Writer(person): Writer,
) -> Outcome<Document<Value>> {
    let mut book = app.groups();
    administered(&mut book, &person, &id)?;
    let gone = document(&book, visible(&book, &person, &id)?, &person, &[]);
    book.remove(&id);
    Ok(Document(gone))
}

/// `GET /v2/groups/{id}/policies`
pub(crate) async fn policies(
    State(app): State<AppState>,
    Path(id): Path<String>,
    Reader(reader): Reader,
) -> Outcome<Document<Value>> {
    let book = app.groups();
    let group = visible(&book, &reader, &id)?;
    Ok(Document(policies_document(&group.policies)))
}

/// `PUT /v2/groups/{id}/policies` with the whole document.
pub(crate) async fn set_policies(
    State(app): State<AppState>,
    Path(id): Path<String>,
    Change { person, asked }: Change,
) -> Outcome<Document<Value>> {
    let mut book = app.groups();
    let group = administered(&mut book, &person, &id)?;
    group.policies = policies_of(&asked, &group.policies)?;
    Ok(Document(policies_document(&group.policies)))
}

fn policies_of(document: &Value, current: &Policies) -> Outcome<Policies> {
    let wrong = |name: &str| GroupsError::bad_request(format!("Invalid value in '{name}'"));
    let flag = |name: &str, current: bool| match &document[name] {
        Value::Null => Ok(current),
        value => value.as_bool().ok_or_else(|| wrong(name)),
    };
    let word = |name: &str, words: [&'static str; 2]| {
        let word = words.into_iter().find(|word| document[name] == *word);
        word.ok_or_else(|| wrong(name))
    };
    let fields = match &document["signup_fields"] {
        Value::Null => vec![],
        value => serde_json::from_value(value.clone()).map_err(|_| wrong("signup_fields"))?,
    };
    Ok(Policies {
        private: word("group_visibility", ["authenticated", "private"])? == "private",
        members_visible_to: word("group_members_visibility", ["members", "managers"])?,
        join_requests: flag("join_requests", current.join_requests)?,
        high_assurance: flag("is_high_assurance", current.high_assurance)?,
        assurance_timeout: document["authentication_assurance_timeout"].as_u64().unwrap_or(current.assurance_timeout),
        signup_fields: fields,
    })
}
