//! Troubles that may come by the thousand: the log says them now and then, and how many there were.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The pause between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// What was not logged since the last line.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<Unsaid>);

#[derive(Debug, Default)]
struct Unsaid {
    last_line: Option<Instant>,
    count: u64,
}

impl Troubles {
    /// Logs a trouble, or counts it where the last line is a moment ago.
    pub(super) fn note(&self, what: &str, why: &dyn Display) {
        let mut unsaid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if unsaid.last_line.is_some_and(|last| last.elapsed() < PAUSE) {
            unsaid.count += 1;
            return;
        }
        let more = std::mem::take(&mut unsaid.count);
        unsaid.last_line = Some(Instant::now());
        tracing::error!(why = %why, more_since_the_last_line = more, "{what}");
    }
}
