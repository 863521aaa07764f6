//! The cache: the sessions that this process knows. A session check looks here before it asks the store.
//!
//! It is used while the store reports every session that ends (see [`News`]), or while no other process uses the store. Two
//! rules keep an ended session from coming back:
//!
//! - a session is ended in the store first, and then removed here;
//! - a session that was read from the store is kept only if none has been removed since before it was read (`Ticket`).
//!
//! Its size is bounded; roughly, the least recently used sessions go first.
//!
//! It is written by hand for the second rule, which needs the check and the insert under one lock with both kinds of removal
//! (one session, all sessions). `moka` excludes no insert while it removes all entries, so each entry would need an epoch to
//! compare on every look-up; that works, but makes a session check over 10 % slower (see `benches/README.md`).

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Instant,
};

use time::{Duration, OffsetDateTime};

use super::{
    presented::LastPresented,
    store::{News, SessionKey},
    user::UserSession,
};

const SHARDS: usize = 16;
/// How many sessions a shard holds at most.
const SHARD_SIZE: usize = 640;
/// Of a store that reports every end.
const FOR_EVER: u64 = u64::MAX;

/// A session that is alive, as far as this process knows.
#[derive(Debug)]
pub struct LiveSession {
    /// Its key in the store.
    pub key: SessionKey,
    /// Who is logged in.
    pub user: UserSession,
    /// When it ends, however much it is used.
    pub ends: OffsetDateTime,
    /// When its use was last recorded in the store, in seconds since 1970.
    noted: AtomicI64,
    /// When it was read from the store.
    read: OffsetDateTime,
    looked_at: AtomicBool,
    /// What the gate said about the person last.
    pub presented: LastPresented,
}

impl LiveSession {
    pub(super) fn new(
        key: SessionKey,
        user: UserSession,
        ends: OffsetDateTime,
        last_seen: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Self {
        let noted = AtomicI64::new(last_seen.unix_timestamp());
        let presented = LastPresented::default();
        Self { key, user, ends, noted, read: now, looked_at: AtomicBool::new(true), presented }
    }

    /// Whether it is over at `now`, as far as the cache knows.
    pub(super) fn is_over(&self, idle: Duration, now: OffsetDateTime) -> bool {
        let noted = self.noted.load(Ordering::Relaxed);
        self.ends <= now || noted.saturating_add(idle.whole_seconds()) <= now.unix_timestamp()
    }

    /// `Some` if a use at `now` must be recorded in the store. Of callers that ask at the same time, one gets it.
    pub(super) fn begin_to_record(&self, every: Duration, now: OffsetDateTime) -> Option<Recording<'_>> {
        let (before, now) = (self.noted.load(Ordering::Relaxed), now.unix_timestamp());
        let claimed = now.saturating_sub(before) >= every.whole_seconds()
            && self.noted.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        claimed.then(|| Recording { noted: &self.noted, before })
    }
}

/// A use that is being recorded. If this is dropped before [`done`](Self::done), the use counts as not recorded.
#[derive(Debug)]
pub(super) struct Recording<'a> {
    noted: &'a AtomicI64,
    before: i64,
}

impl Recording<'_> {
    pub(super) fn done(self) {
        std::mem::forget(self);
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.noted.store(self.before, Ordering::Relaxed);
    }
}

/// Keys are hashes already, so their first bytes serve as the hash.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }
}

#[derive(Debug, Default)]
struct Shard {
    known: HashMap<SessionKey, Arc<LiveSession>, BuildHasherDefault<KeyHasher>>,
    /// Counts removals.
    forgotten: u64,
}

impl Shard {
    /// Makes room: removes the sessions that were not used since the last call, or all if every one was used.
    fn make_room(&mut self) {
        if self.known.len() < SHARD_SIZE {
            return;
        }
        self.known.retain(|_, live| live.looked_at.swap(false, Ordering::Relaxed));
        if self.known.len() >= SHARD_SIZE {
            self.known.clear();
        }
    }
}

/// The count of removals before a session was read from the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u64);

/// The sessions that this process knows.
#[derive(Debug)]
pub(super) struct LiveSessions {
    shards: [Mutex<Shard>; SHARDS],
    /// How long an entry may be used; `None`: until its end is reported.
    lifetime: Option<Duration>,
    /// Whether every end of a session is reported.
    connected: AtomicBool,
    /// Until when entries may be used, in nanoseconds since `made`; or [`FOR_EVER`].
    trusted_until: AtomicU64,
    made: Instant,
}

