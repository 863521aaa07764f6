//! One call of Transfer: the caller, the request, and its results.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::ground::params::Params;
use crate::ground::random;
use crate::memory::app::AppState;
use crate::transfer::access::{Caller, Outcome, Problem};

/// A call, and who sent it.
pub(crate) struct Call {
    pub(crate) app: AppState,
    pub(crate) caller: Caller,
    uri: Uri,
    body: Bytes,
}

impl FromRequest<AppState> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, app).await.map_err(IntoResponse::into_response)?;
        let uri = parts.uri.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), app).await;
        Ok(Self { app: app.clone(), caller, uri, body: body.map_err(IntoResponse::into_response)? })
    }
}

impl Call {
    /// The path of the request.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Parameters of the query.
    pub(crate) fn params(&self) -> Outcome<Params> {
        Ok(Params::of_query(self.uri.query())?)
    }

    /// The body: a document of this type. Its `DATA_TYPE` may be missing.
    pub(crate) fn document(&self, data_type: &str) -> Outcome<Value> {
        let document = self.json()?;
        if document.is_object() && document["DATA_TYPE"].is_null() {
            return Ok(document);
        }
        of_type(document, data_type)
    }

    /// The body: a document whose `DATA_TYPE` names this type.
    pub(crate) fn typed_document(&self, data_type: &str) -> Outcome<Value> {
        of_type(self.json()?, data_type)
    }

    fn json(&self) -> Outcome<Value> {
        serde_json::from_slice(&self.body).map_err(|_| Problem::bad_request("The body is not a JSON document"))
    }

    /// The document that reports the result.
    pub(crate) fn result(&self, data_type: &str, code: &str, message: impl Into<String>) -> Value {
        json!({
            "DATA_TYPE": data_type,
            "code": code,
            "message": message.into(),
            "request_id": random::request_id(),
            "resource": self.uri.path(),
        })
    }
}

fn of_type(document: Value, data_type: &str) -> Outcome<Value> {
    if document["DATA_TYPE"] == data_type {
        return Ok(document);
    }
    Err(Problem::bad_request(format!("DATA_TYPE must be '{data_type}'")))
}

/// A list without pages.
pub(crate) fn list(data_type: &str, all: &[Value]) -> Value {
    json!({ "DATA_TYPE": data_type, "length": all.len(), "DATA": all })
}

/// A required string of 1 to `most` characters that is not blank.
pub(crate) fn bounded_text<'a>(document: &'a Value, name: &str, most: usize) -> Outcome<&'a str> {
    let text = document[name].as_str().filter(|text| !text.trim().is_empty() && text.chars().count() <= most);
    text.ok_or_else(|| Problem::bad_request(format!("'{name}' must be a string of 1 to {most} characters")))
}
