//! Bounds on calls, and pauses between tries.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::secret::random_bytes;

/// Bounds on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// One try, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// The whole call: all tries, and the pauses between them.
    pub deadline: Duration,
    /// How many more tries there are after the first.
    pub max_retries: u32,
    /// The longest pause between two tries.
    pub max_sleep: Duration,
    /// The answer's body, in bytes.
    pub body: usize,
    /// The body of an answer that lists things, in bytes: entries of a folder, endpoints, tasks, events, bookmarks, groups.
    pub listing: usize,
}

impl Default for Limits {
    /// As the Python SDK: 60 seconds a try, 5 more tries, pauses of 10 seconds at most; and 2 minutes for the whole. Answers
    /// of 4 MiB, lists of 64 MiB: a folder of 100,000 entries, the most that Transfer lists at a time, has about 30.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(120),
            max_retries: 5,
            max_sleep: Duration::from_secs(10),
            body: 4 << 20,
            listing: 64 << 20,
        }
    }
}

impl Limits {
    /// For a server that answers a person meanwhile: 10 seconds a try, one more try, 15 seconds for the whole. Lists are no
    /// larger than other answers: many people may ask for one at the same time.
    #[must_use]
    pub fn for_web_pages() -> Self {
        let limits = Self::default();
        Self { max_retries: 1, listing: limits.body, ..limits }.with_timeout(Duration::from_secs(10))
    }

    /// The same with this time limit for one try, and one and a half times as long for the whole call.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, deadline: timeout.saturating_add(timeout / 2), ..self }
    }

    setters! {
        with_deadline: deadline = Duration;
        with_max_retries: max_retries = u32;
        with_max_sleep: max_sleep = Duration;
        with_body: body = usize;
        with_listing: listing = usize;
    }
}

/// How a pause between two tries is made. The one that waits is [`RealPause`]; a test looks at the durations instead.
#[async_trait]
pub trait Pause: fmt::Debug + Send + Sync + 'static {
    /// A random number from 0 up to 1, which spreads the tries of many clients.
    fn random(&self) -> f64;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// Waits for the given time.
#[derive(Clone, Copy, Debug)]
pub struct RealPause;

#[async_trait]
impl Pause for RealPause {
    fn random(&self) -> f64 {
        f64::from(u32::from_be_bytes(random_bytes())) / (f64::from(u32::MAX) + 1.0)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
