//! What we keep about a browser.
//!
//! | module | what it holds |
//! |---|---|
//! | [`login_attempt`] | logins under way: in the browser, not in a store |
//! | [`exchanges`] | exchanges at Globus under way: a bounded number |
//! | [`return_path`] | where a login goes afterwards |
//! | [`seal`] | keys derived by purpose; sealing and opening |
//! | [`store`] | the contract of a store, and the stores |
//! | `probes` | whether the store works, for whoever asks |
//! | [`records`] | sessions in the store: begun, found, noted, ended; ids hashed, values sealed |
//! | [`limit`] | how many sessions a person can have |
//! | [`refused_states`] | states of logins that Globus has refused |
//! | [`recent_logins`] | the last login of each browser: what parallel logins leave over ends |
//! | [`live`] | sessions that this process knows, so that a check of one needs no store |
//! | [`user`] | who is logged in, and where |
//! | [`tokens`] | the tokens of a session: kept, refreshed, revoked |
//! | [`underway`] | work that is finished though nobody waits for it |

pub mod exchanges;
pub mod limit;
pub mod live;
pub mod login_attempt;
mod probes;
pub mod recent_logins;
pub mod records;
pub mod refused_states;
pub mod return_path;
pub mod seal;
pub mod store;
pub mod tokens;
pub mod underway;
pub mod user;

use std::sync::{Arc, Weak};

use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::UnboundedReceiver;
use tower_sessions::session::Id;
use tracing::Instrument as _;

use self::{
    live::LiveSessions,
    probes::Probes,
    seal::{KeyRing, Opened, Purpose, hash},
    store::{News, SessionKey, SessionRow, Store, StoreError},
    underway::Underway,
};
use crate::{clock::Clock, keep_running::keep_running};

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// A session that is unused for so long ends.
    pub idle: Duration,
    /// A session ends at this age, however much it is used.
    pub absolute: Duration,
}

/// What everything about sessions needs: the store, the keys, the clock, and how long sessions last.
#[derive(Clone, Debug)]
pub struct Vault {
    /// Where sessions are kept.
    pub store: Arc<dyn Store>,
    /// What seals them.
    pub keys: Arc<KeyRing>,
    /// What judges their age.
    pub clock: Clock,
    /// How long they last.
    pub lifetimes: Lifetimes,
    /// What is finished before the process stops.
    pub underway: Underway,
    /// What is known of them here; nothing where the store is asked each time.
    live: Option<Arc<LiveSessions>>,
    probes: Probes,
}

