//! The Identities API ("Globus Auth documentation", Get Identities).

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde_json::{Value, json};

use crate::answer::auth_error::{AuthError, Outcome};
use crate::answer::reply::Document;
use crate::auth::bearer;
use crate::auth::caller::{AuthToken, BasicClient, Query};
use crate::ground::params::Params;
use crate::memory::app::{App, AppState};
use crate::memory::store::Store;
use crate::world::people;
use crate::world::people::{Identity, Provider};
use crate::world::scopes::{VIEW_IDENTITIES, VIEW_IDENTITY_SET};

/// `GET /v2/api/identities` by `usernames` or by `ids`. Leaves out unknown ones, unless `provision` creates them, which
/// works for usernames of known providers.
pub(crate) async fn identities(
    State(app): State<AppState>,
    Query(params): Query,
    _: Allowed,
) -> Outcome<Document<Value>> {
    let mut store = app.store();
    if params.is_true("provision") {
        provision(&app, &mut store, &params);
    }
    let found = find(&app, &store, &params)?;
    let documents: Vec<Value> = found.iter().map(|i| document(&store, i)).collect();
    let mut answer = json!({ "identities": documents });
    if params.list("include").iter().any(|name| name == "identity_provider") {
        answer["included"] = json!({ "identity_providers": providers(&found) });
    }
    Ok(Document(answer))
}

/// Proof that the caller may look up identities: its token has a scope for that, or it is a confidential app.
pub(crate) struct Allowed;

impl FromRequestParts<AppState> for Allowed {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Outcome<Self> {
        if bearer::text(&parts.headers).is_none() {
            return BasicClient::from_request_parts(parts, app).await.map(|_| Self);
        }
        let AuthToken(token) = AuthToken::from_request_parts(parts, app).await?;
        let may_look = [VIEW_IDENTITIES, VIEW_IDENTITY_SET].into_iter().any(|scope| token.has_scope(scope));
        if may_look { Ok(Self) } else { Err(AuthError::Forbidden) }
    }
}

/// `GET /v2/api/identity_providers` by `domains` or by `ids` ("Globus Auth documentation", Get Identity Providers).
pub(crate) async fn identity_providers(Query(params): Query, _: Allowed) -> Outcome<Document<Value>> {
    let (domains, ids) = (params.list("domains"), params.list("ids"));
    if domains.is_empty() == ids.is_empty() {
        return Err(AuthError::BadRequest("Exactly one of domains and ids is required"));
    }
    let asked = |provider: &&Provider| {
        domains.iter().any(|domain| domain.eq_ignore_ascii_case(provider.domain))
            || ids.iter().any(|id| id == provider.id)
    };
    let documents: Vec<Value> = people::providers().filter(asked).map(provider_document).collect();
    Ok(Document(json!({ "identity_providers": documents })))
}

/// Creates an identity for each username that is still free.
fn provision(app: &App, store: &mut Store, params: &Params) {
    for username in params.list("usernames").into_iter().filter(|username| username.len() <= 200) {
        let taken = app.identities(store).iter().any(|identity| identity.username.eq_ignore_ascii_case(&username));
        if let Some(identity) = people::unknown_identity(&username).filter(|_| !taken) {
            store.provision(identity);
        }
    }
}

fn find(app: &App, store: &Store, params: &Params) -> Outcome<Vec<Identity>> {
    let (usernames, ids) = (params.list("usernames"), params.list("ids"));
    match (usernames.is_empty(), ids.is_empty()) {
        (false, true) if usernames.iter().all(|name| name.contains('@')) => Ok(app
            .identities(store)
            .into_iter()
            .filter(|identity| usernames.iter().any(|name| name.eq_ignore_ascii_case(&identity.username)))
            .collect()),
        (false, true) => Err(AuthError::BadRequest("Malformed username")),
        (true, false) => Ok(app.identities(store).into_iter().filter(|identity| ids.contains(&identity.id)).collect()),
        _ => Err(AuthError::BadRequest("Exactly one of usernames and ids is required")),
    }
}

fn document(store: &Store, identity: &Identity) -> Value {
    let used = store.last_authentication(&identity.id).is_some() || identity.name.is_some();
    json!({
        "email": identity.email,
        "id": identity.id,
        "identity_provider": identity.provider.id,
        "identity_type": "login",
        "name": identity.name,
        "organization": identity.organization,
        "status": if used { "used" } else { "unused" },
        "username": identity.username,
    })
}

fn providers(identities: &[Identity]) -> Vec<Value> {
    let each: BTreeMap<_, _> = identities.iter().map(|identity| (identity.provider.id, identity.provider)).collect();
    each.values().map(|provider| provider_document(provider)).collect()
}

fn provider_document(provider: &Provider) -> Value {
    json!({
        "short_name": provider.short_name,
        "id": provider.id,
        "alternative_names": [],
        "domains": [provider.domain],
        "name": provider.name,
    })
}
