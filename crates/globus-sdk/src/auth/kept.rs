//! A document of the provider, cached in memory. Concurrent callers share one fetch.
//!
//! The fetch runs in its own task, so it completes even if its callers are gone. The pause after a failure starts when the
//! fetch has failed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

use crate::{clock::Clock, error::CallError};

/// The shortest time between a failed request for a document and the next, and between two requests for a key that is not
/// known.
pub const MIN_INTERVAL: Duration = Duration::seconds(10);
/// The age from which a document is refreshed in the background.
pub const REFRESH_AFTER: Duration = Duration::minutes(30);
/// The age from which a login waits for a newer document, unless Globus has just failed to give one.
pub const MAX_AGE: Duration = Duration::hours(1);

/// Why the provider's documents cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The call failed.
    #[error("cannot get the {document} of Globus Auth: {}", cause.for_log())]
    Call {
        /// Which document.
        document: &'static str,
        /// Why.
        #[source]
        cause: Arc<CallError>,
    },
    /// It failed moments ago; it is too early to retry.
    #[error("{failed} (a moment ago; the next try is made within 10 seconds)")]
    TooSoon {
        /// Why it failed.
        #[source]
        failed: Box<ProviderError>,
    },
    /// The task that fetched it has died.
    #[error("the request for the {document} of Globus Auth was broken off")]
    BrokenOff {
        /// Which document.
        document: &'static str,
    },
    /// The document names another issuer or another host than the one that was asked (OpenID Connect Discovery section
    /// 4.3).
    #[error("the discovery document is not that of {expected}: its issuer or jwks_uri names another address")]
    Foreign {
        /// The issuer that was expected.
        expected: String,
    },
}

impl ProviderError {
    /// Whether a time limit passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Call { cause, .. } => cause.is_timeout(),
            Self::TooSoon { failed } => failed.is_timeout(),
            Self::BrokenOff { .. } | Self::Foreign { .. } => false,
        }
    }
}

/// What a fetch has given, once it is over.
type Outcome<T> = Option<Result<Arc<T>, ProviderError>>;

/// A document, or what is known of its absence.
#[derive(Debug)]
pub(super) struct Kept<T> {
    name: &'static str,
    clock: Clock,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    /// The document, and when it came.
    document: Option<(Arc<T>, OffsetDateTime)>,
    /// Why the last fetch failed, and when; nothing once a fetch has succeeded.
    failed: Option<(ProviderError, OffsetDateTime)>,
    /// When the last fetch ended that was made because the document seemed to lack something.
    extra: Option<OffsetDateTime>,
    /// The fetch that runs now.
    underway: Option<watch::Receiver<Outcome<T>>>,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { document: None, failed: None, extra: None, underway: None }
    }
}

/// What a caller gets.
enum Next<T> {
    /// What is known already.
    Known(Result<Arc<T>, ProviderError>),
    /// Whatever this fetch gives.
    Wait(watch::Receiver<Outcome<T>>),
}

/// Whether this much time has passed. If the clock was set back, it has: nothing waits for the old time to come again.
fn is_over(since: OffsetDateTime, now: OffsetDateTime, length: Duration) -> bool {
    now < since || now - since >= length
}

impl<T> State<T> {
    /// The fetch that runs now; not one whose task has died.
    fn running(&self) -> Option<watch::Receiver<Outcome<T>>> {
        self.underway.clone().filter(|fetch| fetch.has_changed().is_ok())
    }

    /// Whether the pause after a failure is over.
    fn may_fetch(&self, now: OffsetDateTime) -> bool {
        self.failed.as_ref().is_none_or(|(_, at)| is_over(*at, now, MIN_INTERVAL))
    }

