//! The one way out: every call has a time limit, a size limit and a deadline; transient failures are retried; no redirect
//! is followed; nothing is decompressed; credentials are sent by https only, or on loopback. The number of concurrent calls
//! of one service and of idle connections is limited.
//!
//! Redirects are not followed because a token endpoint or an API that answers with one would otherwise make us carry
//! credentials to where it points (RFC 9700 section 4.12).

use std::{fmt, sync::Arc, time::Duration};

pub use reqwest::Certificate;
use reqwest::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    answer::Answer,
    authorizer::Authorizer,
    connect::{Connections, JSON},
    name::Introduction,
    url::is_loopback,
};
pub use super::{
    connect::{ClientError, Proxies},
    limits::{Limits, Pause, RealPause},
    observer::{Observer, Tried, Trying, Watched},
    trust::Trust,
};
use crate::error::{CallError, Service, UsageError};

/// The largest body of an error that is kept, in bytes.
const MAX_ERROR: usize = 256 << 10;
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// An HTTP client with [`Limits`]. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    connections: Arc<Connections>,
    limits: Limits,
    pause: Arc<dyn Pause>,
    introduction: Arc<Introduction>,
    observers: Arc<[Arc<dyn Observer>]>,
}

impl HttpClient {
    /// A client that trusts the CAs of this machine and uses the proxies that the environment names.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(limits: Limits) -> Result<Self, ClientError> {
        Self::trusting(limits, Trust::System, Proxies::FromEnvironment)
    }

    /// The same without any proxy.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn direct(limits: Limits) -> Result<Self, ClientError> {
        Self::trusting(limits, Trust::System, Proxies::Ignored)
    }

    /// The same with any [`Trust`] and [`Proxies`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn trusting(limits: Limits, trust: Trust, proxies: Proxies) -> Result<Self, ClientError> {
        let client = Self::when_needed(limits, trust, proxies);
        client.connections.open_now()?;
        Ok(client)
    }

    /// A client that is made when it is first needed, or when [`open`](Self::open) asks for it: reading the machine's
    /// certificates takes longer than everything else that a program does at its start.
    #[must_use]
    pub fn when_needed(limits: Limits, trust: Trust, proxies: Proxies) -> Self {
        let connections = Arc::new(Connections::new(trust, proxies, limits.timeout));
        Self {
            connections,
            limits,
            pause: Arc::new(RealPause),
            introduction: Arc::default(),
            observers: Arc::default(),
        }
    }

    /// The same client, with the same connections, that introduces itself to Globus as `app` beside the SDK: a name, or
    /// `name/version` as in `my-app/1.2`. It goes into `User-Agent` and `X-Globus-Client-Info`.
    ///
    /// # Errors
    /// [`UsageError`] for a name with other characters than ASCII letters, digits and `-._+`.
    pub fn with_app_name(mut self, app: &str) -> Result<Self, UsageError> {
        self.introduction = Arc::new(Introduction::of_app(app)?);
        Ok(self)
    }

    /// Makes the client now, if that has not been done yet.
    ///
    /// # Errors
    /// [`CallError::Request`] when no TLS configuration can be made, for example because the machine has no CA certificates.
    pub async fn open(&self) -> Result<(), CallError> {
        self.connections.open().await
    }

    /// The same client, with the same connections, without retries.
    #[must_use]
    pub fn without_retries(mut self) -> Self {
        self.limits.max_retries = 0;
        self
    }

    /// The same client, with the same connections, with this time limit for a call.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self.limits.deadline = timeout;
        self
    }

    /// The same client, with the same connections, that reads no larger answers than this.
    #[must_use]
    pub(crate) fn with_body_limit(mut self, bytes: usize) -> Self {
        self.limits.body = bytes;
        self
    }

    /// The same client, with the same connections, for answers that list things.
    #[must_use]
    pub(crate) fn for_lists(self) -> Self {
        let bytes = self.limits.listing;
        self.with_body_limit(bytes)
    }

    /// The same client with pauses of another kind.
    #[must_use]
    pub fn with_pause(mut self, pause: Arc<dyn Pause>) -> Self {
        self.pause = pause;
        self
    }

    /// The same client, with the same connections, that reports each try of a call to `observer` too.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers = self.observers.iter().cloned().chain([observer]).collect();
        self
    }

    /// Waits, as between two tries.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.pause.sleep(duration).await;
    }

    /// Makes a call: tries again what may pass, renews the authorization once when the service no longer accepts it, and
    /// stops at the deadline. Gives the last answer, whatever its status. Credentials never leave this machine by http.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        call.check()?;
        let deadline = after(self.limits.deadline);
        let mut renewed = false;
        let mut tries = 0;
        loop {
            let authorization = call.authorizer.authorization(deadline).await?;
            let header = authorization.as_ref().map(|authorization| &authorization.header);
            let result = self.observed(call, header, deadline, tries + u32::from(renewed)).await;
            let refused = matches!(&result, Ok(answer) if answer.status == StatusCode::UNAUTHORIZED);
            if refused && !renewed && call.authorizer.refused(authorization.as_ref(), deadline).await? {
                renewed = true;
                continue;
            }
            let Some(pause) = self.pause_before_retry(call, &result, tries) else { return result };
            if tries >= self.limits.max_retries || left(deadline) <= pause {
                return result;
            }
            self.pause.sleep(pause).await;
            tries += 1;
        }
    }

    /// Makes one try, and reports it.
    async fn observed(
        &self,
        call: &Call<'_>,
        authorization: Option<&HeaderValue>,
        deadline: Instant,
        before: u32,
    ) -> Result<Answer, CallError> {
        let trying = Trying { service: call.service, method: &call.method, url: &call.url, before };
        let watched: Vec<_> = self.observers.iter().filter_map(|observer| observer.trying(&trying)).collect();
        let traceparent = watched.iter().find_map(|watched| watched.traceparent());
        let began = Instant::now();
        let result = self.attempt(call, authorization, traceparent, deadline).await;
        let time = began.elapsed();
        log(call, &result, before, time);
        let status = result.as_ref().ok().map(|answer| answer.status.as_u16());
        let tried = Tried { service: call.service, status, time };
        watched.into_iter().for_each(|watched| watched.ended(&tried));
        self.observers.iter().for_each(|observer| observer.tried(&tried));
        result
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        authorization: Option<&HeaderValue>,
        traceparent: Option<HeaderValue>,
        deadline: Instant,
    ) -> Result<Answer, CallError> {
        let turn = timeout_at(deadline, self.connections.turn(call.service)).await;
        let _turn = turn.map_err(|_| CallError::Busy)??;
        let mut request = self.connections.to(&call.url).await?.request(call.method.clone(), call.url.clone());
        // From connecting to the last byte of the body, however slowly it comes.
        request = request.timeout(self.limits.timeout.min(left(deadline)));
        let Introduction { user_agent, client_info } = &*self.introduction;
        request = request.header(USER_AGENT, user_agent).header("x-globus-client-info", client_info);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        request = match call.body {
            // Some servers refuse a POST that does not say how long it is (RFC 9110 section 8.6).
            Body::None if call.method == Method::POST => request.header(CONTENT_LENGTH, 0),
            Body::None => request,
            Body::Form(form) => request.header(CONTENT_TYPE, FORM).body(form.clone()),
            Body::Json(document) => request.header(CONTENT_TYPE, JSON).body(document.clone()),
        };
        let mut response = request.send().await.map_err(CallError::of_request)?;
        let (status, came) = (response.status(), Instant::now());
        let headers = std::mem::take(response.headers_mut());
        let body = self.body(response).await?;
        let call_name = format!("{} {}", call.method, call.url.path());
        Ok(Answer { service: call.service, call: call_name, status, headers, came, body })
    }

    /// The body. Of an error that is larger than any that Globus sends, nothing is kept: its status says enough.
    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
        let success = response.status().is_success();
        let limit = if success { self.limits.body } else { self.limits.body.min(MAX_ERROR) };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(CallError::of_request)? {
            if body.len() + chunk.len() <= limit {
                body.extend_from_slice(&chunk);
            } else if success {
                return Err(CallError::TooLarge { limit });
            } else {
                return Ok(Vec::new());
            }
        }
        Ok(body)
    }

    /// How long to wait before the next try; `None` when another try makes no sense.
    ///
    /// A call that carries a one-use code is never sent twice: whatever came back, the code may have been spent.
    fn pause_before_retry(&self, call: &Call<'_>, result: &Result<Answer, CallError>, tries: u32) -> Option<Duration> {
        if call.once {
            return None;
        }
        let backoff = || {
            let seconds = (0.25 + 0.5 * self.pause.random()) * 2_f64.powi(i32::try_from(tries).unwrap_or(i32::MAX));
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(self.limits.max_sleep)
        };
        match result {
            Err(error) => error.is_network().then(backoff),
            Ok(answer) => match answer.status.as_u16() {
                429 | 503 => {
                    Some(answer.retry_after().map_or_else(backoff, |wanted| wanted.min(self.limits.max_sleep)))
                }
                500 | 502 | 504 if !answer.is_final_for_transfer() => Some(backoff()),
                _ => None,
            },
        }
    }
}

