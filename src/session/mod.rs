//! What we keep about a browser.
//!
//! | module | what it holds |
//! |---|---|
//! | [`login_attempt`] | logins under way: in the browser, not in a store |
//! | [`return_path`] | where a login goes afterwards |
//! | [`seal`] | keys derived by purpose; sealing and opening |
//! | [`store`] | the contract of a store, and the stores |
//! | [`records`] | tower-sessions' records in our store; ids hashed, values sealed |
//! | [`user`] | who is logged in |
//! | [`tokens`] | the tokens of a session: kept, refreshed, revoked |

pub mod login_attempt;
pub mod records;
pub mod return_path;
pub mod seal;
pub mod store;
pub mod tokens;
pub mod user;

use std::sync::Arc;

use time::Duration;
use tower_sessions::session::Id;

use self::{
    seal::{KeyRing, hash},
    store::{SessionKey, Store, StoreError},
};
use crate::clock::Clock;

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
}

impl Vault {
    /// Ends a session for good. Its tokens are on the list of those to revoke from then on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end(&self, key: SessionKey) -> Result<bool, StoreError> {
        self.store.end_session(key, self.clock.now()).await
    }

    /// Ends up to `limit` sessions that have been idle for too long or are too old, and forgets what has had its time.
    /// Gives how many sessions were ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, limit: u32) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let aged = self.store.aged_sessions(now, now - self.lifetimes.idle, limit).await?;
        for key in &aged {
            self.store.end_session(*key, now).await?;
        }
        self.store.sweep(now).await?;
        Ok(aged.len())
    }
}

/// The name of a session in the store. The id itself is 128 random bits, so a plain hash cannot be turned back.
#[must_use]
pub fn session_key(id: Id) -> SessionKey {
    SessionKey(hash(&[b"session", &id.0.to_be_bytes()]))
}
