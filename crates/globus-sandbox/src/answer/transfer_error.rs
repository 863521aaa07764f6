//! The error documents of Globus Transfer.

use crate::answer::reply;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::ground::random;

/// An error document of Transfer.
#[derive(Debug)]
pub(crate) struct TransferError {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The path that was asked for.
    pub(crate) resource: String,
    /// Further members of this error.
    pub(crate) more: Map<String, Value>,
}

impl IntoResponse for TransferError {
    fn into_response(self) -> Response {
        tracing::debug!(code = self.code, "sandbox: Globus Transfer refuses");
        let mut document = self.more;
        document.insert("code".into(), self.code.into());
        document.insert("message".into(), self.message.into());
        document.insert("request_id".into(), random::request_id().into());
        document.insert("resource".into(), self.resource.into());
        reply::json(self.status, &document)
    }
}
