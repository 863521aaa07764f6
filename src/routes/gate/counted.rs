//! What the gate decides, counted.

use super::judge::Verdict;
use crate::{metrics::Decision, session::policy::Unmet, state::AppState};

impl Verdict {
    /// The decision and, of a no, the reason in a word. Where several conditions do not hold, the first one counts.
    fn counted(&self) -> (Decision, &'static str) {
        match self {
            Self::Passes(_) => (Decision::Allowed, "none"),
            Self::SignIn => (Decision::SignIn, "none"),
            Self::Denied(_, unmet) => (Decision::Denied, unmet.first().map_or("none", |unmet| Unmet::as_str(*unmet))),
            Self::Refused(refusal) => (Decision::Denied, refusal.as_str()),
            Self::Unknown => (Decision::Unknown, "none"),
        }
    }
}

/// Counts a verdict by the policy of this name, or the default one.
pub(super) fn count(app: &AppState, policy: Option<&str>, verdict: &Verdict) {
    let (decision, reason) = verdict.counted();
    app.metrics.gate_decision(known(app, policy), decision, reason);
}

/// Counts a request that was refused before its session was looked at.
pub(super) fn count_refused(app: &AppState, policy: Option<&str>, reason: &'static str) {
    app.metrics.gate_decision(known(app, policy), Decision::Denied, reason);
}

/// The policy's name, if the settings have it: no visitor adds to the labels.
fn known<'a>(app: &'a AppState, policy: Option<&str>) -> Option<&'a str> {
    app.settings.policies.name_of(policy)
}
