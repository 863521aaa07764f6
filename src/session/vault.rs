//! The vault: the only way to the store, with its keys, its clock and the cache.
//!
//! Only this folder can reach the store, and only `Vault::end` ends a session in it, so that nothing bypasses the cache.

use std::sync::{Arc, Weak};

use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::task::TaskTracker;
use tower_sessions::session::Id;

use super::{
    live::LiveSessions,
    probes::Probes,
    seal::{KeyRing, Opened, Purpose, hash},
    store::{MeasuredStore, News, SessionKey, SessionRow, Spent, Store, StoreError},
};
use crate::{
    clock::Clock,
    keep_running::keep_running,
    metrics::{Cause, Metrics},
    traces::{InRequest as _, Traces},
};

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// A session that is unused for this long ends.
    pub idle: Duration,
    /// A session ends at this age, however much it is used.
    pub absolute: Duration,
}

/// What everything about sessions needs: the store, the keys, the clock, and how long sessions last.
#[derive(Clone, Debug)]
pub struct Vault {
    /// Where sessions are kept.
    pub(super) store: Arc<dyn Store>,
    /// The keys that seal them.
    pub keys: Arc<KeyRing>,
    /// The clock that decides about their age.
    pub clock: Clock,
    /// How long they last.
    pub lifetimes: Lifetimes,
    /// What is counted about them.
    pub(super) metrics: Metrics,
    /// Work that finishes even if its caller is gone, and before the process stops.
    pub underway: TaskTracker,
    /// The cache; `None` if every check asks the store.
    pub(super) live: Option<Arc<LiveSessions>>,
    probes: Probes,
}

impl Vault {
    /// Keeps sessions in `store`. Every check of a session asks a store that other processes use too, unless `cache` says
    /// how long an answer may be reused. What happens is counted in `metrics` and traced in `traces`. Call it within a runtime: it starts a task that
    /// listens to the store.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        keys: KeyRing,
        clock: Clock,
        lifetimes: Lifetimes,
        cache: Duration,
        metrics: Metrics,
        traces: &Traces,
    ) -> Self {
        let store = MeasuredStore::around(store, &metrics, traces);
        let lifetime = (!store.is_private()).then_some(cache);
        let live = (lifetime != Some(Duration::ZERO)).then(|| listen(&store, lifetime));
        Self {
            store,
            keys: Arc::new(keys),
            clock,
            lifetimes,
            metrics,
            underway: TaskTracker::new(),
            live,
            probes: Probes::default(),
        }
    }

    /// Checks that the store does everything that sessions need. Any number of callers may ask at any time.
    ///
    /// # Errors
    /// [`StoreError`]: what it cannot do.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.probes.ask(&self.store).await
    }

    /// How many sessions are in the cache.
    #[must_use]
    pub fn cached_sessions(&self) -> usize {
        self.live.as_ref().map_or(0, |live| live.count())
    }

    /// Closes the store, at the end of the process.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Spends the state of a login, which is good until `until`. Returns [`Spent::First`] to one caller at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn spend_state(&self, state: [u8; 32], until: OffsetDateTime) -> Result<Spent, StoreError> {
        self.store.spend_state(state, until, self.clock.now()).await
    }

    /// Whether this session was ended from elsewhere: from another browser, or by the operator.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn was_ended_elsewhere(&self, key: SessionKey) -> Result<bool, StoreError> {
        self.store.ended_elsewhere(key, self.clock.now()).await
    }

    /// Deletes the note that this session was ended from elsewhere: its browser knows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError> {
        self.store.forget_ended(key).await
    }

    /// Ends a session for good, in the store and in the cache; its tokens are queued for revocation in the same step. With
    /// `note_until`, [`Vault::was_ended_elsewhere`] is true until then. Returns whether there was a session. `cause` is for the
    /// log and the metrics.
    ///
    /// It runs in a task of its own and finishes even if the caller is dropped: interrupted between the store and the cache, it
    /// would leave an ended session usable in this process.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn end(
        &self,
        key: SessionKey,
        note_until: Option<OffsetDateTime>,
        cause: Cause,
    ) -> Result<bool, StoreError> {
        let (this, now) = (self.clone(), self.clock.now());
        let ending = async move {
            let sub = if cause == Cause::Age { None } else { Some(this.whose(key).await) };
            let ended = this.store.end_session(key, now, note_until).await;
            if let Some(live) = &this.live {
                // Even if the store did not answer: it may have ended the session anyway.
                live.forget(key);
            }
            if matches!(ended, Ok(true)) {
                this.metrics.session_ended(cause);
                note_end(cause, sub.as_deref());
            }
            ended
        };
        let ended = self.underway.spawn(ending.in_request()).await;
        ended.unwrap_or_else(|_| Err(StoreError::new("ending the session was interrupted")))
    }

    /// Whether a session is over, by its row.
    pub(super) fn is_over(&self, row: &SessionRow, now: OffsetDateTime) -> bool {
        row.ends <= now || row.last_seen.saturating_add(self.lifetimes.idle) <= now
    }

    /// The row of a session and its opened record. A session that is over is ended; a record that no key opens counts as
    /// none, because its key has been removed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn read(&self, key: SessionKey) -> Result<Option<(SessionRow, Opened)>, StoreError> {
        let Some(row) = self.store.session(key).await? else { return Ok(None) };
        if self.is_over(&row, self.clock.now()) {
            self.end(key, None, Cause::Age).await?;
            return Ok(None);
        }
        let opened = self.keys.open(Purpose::Session, &key.0, &row.record);
        Ok(opened.map(|opened| (row, opened)))
    }

    /// Ends up to `limit` sessions that have been idle for too long or are too old, and deletes outdated rows. Returns how
    /// many sessions it ended; their tokens are left to [`Tokens::revoke_due`](super::tokens::Tokens::revoke_due). The caller
    /// may be dropped: the next sweep does the rest.
    ///
    /// # Errors
    /// [`StoreError`], after everything else was done: one session that cannot be ended does not stop the sweep.
    pub async fn sweep(&self, limit: u32) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let aged = self.store.aged_sessions(now, now.saturating_sub(self.lifetimes.idle), limit).await?;
        let mut failed = None;
        for key in &aged {
            failed = self.end(*key, None, Cause::Age).await.err().or(failed);
        }
        self.store.sweep(now).await?;
        failed.map_or(Ok(aged.len()), Err)
    }
}

