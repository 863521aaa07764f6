//! Registering apps: `POST /sandbox/clients`, and the part of Globus Auth's Projects API by which a native app makes an app
//! for each of its installations, as the Globus CLI does ("Globus Auth documentation", native app templates).

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::Url;

use super::client::{Client, Registration, Taken};
use super::params::Params;
use super::reply::{self, AuthError};
use super::{App, AppState, client_auth, random};

const MAX_NAME: usize = 200;
const MAX_REDIRECT_URIS: usize = 50;

/// `POST /v2/api/clients` with `client`: `template_id` and `name`. Whoever has a native app may make an app of its own from
/// it. Apps within projects are not in the sandbox; `POST /sandbox/clients` registers them.
pub(super) async fn from_template(
    State(app): State<AppState>,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<Response, AuthError> {
    let Ok(Json(document)) = body else {
        return Err(AuthError::BadRequest("The body must be a JSON document"));
    };
    let asked = &document["client"];
    let Some(template) = asked["template_id"].as_str() else {
        return Err(AuthError::NotInSandbox("An app in a project: POST /sandbox/clients registers apps here".into()));
    };
    let template = app
        .client(template)
        .filter(Client::is_native)
        .ok_or(AuthError::BadRequest("template_id is not the id of a native app"))?;
    let name = asked["name"].as_str().filter(|name| is_name(name)).ok_or(AuthError::BadRequest("name is missing"))?;
    let client = Client::new(Registration {
        id: random::uuid(),
        name: name.to_owned(),
        secret: Some(random::client_secret()),
        redirect_uris: template.redirect_uris().to_vec(),
        template: Some(template.id().to_owned()),
    });
    let document = json!({
        "client": client_document(&client),
        "included": { "client_credential": {
            "name": "Auto-created at client creation",
            "id": random::uuid(),
            "client": client.id(),
            "secret": client.secret(),
        } },
    });
    register(&app, client).map_err(|Taken| AuthError::Internal)?;
    Ok(reply::json(StatusCode::CREATED, &document))
}

/// `GET /v2/api/clients/{id}`: an app looks at itself.
pub(super) async fn show(
    State(app): State<AppState>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, AuthError> {
    let client = oneself(&app, &headers, &id)?;
    Ok(reply::json(StatusCode::OK, &json!({ "client": client_document(&client) })))
}

/// `DELETE /v2/api/clients/{id}`: an app takes itself out, with all its tokens.
pub(super) async fn delete(
    State(app): State<AppState>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, AuthError> {
    let client = oneself(&app, &headers, &id)?;
    if !remove(&app, client.id()) {
        return Err(AuthError::Forbidden);
    }
    Ok(reply::json(StatusCode::OK, &json!({ "client": client_document(&client) })))
}

/// The app behind a request, which must be the one that the path names.
fn oneself(app: &App, headers: &HeaderMap, id: &str) -> Result<Client, AuthError> {
    let client = client_auth::confidential(app, headers, &Params::read(b"")?)?;
    if client.id() == id { Ok(client) } else { Err(AuthError::Forbidden) }
}

fn client_document(client: &Client) -> Value {
    let native = client.is_native();
    let mut grants = vec!["authorization_code", "refresh_token"];
    if !native {
        grants.insert(1, "client_credentials");
    }
    json!({
        "fqdns": [],
        "name": client.name(),
        "id": client.id(),
        "public_client": native,
        "scopes": [],
        "required_idp": null,
        "grant_types": grants,
        "userinfo_from_effective_identity": true,
        "client_type": if native { "public_installed_client" } else { "confidential_client" },
        "prompt_for_named_grant": false,
        "links": {"privacy_policy": null, "terms_and_conditions": null},
        "visibility": "private",
        "preselect_idp": null,
        "parent_client": client.template(),
        "project": null,
        "redirect_uris": client.redirect_uris(),
    })
}

/// `GET /sandbox/clients`: every app, with its secret, which opens nothing but the sandbox.
pub(super) async fn list(State(app): State<AppState>) -> Response {
    let clients: Vec<Value> = app.clients().all().map(control_document).collect();
    reply::json(StatusCode::OK, &json!({ "clients": clients }))
}

/// `POST /sandbox/clients` with any of `name`, `type` (`confidential` or `native`), `redirect_uris`, `client_id`,
/// `client_secret`: 201 and the app; 400 and the reason; 409 when another app has the id.
pub(super) async fn add(State(app): State<AppState>, body: Result<Json<Value>, JsonRejection>) -> Response {
    let registration = match body {
        Ok(Json(document)) => registration(&document),
        Err(rejection) => Err(rejection.body_text()),
    };
    let refusal = |status, reason: &str| reply::json(status, &json!({ "error": reason }));
    match registration {
        Err(reason) => refusal(StatusCode::BAD_REQUEST, &reason),
        Ok(registration) => {
            let client = Client::new(registration);
            match register(&app, client.clone()) {
                Ok(()) => reply::json(StatusCode::CREATED, &control_document(&client)),
                Err(Taken) => refusal(StatusCode::CONFLICT, "another app has this client_id"),
            }
        }
    }
}

/// `DELETE /sandbox/clients/{id}`
pub(super) async fn take_out(State(app): State<AppState>, Path(id): Path<String>) -> Response {
    if remove(&app, &id) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let reason = "no app with this id was registered while the sandbox runs";
    reply::json(StatusCode::NOT_FOUND, &json!({ "error": reason }))
}

fn control_document(client: &Client) -> Value {
    json!({
        "client_id": client.id(),
        "client_secret": client.secret(),
        "name": client.name(),
        "type": if client.is_native() { "native" } else { "confidential" },
        "redirect_uris": client.redirect_uris(),
    })
}

fn register(app: &App, client: Client) -> Result<(), Taken> {
    tracing::info!(client_id = client.id(), name = client.name(), "sandbox: an app is registered");
    let oldest = app.clients().register(client)?;
    if let Some(oldest) = oldest {
        app.store().forget_client(&oldest);
    }
    Ok(())
}

fn remove(app: &App, id: &str) -> bool {
    let Some(client) = app.clients().remove(id) else {
        return false;
    };
    app.store().forget_client(&client);
    tracing::info!(client_id = client.id(), "sandbox: an app is taken out");
    true
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_NAME
}

fn registration(document: &Value) -> Result<Registration, String> {
    const KNOWN: [&str; 5] = ["name", "type", "redirect_uris", "client_id", "client_secret"];
    let members = document.as_object().ok_or("expected a JSON object")?;
    if let Some(unknown) = members.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(format!("there is no member {unknown:?}; there are {}", KNOWN.join(", ")));
    }
    let native = match text(document, "type")?.as_deref() {
        None | Some("confidential") => false,
        Some("native") => true,
        Some(_) => return Err("type must be \"confidential\" or \"native\"".into()),
    };
    let secret = text(document, "client_secret")?;
    if native && secret.is_some() {
        return Err("a native app has no client_secret".into());
    }
    let id = text(document, "client_id")?.unwrap_or_else(random::uuid);
    let id = uuid::Uuid::parse_str(&id).map_err(|_| "client_id must be a UUID")?.to_string();
    Ok(Registration {
        name: text(document, "name")?.unwrap_or_else(|| format!("App {id}")),
        secret: (!native).then(|| secret.unwrap_or_else(random::client_secret)),
        redirect_uris: redirect_uris(&document["redirect_uris"])?,
        template: None,
        id,
    })
}

/// A member that may be left out, and else is a text that is not too long and not empty.
fn text(document: &Value, name: &str) -> Result<Option<String>, String> {
    match &document[name] {
        Value::Null => Ok(None),
        Value::String(text) if is_name(text) => Ok(Some(text.clone())),
        _ => Err(format!("{name} must be a string of 1 to {MAX_NAME} characters")),
    }
}

fn redirect_uris(value: &Value) -> Result<Vec<String>, String> {
    let uris = match value {
        Value::Null => return Ok(vec![]),
        Value::Array(uris) if uris.len() <= MAX_REDIRECT_URIS => uris,
        _ => return Err(format!("redirect_uris must be a list of at most {MAX_REDIRECT_URIS} URLs")),
    };
    let each = uris.iter().map(|uri| {
        let uri = uri.as_str().filter(|uri| Url::parse(uri).is_ok_and(|url| url.fragment().is_none()));
        uri.map(str::to_owned).ok_or_else(|| "redirect_uris must be absolute URLs without a fragment".to_owned())
    });
    each.collect()
}
