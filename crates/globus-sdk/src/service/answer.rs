//! A complete answer, and what it says.

use std::{fmt, time::Duration};

use reqwest::{
    StatusCode,
    header::{AGE, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER},
};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{
    clock_difference::ClockDifference,
    document::{self, Object},
    error::{ApiError, CallError, Service},
    text::plain,
};

/// A complete answer.
pub(crate) struct Answer {
    pub(super) service: Service,
    /// Which call it answers: method and path.
    pub(super) call: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// When the headers had come.
    pub(super) came: Instant,
    pub(super) body: Vec<u8>,
}

impl fmt::Debug for Answer {
    /// Neither headers nor body: a new client secret or a token may be in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status.as_u16())
            .field("length", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The document of a successful answer.
    pub(crate) fn document<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        let Object(document) = self.read()?;
        Ok(document)
    }

    /// The same where it is a list of documents.
    pub(crate) fn list<T: DeserializeOwned>(&self) -> Result<Vec<T>, CallError> {
        let objects: Vec<Object<T>> = self.read()?;
        Ok(objects.into_iter().map(|Object(document)| document).collect())
    }

    /// The JSON of a successful answer, whatever it is.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        self.success()?;
        document::read(&self.body).map_err(|problem| self.malformed(&problem))
    }

    /// The error for a document that is not the expected one. `problem` must not quote it.
    pub(crate) fn malformed(&self, problem: &str) -> CallError {
        CallError::Malformed { what: format!("{}: {problem}", self.call) }
    }

    /// How far this machine's clock, which shows `now`, is from the service's; nothing where the answer has no date.
    pub(crate) fn clock_difference(&self, now: OffsetDateTime) -> Option<ClockDifference> {
        let date = httpdate::parse_http_date(self.headers.get(DATE)?.to_str().ok()?).ok()?;
        // An answer out of a cache on the way is so much older (RFC 9111 section 5.1).
        let age = self.whole_seconds(AGE).unwrap_or_default();
        let there = OffsetDateTime::from(date).checked_add(age.try_into().ok()?)?;
        Some(ClockDifference::between(now - self.came.elapsed(), there))
    }

    /// Nothing, when the answer says success.
    pub(crate) fn success(&self) -> Result<(), CallError> {
        if self.status.is_success() { Ok(()) } else { Err(CallError::Api(self.error())) }
    }

    /// Globus's id of the call, if a header or an error's body has one.
    pub(super) fn request_id(&self) -> Option<String> {
        let header = self.headers.get("x-request-id").and_then(|id| id.to_str().ok()).map(plain);
        let of_the_error = || self.error().request_id().map(plain);
        header.or_else(|| if self.status.is_success() { None } else { of_the_error() })
    }

    fn error(&self) -> ApiError {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        ApiError::parse(self.service, self.status.as_u16(), content_type, &self.body)
            .of_call(&self.call, self.headers.clone())
    }

    /// A whole number of seconds that is more than none; a date or nonsense is passed over (RFC 9110 section 10.2.3).
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.whole_seconds(RETRY_AFTER).filter(|seconds| !seconds.is_zero())
    }

    fn whole_seconds(&self, header: HeaderName) -> Option<Duration> {
        self.headers.get(header)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
    }

    /// Whether Transfer says that the fault is an endpoint's own: another try would meet it again.
    pub(super) fn is_final_for_transfer(&self) -> bool {
        let error = self.error();
        let code = error.code().unwrap_or_default();
        self.service == Service::Transfer && (code.contains("ExternalError") || code.contains("EndpointError"))
    }
}
