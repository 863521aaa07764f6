//! The routes with which tests in any language control the sandbox: [faults](crate::memory::faults), and the record of
//! [calls](crate::memory::seen). Globus has no such routes.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::answer::directory::ROUTES;
use crate::answer::pages::NoticePage;
use crate::answer::reply;
use crate::answer::services::Service;
use crate::answer::transfer_error::TransferError;
use crate::control::wire::Shears;
use crate::ground::moment::now;
use crate::ground::random;
use crate::ground::shelf::Shelf;
use crate::memory::app::{App, AppState};
use crate::memory::faults::Instead;
use crate::memory::store::Token;

/// `POST /sandbox/faults`: 201 and the list, or 400 and the reason. The body must have the content type of JSON, so
/// that no page of another site can send it.
pub(crate) async fn switch_on(State(app): State<AppState>, body: Result<Json<Value>, JsonRejection>) -> Response {
    let switched = match body {
        Ok(Json(document)) => app.faults().switch_on(&document),
        Err(rejection) => Err(rejection.body_text()),
    };
    match switched {
        Ok(()) => reply::json(StatusCode::CREATED, &app.faults().document()),
        Err(reason) => reply::json(StatusCode::BAD_REQUEST, &json!({ "error": reason })),
    }
}

/// `GET /sandbox/faults`
pub(crate) async fn faults(State(app): State<AppState>) -> Response {
    reply::json(StatusCode::OK, &app.faults().document())
}

/// `DELETE /sandbox/faults`
pub(crate) async fn clear_faults(State(app): State<AppState>) -> Response {
    app.faults().clear();
    StatusCode::NO_CONTENT.into_response()
}

/// `GET /sandbox/tokens`: the tokens that are alive, each under an id that does not give it away, so that a test can tell
/// whether an app has revoked all of its own.
pub(crate) async fn tokens(State(app): State<AppState>) -> Response {
    let store = app.store();
    let list =
        |shelf: &Shelf<Token>| -> Value { shelf.living(now()).map(|(name, token)| about(name, token)).collect() };
    let document =
        json!({ "access_tokens": list(&store.access_tokens), "refresh_tokens": list(&store.refresh_tokens) });
    reply::json(StatusCode::OK, &document)
}

fn about(name: &str, token: &Token) -> Value {
    json!({
        "id": random::uuid_of(&format!("token {name}")),
        "client": token.grant.client.id(),
        "person": token.grant.person.primary.username,
        "resource_server": token.resource_server,
        "scope": token.scope_text(),
    })
}

/// `GET /sandbox/seen`
pub(crate) async fn seen(State(app): State<AppState>) -> Response {
    reply::json(StatusCode::OK, &app.seen().document())
}

/// `DELETE /sandbox/seen`
pub(crate) async fn clear_seen(State(app): State<AppState>) -> Response {
    app.seen().clear();
    StatusCode::NO_CONTENT.into_response()
}

/// Records every request and applies faults to it.
pub(crate) async fn record_and_apply_faults(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if is_own_route(&path) {
        return next.run(request).await;
    }
    note(&app, &request);
    let effects = app.faults().meet(method.as_str(), &path);
    if effects.wait_ms > 0 {
        tokio::time::sleep(Duration::from_millis(effects.wait_ms)).await;
    }
    let mut response = match effects.instead {
        None => next.run(request).await,
        Some(Instead::Cut { after, processed }) => cut(request, next, after, processed).await,
        Some(Instead::Html { status }) => html(status),
        Some(Instead::Status { status, retry_after, body }) => refusal(&path, status, retry_after.as_deref(), body),
    };
    if let Some(value) = effects.content_type.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// Whether a path is one of the sandbox's own pages and controls, which Globus does not have.
fn is_own_route(path: &str) -> bool {
    path == "/" || path.starts_with("/static/") || path.starts_with("/sandbox/")
}

fn note(app: &App, request: &Request) {
    let route = route_of(request.uri().path());
    let mut seen = app.seen();
    seen.count(request.method().as_str(), route);
    let name = match route {
        "/v2/oauth2/authorize" => "authorize",
        "/v2/web/logout" => "logout",
        _ => return,
    };
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let pairs: Vec<_> = form_urlencoded::parse(query).collect();
    seen.note(name, pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
}

/// The pattern of the route that a path matches, as the front page lists it.
fn route_of(path: &str) -> &'static str {
    let fits = |pattern: &str| {
        let mut parts = path.split('/');
        let same =
            pattern.split('/').all(|wanted| parts.next().is_some_and(|part| wanted == part || wanted.starts_with('{')));
        same && parts.next().is_none()
    };
    ROUTES.iter().map(|(_, pattern, _)| *pattern).find(|pattern| fits(pattern)).unwrap_or("(other)")
}

/// Cuts the connection. With neither `processed` nor `after` the services never get the request.
async fn cut(request: Request, next: Next, after: u64, processed: bool) -> Response {
    let shears = request.extensions().get::<ConnectInfo<Shears>>().map(|info| info.0.clone());
    let response = if processed || after > 0 { next.run(request).await } else { StatusCode::OK.into_response() };
    if let Some(shears) = shears {
        shears.cut_after(after);
    }
    response
}

fn html(status: u16) -> Response {
    let page = NoticePage { title: "Please come back later", text: "A page where an app expects a JSON document." };
    reply::page(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), &page, None)
}

/// A status with the error document of the service that the path belongs to.
fn refusal(path: &str, status: u16, retry_after: Option<&str>, body: Option<Value>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match body {
        Some(body) => reply::json(status, &body),
        None => worded(path, status),
    };
    if let Some(value) = retry_after.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

fn worded(path: &str, status: StatusCode) -> Response {
    let words = status.canonical_reason().unwrap_or("Unknown");
    let detail = format!("{words}, as asked for");
    match Service::of(path) {
        // The code of such an error of Transfer has no general part; only client errors have one.
        Service::Transfer => TransferError {
            status,
            code: words.replace(' ', ""),
            message: detail,
            resource: path.to_owned(),
            more: Map::new(),
        }
        .into_response(),
        Service::Groups => Service::Groups.error(status, &code(words), path, &detail),
        _ => Service::Auth.error(status, &code(words), path, &detail),
    }
}

fn code(words: &str) -> String {
    words.to_uppercase().replace(' ', "_")
}
