//! Sessions in our store: begun with their tokens, found again, their use noted, and ended. Ids are hashed, records
//! sealed, and age is judged by our clock.

use std::sync::Arc;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tower_sessions::{
    Session, SessionStore,
    session::{Id, Record},
    session_store,
};

use super::{
    Vault,
    live::LiveSession,
    person_key,
    seal::{Opened, Purpose, hash},
    session_key,
    store::{SessionKey, SessionRow, StoreError, hex},
    tokens::{TokenUnavailable, Tokens},
    user::{USER, UserSession, packed},
};
use crate::{globus::tokens::TokenResponse, settings::MOST_PER_PERSON};

/// How much later than the last note a use is noted again: not every page view needs a write.
const NOTE_EVERY: Duration = Duration::minutes(1);
/// How many sessions are read at a time where all are.
const PAGE: u32 = 500;

/// The sessions of the portal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Records {
    pub(super) vault: Vault,
    pub(super) tokens: Tokens,
    pub(super) per_person: u32,
}

/// A session as it is shown to the person whose it is, or to the operator.
#[derive(Debug)]
pub struct KnownSession {
    /// Names it in the store.
    pub key: SessionKey,
    /// Who is logged in, and where.
    pub user: UserSession,
    /// When it was last used, to the minute.
    pub last_seen: OffsetDateTime,
    /// When it ends, however much it is used.
    pub ends: OffsetDateTime,
}

impl KnownSession {
    /// Names it on a page, and nowhere else: neither its id nor its name in the store follows from it.
    #[must_use]
    pub fn handle(&self) -> String {
        hex(&hash(&[b"handle", &self.key.0])[..16])
    }
}

impl Records {
    /// Keeps sessions in this vault, and at most `per_person` of each person; `tokens` are those of the same sessions.
    #[must_use]
    pub fn new(vault: Vault, tokens: Tokens, per_person: u32) -> Self {
        Self { vault, tokens, per_person: per_person.clamp(1, MOST_PER_PERSON) }
    }

