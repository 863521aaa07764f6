//! Programs: callers with a bearer token of Globus Auth in place of a session.
//!
//! From the ground up:
//!
//! | module | what it holds |
//! |---|---|
//! | `token` | a bearer token, and its hash |
//! | `calls` | one call to Globus for all that ask for the same token |
//! | `strangers` | tokens that Globus did not accept, counted for each client |
//! | `program` | what introspection says, checked |
//! | `introspections` | who a token is of, asked at most once a minute |
//! | `dependents` | tokens to act for a caller at other services |
//!
//! Nothing here keeps a caller's token: what is known of one is found by its hash.

mod calls;
mod dependents;
mod introspections;
mod program;
mod strangers;
mod token;

use std::time::Duration;

pub use self::{
    dependents::{Dependents, NoDependentTokens},
    introspections::{Introspections, NotAccepted},
    program::{Admitted, Program},
    token::{BearerToken, TokenHash},
};
use super::memberships::Memberships;
use crate::{clock::Clock, globus::auth::ConfidentialAppAuthClient};

/// What is known of programs.
#[derive(Debug)]
pub struct Programs {
    /// Who tokens are of.
    pub introspections: Introspections,
    /// Tokens to act for callers at other services.
    pub dependents: Dependents,
    /// The groups of callers, for policies.
    pub memberships: Memberships,
}

impl Programs {
    /// Nothing is known yet. At most `max` introspections run at the same time; lists of groups count for `groups_max_age`.
    #[must_use]
    pub fn new(clock: &Clock, auth: &ConfidentialAppAuthClient, max: usize, groups_max_age: Duration) -> Self {
        Self {
            introspections: Introspections::new(clock.clone(), auth.clone(), max),
            dependents: Dependents::new(clock.clone(), auth.clone()),
            memberships: Memberships::new(clock.clone(), groups_max_age),
        }
    }
}
