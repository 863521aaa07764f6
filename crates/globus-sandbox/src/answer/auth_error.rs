//! The error documents of Globus Auth.

use crate::answer::reply;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::ground::params::Repeated;
use crate::ground::random;
use crate::memory::keys::NoKey;

/// An answer, or an error of Globus Auth.
pub(crate) type Outcome<T> = Result<T, AuthError>;

/// What can go wrong at the JSON routes of Globus Auth.
#[derive(Debug)]
pub(crate) enum AuthError {
    /// No credentials, or a token that is not active.
    Unauthenticated,
    /// A wrong secret, or a malformed header.
    BasicAuthFailed,
    /// An active token without the required scope.
    Forbidden,
    /// Introspection by a client that is not registered.
    InvalidClient,
    /// An authorization code that cannot be used: 401, although RFC 6749 section 5.2 says 400.
    InvalidCode,
    /// The errors of RFC 6749, section 5.2.
    OAuth(&'static str),
    /// The dependent token grant needs consents that the person has not given.
    DependentConsentRequired(Vec<String>),
    /// A malformed request to an API.
    BadRequest(&'static str),
    /// Globus supports this and the sandbox does not.
    NotInSandbox(String),
    /// The sandbox itself failed.
    Internal,
}

impl AuthError {
    pub(crate) fn oauth(error: &'static str) -> Self {
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

/// The "Unauthorized" document of Globus Auth. Its `status` is a string.
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
pub(crate) fn auth_document(status: StatusCode, code: &str, detail: &str) -> Value {
    let words = status.canonical_reason().unwrap_or("Unknown");
    json!({
        "errors": errors(status, code, detail),
        "error_description": words,
        "error": words.to_lowercase().replace(' ', "_"),
    })
}

/// The errors of a document of Globus Auth or Groups.
pub(crate) fn errors(status: StatusCode, code: &str, detail: &str) -> Value {
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
        reply::json(self.status(), &self.document())
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
