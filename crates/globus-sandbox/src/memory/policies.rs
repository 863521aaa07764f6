//! Authentication policies ("Globus Auth documentation", authentication policies). Here a session meets a
//! policy once its app has asked for it and the person has signed in for that.

use serde_json::{Map, Value, json};

use crate::memory::store::BrowserSession;
use crate::world::apps::Client;

/// The policy of the collection that refuses with `AuthPolicyFailed`: a sign-in for sensitive data.
pub(crate) const SENSITIVE: &str = "c1a5be11-7d3a-4f0e-8a52-9b6f4e2d0001";
/// A policy that no collection asks for.
pub(crate) const ON_CAMPUS: &str = "c1a5be11-7d3a-4f0e-8a52-9b6f4e2d0002";

/// The policies that exist, with a description for the front page.
pub(crate) const POLICIES: [(&str, &str); 2] =
    [(SENSITIVE, "a sign-in for sensitive data"), (ON_CAMPUS, "a sign-in from the campus")];

/// The existing policies of a list. Unknown ones count as met, since no sign-in could meet them.
pub(crate) fn existing(asked: &[String]) -> impl Iterator<Item = &'static str> {
    POLICIES.iter().map(|(id, _)| *id).filter(|id| asked.iter().any(|text| text == id))
}

/// Whether a session has met a policy for an app.
pub(crate) fn is_met(session: Option<&BrowserSession>, client: &Client, id: &str) -> bool {
    session.is_some_and(|session| session.policies.iter().any(|(app, policy)| app == client && *policy == id))
}

/// `policy_evaluations` of an introspection: an unknown policy is not met.
pub(crate) fn evaluations(session: Option<&BrowserSession>, client: &Client, asked: &[String]) -> Map<String, Value> {
    let evaluation = |id: &String| (id.clone(), json!({"evaluation": is_met(session, client, id)}));
    asked.iter().map(evaluation).collect()
}
