//! The contract of a session store. Every store passes the same test.
//!
//! A store keeps bytes it cannot read: values come sealed, and sessions are named by a hash of their id, so that a dump
//! of the store gives neither a token nor a working cookie. What it can read is what it needs to find and to age rows:
//! the hash of the person's identity, resource servers, and times. (Whoever knows a person's identity can see from the
//! hash that the person has a session, and when it was used.)
//!
//! What every store guarantees:
//!
//! - **An ended session stays ended.** Nothing but [`Store::create_session`] makes one; every other write happens only
//!   onto a session that exists.
//! - **A token is replaced by compare-and-set**: of two writers who read the same version, one wins and one is told.
//! - **No token is forgotten**: ending a session moves its tokens, in the same transaction, to the list of tokens to
//!   revoke, where they stay until that is done.
//! - **A state is spent once**, however many ask at the same time, and however many strangers spend states of their own:
//!   the number of states that are remembered is bounded, and a state that is older than the oldest one remembered counts
//!   as too old.
//! - **A lease has one holder**, by the clock of the store and not by those of its users.
//! - **An answer or an error comes in a few seconds**, whatever the server behind the store does.

mod error;
mod memory;
mod postgres;
mod redis;
mod sql;
mod sqlite;

use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

pub use self::{
    error::StoreError, memory::MemoryStore, postgres::PostgresStore, redis::RedisStore, sqlite::SqliteStore,
};

/// Names a session in the store: a hash of its id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey(pub [u8; 32]);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A session as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The sealed record.
    pub record: Vec<u8>,
    /// A hash of the person's identity, to find all sessions of one person.
    pub person: [u8; 32],
    /// When it was last used, to the minute.
    pub last_seen: OffsetDateTime,
    /// When it ends, however much it is used.
    pub ends: OffsetDateTime,
}

/// The sealed tokens of a session for one resource server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Whose API they are for.
    pub resource_server: String,
    /// The sealed tokens.
    pub sealed: Vec<u8>,
    /// Counts the writes, from 1; given by the store.
    pub version: i64,
    /// How long it makes sense to try to revoke them.
    pub revoke_until: OffsetDateTime,
}

/// Tokens of a session that has ended, to be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRow {
    /// Names the row.
    pub id: i64,
    /// The session they belonged to: the place they were sealed for.
    pub session: SessionKey,
    /// Whose API they are for.
    pub resource_server: String,
    /// The sealed tokens.
    pub sealed: Vec<u8>,
}

/// What comes of asking for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is ours, and nobody held it.
    Taken,
    /// It is ours, and it was somebody's who has not given it back in time.
    TakenOver,
    /// It is somebody else's.
    Held,
}

/// What comes of spending a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was not spent before.
    First,
    /// It was spent before.
    Again,
    /// Its time is over, or the store no longer remembers states of its age: it may have been spent.
    TooOld,
}

/// How much a store remembers of what anybody can make it remember. A little more than this is kept until the next trim.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many spent states. When there are more, those whose time ends first are forgotten, and all states of their age
    /// are too old from then on.
    pub spent_states: u32,
    /// How many notes about sessions that somebody else has ended. When there are more, those whose time ends first are
    /// forgotten.
    pub ended_notes: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { spent_states: 250_000, ended_notes: 100_000 }
    }
}

/// Says when it is time to look whether a store has outgrown its [`Bounds`]: counting rows costs too much to do it at each
/// write.
#[derive(Debug, Default)]
struct Trimming {
    bounds: Bounds,
    spent: AtomicU32,
    noted: AtomicU32,
}

impl Trimming {
    fn is_due(count: &AtomicU32, bound: u32) -> bool {
        count.fetch_add(1, Ordering::Relaxed).is_multiple_of((bound / 64).max(1))
    }

    fn of_states_is_due(&self) -> bool {
        Self::is_due(&self.spent, self.bounds.spent_states)
    }

    fn of_notes_is_due(&self) -> bool {
        Self::is_due(&self.noted, self.bounds.ended_notes)
    }
}

/// A trim that fails takes nothing back of what was done before it.
fn warn_of_trim(trimmed: Result<(), StoreError>) {
    if let Err(error) = trimmed {
        tracing::warn!(error = %error, "cannot trim the session store");
    }
}

/// A spent state is remembered for so long after its time: the clocks of portals that share a store differ.
const CLOCKS_DIFFER: Duration = Duration::HOUR;

/// What a store tells of what others do to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// This session has ended.
    Ended(SessionKey),
    /// Any session may have ended: what is known of them is no longer to be trusted.
    Changed,
    /// From now on sessions may end without a word.
    Deaf,
    /// From now on every end is told.
    Hearing,
}

/// Says that its listener is deaf as soon as it ends, however it ends: a panic must not leave anybody who believes that
/// every end is told.
struct DeafAtEnd(UnboundedSender<News>);

impl Drop for DeafAtEnd {
    fn drop(&mut self) {
        // Nobody to tell where nobody wants to hear.
        let _ = self.0.send(News::Deaf);
    }
}

