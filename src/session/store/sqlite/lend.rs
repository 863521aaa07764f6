//! The connections to an SQLite file, each lent for one operation at a time.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use sqlx::{
    Executor as _, Row as _, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use tokio::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};

use super::super::{
    error::StoreError,
    sql::{Connection, ReadRow, Value, within},
};

/// A connection, until it is closed.
pub(super) type Shared = Arc<Mutex<Option<Kept>>>;

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) connection: SqliteConnection,
    /// Its last operation was not finished, so a transaction may be open.
    in_doubt: bool,
}

/// A connection that is lent for one operation.
pub(crate) struct Lent {
    kept: OwnedMappedMutexGuard<Option<Kept>, Kept>,
    in_transaction: bool,
}

pub(super) fn shared(connection: SqliteConnection) -> Shared {
    Arc::new(Mutex::new(Some(Kept { connection, in_doubt: false })))
}

/// Lends a connection as soon as it is free.
pub(super) async fn lend(shared: &Shared) -> Result<Lent, StoreError> {
    within(async {
        let lent = OwnedMutexGuard::try_map(shared.clone().lock_owned().await, Option::as_mut);
        let mut kept = lent.map_err(|_| StoreError::new("it is closed"))?;
        if kept.in_doubt {
            clear_up(&mut kept.connection).await?;
        }
        kept.in_doubt = true;
        Ok(Lent { kept, in_transaction: false })
    })
    .await
}

/// Rolls back a connection's unfinished operation.
pub(super) async fn clear_up(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // It fails if no transaction is open, which is fine.
    let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
    sqlx::query("PRAGMA synchronous = FULL").execute(connection).await?;
    Ok(())
}

impl Lent {
    /// Begins a transaction: all statements on the connection take effect together, or none does.
    pub(super) async fn in_transaction(mut self) -> Result<Self, StoreError> {
        within(async { Ok(self.execute("BEGIN IMMEDIATE").await?) }).await?;
        self.in_transaction = true;
        Ok(self)
    }
}

fn query<'q>(sql: &'static str, values: &[Value<'q>]) -> Query<'q, sqlx::Sqlite, SqliteArguments> {
    values.iter().fold(sqlx::query(sql), |query, value| match *value {
        Value::Int(number) => query.bind(number),
        Value::Bytes(bytes) => query.bind(bytes),
        Value::Text(text) => query.bind(text),
        Value::Maybe(bytes) => query.bind(bytes),
    })
}

impl Connection for Lent {
    type Row = SqliteRow;

    async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<SqliteRow>, StoreError> {
        Ok(query(sql, values).fetch_all(&mut **self).await?)
    }

    async fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        Ok(query(sql, values).execute(&mut **self).await?.rows_affected())
    }

    async fn finish(&mut self) -> Result<(), StoreError> {
        if self.in_transaction {
            self.execute("COMMIT").await?;
        }
        self.kept.in_doubt = false;
        Ok(())
    }
}

impl ReadRow for SqliteRow {
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

impl Deref for Lent {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.kept.connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.kept.connection
    }
}
