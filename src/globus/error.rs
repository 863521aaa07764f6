//! What can go wrong in a call, what Globus says of it, and whose fault it is.

use serde_json::Value;

use super::auth::UsageError;

/// Why a call to Globus gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The time limit passed.
    #[error("no answer within the time limit")]
    Timeout,
    /// No connection, or one that broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The answer's body is larger than we read.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer says success and is not the document that was expected.
    #[error("the answer is not the document expected: {what}")]
    Malformed {
        /// What is wrong with it; never its text.
        what: String,
    },
    /// The service answered with an error.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The call cannot be right, so nothing was sent.
    #[error(transparent)]
    Usage(#[from] UsageError),
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        // The URL of a request may carry what belongs in no log.
        let error = error.without_url();
        if error.is_timeout() { Self::Timeout } else { Self::Connection(causes(&error)) }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Whose fault a failure is, and so who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Globus does not answer, or answers nonsense: try again later.
    Globus,
    /// The person's token or sign-in is no longer good: sign in again.
    SignIn,
    /// The person may not do this.
    Permission,
    /// We asked for something wrong: an operator or developer has to look.
    Ours,
}

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Auth,
    Transfer,
    Groups,
}

impl CallError {
    /// Network.
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Timeout | Self::Connection(_))
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Api(error) => error.fault(),
            Self::Usage(_) => Fault::Ours,
            _ => Fault::Globus,
        }
    }
}

/// An error document of a Globus service, in any of the forms they use: Transfer's `code` and `message`, Globus
/// Auth's list of `errors`, or OAuth2's `error` (RFC 6749 section 5.2).
#[derive(Clone, Debug, thiserror::Error)]
#[error("HTTP status {status}{}", .code.as_ref().map(|code| format!(", {code}")).unwrap_or_default())]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The word that names the error: `invalid_grant`, `UNAUTHORIZED`, `AuthenticationFailed`, …
    pub code: Option<String>,
    /// The text for people. It comes from another machine and may quote what was sent: show it as text, never log it.
    pub message: Option<String>,
    /// The number under which Globus knows the call.
    pub request_id: Option<String>,
}

impl ApiError {
    pub(crate) fn parse(_service: Service, status: u16, content_type: Option<&str>, body: &[u8]) -> Self {
        let json = content_type.is_some_and(|kind| kind.contains("json"));
        Self::new(status, if json { serde_json::from_slice(body).ok() } else { None })
    }

    fn new(status: u16, document: Option<Value>) -> Self {
        let document = document.unwrap_or_default();
        let first = &document["errors"][0];
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let code = [&document["code"], &first["code"], &document["error"]].into_iter().find_map(Value::as_str);
        let request_id = [&document["request_id"], &first["id"]].into_iter().find_map(Value::as_str);
        Self {
            status,
            code: code.map(word),
            message: text(&document["message"])
                .or_else(|| text(&first["detail"]))
                .or_else(|| text(&document["error_description"])),
            request_id: request_id.map(word),
        }
    }

    /// Whether Globus Auth refused a code or refresh token: `invalid_grant`, with status 400 or 401.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        self.code.as_deref() == Some("invalid_grant")
    }

    fn fault(&self) -> Fault {
        match self.status {
            _ if self.is_invalid_grant() => Fault::SignIn,
            401 => Fault::SignIn,
            403 => Fault::Permission,
            429 => Fault::Globus,
            400..=499 => Fault::Ours,
            _ => Fault::Globus,
        }
    }
}

/// At most 80 plain characters: codes and ids go into logs, and come from another machine.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(80).collect()
}
