//! The error of a call for a log: without the texts of Globus, which may quote what was sent.

use std::{error::Error, iter::successors};

use crate::{
    auth::tokens::TokenError,
    error::{ApiError, CallError},
};

impl CallError {
    /// The error for a log: as it prints, but without the texts of the service ([`ApiError::for_log`]). Of the error of a
    /// token source ([`NoToken`](Self::NoToken)), only a cause that is an error of this crate is printed, in the same way:
    /// what else the source says may hold such texts.
    ///
    /// ```
    /// use globus_sdk::error::{ApiError, CallError, Service};
    ///
    /// let body = br#"{"error": "invalid_grant", "error_description": "Token Ag1234 is revoked"}"#;
    /// let refused = ApiError::parse(Service::Auth, 400, Some("application/json"), body);
    /// let error = CallError::NoToken(refused.into());
    /// assert_eq!(error.for_log(), "could not get another access token: HTTP status 400, invalid_grant");
    /// ```
    #[must_use]
    pub fn for_log(&self) -> String {
        const NO_TOKEN: &str = "could not get another access token";
        match self {
            Self::Api(error) => error.for_log(),
            Self::NoToken(cause) => match known(&**cause) {
                Some(cause) => format!("{NO_TOKEN}: {cause}"),
                None => NO_TOKEN.to_owned(),
            },
            error => error.to_string(),
        }
    }
}

/// What the first cause that is an error of this crate says for a log.
fn known(error: &(dyn Error + 'static)) -> Option<String> {
    successors(Some(error), |&error| error.source()).find_map(|error| {
        let call = error.downcast_ref().map(CallError::for_log);
        let token = || error.downcast_ref().map(TokenError::for_log);
        call.or_else(token).or_else(|| error.downcast_ref().map(ApiError::for_log))
    })
}
