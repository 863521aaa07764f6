//! Whose fault a failure is, and so what helps.

use crate::{
    error::{ApiError, CallError},
    gare::to_gare,
};

/// Whose fault a failure is, and so what helps. The list is complete: programs match on all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Globus does not answer, or answers nonsense, or is asked too often: try again later.
    TryAgain,
    /// The person's token, sign-in or session is not good enough (any longer): sign in again, with the parameters of
    /// [`to_gare`] if it gives any.
    SignInAgain,
    /// The person has to consent to more scopes: sign in again with those of [`to_gare`].
    ConsentNeeded,
    /// The person may not do this.
    NotAllowed,
    /// What was asked for is wrong or is not there: an operator or developer has to look.
    OurMistake,
}

impl ApiError {
    /// Whose fault it is. What an error says of authorization comes before its status: Transfer can say with a 502 that
    /// the person's session is not good enough.
    #[must_use]
    pub fn fault(&self) -> Fault {
        if let Some(gare) = to_gare(self) {
            let scopes = gare.authorization_parameters.required_scopes;
            let consent = scopes.is_some_and(|scopes| !scopes.is_empty());
            return if consent { Fault::ConsentNeeded } else { Fault::SignInAgain };
        }
        match (self.oauth_error(), self.http_status()) {
            (Some("invalid_client"), _) => Fault::OurMistake,
            (Some("invalid_grant"), _) | (_, 401) => Fault::SignInAgain,
            (_, 403) => Fault::NotAllowed,
            (_, 400..=499) if !matches!(self.http_status(), 408 | 425 | 429) => Fault::OurMistake,
            _ => Fault::TryAgain,
        }
    }
}

impl CallError {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Api(error) => error.fault(),
            Self::Request(_) | Self::Usage(_) => Fault::OurMistake,
            Self::Timeout
            | Self::ConnectTimeout
            | Self::Busy
            | Self::Connection(_)
            | Self::TooLarge { .. }
            | Self::Malformed { .. }
            | Self::NoToken(_) => Fault::TryAgain,
        }
    }
}
