//! A person may not see a page.

use std::fmt;

use crate::session::policy::Unmet;

/// A person may not see a page, by a policy of the settings. [`routes`](crate::routes) makes of it the login that gives what is
/// missing, or the page that says what it is.
#[derive(Clone, Debug)]
pub struct Denial {
    /// The name of the policy.
    pub policy: String,
    /// What is missing.
    pub unmet: Vec<Unmet>,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied by the policy {}: {:?}", self.policy, self.unmet)
    }
}
