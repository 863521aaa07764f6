//! The JSON routes of Globus Auth other than the token endpoint: discovery and keys (OpenID Connect Discovery 1.0, RFC
//! 7517), revocation (RFC 7009), introspection (RFC 7662), userinfo (OpenID Connect Core, section 5.3).

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use crate::answer::auth_error::{AuthError, Outcome};
use crate::answer::reply::Document;
use crate::auth::caller::{AuthToken, ClientForm, ConfidentialForm};
use crate::auth::claims;
use crate::auth::claims::Claims;
use crate::ground::moment::now;
use crate::ground::params::Params;
use crate::ground::random;
use crate::memory::app::{App, AppState};
use crate::memory::keys::ComingKey;
use crate::memory::store::{BrowserSession, Store, Token};
use crate::memory::{keys, policies};
use crate::world::apps::Client;
use crate::world::people::Identity;
use crate::world::scopes::AUTH;

/// `GET /.well-known/openid-configuration`: as short as the real one, without introspection, logout or PKCE members.
/// The authorization endpoint is at the public URL; the endpoints that an app calls are at the URL that the app used.
pub(crate) async fn discovery(State(app): State<AppState>, headers: HeaderMap) -> Document<Value> {
    let base = app.base_for(&headers);
    let document = json!({
        "issuer": app.base_url,
        "authorization_endpoint": format!("{}/v2/oauth2/authorize", app.base_url),
        "userinfo_endpoint": format!("{base}/v2/oauth2/userinfo"),
        "token_endpoint": format!("{base}/v2/oauth2/token"),
        "revocation_endpoint": format!("{base}/v2/oauth2/token/revoke"),
        "jwks_uri": format!("{base}/jwk.json"),
        "response_types_supported": ["code", "token", "token id_token", "id_token"],
        "id_token_signing_alg_values_supported": ["RS512"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "claims_supported": [
            "at_hash", "aud", "email", "exp", "name", "nonce", "preferred_username", "iat", "iss", "sub",
        ],
        "subject_types_supported": ["public"],
    });
    Document(document)
}

/// `GET /jwk.json`
pub(crate) async fn key_set(State(app): State<AppState>) -> Outcome<Document<Value>> {
    let faults = app.faults().keys();
    let mut keys = Vec::new();
    if !faults.rotated || faults.overlap {
        keys.push(app.key.ready().await?);
    }
    if faults.rotated {
        keys.push(ComingKey::second().ready().await?);
    }
    Ok(Document(keys::jwks(&keys, !faults.without_kid)))
}

/// `POST /v2/oauth2/token/revoke`: the same answer for an active token and for an unknown one.
pub(crate) async fn revoke(
    State(app): State<AppState>,
    ClientForm { client, form }: ClientForm,
) -> Outcome<Document<Value>> {
    let token = form.get("token").ok_or(AuthError::oauth("invalid_request"))?;
    end_token(&mut app.store(), &client, token);
    Ok(Document(json!({"active": false})))
}

/// Revokes this one token, and only for the client it was issued to (RFC 7009, section 2.1). Whether Globus also revokes
/// the other tokens of the login is not documented, so a client must not rely on it.
fn end_token(store: &mut Store, client: &Client, text: &str) {
    let now = now();
    for shelf in [&mut store.access_tokens, &mut store.refresh_tokens] {
        if shelf.get(text, now).is_some_and(|token| client.answers_for(&token.grant.client)) {
            shelf.take(text, now);
        }
    }
}

/// `POST /v2/oauth2/token/validate`: whether one of the app's own tokens is active. Old, but the Globus CLI checks its refresh
/// tokens with it.
pub(crate) async fn validate(
    State(app): State<AppState>,
    ClientForm { client, form }: ClientForm,
) -> Outcome<Document<Value>> {
    let text = form.get("token").ok_or(AuthError::oauth("invalid_request"))?;
    let (store, now) = (app.store(), now());
    let mut found = [&store.access_tokens, &store.refresh_tokens].into_iter().filter_map(|shelf| shelf.get(text, now));
    let active = found.any(|token| token.grant.client == client);
    Ok(Document(json!({"active": active})))
}

/// `POST /v2/oauth2/token/introspect`
pub(crate) async fn introspect(
    State(app): State<AppState>,
    ConfidentialForm(ClientForm { client, form }): ConfidentialForm,
) -> Outcome<Document<Value>> {
    let text = form.get("token").ok_or(AuthError::oauth("invalid_request"))?;
    let store = app.store();
    let token = store.access_tokens.get(text, now()).filter(|token| may_introspect(&client, token));
    let document = match token {
        Some(token) => active_document(&app, &store, token, &form),
        None => json!({"active": false}),
    };
    Ok(Document(document))
}

/// A client may introspect tokens that were issued for it, and its own tokens of Globus Auth.
fn may_introspect(client: &Client, token: &Token) -> bool {
    token.resource_server == client.id() || token.resource_server == AUTH && token.grant.client == *client
}

/// The introspection of an active token, with the members that `include` names and an evaluation of each policy in
/// `authentication_policies`.
fn active_document(app: &App, store: &Store, token: &Token, form: &Params) -> Value {
    let person = &token.grant.person;
    let mut document = Map::new();
    let facts = [
        ("active", json!(true)),
        ("token_type", json!("Bearer")),
        ("scope", json!(token.scope_text())),
        ("client_id", json!(token.grant.client.id())),
        ("username", json!(person.primary.username)),
        ("name", json!(person.primary.name)),
        ("email", json!(person.primary.email)),
        ("exp", json!(token.expires)),
        ("iat", json!(token.issued)),
        ("nbf", json!(token.issued)),
        ("sub", json!(person.primary.id)),
        ("aud", json!([token.resource_server, token.grant.client.id()])),
        ("iss", json!(app.base_url)),
        ("dependent_tokens_cache_id", json!(cache_id(token))),
    ];
    document.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    for name in form.list("include") {
        let value = match name.as_str() {
            "identity_set" | "identities_set" => person.identities().map(|identity| json!(identity.id)).collect(),
            "identity_set_detail" => person.identities().map(|identity| identity_detail(store, identity)).collect(),
            "session_info" => session_info(token),
            _ => continue,
        };
        document.insert(name, value);
    }
    let asked = form.list("authentication_policies");
    if !asked.is_empty() {
        let evaluations = policies::evaluations(token.grant.session.as_ref(), &token.grant.client, &asked);
        document.insert("policy_evaluations".into(), evaluations.into());
    }
    document.into()
}

/// Equal for all tokens whose dependent tokens would be the same.
fn cache_id(token: &Token) -> String {
    let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).collect();
    random::hex_sha256(&format!("{} {}", token.grant.id, scopes.join(" ")))
}

