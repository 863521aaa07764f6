//! Watching calls from outside, for example to measure how fast Globus answers, or to trace who called it and why.

use std::{fmt, time::Duration};

use reqwest::{Method, header::HeaderValue};
use url::Url;

use crate::error::Service;

/// One try of a call, before it is sent. It holds no header and no body; the URL's query is not for logs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trying<'a> {
    /// The service that is called.
    pub service: Service,
    /// The method.
    pub method: &'a Method,
    /// Where to.
    pub url: &'a Url,
    /// How many tries of this call came before.
    pub before: u32,
}

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
    /// A try begins. What this gives is kept until the try is over, and dropped if the call is.
    fn trying(&self, _trying: &Trying<'_>) -> Option<Box<dyn Watched>> {
        None
    }

    /// A try is over.
    fn tried(&self, tried: &Tried);
}

/// A try that an [`Observer`] watches from its beginning to its end.
pub trait Watched: Send + Sync {
    /// The value of the header `traceparent` that goes with the try (W3C Trace Context section 3.2).
    fn traceparent(&self) -> Option<HeaderValue>;

    /// The try is over.
    fn ended(self: Box<Self>, tried: &Tried);
}
