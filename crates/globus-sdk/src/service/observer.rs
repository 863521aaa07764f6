//! Watching calls from outside, for example to measure how fast Globus answers.

use std::{fmt, time::Duration};

use crate::error::Service;

/// One try of a call, once it is over. It holds nothing of what was sent or answered but the status.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Tried {
    /// The service that was called.
    pub service: Service,
    /// The status of the answer; `None` if none came, or not as a whole.
    pub status: Option<u16>,
    /// How long it took, with the wait for a free connection.
    pub time: Duration,
}

/// Hears of every try of every call of an [`HttpClient`](crate::http::HttpClient). It is called in the middle of the call, so
/// it must return at once.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// A try is over.
    fn tried(&self, tried: &Tried);
}
