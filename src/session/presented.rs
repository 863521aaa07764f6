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
