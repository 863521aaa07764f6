//! What every answer carries, and the page of every error.

use askama::Template as _;
use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse as _, Response},
};

use crate::{
    error::{ErrorText, SignIn},
    pages::{Action, ErrorPage},
    routes::{logged_in::login_path, ops::PlainText},
    state::AppState,
    telemetry::RequestFacts,
};

/// Turns an answer that says error and has no page into one that has.
pub(super) async fn error_pages(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestFacts>().map(|facts| facts.id.clone()).unwrap_or_default();
    let response = next.run(request).await;
    let status = response.status();
    let known = response.extensions().get::<ErrorText>().cloned();
    let is_error = status.is_client_error() || status.is_server_error();
    // Documents for programs stay as they are; the plain words of the framework become a page.
    let content_type = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_document = content_type.is_some_and(|kind| !kind.starts_with(b"text/plain"));
    let keeps_its_own = is_document || response.extensions().get::<PlainText>().is_some();
    if known.is_none() && (!is_error || keeps_its_own) {
        return response;
    }
    let text = known.unwrap_or_else(|| ErrorText::of(status));
    with_page(&app, response, status, text, &id)
}

fn with_page(app: &AppState, response: Response, status: StatusCode, text: ErrorText, id: &str) -> Response {
    let action = |SignIn { next }: &SignIn| Action {
        label: "Sign in again".to_owned(),
        href: login_path(&app.settings.root, next.as_ref()),
    };
    let page = ErrorPage {
        site: &app.site,
        status: status.as_u16(),
        title: &text.title,
        message: &text.message,
        action: text.sign_in.as_ref().map(action),
        request_id: id,
    };
    let Ok(html) = page.render() else { return response };
    let mut with_page = (status, Html(html)).into_response();
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            with_page.headers_mut().append(name, value.clone());
        }
    }
    with_page.extensions_mut().insert(text);
    with_page
}

/// The headers that keep a page to itself (OWASP secure headers; RFC 9700 section 4.16), and answers out of caches.
pub(super) async fn security(State(app): State<AppState>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(&app)) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    if app.settings.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Browsers hold `form-action` against redirects too, and the form that signs out leads to Globus's logout page.
fn content_security_policy(app: &AppState) -> String {
    let globus = app.auth.base_url().origin().ascii_serialization();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {globus}; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}
