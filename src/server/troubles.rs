//! Errors that may occur by the thousand: the log shows one every ten seconds, with the number of those left out.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The least time between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// What has not been logged since the last line.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<Unsaid>);

#[derive(Debug, Default)]
struct Unsaid {
    last_line: Option<Instant>,
    count: u64,
}

impl Troubles {
    /// Logs an error, or only counts it if the last line is too recent.
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
