//! How a person has logged in at Globus, as Globus Auth says when it is asked about the session's own token: `session_info`,
//! `identity_set_detail` and `policy_evaluations` of an introspection (RFC 7662; Globus Auth API, "Token Introspection").

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use crate::globus::{auth::Introspection, claims::LinkedIdentity, id_token::LEEWAY};

/// Multi-factor authentication: as an authentication method (RFC 8176 section 2), and as a context class (REFEDS MFA profile).
const MFA: &str = "mfa";
const REFEDS_MFA: &str = "https://refeds.org/profile/mfa";

/// How a person has logged in.
#[derive(Clone, Debug, Default)]
pub struct SessionInfo {
    /// All identities of the person, as they are linked now.
    pub(super) identities: Vec<LinkedIdentity>,
    /// The logins of the portal's session at Globus.
    authentications: Vec<Authentication>,
    /// The ids of the authentication policies that hold.
    held: Vec<String>,
}

/// One login.
#[derive(Clone, Debug)]
struct Authentication {
    /// The id of the identity.
    identity: String,
    at: Option<i64>,
    with_mfa: bool,
}

/// The document is not what an introspection should be. Holds the member that is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the introspection lacks {0}, or it is wrong")]
pub struct Malformed(&'static str);

#[derive(Deserialize)]
struct Session {
    authentications: HashMap<String, HashMap<String, Value>>,
}

impl SessionInfo {
    /// Reads the introspection of an active token, which must act for `sub`. `policies` are the ids of the authentication
    /// policies that were asked about.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(document: &Introspection, sub: &str, policies: &[String]) -> Result<Self, Malformed> {
        if !document.sub.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(sub)) {
            return Err(Malformed("sub"));
        }
        let session: Session = member(document, "session_info")?;
        let evaluations: HashMap<String, HashMap<String, Value>> = match policies.is_empty() {
            true => HashMap::new(),
            false => member(document, "policy_evaluations")?,
        };
        let holds = |(id, evaluation): (String, HashMap<String, Value>)| {
            (evaluation.get("evaluation") == Some(&Value::Bool(true))).then(|| id.to_ascii_lowercase())
        };
        Ok(Self {
            identities: member(document, "identity_set_detail")?,
            authentications: session.authentications.into_iter().map(Authentication::read).collect(),
            held: evaluations.into_iter().filter_map(holds).collect(),
        })
    }

    /// Whether one of the logins was with multi-factor authentication.
    pub(super) fn has_mfa(&self) -> bool {
        self.authentications.iter().any(|authentication| authentication.with_mfa)
    }

    /// When the last login was, in seconds since 1970. One without a time, or with one that is further ahead of `now` than clocks
    /// may differ, counts as none.
    #[must_use]
    pub fn last_authentication(&self, now: OffsetDateTime) -> Option<i64> {
        let latest = now.unix_timestamp().saturating_add(LEEWAY.whole_seconds());
        self.authentications.iter().filter_map(|authentication| authentication.at).filter(|at| *at <= latest).max()
    }

    /// Whether the last login is no older than this, by whole seconds as Globus counts.
    pub(super) fn is_younger_than(&self, age: std::time::Duration, now: OffsetDateTime) -> bool {
        let since = |last: i64| u64::try_from(now.unix_timestamp().saturating_sub(last)).unwrap_or_default();
        self.last_authentication(now).is_some_and(|last| since(last) <= age.as_secs())
    }

    /// The identities that the person has logged in with.
    pub(super) fn logged_in_with(&self) -> impl Iterator<Item = &LinkedIdentity> {
        let has_logged_in = |identity: &&LinkedIdentity| {
            self.authentications.iter().any(|known| known.identity.eq_ignore_ascii_case(&identity.sub))
        };
        self.identities.iter().filter(has_logged_in)
    }

    /// Whether all of these authentication policies hold.
    pub(super) fn meets(&self, policies: &[String]) -> bool {
        policies.iter().all(|id| self.held.contains(id))
    }
}

impl Authentication {
    fn read((identity, facts): (String, HashMap<String, Value>)) -> Self {
        let methods = facts.get("amr").and_then(Value::as_array);
        let by_method = methods.is_some_and(|methods| methods.iter().any(|method| method == MFA));
        let by_class = facts.get("acr").is_some_and(|class| class == REFEDS_MFA);
        let at = facts.get("auth_time").and_then(Value::as_i64);
        Self { identity, at, with_mfa: by_method || by_class }
    }
}

fn member<T: for<'a> Deserialize<'a>>(document: &Introspection, name: &'static str) -> Result<T, Malformed> {
    let value = document.more.get(name).ok_or(Malformed(name))?;
    T::deserialize(value).map_err(|_| Malformed(name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Malformed, SessionInfo};

    fn read(change: impl FnOnce(&mut Value)) -> Result<SessionInfo, Malformed> {
        let mut document = json!({
            "active": true, "sub": "a", "policy_evaluations": {"one": {"evaluation": true}},
            "session_info": {"session_id": "s", "authentications": {"a": {"idp": "p", "auth_time": 1}}},
            "identity_set_detail": [{"sub": "a", "username": "x@uni.edu"}],
        });
        change(&mut document);
        let document = serde_json::from_value(document).unwrap_or_else(|error| unreachable!("{error}"));
        SessionInfo::read(&document, "a", &["one".to_owned()])
    }

    #[test]
    fn a_document_that_lacks_what_was_asked_for_says_neither_yes_nor_no() {
        assert!(read(|_| ()).is_ok());
        for name in ["sub", "session_info", "identity_set_detail", "policy_evaluations"] {
            let without = read(|document| drop(document.as_object_mut().and_then(|members| members.remove(name))));
            assert_eq!(without.err(), Some(Malformed(name)));
            for odd in [json!(null), json!("text"), json!([7]), json!({"authentications": []}), json!({"x": 1})] {
                assert_eq!(read(|document| document[name] = odd.clone()).err(), Some(Malformed(name)), "{name}: {odd}");
            }
        }
        let of_another = read(|document| document["sub"] = "b".into());
        assert_eq!(of_another.err(), Some(Malformed("sub")));
    }
}
