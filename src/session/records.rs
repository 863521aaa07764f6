//! Sessions in the store: finding them, recording their use, and listing them. Ids are hashed, records are sealed, and the
//! portal's clock decides about age.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::{
    live::LiveSession,
    seal::{Opened, Purpose, hash},
    store::{SessionKey, SessionRow, StoreError},
    tokens::{TokenUnavailable, Tokens},
    user::UserSession,
    vault::{Vault, person_key},
};
use crate::settings::MOST_PER_PERSON;

/// How often the use of a session is recorded, so that not every page view needs a write.
const RECORD_EVERY: Duration = Duration::minutes(1);
/// How many sessions are read at a time when all are listed.
const PAGE: u32 = 500;

/// The sessions of the portal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Records {
    pub(super) vault: Vault,
    pub(super) tokens: Tokens,
    pub(super) per_person: u32,
}

/// A session, as its person or an operator sees it.
#[derive(Debug)]
pub struct KnownSession {
    /// Its key in the store.
    pub key: SessionKey,
    /// Who is logged in, and where.
    pub user: UserSession,
    /// When it was last used, to the minute.
    pub last_seen: OffsetDateTime,
    /// When it ends, however much it is used.
    pub ends: OffsetDateTime,
}

impl KnownSession {
    /// Identifies it on a page, and nowhere else: neither its id nor its key in the store can be derived from it.
    #[must_use]
    pub fn handle(&self) -> String {
        hex::encode(&hash(&[b"handle", &self.key.0])[..16])
    }
}

impl Records {
    /// Keeps sessions in this vault, and at most `per_person` of each person; `tokens` are those of the same sessions.
    #[must_use]
    pub fn new(vault: Vault, tokens: Tokens, per_person: u32) -> Self {
        Self { vault, tokens, per_person: per_person.clamp(1, MOST_PER_PERSON) }
    }

    /// Finds a live session, and records that it was used. `None` only if there is none. The caller may be dropped: an
    /// unrecorded use is recorded with the next one.
    ///
    /// # Errors
    /// [`StoreError`]: it is unknown whether there is a session.
    pub async fn find(&self, key: SessionKey) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let now = self.vault.clock.now();
        let known = self.vault.live.as_ref().and_then(|live| live.get(key, now));
        match known.filter(|live| !live.is_over(self.vault.lifetimes.idle, now)) {
            Some(live) => Ok(self.record_use(&live, now).await?.then_some(live)),
            // Not cached, or over as far as the cache knows: another process may know of a later use.
            None => self.look_up(key).await,
        }
    }

    /// The same without the cache, which may still hold a session that is being ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look_up(&self, key: SessionKey) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let ticket = self.vault.live.as_ref().map(|live| live.ticket(key));
        let Some((row, opened)) = self.vault.read(key).await? else { return Ok(None) };
        let Some(user) = UserSession::unpack(&opened.plain) else { return Ok(None) };
        let now = self.vault.clock.now();
        let live = Arc::new(LiveSession::new(key, user, row.ends, row.last_seen, now));
        if !self.record_use(&live, now).await? {
            return Ok(None);
        }
        // A session that is not completely re-sealed is not cached, so that the next look-up tries again.
        let is_sealed = !opened.is_stale() || self.reseal(key, &opened).await?;
        if let (Some(known), Some(ticket), true) = (&self.vault.live, ticket, is_sealed) {
            known.keep(ticket, &live);
        }
        Ok(Some(live))
    }

    /// Records the use of a session, at most once a minute; with a short idle limit more often, because a use that is not
    /// recorded does not count. Returns whether the session still exists: one that the store no longer has leaves the cache.
    async fn record_use(&self, live: &LiveSession, now: OffsetDateTime) -> Result<bool, StoreError> {
        let every = RECORD_EVERY.min(self.vault.lifetimes.idle / 4);
        let Some(recording) = live.begin_to_record(every, now) else { return Ok(true) };
        let is_there = self.vault.store.touch_session(live.key, now).await?;
        recording.done();
        if let (Some(known), false) = (&self.vault.live, is_there) {
            known.forget(live.key);
        }
        Ok(is_there)
    }

    /// Re-seals a session that an earlier key has sealed. The tokens come first, so that the record shows whether everything is
    /// done. Returns whether it is.
    async fn reseal(&self, key: SessionKey, opened: &Opened) -> Result<bool, StoreError> {
        match self.tokens.reseal(key).await {
            Ok(true) => {
                let record = self.vault.keys.seal(Purpose::Session, &key.0, &opened.plain);
                let record = record.map_err(StoreError::from_cause)?;
                self.vault.store.update_record(key, &record).await
            }
            Ok(false) => Ok(false),
            Err(TokenUnavailable::Store(error)) => Err(error),
            Err(error) => Err(StoreError::from_cause(error)),
        }
    }

    /// All sessions of a person, most recently used first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_person(&self, identity: &str) -> Result<Vec<KnownSession>, StoreError> {
        let rows = self.vault.store.sessions_of(person_key(identity), MOST_PER_PERSON).await?;
        Ok(rows.into_iter().filter_map(|(key, row)| self.known(key, &row)).collect())
    }

    /// All sessions, in no particular order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Vec<KnownSession>, StoreError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.vault.store.sessions_after(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            after = Some(*last);
            all.extend(page.iter().filter_map(|(key, row)| self.known(*key, row)));
        }
    }

    /// A row as a session, unless it is over or its record does not open.
    fn known(&self, key: SessionKey, row: &SessionRow) -> Option<KnownSession> {
        if self.vault.is_over(row, self.vault.clock.now()) {
            return None;
        }
        let opened = self.vault.keys.open(Purpose::Session, &key.0, &row.record)?;
        let user = UserSession::unpack(&opened.plain)?;
        Some(KnownSession { key, user, last_seen: row.last_seen, ends: row.ends })
    }
}
