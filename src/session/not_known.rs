//! Why it is not known whether somebody meets a policy.

use super::{answers::CallFailed, tokens::TokenUnavailable};
use crate::globus::{error::CallError, fault::Fault};

/// Why it is not known whether somebody meets a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKnown {
    /// The session has no token that Globus accepts for this: a login gives one.
    SignIn,
    /// It cannot be found out now.
    Unknown,
}

impl From<CallError> for NotKnown {
    fn from(error: CallError) -> Self {
        tracing::warn!(error = error.for_log(), "cannot read from Globus what a policy asks for");
        match error.fault() {
            Fault::SignInAgain | Fault::ConsentNeeded => Self::SignIn,
            _ => Self::Unknown,
        }
    }
}

impl From<CallFailed> for NotKnown {
    fn from(_: CallFailed) -> Self {
        Self::Unknown
    }
}

impl From<TokenUnavailable> for NotKnown {
    fn from(error: TokenUnavailable) -> Self {
        match error {
            TokenUnavailable::SignIn(_) => Self::SignIn,
            error => {
                tracing::warn!(error = %error, "no token to read from Globus what a policy asks for");
                Self::Unknown
            }
        }
    }
}
