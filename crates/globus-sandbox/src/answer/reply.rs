//! How the sandbox answers: JSON documents, error documents, pages.

use askama::Template;
use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::{Host, Url};

/// A JSON answer. It may not be cached (RFC 6749, section 5.1).
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    match serde_json::to_vec(document) {
        Ok(body) => typed(status, "application/json", body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A JSON document, answered with 200.
pub(crate) struct Document<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Document<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

/// A JSON document about something new, answered with 201.
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        json(StatusCode::CREATED, &self.0)
    }
}

/// An answer in plain text.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response {
    typed(status, "text/plain; charset=utf-8", format!("{text}\n").into_bytes())
}

fn typed(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A page. `leads_to` is the redirect URI of the app that its forms may lead to.
pub(crate) fn page(status: StatusCode, page: &impl Template, leads_to: Option<&str>) -> Response {
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = typed(status, "text/html; charset=utf-8", html.into_bytes());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, security_policy(leads_to));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // With "no-referrer" browsers would hide the origin of our own forms as well.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Browsers also apply `form-action` to the redirects after a form, so it must include the app's origin.
fn security_policy(leads_to: Option<&str>) -> HeaderValue {
    let form_action = match leads_to.and_then(form_target) {
        Some(origin) => format!("'self' {origin}"),
        None => "'self'".into(),
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action {form_action}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// A URL as a source of a content security policy: its origin, or its scheme where the grammar does not allow the host
/// (IPv6 addresses, the schemes of desktop apps).
fn form_target(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    Some(match url.host() {
        Some(Host::Domain(_) | Host::Ipv4(_)) if url.origin().is_tuple() => url.origin().ascii_serialization(),
        _ => format!("{}:", url.scheme()),
    })
}

/// A redirect. The location is built from checked URLs, so no request can make it an invalid header value.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(location) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A static file of the sandbox's pages.
pub(crate) fn file(content_type: &'static str, body: &'static str) -> Response {
    let mut response = typed(StatusCode::OK, content_type, body.into());
    let headers = response.headers_mut();
    headers.remove(PRAGMA);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A redirect after a POST that the browser must follow with a GET: only 303 guarantees that (RFC 9110, section 15.4.4).
pub(crate) fn see_other(location: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, location)
}
