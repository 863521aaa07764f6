//! The contract of a session store. Every store passes the same test.
//!
//! A store cannot read what it keeps: values are sealed, and sessions are named by a hash of their id, so that a dump of the
//! store yields neither a token nor a working cookie. In the clear is only what the store needs to find and expire rows: the
//! hash of the person's identity, resource servers, and times. (Anyone who knows the identity can tell from the hash that
//! the person has a session, and when it was used.)
//!
//! What every store guarantees:
//!
//! - **An ended session stays ended.** Nothing but [`Store::create_session`] makes one; every other write happens only
//!   to a session that exists.
//! - **A token is replaced by compare-and-set**: of two writers that read the same version, one wins and one learns that it lost.
//! - **No token is forgotten**: ending a session moves its tokens, in the same transaction, to the list of tokens to
//!   revoke, where they stay until that is done.
//! - **A state is spent once**, however many callers ask at the same time, and however many states strangers spend. The
//!   number of remembered states is bounded; a state older than the oldest remembered one counts as too old.
//! - **A lease has one holder**, by the clock of the store rather than those of the portals.
//! - **Every call returns within a few seconds**, with an error if need be, even if the server behind the store hangs.

mod bounds;
mod contract;
mod error;
mod measured;
mod memory;
mod migrations;
mod news;
mod postgres;
mod redis;
mod rows;
mod sql;
mod sql_store;
mod sql_texts;
mod sqlite;

pub use self::{
    bounds::Bounds,
    contract::Store,
    error::StoreError,
    measured::MeasuredStore,
    memory::MemoryStore,
    news::News,
    postgres::PostgresStore,
    redis::RedisStore,
    rows::{Lease, RevocationRow, SessionKey, SessionRow, Spent, TokenRow},
    sqlite::SqliteStore,
};
