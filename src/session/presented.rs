//! What the gate has said to an app about the person of a session, so that most checks write nothing anew.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderValue;

/// The values of identity headers, and what they are about.
#[derive(Debug)]
pub struct Presented {
    /// The name of the policy.
    pub policy: String,
    /// The groups of the person.
    pub groups: Arc<[String]>,
    /// When the person authenticated, in seconds since 1970.
    pub auth_time: Option<i64>,
    /// When the assertion among the values was signed, in seconds since 1970.
    pub signed_at: i64,
    /// The values, in the order of their names at the gate.
    pub values: Arc<[HeaderValue]>,
}

impl Presented {
    /// Whether this is what is to be said for the same policy about the same facts.
    #[must_use]
    pub fn is_about(&self, policy: &str, groups: &Arc<[String]>, auth_time: Option<i64>) -> bool {
        self.policy == policy
            && self.auth_time == auth_time
            && (Arc::ptr_eq(&self.groups, groups) || self.groups == *groups)
    }
}

/// The last one of a session: an app asks many times in a row.
#[derive(Debug, Default)]
pub struct LastPresented(Mutex<Option<Arc<Presented>>>);

impl LastPresented {
    /// The last one, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Presented>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps one in place of the last.
    pub fn set(&self, presented: Presented) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(presented));
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Presented};

    #[test]
    fn it_is_said_again_only_for_the_same_policy_groups_and_time() {
        let groups = |id: &str| Arc::from([id.to_owned()]);
        let (policy, one) = ("staff".to_owned(), groups("one"));
        let said = Presented { policy, groups: one, auth_time: Some(1), signed_at: 0, values: Arc::default() };
        assert!(said.is_about("staff", &groups("one"), Some(1)), "an equal list that was read again");
        assert!(!said.is_about("members", &groups("one"), Some(1)));
        assert!(!said.is_about("staff", &groups("two"), Some(1)));
        assert!(!said.is_about("staff", &Arc::default(), Some(1)));
        assert!(!said.is_about("staff", &groups("one"), Some(2)));
        assert!(!said.is_about("staff", &groups("one"), None));
    }
}