fn identity_detail(store: &Store, identity: &Identity) -> Value {
    let last = store.last_authentication(&identity.id);
    let mut detail = json!({
        "sub": identity.id,
        "name": identity.name,
        "username": identity.username,
        "identity_provider": identity.provider.id,
        "identity_provider_display_name": identity.provider.name,
        "email": identity.email,
        "last_authentication": last,
        "identity_type": "login",
        "id": identity.id,
        "status": if last.is_some() { "used" } else { "unused" },
    });
    if let Some(organization) = &identity.organization {
        detail["organization"] = json!(organization);
    }
    detail
}

/// The app's own session: it leaves out authentications for other apps.
fn session_info(token: &Token) -> Value {
    // A caller who never signed in, such as an app with client credentials, has a session without authentications.
    let Some(session) = &token.grant.session else {
        return json!({"session_id": random::uuid_of(&token.grant.id), "authentications": {}});
    };
    json!({
        "session_id": session.id,
        "authentications": authentications(session, &token.grant.client),
    })
}

fn authentications(session: &BrowserSession, client: &Client) -> Map<String, Value> {
    session
        .authentications
        .iter()
        .filter(|authentication| authentication.client == *client)
        .map(|authentication| {
            let mut facts = json!({"idp": authentication.provider, "auth_time": authentication.time});
            if authentication.mfa {
                // RFC 8176 for `amr`, the REFEDS MFA profile for `acr`.
                facts["acr"] = json!("https://refeds.org/profile/mfa");
                facts["amr"] = json!(["mfa", "otp", "pwd"]);
            }
            (authentication.identity.clone(), facts)
        })
        .collect()
}

/// `GET` and `POST /v2/oauth2/userinfo`
pub(crate) async fn userinfo(State(app): State<AppState>, AuthToken(token): AuthToken) -> Outcome<Document<Claims>> {
    if !token.has_scope("openid") {
        return Err(AuthError::Forbidden);
    }
    Ok(Document(claims::of_person(&app.store(), &token.grant.person, |name| token.has_scope(name))))
}