    /// Whether the document may be fetched because it seems to lack something: at once, but then once an interval.
    fn may_fetch_more(&self, now: OffsetDateTime) -> bool {
        self.may_fetch(now) && self.extra.is_none_or(|at| is_over(at, now, MIN_INTERVAL))
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    pub(super) fn new(name: &'static str, clock: Clock) -> Arc<Self> {
        Arc::new(Self { name, clock, state: Mutex::default() })
    }

    /// The document; `fetch` gets it if there is none, or an old one. Callers do not wait for a refresh in the background, nor
    /// for a document that could not be fetched moments ago if an older one is cached.
    pub(super) async fn get<Fetch>(self: &Arc<Self>, fetch: impl FnOnce() -> Fetch) -> Result<Arc<T>, ProviderError>
    where
        Fetch: Future<Output = Result<T, ProviderError>> + Send + 'static,
    {
        let next = {
            let mut state = self.state();
            let now = self.clock.now();
            let fetching = |state: &mut State<T>| match state.running() {
                None if state.may_fetch(now) => Some(self.start(state, false, fetch())),
                running => running,
            };
            match state.document.clone() {
                Some((document, at)) if !is_over(at, now, REFRESH_AFTER) => Next::Known(Ok(document)),
                Some((document, at)) => {
                    let nobody_waits = state.failed.is_some() || !is_over(at, now, MAX_AGE);
                    match fetching(&mut state) {
                        Some(fetch) if !nobody_waits => Next::Wait(fetch),
                        _ => Next::Known(Ok(document)),
                    }
                }
                None => match fetching(&mut state) {
                    Some(fetch) => Next::Wait(fetch),
                    None => Next::Known(Err(self.failed(&state))),
                },
            }
        };
        match self.outcome(next).await {
            Err(error) => self.cached().ok_or(error),
            document => document,
        }
    }

    /// A document newer than `known`, which seems to lack something, fetched now if that may be. Otherwise `known` itself, or
    /// why no newer one could be fetched a moment ago.
    pub(super) async fn newer_than<Fetch>(
        self: &Arc<Self>,
        known: &Arc<T>,
        fetch: impl FnOnce() -> Fetch,
    ) -> Result<Arc<T>, ProviderError>
    where
        Fetch: Future<Output = Result<T, ProviderError>> + Send + 'static,
    {
        let next = {
            let mut state = self.state();
            let now = self.clock.now();
            let newer = state.document.as_ref().filter(|(document, _)| !Arc::ptr_eq(document, known));
            match (newer, state.running()) {
                (Some((document, _)), _) => Next::Known(Ok(document.clone())),
                (None, Some(running)) => Next::Wait(running),
                (None, None) if state.may_fetch_more(now) => Next::Wait(self.start(&mut state, true, fetch())),
                (None, None) if state.may_fetch(now) => Next::Known(Ok(known.clone())),
                (None, None) => Next::Known(Err(self.failed(&state))),
            }
        };
        self.outcome(next).await
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached(&self) -> Option<Arc<T>> {
        self.state().document.as_ref().map(|(document, _)| document.clone())
    }

    fn failed(&self, state: &State<T>) -> ProviderError {
        match &state.failed {
            Some((error, _)) => ProviderError::TooSoon { failed: Box::new(error.clone()) },
            None => ProviderError::BrokenOff { document: self.name },
        }
    }

    /// Begins a fetch, in a task of its own.
    fn start(
        self: &Arc<Self>,
        state: &mut State<T>,
        extra: bool,
        fetch: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
    ) -> watch::Receiver<Outcome<T>> {
        let (done, waiting) = watch::channel(None);
        state.underway = Some(waiting.clone());
        let kept = self.clone();
        tokio::spawn(async move {
            let fetched = fetch.await;
            done.send_replace(Some(kept.settle(fetched, extra)));
        });
        waiting
    }

    /// Keeps what a fetch gave. One that failed leaves the older document where it is. Pauses count from here: those who waited
    /// for a fetch that took long must not each make another.
    fn settle(&self, fetched: Result<T, ProviderError>, extra: bool) -> Result<Arc<T>, ProviderError> {
        let mut state = self.state();
        let now = self.clock.now();
        state.underway = None;
        if extra {
            state.extra = Some(now);
        }
        match fetched {
            Ok(document) => {
                let document = Arc::new(document);
                state.document = Some((document.clone(), now));
                state.failed = None;
                Ok(document)
            }
            Err(error) => {
                state.failed = Some((error.clone(), now));
                let cached = state.document.is_some();
                tracing::warn!(error = %error, cached, "cannot fetch a document of Globus Auth");
                Err(error)
            }
        }
    }

    async fn outcome(&self, next: Next<T>) -> Result<Arc<T>, ProviderError> {
        match next {
            Next::Known(known) => known,
            Next::Wait(mut fetch) => match fetch.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(outcome)) => outcome.clone(),
                // The task has died, and the channel with it.
                _ => Err(ProviderError::BrokenOff { document: self.name }),
            },
        }
    }
}
