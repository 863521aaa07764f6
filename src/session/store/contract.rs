//! The contract of a session store, as a trait. What every store guarantees is said [one level up](super).

use std::fmt;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    error::StoreError,
    news::News,
    rows::{Lease, RevocationRow, SessionKey, SessionRow, Spent, TokenRow},
};

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
