//! Access rules and roles of collections, as Transfer serves them.

use crate::answer::reply::{Created, Document};
use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::memory::app::App;
use crate::memory::sharing::{NotAdded, Principal, ROLES, Role, Rule, owners_rule};
use crate::transfer::access::{Caller, Outcome, Problem};
use crate::transfer::call::{Call, bounded_text, list};
use crate::transfer::operations::folder_text;
use crate::world::collections::{Collection, Kind};

const MAX_PATH: usize = 1_000;

/// A collection that the caller may manage.
fn managed<'a>(app: &'a App, caller: &Caller, id: &str) -> Outcome<&'a Collection> {
    let collection = caller.look_at(app, id)?;
    if app.sharing().manages(collection, &caller.standing(app)) {
        return Ok(collection);
    }
    let message = "You must be an administrator or an access manager of the collection";
    Err(Problem::new(StatusCode::FORBIDDEN, "PermissionDenied", message))
}

fn not_found(code: &str, what: &str, id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, code, format!("No such {what} '{id}'"))
}

fn not_added(why: NotAdded, what: &str) -> Problem {
    match why {
        NotAdded::Exists => Problem::new(StatusCode::CONFLICT, "Exists", format!("This {what} exists already")),
        NotAdded::Full => Problem::new(StatusCode::CONFLICT, "LimitExceeded", format!("There are too many {what}s")),
    }
}

/// The principal that a document names. Identities and groups must exist.
fn principal(app: &App, document: &Value) -> Outcome<Principal> {
    let value = || bounded_text(document, "principal", 64).map(str::to_owned);
    match document["principal_type"].as_str() {
        Some("identity") => {
            let id = value()?;
            let known = app.identities(&app.store()).iter().any(|identity| identity.id == id);
            if known { Ok(Principal::Identity(id)) } else { Err(unknown_principal(&id)) }
        }
        Some("group") => {
            let id = value()?;
            if app.groups().find(&id).is_some() { Ok(Principal::Group(id)) } else { Err(unknown_principal(&id)) }
        }
        Some("all_authenticated_users") => Ok(Principal::AllAuthenticated),
        Some("anonymous") => Ok(Principal::Anonymous),
        _ => Err(Problem::bad_request("Invalid 'principal_type'")),
    }
}

fn unknown_principal(id: &str) -> Problem {
    Problem::bad_request(format!("There is no principal '{id}'"))
}

/// `GET /v0.10/endpoint/{id}/access_list`
pub(crate) async fn rules(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let collection = managed(&call.app, caller, &id)?;
    let rules: Vec<Value> = call.app.sharing().rules(collection).iter().map(Rule::document).collect();
    let owner = collection.kind.is_guest().then(|| owners_rule(collection));
    let mut document = list("access_list", &owner.into_iter().chain(rules).collect::<Vec<_>>());
    document["endpoint"] = json!(id);
    Ok(Document(document))
}

/// `POST /v0.10/endpoint/{id}/access` with `principal_type`, `principal`, `path` and `permissions`.
pub(crate) async fn add_rule(Path(id): Path<String>, call: Call) -> Outcome<Created<Value>> {
    let caller = &call.caller;
    let document = call.document("access")?;
    let collection = managed(&call.app, caller, &id)?;
    if !collection.kind.is_guest() {
        return Err(Problem::bad_request("Only guest collections have access rules"));
    }
    let rule = rule(&call.app, &document)?;
    let rule_id = rule.id.clone();
    call.app.sharing().add_rule(collection, rule).map_err(|why| not_added(why, "access rule"))?;
    let mut result = call.result("access_create_result", "Created", "Access rule created successfully.");
    result["access_id"] = json!(rule_id);
    Ok(Created(result))
}

fn rule(app: &App, document: &Value) -> Outcome<Rule> {
    let principal = principal(app, document)?;
    let path = bounded_text(document, "path", MAX_PATH)?;
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(Problem::bad_request("'path' must begin with '/'"));
    }
    let write = writes(document)?;
    if write && principal == Principal::Anonymous {
        return Err(Problem::bad_request("Anonymous users may read only"));
    }
    Ok(Rule::new(principal, folder_text(path), write, expiration(document)?))
}

fn writes(document: &Value) -> Outcome<bool> {
    match document["permissions"].as_str() {
        Some("r") => Ok(false),
        Some("rw") => Ok(true),
        _ => Err(Problem::bad_request("'permissions' must be 'r' or 'rw'")),
    }
}

fn expiration(document: &Value) -> Outcome<Option<String>> {
    match &document["expiration_date"] {
        Value::Null => Ok(None),
        _ => bounded_text(document, "expiration_date", 64).map(|text| Some(text.to_owned())),
    }
}

/// `GET /v0.10/endpoint/{id}/access/{rule}`
pub(crate) async fn rule_of(Path((id, rule_id)): Path<(String, String)>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let collection = managed(&call.app, caller, &id)?;
    let sharing = call.app.sharing();
    let found = sharing.rules(collection).iter().find(|rule| rule.id == rule_id);
    found.map(Rule::document).ok_or_else(|| not_found("AccessRuleNotFound", "access rule", &rule_id)).map(Document)
}

