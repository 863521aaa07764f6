//! Why Globus refused a login: our own words for the visitor, Globus's for the log.

use std::fmt;

use crate::telemetry::shortened;

/// An error response from Globus (RFC 6749 section 4.1.2.1). It counts only with a valid `state`.
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) description: Option<String>,
}

impl Refusal {
    /// For the visitor. It quotes nothing from the query, which anyone could have written.
    pub(super) fn message(&self) -> &'static str {
        match &*self.error {
            "access_denied" => {
                "You did not allow this site to use your Globus account, so you are not signed in. If that was a mistake, sign in again and choose Allow."
            }
            "temporarily_unavailable" | "server_error" => {
                "Globus could not sign you in at the moment. Please try again soon."
            }
            _ => {
                "Globus did not sign you in. Please try again; if it happens again, contact the operators of this site."
            }
        }
    }
}

/// For the log: shortened and escaped.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shortened(&self.error, 64).escape_debug())?;
        match &self.description {
            Some(description) => write!(f, ": {}", shortened(description, 300).escape_debug()),
            None => Ok(()),
        }
    }
}
