//! Why Globus did not let a person in: in words of our own for the visitor, in Globus's for the log.

use std::fmt;

use crate::telemetry::shortened;

/// An error that Globus sent the browser back with (RFC 6749 section 4.1.2.1). Only a browser with a good `state` is heard.
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) description: Option<String>,
}

impl Refusal {
    /// For the visitor. Nothing of the query is in it: it could be anybody's words.
    pub(super) fn message(&self) -> &'static str {
        match &*self.error {
            "access_denied" => {
                "You did not allow this site to use your Globus account, so you are not signed in. If that was a mistake, sign in again and choose Allow."
            }
            "temporarily_unavailable" | "server_error" => {
                "Globus could not sign you in at the moment. Please try again soon."
            }
            _ => {
                "Globus did not sign you in. Please try again; if it happens again, tell the people who run this site."
            }
        }
    }
}

/// For the log: no longer than one can read, and nothing that could be taken for something else than text.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shortened(&self.error, 64).escape_debug())?;
        match &self.description {
            Some(description) => write!(f, ": {}", shortened(description, 300).escape_debug()),
            None => Ok(()),
        }
    }
}
