//! How far this machine's clock is from a service's, by the `Date` header of an answer.

use std::fmt;

use time::{Duration, OffsetDateTime};

/// How far the clock of this machine may be behind Globus's, for `iat` and `nbf`: as in the Python SDK.
pub const LEEWAY: Duration = Duration::minutes(5);
/// From this difference on, the operator should look after the clock.
const LARGE: Duration = Duration::minutes(1);

/// How far this machine's clock is ahead of a service's; below zero where it is behind. Prints as a sentence:
///
/// ```
/// use globus_sdk::clock_difference::ClockDifference;
/// use time::Duration;
///
/// let difference = ClockDifference::new(Duration::seconds(-121));
/// assert_eq!(difference.to_string(), "the clock of this machine is about 2 minutes behind");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference(Duration);

impl ClockDifference {
    /// From how far this machine's clock is ahead.
    #[must_use]
    pub fn new(ahead: Duration) -> Self {
        Self(ahead)
    }

    /// Between what this machine's clock showed and what the service's did at the same time.
    pub(super) fn between(here: OffsetDateTime, there: OffsetDateTime) -> Self {
        Self(here - there)
    }

    /// Whether it is a minute or more.
    #[must_use]
    pub fn is_large(self) -> bool {
        self.0.abs() >= LARGE
    }

    /// Whether it is more than this.
    #[must_use]
    pub fn is_more_than(self, other: Duration) -> bool {
        self.0.abs() > other
    }
}

impl fmt::Display for ClockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.whole_seconds().unsigned_abs();
        let rounded = |unit: u64| (seconds + unit / 2) / unit;
        let (count, unit) = match seconds {
            0..90 => (seconds, "second"),
            90..5_400 => (rounded(60), "minute"),
            5_400..129_600 => (rounded(3_600), "hour"),
            _ => (rounded(86_400), "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        let side = if self.0.is_negative() { "behind" } else { "ahead" };
        write!(f, "the clock of this machine is about {count} {unit}{plural} {side}")
    }
}
