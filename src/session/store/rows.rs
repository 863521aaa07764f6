//! What a session store is given and gives back.

use std::fmt;

use time::OffsetDateTime;

use super::error::StoreError;

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

/// The outcome of asking for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is ours, and was free.
    Taken,
    /// It is ours; its last holder did not release it in time.
    TakenOver,
    /// Another caller holds it.
    Held,
}

/// The outcome of spending a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was not spent before.
    First,
    /// It was spent before.
    Again,
    /// Its time is over, or the store no longer remembers states of its age: it may have been spent.
    TooOld,
}

/// A key, from a column that holds one.
///
/// # Errors
/// [`StoreError`] when it has another length.
pub(super) fn bytes32(bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::new("a row has a key of the wrong length"))
}

/// A time, from a column that holds seconds.
///
/// # Errors
/// [`StoreError`] when it is out of range.
pub(super) fn time_of(seconds: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| StoreError::new("a row has a time out of range"))
}
