//! Registering apps.

use crate::world::apps::{MAX_NAME, is_name};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::{Value, json};
use url::Url;

use crate::answer::reply;
use crate::ground::random;
use crate::memory::app::AppState;
use crate::world::apps::{Client, Registration, Taken};

const MAX_REDIRECT_URIS: usize = 50;

/// `GET /sandbox/clients`: every app with its secret, which is valid at the sandbox only.
pub(crate) async fn list(State(app): State<AppState>) -> Response {
    let clients: Vec<Value> = app.clients().all().map(control_document).collect();
    reply::json(StatusCode::OK, &json!({ "clients": clients }))
}

/// `POST /sandbox/clients` with any of `name`, `type` (`confidential` or `native`), `redirect_uris`, `client_id`,
/// `client_secret`: 201 and the app; 400 and the reason; 409 when another app has the id.
pub(crate) async fn add(State(app): State<AppState>, body: Result<Json<Value>, JsonRejection>) -> Response {
    let registration = match body {
        Ok(Json(document)) => registration(&document),
        Err(rejection) => Err(rejection.body_text()),
    };
    let refusal = |status, reason: &str| reply::json(status, &json!({ "error": reason }));
    match registration {
        Err(reason) => refusal(StatusCode::BAD_REQUEST, &reason),
        Ok(registration) => {
            let client = Client::new(registration);
            match app.register(client.clone()) {
                Ok(()) => reply::json(StatusCode::CREATED, &control_document(&client)),
                Err(Taken) => refusal(StatusCode::CONFLICT, "another app has this client_id"),
            }
        }
    }
}

/// `DELETE /sandbox/clients/{id}`
pub(crate) async fn remove(State(app): State<AppState>, Path(id): Path<String>) -> Response {
    if app.remove(&id) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let reason = "no app with this id was registered since the sandbox started";
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

/// An optional member: a string that is neither empty nor too long.
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
