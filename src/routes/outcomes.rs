//! How logins and step-ups end: one line in the log, and a count. Those that succeed are noted where they do.

use super::refusal::Refusal;
use crate::{
    error::AppError,
    metrics::Outcome,
    session::login_attempt::{Attempt, AttemptError},
    state::AppState,
};

/// What came back from Globus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    is_step_up: bool,
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
        Self { is_step_up: attempt.step_up.is_some(), with: With::Code }
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
        Self { is_step_up: false, with: With::Nothing(reason) }
    }

    /// A query that makes no sense.
    pub(super) fn malformed() -> Self {
        Self { is_step_up: false, with: With::Nothing("malformed") }
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
pub(super) fn note<T>(app: &AppState, came: Came, done: Result<T, AppError>) -> Result<T, AppError> {
    let Err(error) = &done else { return done };
    let (outcome, reason) = came.ended(error);
    match (came.is_step_up, outcome) {
        (true, Outcome::Denied) => tracing::info!(reason, "step-up denied"),
        (true, _) => tracing::info!(reason, "step-up failed"),
        (false, Outcome::Denied) => tracing::info!(reason, "login denied"),
        (false, _) => tracing::info!(reason, "login failed"),
    }
    if came.is_step_up {
        app.metrics.step_up(outcome);
    } else {
        app.metrics.login(outcome, reason);
    }
    done
}
