//! What a SQL database does for a store: it lends connections, runs statements, and does the few operations that differ
//! between SQLite and PostgreSQL. `sql_texts` has the statements, and `sql_store` the store.

use std::{fmt, future::Future, time::Duration};

use time::OffsetDateTime;
use tokio::{sync::mpsc::UnboundedReceiver, time::timeout};

use super::{
    error::StoreError,
    news::News,
    rows::{SessionKey, SessionRow, Spent, TokenRow},
    sql_texts::Texts,
};

/// How long one operation of a store may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::new("no connection within 5 seconds"),
            error => Self::from_cause(error),
        }
    }
}

/// Waits for a store, no longer than [`PATIENCE`].
pub(super) async fn within<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(StoreError::new("no answer within 5 seconds")))
}

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    /// Bytes, or NULL.
    Maybe(Option<&'a [u8]>),
}

/// A row of a result. Columns are read by name.
pub(super) trait ReadRow: Send + Sync {
    fn int(&self, column: &str) -> Result<i64, StoreError>;
    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError>;
    fn text(&self, column: &str) -> Result<String, StoreError>;
}

/// A connection that is lent for one operation. If it is dropped before [`Connection::finish`], it counts as broken.
pub(super) trait Connection: Send {
    type Row: ReadRow;

    /// Runs a statement, and returns its rows.
    fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>, StoreError>> + Send;

    /// Runs a statement, and returns how many rows it changed.
    fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Commits, if a transaction is open. The connection counts as good.
    fn finish(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A database that a store keeps its tables in.
pub(super) trait Database: fmt::Debug + Send + Sync + 'static {
    /// Whether only this process uses it.
    const IS_PRIVATE: bool;

    type Lent: Connection;

    /// The statements, in this database's dialect.
    fn texts() -> &'static Texts;

    /// Lends a connection for statements that only read.
    fn read(&self) -> impl Future<Output = Result<Self::Lent, StoreError>> + Send;

    /// Lends a connection for one statement that writes.
    fn write(&self) -> impl Future<Output = Result<Self::Lent, StoreError>> + Send;

    /// Lends a connection whose statements take effect together or not at all.
    fn transaction(&self) -> impl Future<Output = Result<Self::Lent, StoreError>> + Send;

    /// Creates a session with its tokens. Returns false when the key is taken.
    fn create(
        &self,
        connection: &mut Self::Lent,
        key: SessionKey,
        row: &SessionRow,
        tokens: &[TokenRow],
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a session, in a transaction. Returns whether there was one.
    fn end(
        &self,
        connection: &mut Self::Lent,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Spends a state.
    fn spend(
        &self,
        connection: &mut Self::Lent,
        state: [u8; 32],
        until: i64,
    ) -> impl Future<Output = Result<Spent, StoreError>> + Send;

    /// Keeps other callers from spending a state until the transaction ends.
    fn stop_spending(&self, connection: &mut Self::Lent) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Sweeps the tables that only this database has.
    fn sweep_more(&self, connection: &mut Self::Lent) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Checks that the disk has room, where a write to the database does not show that.
    fn has_room(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Starts to report sessions that other processes end.
    fn listen(&self) -> UnboundedReceiver<News>;

    /// Closes all connections.
    fn close(&self) -> impl Future<Output = ()> + Send;
}
