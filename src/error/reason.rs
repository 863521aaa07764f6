//! Errors in one word: for metrics, and for the log.

use super::globus::GlobusError;
use crate::error::AppError;
use crate::globus::auth::TokenError;

impl AppError {
    /// What failed, in one word of a small set.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::LogIn(_) | Self::Unauthorized { .. } => "not_logged_in",
            Self::EndedElsewhere { .. } => "ended_elsewhere",
            Self::InCircles { .. } => "loop",
            Self::StartAgain { .. } => "start_again",
            Self::Refused { .. } => "refused",
            Self::Globus(error) => of_globus(error),
            Self::NotConnected { .. } => "not_connected",
            Self::StepUp(_) => "step_up",
            Self::Denied(_) => "denied",
            Self::Undecided => "undecided",
            Self::Busy(_) => "store",
            Self::Renewal(_) => "renewal",
            Self::Overloaded(_) => "overloaded",
            Self::BadRequest(_) | Self::TooLarge | Self::TooSlow => "bad_request",
            Self::NotFound | Self::OutsideRoot | Self::MethodNotAllowed => "not_found",
            Self::Internal(_) => "internal",
        }
    }
}

fn of_globus(error: &GlobusError) -> &'static str {
    match error {
        GlobusError::Token(TokenError::InvalidGrant(_)) => "code_refused",
        GlobusError::Token(TokenError::ClientRefused(_)) => "client_refused",
        _ if error.timed_out() => "globus_timeout",
        GlobusError::IdToken(_) => "id_token",
        _ => "globus_failed",
    }
}
