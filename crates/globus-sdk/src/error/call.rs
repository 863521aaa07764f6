//! Why a call gave no answer that can be used.

use std::error::Error;

use super::{api::ApiError, usage::UsageError};

/// The cause of a failure that was not a Globus service's answer.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a call to Globus gave no answer that can be used. The text of an error includes the texts of its causes; the causes
/// themselves are its [`source`](Error::source). The first three are the SDK's `NetworkError`s.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The time limit passed (the SDK's `GlobusTimeoutError`). The service may have done what was asked.
    #[error("no answer within the time limit")]
    Timeout,
    /// The time limit for making a connection passed (the SDK's `GlobusConnectionTimeoutError`): nothing was sent.
    #[error("no connection within the time limit")]
    ConnectTimeout,
    /// No connection, or one that broke (the SDK's `GlobusConnectionError`).
    #[error("the connection failed: {}", causes(&**.0))]
    Connection(#[source] BoxError),
    /// Too many calls of this service are in progress: this one got no turn within its deadline, and nothing was sent.
    #[error("too many calls wait for this service")]
    Busy,
    /// The request cannot be made at all: an invalid header or URL, or no HTTP client.
    #[error("the request cannot be made: {}", causes(&**.0))]
    Request(#[source] BoxError),
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
    /// The service refused the access token, and the token source could not get another one. The source of this error is
    /// the token source's error: its store may be down, for example.
    #[error("could not get another access token: {0}")]
    NoToken(#[source] BoxError),
    /// The arguments are invalid. Nothing was sent.
    #[error(transparent)]
    Usage(#[from] UsageError),
}

impl CallError {
    /// The error of a request that got no complete answer.
    pub(crate) fn of_request(error: reqwest::Error) -> Self {
        // The URL of a request may carry what belongs in no log.
        let error = error.without_url();
        match (error.is_timeout(), error.is_connect()) {
            (true, true) => Self::ConnectTimeout,
            (true, false) => Self::Timeout,
            _ if error.is_builder() => Self::Request(error.into()),
            _ => Self::Connection(error.into()),
        }
    }
}

fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl CallError {
    /// Whether no complete answer came back: what the service did is unknown.
    #[must_use]
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Timeout | Self::ConnectTimeout | Self::Connection(_))
    }

    /// Whether a time limit passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout | Self::ConnectTimeout | Self::Busy)
    }
}
