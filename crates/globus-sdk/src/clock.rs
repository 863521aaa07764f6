//! One door for time: whatever judges age asks a [`Clock`].

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};

/// A clock. Cheap to clone; all clones show the same time.
///
/// ```
/// use globus_sdk::{clock::Clock, time::{Duration, OffsetDateTime}};
///
/// let clock = Clock::manual(OffsetDateTime::UNIX_EPOCH);
/// clock.advance(Duration::MINUTE);
/// assert_eq!(clock.now().unix_timestamp(), 60);
/// ```
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<Mutex<OffsetDateTime>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved: for tests of what ages.
    #[must_use]
    pub fn manual(now: OffsetDateTime) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(now))))
    }

    /// The time now, in UTC.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one door")]
    pub fn now(&self) -> OffsetDateTime {
        match &self.0 {
            Source::System => OffsetDateTime::now_utc(),
            Source::Manual(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a manual clock; the machine's clock is not ours to move.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.saturating_add(by);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Source::System => "system",
            Source::Manual(_) => "manual",
        };
        write!(f, "Clock({kind})")
    }
}