impl Vault {
    /// Keeps sessions in `store`. A store that other processes use is asked at each check of a session, unless `cache` says
    /// for how long an answer is good. Called within a runtime: a task listens to what the store tells.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, keys: KeyRing, clock: Clock, lifetimes: Lifetimes, cache: Duration) -> Self {
        let lifetime = (!store.is_private()).then_some(cache);
        let live = (lifetime != Some(Duration::ZERO)).then(|| listen(&store, lifetime));
        Self {
            store,
            keys: Arc::new(keys),
            clock,
            lifetimes,
            underway: Underway::default(),
            live,
            probes: Probes::default(),
        }
    }

    /// Tries whether the store does all that is needed of it. May be asked at any time, by anybody.
    ///
    /// # Errors
    /// [`StoreError`]: what it does not do.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.probes.ask(&self.store).await
    }

    /// Ends a session for good: by its person, or by age. Its tokens are on the list of those to revoke from then on. Returns
    /// whether there was one.
    ///
    /// Whoever waits may leave: the end goes on without them, and is known here as soon as it is in the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end(&self, key: SessionKey) -> Result<bool, StoreError> {
        self.end_in_task(key, None).await
    }

    /// The same for a session that somebody ends from elsewhere: from another browser, or as the operator. Until the session
    /// would have ended by itself, [`Vault::was_ended_elsewhere`] says so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_from_elsewhere(&self, key: SessionKey) -> Result<bool, StoreError> {
        match self.store.session(key).await? {
            Some(row) => self.end_in_task(key, Some(row.ends)).await,
            // What is known of it here, if anything is, has to go all the same.
            None => self.end(key).await,
        }
    }

    /// Whether this session was ended from elsewhere.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn was_ended_elsewhere(&self, key: SessionKey) -> Result<bool, StoreError> {
        self.store.ended_elsewhere(key, self.clock.now()).await
    }

    /// Forgets that this session was ended from elsewhere: its browser knows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError> {
        self.store.forget_ended(key).await
    }

    /// In a task of its own: were it dropped between the store and the memory of live sessions, this process would let an
    /// ended session in.
    async fn end_in_task(&self, key: SessionKey, note_until: Option<OffsetDateTime>) -> Result<bool, StoreError> {
        let (store, live, now) = (self.store.clone(), self.live.clone(), self.clock.now());
        let ending = async move {
            let ended = store.end_session(key, now, note_until).await;
            if let Some(live) = live {
                // Also where the store did not answer: it may have ended it all the same.
                live.forget(key);
            }
            ended
        };
        let ended = self.underway.spawn(ending.in_current_span()).await;
        ended.unwrap_or_else(|_| Err(StoreError::new("ending the session was interrupted")))
    }

    /// Whether a session is over, by its row.
    fn is_over(&self, row: &SessionRow, now: OffsetDateTime) -> bool {
        row.ends <= now || row.last_seen.saturating_add(self.lifetimes.idle) <= now
    }

    /// The row of a session that is not over, and its record; one that is over ends. A record that no key opens is none:
    /// its key has been taken away.
    async fn read(&self, key: SessionKey) -> Result<Option<(SessionRow, Opened)>, StoreError> {
        let Some(row) = self.store.session(key).await? else { return Ok(None) };
        if self.is_over(&row, self.clock.now()) {
            self.end(key).await?;
            return Ok(None);
        }
        let opened = self.keys.open(Purpose::Session, &key.0, &row.record);
        Ok(opened.map(|opened| (row, opened)))
    }

    /// Ends up to `limit` sessions that have been idle for too long or are too old, and forgets what has had its time.
    /// Gives how many sessions were ended. Whoever waits may leave: what was not done is done by the next sweep.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, limit: u32) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let aged = self.store.aged_sessions(now, now.saturating_sub(self.lifetimes.idle), limit).await?;
        let mut failed = None;
        for key in &aged {
            // One that cannot be ended must not keep the rest from it.
            failed = self.end(*key).await.err().or(failed);
        }
        self.store.sweep(now).await?;
        failed.map_or(Ok(aged.len()), Err)
    }
}

/// Begins to know sessions, and to forget them when the store says so.
fn listen(store: &Arc<dyn Store>, lifetime: Option<Duration>) -> Arc<LiveSessions> {
    let mut news = store.news();
    let live = Arc::new(LiveSessions::new(lifetime, news.is_none()));
    if news.is_some() {
        let (store, live) = (Arc::downgrade(store), Arc::downgrade(&live));
        keep_running("hearing of sessions that end elsewhere", move || {
            let (news, store, live) = (news.take(), store.clone(), live.clone());
            // Who is started again, after a panic, asks the store to begin to tell again.
            async move { hear(news.or_else(|| store.upgrade()?.news()), &live).await }
        });
    }
    live
}

/// Hears until the store has nothing more to tell, and is deaf from then on.
async fn hear(news: Option<UnboundedReceiver<News>>, live: &Weak<LiveSessions>) {
    let Some(mut news) = news else { return };
    let _deaf = Deafen(live);
    while let Some(news) = news.recv().await
        && let Some(live) = live.upgrade()
    {
        live.hear(news);
    }
}

/// Sessions are looked up again each time as soon as nobody hears any more, however that ended.
struct Deafen<'a>(&'a Weak<LiveSessions>);

impl Drop for Deafen<'_> {
    fn drop(&mut self) {
        if let Some(live) = self.0.upgrade() {
            live.hear(News::Deaf);
        }
    }
}

/// The name of a person in the store, by the id of the identity that logs in.
#[must_use]
pub fn person_key(identity: &str) -> [u8; 32] {
    hash(&[b"person", identity.as_bytes()])
}

/// The name of a session in the store. The id itself is 128 random bits, so a plain hash cannot be turned back.
#[must_use]
pub fn session_key(id: Id) -> SessionKey {
    SessionKey(hash(&[b"session", &id.0.to_be_bytes()]))
}
