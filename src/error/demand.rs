//! What must be asked of the person at Globus before a request can be answered.

use std::fmt;

use super::globus::GlobusError;
use crate::globus::gare::Gare;

/// What must be asked of the person at Globus before a request can be answered. [`routes`](crate::routes) makes a login of it
/// that leads back to the page.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What it is.
    pub need: Need,
    /// The ids of the collections that the person has opened: an answer about one may ask for the consent to reach its data.
    pub opened: Vec<String>,
}

/// What is needed.
#[derive(Clone, Debug)]
pub enum Need {
    /// The login again: Globus no longer accepts the session's token.
    SignIn,
    /// What a service requires, by its error.
    Gare(Box<Gare>),
    /// A scope that a page of this site needs.
    Scope(String),
}

impl Demand {
    /// What a failed call asks for, if anything.
    pub(super) fn of(error: &GlobusError) -> Option<Self> {
        let opened = error.path().and_then(collection_of).map(ToOwned::to_owned).into_iter().collect();
        match error.gare() {
            Some(gare) => Some(Self { need: Need::Gare(Box::new(gare)), opened }),
            None => error.wants_login().then_some(Self { need: Need::SignIn, opened }),
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.need {
            Need::SignIn => f.write_str("Globus no longer accepts the session's token"),
            Need::Gare(_) => f.write_str("a service requires something of the person first"),
            Need::Scope(scope) => write!(f, "the session has no token with the scope {scope}"),
        }
    }
}

/// The collection that a call of Transfer works on, by the call's path.
fn collection_of(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/operation/endpoint/")?;
    rest.split('/').next().filter(|id| uuid::Uuid::parse_str(id).is_ok())
}
