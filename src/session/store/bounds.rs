//! How much a store remembers, and how long.

use std::sync::atomic::{AtomicU32, Ordering};

use time::{Duration, OffsetDateTime};

use super::error::StoreError;

/// How many of the rows that strangers can cause a store remembers. There may be a few more until the next trim.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The number of spent states. Beyond it, those whose time ends first are forgotten, and all states of their age are too
    /// old from then on.
    pub spent_states: u32,
    /// The number of notes about sessions ended from elsewhere. Beyond it, those whose time ends first are forgotten.
    pub ended_notes: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { spent_states: 250_000, ended_notes: 100_000 }
    }
}

/// Decides when to check whether a store exceeds its [`Bounds`]: counting rows at each write costs too much.
#[derive(Debug, Default)]
pub(super) struct Trimming {
    pub(super) bounds: Bounds,
    spent: AtomicU32,
    noted: AtomicU32,
}

impl Trimming {
    fn is_due(count: &AtomicU32, bound: u32) -> bool {
        count.fetch_add(1, Ordering::Relaxed).is_multiple_of((bound / 64).max(1))
    }

    pub(super) fn of_states_is_due(&self) -> bool {
        Self::is_due(&self.spent, self.bounds.spent_states)
    }

    pub(super) fn of_notes_is_due(&self) -> bool {
        Self::is_due(&self.noted, self.bounds.ended_notes)
    }
}

/// Logs a failed trim. The operation before it remains done.
pub(super) fn warn_of_trim(trimmed: Result<(), StoreError>) {
    if let Err(error) = trimmed {
        tracing::warn!(error = %error, "cannot trim the session store");
    }
}

/// How long a spent state is remembered after its time: the clocks of portals that share a store differ.
pub(super) const CLOCKS_DIFFER: Duration = Duration::HOUR;

/// The shortest and the longest pause before revoking is tried again, in seconds.
pub(super) const REVOKE_AGAIN: (i64, i64) = (60, 60 * 60);

/// When tokens that were queued at `added`, and are tried now, are due again.
pub(super) fn next_try(added: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    let (shortest, longest) = REVOKE_AGAIN;
    now.saturating_add(Duration::seconds(((now - added).whole_seconds() / 2).clamp(shortest, longest)))
}
