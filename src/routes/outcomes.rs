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
    outcome: Outcome,
    /// Why it fails, where that is known before.
    reason: Option<&'static str>,
}

impl Came {
    /// A code, for this attempt.
    pub(super) fn back(attempt: &Attempt) -> Self {
        Self { is_step_up: attempt.step_up.is_some(), outcome: Outcome::Failed, reason: None }
    }

    /// A refusal.
    pub(super) fn refused(attempt: &Attempt, refusal: &Refusal) -> Self {
        let (outcome, reason) = match &*refusal.error {
            "access_denied" => (Outcome::Denied, "access_denied"),
            "temporarily_unavailable" | "server_error" => (Outcome::Failed, "globus_unavailable"),
            _ => (Outcome::Failed, "globus_refused"),
        };
        Self { outcome, reason: Some(reason), ..Self::back(attempt) }
    }

    /// An answer that belongs to no current attempt.
    pub(super) fn without(error: &AttemptError) -> Self {
        let reason = match error {
            AttemptError::NoCookie { .. } => "no_cookie",
            AttemptError::Expired { .. } => "expired",
            AttemptError::Unknown => "unknown_state",
            AttemptError::Foreign { .. } => "foreign_state",
        };
        Self { is_step_up: false, outcome: Outcome::Failed, reason: Some(reason) }
    }

    /// A query that makes no sense.
    pub(super) fn malformed() -> Self {
        Self { is_step_up: false, outcome: Outcome::Failed, reason: Some("malformed") }
    }
}

/// Notes a failure. Gives back what it got.
pub(super) fn note<T>(app: &AppState, came: Came, done: Result<T, AppError>) -> Result<T, AppError> {
    let Err(error) = &done else { return done };
    let reason = came.reason.unwrap_or_else(|| error.reason());
    match (came.is_step_up, came.outcome) {
        (true, Outcome::Denied) => tracing::info!(reason, "step-up denied"),
        (true, _) => tracing::info!(reason, "step-up failed"),
        (false, Outcome::Denied) => tracing::info!(reason, "login denied"),
        (false, _) => tracing::info!(reason, "login failed"),
    }
    if came.is_step_up {
        app.metrics.step_up(came.outcome);
    } else {
        app.metrics.login(came.outcome, reason);
    }
    done
}
