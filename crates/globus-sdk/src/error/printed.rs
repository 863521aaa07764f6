//! How an error answer prints: for a person who develops or uses a program, and for a log.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::api::ApiError;
use crate::text::plain;

/// How much of a service's message is printed, in characters.
const MAX_MESSAGE: usize = 500;

impl ApiError {
    /// The error for a log: its status, its code and its request id, and none of the texts of its body, which may quote
    /// what was sent, secrets included.
    ///
    /// ```
    /// use globus_sdk::error::{ApiError, Service};
    ///
    /// let body = br#"{"code": "ClientError.BadRequest", "message": "no such path: /~/tax 2024", "request_id": "UhP7t1wh2"}"#;
    /// let error = ApiError::parse(Service::Transfer, 400, Some("application/json"), body);
    /// assert_eq!(error.for_log(), "HTTP status 400, ClientError.BadRequest, request UhP7t1wh2");
    /// ```
    #[must_use]
    pub fn for_log(&self) -> String {
        let request = self.request_id().map(|id| format!(", request {}", plain(id)));
        self.status_and_code() + &request.unwrap_or_default()
    }

    fn status_and_code(&self) -> String {
        let code = self.code().or_else(|| self.oauth_error());
        let code = code.map(|code| format!(", {}", plain(code)));
        format!("HTTP status {}{}", self.http_status(), code.unwrap_or_default())
    }

    /// What the service says to a person, in any of its forms.
    fn words(&self) -> Option<String> {
        let description = || self.document()?.get("error_description").and_then(Value::as_str).map(ToOwned::to_owned);
        self.message().or_else(description)
    }
}

/// Status and code, the message of the service, and the request id. What the service wrote is escaped, and the message is
/// cut after 500 characters; it may still quote anything: use [`ApiError::for_log`] in logs.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.status_and_code())?;
        if let Some(words) = self.words() {
            write!(f, ": {}", escaped(&words))?;
        }
        match self.request_id() {
            Some(id) => write!(f, " (request {})", plain(id)),
            None => Ok(()),
        }
    }
}

/// As [`ApiError::for_log`]: this form ends up in logs.
impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({:?}: {})", self.service(), self.for_log())
    }
}

impl std::error::Error for ApiError {}

/// A text of another machine as one line of printable characters: others are escaped, and what is too long is cut.
fn escaped(text: &str) -> String {
    let mut line = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == MAX_MESSAGE {
            line.push('…');
            break;
        }
        match c {
            '"' | '\'' => line.push(c),
            // Writing to a String does not fail.
            _ => drop(write!(line, "{}", c.escape_debug())),
        }
    }
    line
}