impl LiveSessions {
    /// An entry may be used for `lifetime`, or, where there is none, until its end is reported. `connected`: whether ends are
    /// reported from the beginning.
    pub(super) fn new(lifetime: Option<Duration>, connected: bool) -> Self {
        Self {
            shards: Default::default(),
            lifetime,
            connected: AtomicBool::new(connected),
            trusted_until: AtomicU64::new(FOR_EVER),
            made: Instant::now(),
        }
    }

    fn is_trusted(&self) -> bool {
        let until = self.trusted_until.load(Ordering::Acquire);
        self.connected.load(Ordering::Acquire) && (until == FOR_EVER || self.age_at(Instant::now()) < until)
    }

    /// Nanoseconds from the making of this cache to `at`.
    fn age_at(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.made).as_nanos()).unwrap_or(FOR_EVER)
    }

    fn shard(&self, key: SessionKey) -> MutexGuard<'_, Shard> {
        // The map uses the first bytes.
        let shard = usize::from(key.0[31]) % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: SessionKey, now: OffsetDateTime) -> Option<Arc<LiveSession>> {
        if !self.is_trusted() {
            return None;
        }
        let live = self.shard(key).known.get(&key)?.clone();
        if self.lifetime.is_some_and(|lifetime| now - live.read >= lifetime) {
            return None;
        }
        if !live.looked_at.load(Ordering::Relaxed) {
            live.looked_at.store(true, Ordering::Relaxed);
        }
        Some(live)
    }

    /// Take a ticket before a session is read from the store.
    pub(super) fn ticket(&self, key: SessionKey) -> Ticket {
        Ticket(self.shard(key).forgotten)
    }

    /// Keeps a session that was read, unless something was removed meanwhile.
    pub(super) fn keep(&self, ticket: Ticket, live: &Arc<LiveSession>) {
        let mut shard = self.shard(live.key);
        if shard.forgotten == ticket.0 && self.connected.load(Ordering::Acquire) {
            shard.make_room();
            shard.known.insert(live.key, live.clone());
        }
    }

    /// Removes a session that has ended in the store.
    pub(super) fn forget(&self, key: SessionKey) {
        let mut shard = self.shard(key);
        shard.known.remove(&key);
        shard.forgotten += 1;
    }

    /// How many sessions are here.
    pub(super) fn count(&self) -> usize {
        let shard = |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).known.len();
        self.shards.iter().map(shard).sum()
    }

    fn forget_all(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.known.clear();
            shard.forgotten += 1;
        }
    }

    pub(super) fn hear(&self, news: News) {
        match news {
            News::Ended(key) => self.forget(key),
            News::Changed => self.forget_all(),
            News::Disconnected => {
                self.connected.store(false, Ordering::Release);
                self.forget_all();
            }
            News::Connected => {
                // Sessions may have ended unreported.
                self.forget_all();
                self.connected.store(true, Ordering::Release);
            }
            News::TrustedUntil(at) => self.trusted_until.store(self.age_at(at), Ordering::Release),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cached_is_used_only_until_the_store_has_to_be_checked_again() {
        let cache = LiveSessions::new(None, false);
        cache.hear(News::Connected);
        let (key, now) = (SessionKey([7; 32]), OffsetDateTime::UNIX_EPOCH);
        let claims = serde_json::json!({"iss": "https://auth.example.org", "sub": "person-1", "aud": "portal", "exp": 2, "iat": 1});
        let user = serde_json::from_value(serde_json::json!({"claims": claims, "began": 1})).unwrap();
        let live = LiveSession::new(key, user, now + Duration::HOUR, now, now);
        cache.keep(cache.ticket(key), &Arc::new(live));
        assert!(cache.get(key, now).is_some(), "a store that reports every end");
        let hour = std::time::Duration::from_secs(3600);
        cache.hear(News::TrustedUntil(Instant::now() + hour));
        assert!(cache.get(key, now).is_some(), "checked in time");
        cache.hear(News::TrustedUntil(Instant::now()));
        assert!(cache.get(key, now).is_none(), "the check is late");
        cache.hear(News::TrustedUntil(Instant::now() + hour));
        assert!(cache.get(key, now).is_some(), "and was made at last");
    }
}
