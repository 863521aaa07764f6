//! The groups that people are active members of, as Globus Groups says it with their own tokens. What it says counts for
//! `GROUPS_MAX_AGE_SECONDS`; a failure is not kept, and says neither yes nor no.

use std::{sync::Arc, time::Duration};

pub use super::answers::CallFailed;
use super::answers::{Answered, Answers};
use crate::{
    clock::Clock,
    globus::{error::CallError, groups::GroupsClient},
};

/// The groups of sessions, or of programs.
#[derive(Debug)]
pub struct Memberships {
    clock: Clock,
    max_age: Duration,
    answers: Answers<[u8; 32], Arc<[String]>>,
}

impl Memberships {
    /// Nobody's yet.
    #[must_use]
    pub fn new(clock: Clock, max_age: Duration) -> Self {
        Self { answers: Answers::new(clock.clone()), clock, max_age }
    }

    /// The ids, in lower case, of the groups that the person of a session, or the holder of a token, is an active member of,
    /// with any of their identities. `key` is the session's, or the token's hash. If the groups have to be read, `client` gives the
    /// client of this person. The caller may be dropped.
    ///
    /// # Errors
    /// That of `client`, or of the call; [`CallFailed`] if the call that this one has waited for has failed.
    pub async fn of<E: From<CallError> + From<CallFailed>>(
        &self,
        key: [u8; 32],
        client: impl AsyncFnOnce() -> Result<GroupsClient, E>,
    ) -> Result<Arc<[String]>, E> {
        let read = async || {
            let groups = client().await?.get_my_groups(&[]).await;
            Ok(groups.map(|groups| {
                let active = groups.iter().filter(|group| group.is_active_member());
                active.map(|group| group.id.to_ascii_lowercase()).collect()
            }))
        };
        self.answers.of(key, |answered| self.is_fresh(answered), read).await
    }

    fn is_fresh(&self, answered: &Answered<Arc<[String]>>) -> bool {
        let age = self.clock.now() - answered.at;
        !age.is_negative() && age < self.max_age
    }
}
