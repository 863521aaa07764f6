//! The result and error documents of the manager of Globus Connect Server.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::answer::reply;
use crate::ground::params::Repeated;

/// Why the manager refuses a request.
#[derive(Debug)]
pub(crate) struct GcsError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl GcsError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("No such {what} '{id}'"))
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_denied", message)
    }
}

impl From<Repeated> for GcsError {
    fn from(Repeated(name): Repeated) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", format!("Repeated '{name}'"))
    }
}

impl IntoResponse for GcsError {
    fn into_response(self) -> Response {
        let status = self.status;
        reply::json(status, &result(status, self.code, &self.message, &[]))
    }
}

pub(crate) fn result(status: StatusCode, code: &str, message: &str, data: &[Value]) -> Value {
    json!({
        "DATA_TYPE": "result#1.0.0",
        "code": code,
        "data": data,
        "detail": null,
        "has_next_page": false,
        "http_response_code": status.as_u16(),
        "message": message,
    })
}
