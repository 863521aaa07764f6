//! A call that cannot be right.

/// A call that cannot be right, whatever Globus would answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);