/// Logs that a session has ended. The sweep logs how many have ended by age.
fn note_end(cause: Cause, sub: Option<&str>) {
    match cause {
        Cause::Age => tracing::debug!(cause = cause.as_str(), "session ended"),
        _ => tracing::info!(cause = cause.as_str(), sub, "session ended"),
    }
}

/// Starts the cache, and a task that removes from it what the store reports as ended.
fn listen(store: &Arc<dyn Store>, lifetime: Option<Duration>) -> Arc<LiveSessions> {
    let mut news = store.news();
    let live = Arc::new(LiveSessions::new(lifetime, news.is_none()));
    if news.is_some() {
        let (store, live) = (Arc::downgrade(store), Arc::downgrade(&live));
        keep_running("listening for sessions ended elsewhere", move || {
            let (news, store, live) = (news.take(), store.clone(), live.clone());
            // Restarted after a panic, it subscribes again.
            async move { hear(news.or_else(|| store.upgrade()?.news()), &live).await }
        });
    }
    live
}

/// Passes news on until the store sends no more. From then on, notifications are down.
async fn hear(news: Option<UnboundedReceiver<News>>, live: &Weak<LiveSessions>) {
    let Some(mut news) = news else { return };
    let _disconnect = Disconnect(live);
    while let Some(news) = news.recv().await
        && let Some(live) = live.upgrade()
    {
        live.hear(news);
    }
}

/// Turns the cache off when the listener ends, however it ends.
struct Disconnect<'a>(&'a Weak<LiveSessions>);

impl Drop for Disconnect<'_> {
    fn drop(&mut self) {
        if let Some(live) = self.0.upgrade() {
            live.hear(News::Disconnected);
        }
    }
}

/// The key of a person in the store, from the id of the identity that logs in.
#[must_use]
pub fn person_key(identity: &str) -> [u8; 32] {
    hash(&[b"person", identity.as_bytes()])
}

/// The key of a session in the store. An id is 128 random bits, so a plain hash cannot be reversed.
#[must_use]
pub fn session_key(id: Id) -> SessionKey {
    SessionKey(hash(&[b"session", &id.0.to_be_bytes()]))
}
