//! Who may talk to the sandbox: requests for this machine, or for the public URL if there is one. The `Host` check rejects
//! a page of another site whose name resolves to loopback (DNS rebinding), the `Origin` check one that sends forms. Pages of
//! any site may call the APIs, as at Globus (CORS): the APIs ignore cookies.

use crate::answer::reply;
use crate::answer::services::Service;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::ground::hosts::Hosts;
use crate::memory::app::AppState;

/// The most characters of a request that are logged.
const MAX_LOGGED: usize = 100;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Rejects requests that are not for the sandbox, or come from a page of another site.
pub(crate) async fn check(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if let Err((status, text)) = is_for_us(&app.hosts, &request).and_then(|()| is_from_here(&app.hosts, &request)) {
        let path: String = request.uri().path().chars().take(MAX_LOGGED).collect();
        tracing::warn!(path, "sandbox: turned away: {text}");
        return refusal(request.uri().path(), status, &text);
    }
    next.run(request).await
}

type Checked = Result<(), (StatusCode, String)>;

fn is_for_us(hosts: &Hosts, request: &Request) -> Checked {
    let mut named: Vec<&str> = Vec::new();
    for value in request.headers().get_all(HOST) {
        named.push(value.to_str().unwrap_or_default());
    }
    if named.len() != 1 && request.uri().authority().is_none() {
        return Err((StatusCode::BAD_REQUEST, "A request needs exactly one Host header.".into()));
    }
    named.extend(request.uri().authority().map(Authority::as_str));
    match named.iter().find(|name| !hosts.accepts(name)) {
        None => Ok(()),
        Some(name) => {
            let name: String = name.chars().take(MAX_LOGGED).collect();
            let text = format!(
                "The sandbox is for this machine only: it answers to localhost, 127.0.0.1 and [::1], and not to {name:?}. \
                 To reach it under another name start it with --public-url (or SANDBOX_PUBLIC_URL)."
            );
            Err((StatusCode::MISDIRECTED_REQUEST, text))
        }
    }
}

/// Checks requests that change something. Programs send neither header; browsers always send one of them.
fn is_from_here(hosts: &Hosts, request: &Request) -> Checked {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || takes_any_origin(request.uri().path()) {
        return Ok(());
    }
    let headers = request.headers();
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    let same_site = matches!(site, Some(b"same-origin" | b"none"));
    let foreign_origin = headers.get_all(ORIGIN).iter().any(|origin| {
        let known = origin.to_str().is_ok_and(|origin| hosts.accepts_origin(origin));
        // A page that hides its origin sends "null", even to itself.
        !(known || same_site && origin == "null")
    });
    // With an `Origin` header the check above has decided.
    let foreign_site = site.is_some() && !same_site && !headers.contains_key(ORIGIN);
    if foreign_origin || foreign_site {
        let text = "The sandbox refuses this request because it comes from a page of another site.";
        return Err((StatusCode::FORBIDDEN, text.into()));
    }
    Ok(())
}

/// Registering an app is the only API call without credentials.
fn takes_any_origin(path: &str) -> bool {
    Service::of(path).is_api() && !path.starts_with("/v2/api/clients")
}

fn refusal(path: &str, status: StatusCode, text: &str) -> Response {
    let code = status.canonical_reason().unwrap_or_default().to_uppercase().replace(' ', "_");
    match Service::of(path) {
        Service::Page => reply::plain(status, text),
        service => service.error(status, &code, path, text),
    }
}

/// Lets pages of other origins read the answers of the APIs ("Fetch" standard, CORS protocol), and answers
/// preflight requests.
pub(crate) async fn cors(request: Request, next: Next) -> Response {
    let open = takes_any_origin(request.uri().path()) && request.headers().contains_key(ORIGIN);
    if !open {
        return next.run(request).await;
    }
    let asks_before = *request.method() == Method::OPTIONS;
    if asks_before && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        let mut response = StatusCode::NO_CONTENT.into_response();
        allow(response.headers_mut());
        return response;
    }
    let mut response = next.run(request).await;
    allow(response.headers_mut());
    response
}

fn allow(headers: &mut HeaderMap) {
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
        // The star stands for every header but this one.
        (ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, *"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "*"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