/// `PUT /v0.10/endpoint/{id}/access/{rule}` with new `permissions` or a new `expiration_date`.
pub(crate) async fn change_rule(Path((id, rule_id)): Path<(String, String)>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let document = call.document("access")?;
    let collection = managed(&call.app, caller, &id)?;
    let mut sharing = call.app.sharing();
    let rule = sharing.rules_mut(collection).iter_mut().find(|rule| rule.id == rule_id);
    let rule = rule.ok_or_else(|| not_found("AccessRuleNotFound", "access rule", &rule_id))?;
    let write = if document["permissions"].is_null() { rule.write } else { writes(&document)? };
    if document.get("expiration_date").is_some() {
        rule.expires = expiration(&document)?;
    }
    rule.write = write;
    Ok(Document(call.result("result", "Updated", format!("Access rule '{rule_id}' permissions updated successfully"))))
}

/// `DELETE /v0.10/endpoint/{id}/access/{rule}`
pub(crate) async fn delete_rule(Path((id, rule_id)): Path<(String, String)>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let collection = managed(&call.app, caller, &id)?;
    let mut sharing = call.app.sharing();
    let rules = sharing.rules_mut(collection);
    let position = rules.iter().position(|rule| rule.id == rule_id);
    rules.remove(position.ok_or_else(|| not_found("AccessRuleNotFound", "access rule", &rule_id))?);
    Ok(Document(call.result("result", "Deleted", format!("Access rule '{rule_id}' deleted successfully"))))
}

/// `GET /v0.10/endpoint/{id}/role_list`
pub(crate) async fn roles(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let collection = managed(&call.app, caller, &id)?;
    let roles: Vec<Value> = call.app.sharing().roles(collection).iter().map(Role::document).collect();
    Ok(Document(list("role_list", &roles)))
}

/// `POST /v0.10/endpoint/{id}/role` with `principal_type`, `principal` and `role`.
pub(crate) async fn add_role(Path(id): Path<String>, call: Call) -> Outcome<Created<Value>> {
    let caller = &call.caller;
    let document = call.document("role")?;
    let collection = managed(&call.app, caller, &id)?;
    let principal = principal(&call.app, &document)?;
    if !matches!(principal, Principal::Identity(_) | Principal::Group(_)) {
        return Err(Problem::bad_request("'principal_type' must be 'identity' or 'group'"));
    }
    let role = ROLES.into_iter().find(|role| document["role"] == *role);
    let role = Role::new(principal, role.ok_or_else(|| Problem::bad_request("Invalid 'role'"))?);
    let document = role.document();
    call.app.sharing().add_role(collection, role).map_err(|why| not_added(why, "role"))?;
    Ok(Created(document))
}

/// `GET /v0.10/endpoint/{id}/role/{role}`
pub(crate) async fn role_of(Path((id, role_id)): Path<(String, String)>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let collection = managed(&call.app, caller, &id)?;
    let sharing = call.app.sharing();
    let found = sharing.roles(collection).iter().find(|role| role.id == role_id);
    found.map(Role::document).ok_or_else(|| not_found("RoleNotFound", "role", &role_id)).map(Document)
}

/// `DELETE /v0.10/endpoint/{id}/role/{role}`. The last administrator cannot be removed.
pub(crate) async fn delete_role(Path((id, role_id)): Path<(String, String)>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let collection = managed(&call.app, caller, &id)?;
    let mut sharing = call.app.sharing();
    let roles = sharing.roles_mut(collection);
    let position = roles.iter().position(|role| role.id == role_id);
    let position = position.ok_or_else(|| not_found("RoleNotFound", "role", &role_id))?;
    let administrators = roles.iter().filter(|role| role.role == "administrator").count();
    if roles[position].role == "administrator" && administrators == 1 {
        return Err(Problem::new(StatusCode::CONFLICT, "Conflict", "The last administrator cannot be removed"));
    }
    roles.remove(position);
    Ok(Document(call.result("result", "Deleted", format!("Deleted role '{role_id}' successfully"))))
}

/// `GET /v0.10/endpoint/{id}/server_list`
pub(crate) async fn servers(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let collection = caller.look_at(&call.app, &id)?;
    let servers = if collection.kind == Kind::Endpoint { vec![collection.server()] } else { vec![] };
    let mut document = list("endpoint_server_list", &servers);
    document["endpoint"] = json!(collection.canonical_name());
    Ok(Document(document))
}

/// `GET /v0.10/endpoint/{id}/my_shared_endpoint_list`: guest collections of a collection that the caller manages.
pub(crate) async fn shared_endpoints(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let caller = &call.caller;
    let host = caller.look_at(&call.app, &id)?;
    let standing = caller.standing(&call.app);
    let hosted = call.app.catalogue.all.iter().filter(|guest| guest.is_hosted_by(host));
    let sharing = call.app.sharing();
    let managed = hosted.filter(|guest| sharing.manages(guest, &standing));
    let documents: Vec<Value> = managed.map(|guest| guest.document(caller.person()).into()).collect();
    let mut document = list("shared_endpoint_list", &documents);
    document["host_endpoint"] = json!(id);
    Ok(Document(document))
}