/// One event for each try. Neither query, headers nor bodies are in it: they may hold secrets.
fn log(call: &Call<'_>, result: &Result<Answer, CallError>, before: u32, time: Duration) {
    let (method, path, attempt, milliseconds) = (&call.method, call.url.path(), before + 1, time.as_millis());
    match result {
        Ok(answer) => tracing::debug!(
            %method,
            path,
            attempt,
            milliseconds,
            status = answer.status.as_u16(),
            request_id = answer.request_id().as_deref(),
            "call to Globus"
        ),
        Err(error) => tracing::debug!(%method, path, attempt, milliseconds, %error, "call to Globus failed"),
    }
}

/// A point in time this long from now, or 30 years from now if that is sooner.
fn after(duration: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(duration.min(YEARS)).unwrap_or(now)
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// One call: what to send, and with whose authorization.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: &'a Body,
    pub(crate) authorizer: &'a Authorizer,
    /// Whether it must not be sent a second time.
    pub(crate) once: bool,
}

impl Call<'_> {
    /// Refuses to send a token, a code or a secret in the clear (RFC 6750 section 5.2): http is for this machine alone.
    fn check(&self) -> Result<(), UsageError> {
        let secret = !matches!(self.authorizer, Authorizer::Null) || matches!(self.body, Body::Form(_));
        if secret && self.url.scheme() == "http" && !is_loopback(&self.url) {
            return Err(UsageError("credentials are sent over https only; http is for loopback addresses".to_owned()));
        }
        Ok(())
    }
}

/// What a call carries.
pub(crate) enum Body {
    None,
    /// A form, encoded.
    Form(String),
    /// A JSON document, written.
    Json(String),
}

impl fmt::Debug for Body {
    /// Never the content: forms carry tokens and codes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Form(_) => "Form",
            Self::Json(_) => "Json",
        })
    }
}
