//! How logins and step-ups end: one line in the log, and a count. Those that succeed are noted where they do.

use super::refusal::Refusal;
use crate::{
    error::AppError,
    metrics::Outcome,
    session::{
        login_attempt::{Attempt, AttemptError},
        store::SessionKey,
    },
    state::AppState,
};

/// What came back from Globus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    /// The session that a step-up is for.
    step_up: Option<SessionKey>,
    with: With,
}

#[derive(Clone, Copy, Debug)]
enum With {
    Code,
    /// A refusal, and the reason for it.
    Refusal(Outcome, &'static str),
    /// Nothing that can be used, for this reason.
    Nothing(&'static str),
}

impl Came {
    /// A code, for this attempt.
    pub(super) fn back(attempt: &Attempt) -> Self {
        Self { step_up: attempt.step_up.as_ref().map(|step_up| step_up.session), with: With::Code }
    }

    /// A refusal.
    pub(super) fn refused(attempt: &Attempt, refusal: &Refusal) -> Self {
        let with = match &*refusal.error {
            "access_denied" => With::Refusal(Outcome::Denied, "access_denied"),
            "temporarily_unavailable" | "server_error" => With::Refusal(Outcome::Failed, "globus_unavailable"),
            _ => With::Refusal(Outcome::Failed, "globus_refused"),
        };
        Self { with, ..Self::back(attempt) }
    }

    /// An answer that belongs to no current attempt.
    pub(super) fn without(error: &AttemptError) -> Self {
        let reason = match error {
            AttemptError::NoCookie { .. } => "no_cookie",
            AttemptError::Expired { .. } => "expired",
            AttemptError::Unknown => "unknown_state",
            AttemptError::Foreign { .. } => "foreign_state",
        };
        Self { step_up: None, with: With::Nothing(reason) }
    }

    /// A query that makes no sense.
    pub(super) fn malformed() -> Self {
        Self { step_up: None, with: With::Nothing("malformed") }
    }

    /// How it ended, and why. An error may also come from elsewhere, such as the store.
    fn ended(self, error: &AppError) -> (Outcome, &'static str) {
        match (self.with, error) {
            (With::Refusal(outcome, reason), AppError::Refused { .. }) => (outcome, reason),
            (With::Nothing(reason), AppError::StartAgain { .. }) => (Outcome::Failed, reason),
            _ => (Outcome::Failed, error.reason()),
        }
    }
}

/// Notes a failure. Gives back what it got.
pub(super) async fn note<T>(app: &AppState, came: Came, done: Result<T, AppError>) -> Result<T, AppError> {
    let Err(error) = &done else { return done };
    let (outcome, reason) = came.ended(error);
    // Whose login it would have been is not known.
    let sub = match came.step_up {
        Some(session) => app.vault.whose(session).await,
        None => "-".to_owned(),
    };
    match (came.step_up, outcome) {
        (Some(_), Outcome::Denied) => tracing::info!(sub, reason, "step-up denied"),
        (Some(_), _) => tracing::info!(sub, reason, "step-up failed"),
        (None, Outcome::Denied) => tracing::info!(sub, reason, "login denied"),
        (None, _) => tracing::info!(sub, reason, "login failed"),
    }
    match came.step_up {
        Some(_) => app.metrics.step_up(outcome),
        None => app.metrics.login(outcome, reason),
    }
    done
}
