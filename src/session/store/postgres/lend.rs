//! Connections to PostgreSQL, each lent for one operation.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{
    Executor as _, PgConnection, PgPool, Postgres, Row as _,
    pool::PoolConnection,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tokio::sync::Mutex;

use super::super::{
    error::StoreError,
    sql::{Connection, ReadRow, Value, within},
};

/// Begins a transaction, with our settings: a pooler's connection does not have them.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '4s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// Whether the database was reachable last time. While it is not, one request at a time waits for it, and all others fail at
/// once.
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

/// A connection that is lent for one operation. It returns to the pool if it is good; otherwise it is closed, so that a
/// connection that hangs takes no place in the pool.
pub(crate) struct Lent {
    connection: Option<PoolConnection<Postgres>>,
    is_pooled: bool,
    in_transaction: bool,
    good: bool,
}

impl Lent {
    /// Lends a connection. `is_pooled`: a pooler is in between.
    pub(super) async fn new(reach: &Reach, pool: &PgPool, is_pooled: bool) -> Result<Self, StoreError> {
        let connection = Some(reach.connection(pool).await?);
        Ok(Self { connection, is_pooled, in_transaction: false, good: false })
    }

    /// Begins a transaction: all statements on the connection take effect together, or none does.
    pub(super) async fn in_transaction(mut self) -> Result<Self, StoreError> {
        within(async { Ok(self.execute(BEGIN).await?) }).await?;
        self.in_transaction = true;
        Ok(self)
    }

    /// A statement. Behind a pooler it is unnamed: on another connection the name may belong to another statement.
    pub(super) fn query<'q>(&self, sql: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(sql).persistent(!self.is_pooled)
    }

    fn with<'q>(&self, sql: &'static str, values: &[Value<'q>]) -> Query<'q, Postgres, PgArguments> {
        values.iter().fold(self.query(sql), |query, value| match *value {
            Value::Int(number) => query.bind(number),
            Value::Bytes(bytes) => query.bind(bytes),
            Value::Text(text) => query.bind(text),
            Value::Maybe(bytes) => query.bind(bytes),
        })
    }
}

impl Connection for Lent {
    type Row = PgRow;

    async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<PgRow>, StoreError> {
        Ok(self.with(sql, values).fetch_all(&mut **self).await?)
    }

    async fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        Ok(self.with(sql, values).execute(&mut **self).await?.rows_affected())
    }

    async fn finish(&mut self) -> Result<(), StoreError> {
        if self.in_transaction {
            self.execute("COMMIT").await?;
        }
        self.good = true;
        Ok(())
    }
}

impl ReadRow for PgRow {
    fn int(&self, column: &str) -> Result<i64, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn text(&self, column: &str) -> Result<String, StoreError> {
        Ok(self.try_get(column)?)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| !self.good) {
            drop(connection.detach());
        }
    }
}

#[expect(clippy::expect_used, reason = "it is taken only on drop")]
impl std::ops::Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("it is taken only on drop")
    }
}

#[expect(clippy::expect_used, reason = "it is taken only on drop")]
impl std::ops::DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("it is taken only on drop")
    }
}
