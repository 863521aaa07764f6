//! The error documents of Globus Groups.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::answer::{auth_error, reply};
use crate::ground::params::Repeated;

/// Why Groups refuses a request.
#[derive(Debug)]
pub(crate) struct GroupsError {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl GroupsError {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", detail)
    }

    pub(crate) fn unknown(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "GROUP_NOT_FOUND", format!("Group {id} not found"))
    }
}

impl From<Repeated> for GroupsError {
    fn from(Repeated(name): Repeated) -> Self {
        Self::bad_request(format!("Repeated parameter '{name}'"))
    }
}

impl IntoResponse for GroupsError {
    fn into_response(self) -> Response {
        tracing::debug!(error = ?self, "sandbox: Globus Groups refuses");
        reply::json(self.status, &json!({ "errors": auth_error::errors(self.status, self.code, &self.detail) }))
    }
}
