//! The contract of a session store. Every store passes the same test.
//!
//! A store keeps bytes it cannot read: values come sealed, and sessions are named by a hash of their id, so that a dump
//! of the store gives neither a token nor a working cookie. It can read only what it needs to find and to expire rows:
//! the hash of the person's identity, resource servers, and times. (With a person's identity, the
//! hash shows that the person has a session, and when it was used.)
//!
//! What every store guarantees:
//!
//! - **An ended session stays ended.** Nothing but [`Store::create_session`] makes one; every other write happens only
//!   to a session that exists.
//! - **A token is replaced by compare-and-set**: of two writers that read the same version, one wins and one learns that it lost.
//! - **No token is forgotten**: ending a session moves its tokens, in the same transaction, to the list of tokens to
//!   revoke, where they stay until that is done.
//! - **A state is spent once**, however many callers ask at the same time, and however many states strangers spend:
//!   the number of states that are remembered is bounded, and a state that is older than the oldest one remembered counts
//!   as too old.
//! - **A lease has one holder**, by the clock of the store and not by those of its users.
//! - **An answer or an error comes in a few seconds**, even if the server behind the store hangs.

mod bounds;
mod contract;
mod error;
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
    memory::MemoryStore,
    news::News,
    postgres::PostgresStore,
    redis::RedisStore,
    rows::{Lease, RevocationRow, SessionKey, SessionRow, Spent, TokenRow},
    sqlite::SqliteStore,
};