    /// A session that is alive, and whose use this is. `None` only when there is none. Whoever waits may leave: a use that
    /// was not noted is noted with the next one.
    ///
    /// # Errors
    /// [`StoreError`]: nothing is known of the session then.
    pub async fn find(&self, key: SessionKey) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let now = self.vault.clock.now();
        let known = self.vault.live.as_ref().and_then(|live| live.get(key, now));
        match known.filter(|live| !live.is_over(self.vault.lifetimes.idle, now)) {
            Some(live) => Ok(self.note(&live, now).await?.then_some(live)),
            // Not known, or over as far as is known here: another process may know of a later use.
            None => self.look_up(key).await,
        }
    }

    /// The same, by what the store has now: a session that is just being ended may still be known here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look_up(&self, key: SessionKey) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let ticket = self.vault.live.as_ref().map(|live| live.ticket(key));
        let Some((row, opened)) = self.vault.read(key).await? else { return Ok(None) };
        let Some(user) = UserSession::unpack(&opened.plain) else { return Ok(None) };
        let now = self.vault.clock.now();
        let live = Arc::new(LiveSession::new(key, user, row.ends, row.last_seen, now));
        if !self.note(&live, now).await? {
            return Ok(None);
        }
        // One that is not yet sealed anew as a whole is looked up again, for else nobody would try that again.
        let is_sealed = !opened.is_stale() || self.seal_anew(key, &opened).await?;
        if let (Some(known), Some(ticket), true) = (&self.vault.live, ticket, is_sealed) {
            known.keep(ticket, &live);
        }
        Ok(Some(live))
    }

    /// Notes the use of a session, at most once a minute; with a short idle limit more often, for a use that is not noted
    /// does not count. Returns whether the session is still there: one that the store no longer has is forgotten here too.
    async fn note(&self, live: &LiveSession, now: OffsetDateTime) -> Result<bool, StoreError> {
        let every = NOTE_EVERY.min(self.vault.lifetimes.idle / 4);
        let Some(noting) = live.begin_to_note(every, now) else { return Ok(true) };
        let is_there = self.vault.store.touch_session(live.key, now).await?;
        noting.done();
        if let (Some(known), false) = (&self.vault.live, is_there) {
            known.forget(live.key);
        }
        Ok(is_there)
    }

    /// Seals a session anew that a key of before has sealed: its tokens first, so that the record tells whether that is
    /// done. Whether it is.
    async fn seal_anew(&self, key: SessionKey, opened: &Opened) -> Result<bool, StoreError> {
        match self.tokens.seal_anew(key).await {
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

    /// Begins a session under a new id, with the tokens of its login, in one go: it is in the store when this returns. A
    /// person who has too many then has lost the one that was used least recently.
    ///
    /// Whoever waits may leave: the session begins as a whole or not at all, but nobody knows its id. So whoever wants to end
    /// such a session calls this in a task of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(&self, user: UserSession, response: &TokenResponse) -> Result<Id, StoreError> {
        let beginning = Beginning { records: self.clone(), response: response.clone() };
        let person = person_key(&user.claims.sub);
        let session = Session::new(None, Arc::new(beginning), None);
        session.insert(USER, user).await.map_err(StoreError::from_cause)?;
        session.save().await.map_err(StoreError::from_cause)?;
        let id = session.id().ok_or_else(|| StoreError::new("the session has no id"))?;
        self.keep_to_the_limit(person, session_key(id)).await;
        Ok(id)
    }

    /// The sessions of a person, the one that was used last first: as many as a person can have.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_person(&self, identity: &str) -> Result<Vec<KnownSession>, StoreError> {
        let rows = self.vault.store.sessions_of(person_key(identity), MOST_PER_PERSON).await?;
        Ok(rows.into_iter().filter_map(|(key, row)| self.known(key, &row)).collect())
    }

    /// All sessions there are, in no order that means anything.
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

    /// A session that is not over, and whose record opens.
    fn known(&self, key: SessionKey, row: &SessionRow) -> Option<KnownSession> {
        if self.vault.is_over(row, self.vault.clock.now()) {
            return None;
        }
        let opened = self.vault.keys.open(Purpose::Session, &key.0, &row.record)?;
        let user = UserSession::unpack(&opened.plain)?;
        Some(KnownSession { key, user, last_seen: row.last_seen, ends: row.ends })
    }
}

/// Where tower-sessions keeps a session that begins: in our store, with the tokens of its login.
#[derive(Debug)]
struct Beginning {
    records: Records,
    response: TokenResponse,
}

impl Beginning {
    async fn begin(&self, record: &mut Record) -> Result<(), TokenUnavailable> {
        let Records { vault, tokens, .. } = &self.records;
        let now = vault.clock.now();
        let (packed, identity) = packed(&record.data);
        loop {
            // Always a new id: one that tower-sessions has got from somewhere, somebody else may know.
            record.id = Id::default();
            let key = session_key(record.id);
            let row = SessionRow {
                record: vault.keys.seal(Purpose::Session, &key.0, &packed)?,
                person: person_key(identity),
                last_seen: now,
                ends: now.saturating_add(vault.lifetimes.absolute),
            };
            if vault.store.create_session(key, &row, &tokens.rows(key, &self.response)?).await? {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl SessionStore for Beginning {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        self.begin(record).await.map_err(|error| session_store::Error::Backend(error.to_string()))
    }

    /// A session that has begun is not written again.
    async fn save(&self, _: &Record) -> session_store::Result<()> {
        Err(session_store::Error::Backend("the session has begun".to_owned()))
    }

    async fn load(&self, _: &Id) -> session_store::Result<Option<Record>> {
        Ok(None)
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let ended = self.records.vault.end(session_key(*id)).await;
        ended.map(drop).map_err(|error| session_store::Error::Backend(error.to_string()))
    }
}
