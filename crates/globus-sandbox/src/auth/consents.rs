//! The consents of a person as an API ("Globus Auth documentation", Get Consents). A consent to a scope with dependencies
//! is a tree; each node is an entry that names its path from the root.

use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::answer::auth_error::{AuthError, Outcome};
use crate::answer::reply::Document;
use crate::auth::caller::{AuthToken, Query};
use crate::ground::{moment, random};
use crate::memory::app::{App, AppState};
use crate::memory::store::Consent;
use crate::world::scopes::{Scope, TRANSFER, VIEW_CONSENTS};

/// The client id of Globus Transfer itself, which holds the consents to collections.
const TRANSFER_CLIENT: &str = "2fbdda78-a599-4cb5-ac3d-1fbcfbc6a754";

/// `GET /v2/api/identities/{id}/consents`: the consents to the calling app; with `all`, those to every app, which needs
/// the scope `view_consents`.
pub(crate) async fn of_identity(
    State(app): State<AppState>,
    Path(id): Path<String>,
    Query(params): Query,
    AuthToken(token): AuthToken,
) -> Outcome<Document<Value>> {
    let person = &token.grant.person;
    let every = params.is_true("all");
    let own = person.identities().any(|identity| identity.id == id);
    if !own || every && !token.has_scope(VIEW_CONSENTS) {
        return Err(AuthError::Forbidden);
    }
    let mut entries = Vec::new();
    for consent in app.store().consents_of(person) {
        if every || consent.client == token.grant.client {
            add_entries(&app, &consent, consent.client.id(), &consent.scopes, &[], &mut entries);
        }
    }
    Ok(Document(json!({ "consents": entries })))
}

/// Adds an entry for each scope, and below it for each dependency, whose client is the scope's own service.
fn add_entries(app: &App, consent: &Consent, holder: &str, scopes: &[Scope], above: &[u32], entries: &mut Vec<Value>) {
    for scope in scopes {
        let path = [above, &[node_id(consent, above, &scope.name)]].concat();
        entries.push(entry(consent, holder, scope, &path));
        let service = app.scope(&scope.name).map(|known| client_of(app, &known.resource_server));
        add_entries(app, consent, service.as_deref().unwrap_or(holder), &scope.dependencies, &path, entries);
    }
}

fn entry(consent: &Consent, holder: &str, scope: &Scope, path: &[u32]) -> Value {
    json!({
        "created": moment::iso_with_micros(consent.created),
        "id": path.last(),
        "status": "approved",
        "updated": moment::iso_with_micros(consent.updated),
        "allows_refresh": consent.allows_refresh,
        "dependency_path": path,
        "scope_name": scope.name,
        "atomically_revocable": scope.optional,
        "effective_identity": consent.person.primary.id,
        "auto_approved": false,
        "last_used": moment::iso_with_micros(consent.last_used),
        "scope": random::uuid_of(&scope.name),
        "client": holder,
    })
}

/// A number that stays the same while the consent exists.
fn node_id(consent: &Consent, above: &[u32], scope: &str) -> u32 {
    let hash = random::hex_sha256(&format!("{} {above:?} {scope}", consent.id));
    u32::from_str_radix(&hash[..7], 16).unwrap_or_default()
}

/// The client id of a service. Those of services other than Transfer and the apps are made up.
fn client_of(app: &App, resource_server: &str) -> String {
    match app.client(resource_server) {
        Some(client) => client.id().to_owned(),
        None if resource_server == TRANSFER => TRANSFER_CLIENT.to_owned(),
        None => random::uuid_of(resource_server),
    }
}