/// The shortest and the longest pause before revoking is tried again, in seconds.
const REVOKE_AGAIN: (i64, i64) = (60, 60 * 60);

/// When tokens that have been on the list since `added`, and are tried now, are due again.
fn next_try(added: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    let (shortest, longest) = REVOKE_AGAIN;
    now.saturating_add(Duration::seconds(((now - added).whole_seconds() / 2).clamp(shortest, longest)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// The 32 bytes that [`hex`] has written.
fn of_hex(text: &[u8]) -> Option<[u8; 32]> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 64)?;
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn bytes32(bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::new("a row has a key of another length"))
}

fn time_of(seconds: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| StoreError::new("a row has a time out of range"))
}

/// A session store. Times are given by the caller, whose clock judges age; they are kept to the second.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Whether only this process uses the store, so that a session that is known here needs not be looked up.
    fn is_private(&self) -> bool;

    /// Begins to tell what others do to the store, until the receiver is dropped; nothing where nobody else can. Called
    /// within a runtime. A store begins deaf, and is deaf again whenever its listener fails; that is started again by itself.
    fn news(&self) -> Option<UnboundedReceiver<News>>;

    /// Begins a session with its tokens, whose versions are 1 whatever the rows say, in one go. Whether it did: false when
    /// the key is taken.
    async fn create_session(&self, key: SessionKey, row: &SessionRow, tokens: &[TokenRow]) -> Result<bool, StoreError>;

    /// A session, whatever its age.
    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError>;

    /// Replaces the record of a session that exists. Whether it does.
    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError>;

    /// Notes that a session that exists is in use. Whether it exists.
    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Ends a session: from now on there is none with this key, and its tokens are due to be revoked at `now`. With
    /// `note_until`, the store notes until then that somebody else has ended it. Whether there was one: without one nothing
    /// is noted.
    async fn end_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError>;

    /// Whether there is a note that somebody else has ended this session.
    async fn ended_elsewhere(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Forgets the note that somebody else has ended this session.
    async fn forget_ended(&self, key: SessionKey) -> Result<(), StoreError>;

    /// Up to `limit` sessions of a person: the one that was used last first, and of those that were used at the same time
    /// the one that ends last.
    async fn sessions_of(&self, person: [u8; 32], limit: u32) -> Result<Vec<(SessionKey, SessionRow)>, StoreError>;

    /// Up to `limit` of all sessions whose keys come after `after`, in the order of their keys.
    async fn sessions_after(
        &self,
        after: Option<SessionKey>,
        limit: u32,
    ) -> Result<Vec<(SessionKey, SessionRow)>, StoreError>;

    /// Up to `limit` sessions that were last seen at or before `idle_since`, or whose end has come.
    async fn aged_sessions(
        &self,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<SessionKey>, StoreError>;

    /// Adds the tokens of a resource server to a session that exists, with version 1. Whether it does, and had none.
    async fn insert_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError>;

    /// The tokens of a session for one resource server.
    async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError>;

    /// All tokens of a session, in the order of their resource servers.
    async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError>;

    /// Replaces tokens whose version still is `row.version`; the version then counts one more. Whether it was.
    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError>;

    /// Takes away tokens whose version still is `version`, and forgets them: they are dead already. Whether it was.
    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError>;

    /// Puts tokens on the list of those to revoke, due at `now`.
    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError>;

    /// Takes up to `limit` of the tokens that are due to be revoked, of one session or of any, those that have been due
    /// for longest first, and makes them due again later: nobody else takes them meanwhile, and those that cannot be
    /// revoked do not keep others waiting. Later is half as long from now as they have been on the list, a minute at
    /// least and an hour at most.
    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError>;

    /// Takes tokens off the list: they are revoked.
    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError>;

    /// Spends a state that is good until `until`. Of all who ask for the same state, at any time, one gets
    /// [`Spent::First`] at most.
    async fn spend_state(
        &self,
        state: [u8; 32],
        until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Spent, StoreError>;

    /// Asks for a lease by its name. `holder` names who asks, and it is theirs for `length`, by the store's own clock. Who
    /// holds it already is told so as anybody else.
    async fn take_lease(&self, name: [u8; 32], holder: [u8; 16], length: Duration) -> Result<Lease, StoreError>;

    /// Gives a lease back, if it still is the holder's.
    async fn release_lease(&self, name: [u8; 32], holder: [u8; 16]) -> Result<(), StoreError>;

    /// Forgets spent states and notes whose time is over, tokens that there is no sense in revoking any longer, and leases
    /// that nobody has given back for a day; and keeps to its [`Bounds`].
    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError>;

    /// Does once what sessions need of the store, to the disk where there is one: it fails where a login or a logout would.
    /// Leaves nothing that counts.
    async fn probe(&self) -> Result<(), StoreError>;

    /// What an operator should know about the set-up of the store, though it works: one sentence each.
    async fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Puts everything in its place before the process ends. Nothing is asked of the store afterwards.
    async fn close(&self);
}
