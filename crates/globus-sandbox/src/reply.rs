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
use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::keys::NoKey;
use super::params::Repeated;
use super::random;

/// A JSON answer. None of them may be cached (RFC 6749, section 5.1).
pub(super) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    match serde_json::to_vec(document) {
        Ok(body) => typed(status, "application/json", body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An answer in plain text.
pub(super) fn plain(status: StatusCode, text: &str) -> Response {
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

/// A page. `leads_to` is the app that its forms may end up at.
pub(super) fn page(status: StatusCode, page: &impl Template, leads_to: Option<&str>) -> Response {
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = typed(status, "text/html; charset=utf-8", html.into_bytes());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, security_policy(leads_to));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // With "no-referrer" browsers would hide the origin of our own forms, too.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Browsers apply `form-action` to the redirects after a form as well, so the app's origin has to be in it.
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

/// A URL as a source of a content security policy: its origin, or its scheme where the grammar has no place for the host
/// (IPv6 addresses, the schemes of desktop apps).
fn form_target(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    Some(match url.host() {
        Some(Host::Domain(_) | Host::Ipv4(_)) if url.origin().is_tuple() => url.origin().ascii_serialization(),
        _ => format!("{}:", url.scheme()),
    })
}

/// A redirect. The location is made of checked URLs, so a text that is no header value cannot come from outside.
pub(super) fn redirect(status: StatusCode, location: &str) -> Response {
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
pub(super) fn file(content_type: &'static str, body: &'static str) -> Response {
    let mut response = typed(StatusCode::OK, content_type, body.into());
    let headers = response.headers_mut();
    headers.remove(PRAGMA);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// What can go wrong at the JSON routes of Globus Auth.
#[derive(Debug)]
pub(super) enum AuthError {
    /// No credential, or one that is dead.
    Unauthenticated,
    /// The secret, or the whole header, is wrong.
    BasicAuthFailed,
    /// A good token without the scope that this needs.
    Forbidden,
    /// Introspection by a client that is not registered.
    InvalidClient,
    /// An authorization code that cannot be used: 401, although RFC 6749 section 5.2 says 400.
    InvalidCode,
    /// The errors of RFC 6749, section 5.2.
    OAuth(&'static str),
    /// The dependent token grant needs consents that the person has not given.
    DependentConsentRequired(Vec<String>),
    /// A request that makes no sense to an API.
    BadRequest(&'static str),
    /// Globus can do it and the sandbox cannot.
    NotInSandbox(String),
    /// The sandbox failed itself.
    Internal,
}

impl AuthError {
    pub(super) fn oauth(error: &'static str) -> Self {
        Self::OAuth(error)
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::BasicAuthFailed | Self::InvalidClient | Self::InvalidCode => {
                StatusCode::UNAUTHORIZED
            }
            Self::Forbidden | Self::DependentConsentRequired(_) => StatusCode::FORBIDDEN,
            Self::OAuth(_) | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotInSandbox(_) => StatusCode::NOT_FOUND,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn document(&self) -> Value {
        match self {
            Self::Unauthenticated => unauthorized(401, "UNAUTHORIZED", "Call must be authenticated"),
            Self::BasicAuthFailed => unauthorized(401, "UNAUTHORIZED", "Basic auth failed"),
            Self::Forbidden => unauthorized(403, "FORBIDDEN", "Call must be authenticated"),
            Self::InvalidClient => json!({"error": "invalid_client"}),
            Self::InvalidCode => json!({"error": "invalid_grant"}),
            Self::OAuth(error) => json!({"error": error}),
            Self::DependentConsentRequired(scopes) => consent_required(scopes),
            Self::BadRequest(detail) => auth_document(StatusCode::BAD_REQUEST, "BAD_REQUEST", detail),
            Self::NotInSandbox(detail) => {
                let detail = format!("{detail} (not in the sandbox)");
                auth_document(StatusCode::NOT_FOUND, "NOT_IN_SANDBOX", &detail)
            }
            Self::Internal => json!({"error": "server_error"}),
        }
    }
}

/// The error document of Globus Auth. Its `status` is a text.
fn unauthorized(status: u16, code: &str, detail: &str) -> Value {
    json!({
        "errors": [{
            "status": status.to_string(),
            "id": random::uuid(),
            "code": code,
            "detail": detail,
            "title": "Unauthorized",
        }],
        "error_description": "Unauthorized",
        "error": "unauthorized",
    })
}

/// An error document of Globus Auth.
pub(super) fn auth_document(status: StatusCode, code: &str, detail: &str) -> Value {
    let words = status.canonical_reason().unwrap_or("Unknown");
    json!({
        "errors": errors(status, code, detail),
        "error_description": words,
        "error": words.to_lowercase().replace(' ', "_"),
    })
}

/// The errors of a document of Globus Auth or Groups.
pub(super) fn errors(status: StatusCode, code: &str, detail: &str) -> Value {
    json!([{
        "status": status.as_str(),
        "id": random::uuid(),
        "code": code,
        "detail": detail,
        "title": status.canonical_reason().unwrap_or("Unknown"),
    }])
}

fn consent_required(scopes: &[String]) -> Value {
    let text = "User must approve your client using scopes. See 'unapproved_scopes'.";
    json!({
        "error": "dependent_consent_required",
        "error_description": text,
        "errors": [{
            "code": "DEPENDENT_CONSENT_REQUIRED",
            "id": random::uuid(),
            "title": text,
            "unapproved_scopes": scopes,
            "status": "403",
            "detail": format!("User hasn't approved the following scopes: {}", scopes.join(" ")),
        }],
    })
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        tracing::debug!(error = ?self, "sandbox: Globus Auth refuses");
        json(self.status(), &self.document())
    }
}

impl From<NoKey> for AuthError {
    fn from(_: NoKey) -> Self {
        Self::Internal
    }
}

impl From<Repeated> for AuthError {
    fn from(_: Repeated) -> Self {
        Self::OAuth("invalid_request")
    }
}

/// An error document of Transfer.
#[derive(Debug)]
pub(super) struct TransferError {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
    /// The path that was asked for.
    pub(super) resource: String,
    /// Members that this error has besides.
    pub(super) more: Map<String, Value>,
}

impl IntoResponse for TransferError {
    fn into_response(self) -> Response {
        tracing::debug!(code = self.code, "sandbox: Globus Transfer refuses");
        let mut document = self.more;
        document.insert("code".into(), self.code.into());
        document.insert("message".into(), self.message.into());
        document.insert("request_id".into(), random::request_id().into());
        document.insert("resource".into(), self.resource.into());
        json(self.status, &document)
    }
}
