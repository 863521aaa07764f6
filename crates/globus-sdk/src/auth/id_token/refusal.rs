//! What an id_token must match, and why it is refused.

use std::borrow::Cow;

use time::Duration;

use crate::{auth::kept::ProviderError, clock_difference::ClockDifference, secret::AccessToken};

/// How long ago `exp` may have been. The SDK allows five minutes here too; Globus's id_tokens last two days, so that no clock
/// needs it.
pub const EXPIRED_LEEWAY: Duration = Duration::minutes(1);

/// Why an id_token is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenError {
    /// It is not a JSON Web Signature in compact form (RFC 7515 section 3.1), or not of JSON, or too long.
    #[error("the id_token cannot be read: {0}")]
    Form(String),
    /// A member of its header is missing, of another type, or says what this verifier does not do.
    #[error("the id_token is refused: header {name} {problem}")]
    Header {
        /// The member.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The algorithm is not RS512, the only one Globus announces (RFC 8725 section 3.1).
    #[error("the id_token is refused: it is not signed with RS512")]
    Algorithm,
    /// No key of Globus, or more than one, verifies the signature.
    #[error("the id_token is refused: its signature is not by a key of Globus")]
    Signature,
    /// A claim is missing, of another type, or not what it has to be.
    #[error("the id_token is refused: claim {name} {problem}")]
    Claim {
        /// The claim.
        name: &'static str,
        /// What is wrong with it.
        problem: Cow<'static, str>,
    },
    /// There is no id_token to verify.
    #[error("there is no id_token: was the scope openid asked for?")]
    Missing,
    /// The provider's documents could not be had.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl IdTokenError {
    /// The same error, with the difference of the clocks where that explains it.
    #[must_use]
    pub(super) fn explained_by(self, difference: Option<ClockDifference>) -> Self {
        match (self, difference) {
            (Self::Claim { name: name @ ("exp" | "iat" | "nbf"), problem }, Some(difference))
                if difference.is_large() =>
            {
                let problem = format!("{problem}; {difference}, by the Date header of Globus Auth").into();
                Self::Claim { name, problem }
            }
            (error, _) => error,
        }
    }
}

/// What an id_token must match.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Expected<'a> {
    /// The nonce of this login. Where none was sent, an id_token with one belongs to another login and is refused.
    pub nonce: Option<&'a str>,
    /// The access token that came with it; without one, `at_hash` is not looked at.
    pub access_token: Option<&'a AccessToken>,
    /// Whether it came with a refresh: then a nonce, which should not be in it, is that of the login long ago, and is not
    /// looked at (section 12.2).
    pub of_a_refresh: bool,
}

impl<'a> Expected<'a> {
    /// An id_token of a login without a nonce.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An id_token that came with a refresh.
    #[must_use]
    pub fn of_a_refresh() -> Self {
        Self { of_a_refresh: true, ..Self::default() }
    }

    setters! {
        with_nonce: nonce = &'a str;
        with_access_token: access_token = &'a AccessToken;
    }
}
