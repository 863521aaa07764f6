//! The contract of a session store, as a trait. What every store guarantees is described [one level up](super).

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
    /// Whether only this process uses the store, so that a cached session need not be looked up.
    fn is_private(&self) -> bool;

    /// Starts to report what other processes do to the store, until the receiver is dropped; `None` where no other process
    /// can. Call it within a runtime. Notifications begin as down, and are down whenever the listener fails; it restarts by
    /// itself.
    fn news(&self) -> Option<UnboundedReceiver<News>>;

    /// Begins a session with its tokens, whose versions are 1 whatever the rows say, in one step. Returns
    /// false when the key is taken.
    async fn create_session(&self, key: SessionKey, row: &SessionRow, tokens: &[TokenRow]) -> Result<bool, StoreError>;

    /// A session, whatever its age.
    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError>;

    /// Replaces the record of a session. Returns whether it exists.
    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError>;

    /// Records that a session was used. Returns whether it exists.
    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Ends a session: from now on there is none with this key, and its tokens are due to be revoked at `now`. With
    /// `note_until`, the store remembers until then that it was ended from elsewhere. Returns whether there was a session;
    /// without one nothing is remembered.
    async fn end_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError>;

    /// Whether there is a note that this session was ended from elsewhere.
    async fn ended_elsewhere(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// Deletes the note that this session was ended from elsewhere.
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

    /// Replaces tokens whose version still is `row.version`, and increments the version. Returns whether it did.
    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError>;

    /// Puts tokens into a session: in place of those whose version still is `row.version`, or, where that is 0, if there are
    /// none for their resource server. What `revoke` holds of those they replace is due to be revoked at `now`, in the same
    /// step. Returns whether it did.
    async fn put_token(
        &self,
        key: SessionKey,
        row: &TokenRow,
        revoke: Option<&TokenRow>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Deletes tokens whose version still is `version` without revoking them: they are dead already. Returns whether it did.
    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError>;

    /// Queues tokens for revocation, due at `now`.
    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError>;

    /// Claims up to `limit` of the tokens that are due for revocation, of one session or of any, the longest due first, and
    /// makes them due again later, so that no other caller claims them meanwhile, and tokens that cannot be revoked do not
    /// hold up the rest. They are due again after half the time they have been queued, at least a minute and at most an hour.
    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError>;

    /// Removes tokens from the queue: they are revoked.
    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError>;

    /// Spends a state that is good until `until`. Of all callers that ask for the same state, at any time, at most one gets
    /// [`Spent::First`].
    async fn spend_state(
        &self,
        state: [u8; 32],
        until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Spent, StoreError>;

    /// Asks for a lease by its name. `holder` names the caller, who then has it for `length`, by the store's own clock. Its
    /// present holder gets [`Lease::Held`] like any other caller.
    async fn take_lease(&self, name: [u8; 32], holder: [u8; 16], length: Duration) -> Result<Lease, StoreError>;

    /// Releases a lease, if the holder still has it.
    async fn release_lease(&self, name: [u8; 32], holder: [u8; 16]) -> Result<(), StoreError>;

    /// Deletes spent states and notes whose time is over, queued tokens that have expired, and leases that were not released
    /// for a day; and keeps to its [`Bounds`](super::Bounds).
    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError>;

    /// Does everything once that sessions need from the store, including writes to disk. It fails if a login or a logout would.
    /// It leaves nothing behind that matters.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Warnings for the operator about a store that works but is badly configured, one sentence each.
    async fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Closes the store before the process ends. It is not used afterwards.
    async fn close(&self);
}
