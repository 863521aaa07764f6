//! Connections, each lent for one thing.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Executor as _, PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::sync::Mutex;

use super::super::{StoreError, sql::within};

/// Begins a transaction; a connection of a pooler has no settings of ours, so it gets them with each.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '4s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// Whether the database could be reached the last time. While it could not, one request at a time waits for it, and all
/// others are told at once.
#[derive(Debug, Default)]
pub(super) struct Reach {
    lost: AtomicBool,
    trying: Mutex<()>,
}

impl Reach {
    async fn connection(&self, pool: &PgPool) -> Result<PoolConnection<Postgres>, StoreError> {
        let lost = || StoreError::new("no connection, and another request is waiting for one already");
        let _trying = match self.lost.load(Ordering::Relaxed) {
            true => Some(self.trying.try_lock().map_err(|_| lost())?),
            false => None,
        };
        let connection = within(async { Ok(pool.acquire().await?) }).await;
        self.lost.store(connection.is_err(), Ordering::Relaxed);
        connection
    }
}

/// A connection that is lent for one thing. It goes back to the pool when it is good; otherwise it is closed, so that one
/// that hangs keeps no place in the pool.
pub(super) struct Lent {
    connection: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
    good: bool,
}

impl Lent {
    pub(super) async fn new(reach: &Reach, pool: &PgPool) -> Result<Self, StoreError> {
        Ok(Self { connection: Some(reach.connection(pool).await?), in_transaction: false, good: false })
    }

    /// All that is done with it is done as a whole, or not at all.
    pub(super) async fn in_transaction(mut self) -> Result<Self, StoreError> {
        within(async { Ok(self.execute(BEGIN).await?) }).await?;
        self.in_transaction = true;
        Ok(self)
    }

    /// The thing is done, and counts.
    pub(in super::super) async fn finish(&mut self) -> Result<(), StoreError> {
        if self.in_transaction {
            self.execute("COMMIT").await?;
        }
        self.good = true;
        Ok(())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| !self.good) {
            drop(connection.detach());
        }
    }
}

#[expect(clippy::expect_used, reason = "it is taken at the drop alone")]
impl std::ops::Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("it is taken at the drop alone")
    }
}

#[expect(clippy::expect_used, reason = "it is taken at the drop alone")]
impl std::ops::DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("it is taken at the drop alone")
    }
}
