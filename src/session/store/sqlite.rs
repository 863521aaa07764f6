//! Sessions in an SQLite file: nothing to install, and they survive a restart.
//!
//! One connection writes and one reads, so that no writer waits for a lock of this process's own. A write is on the disk
//! when it is done: a power cut takes back no logout.

use std::{fs::OpenOptions, path::Path};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteQueryResult, SqliteRow, SqliteSynchronous},
};
use time::{Duration, OffsetDateTime};
use tokio::sync::{
    MappedMutexGuard, Mutex, MutexGuard,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
};

use super::{
    Lease, News, REVOKE_AGAIN, RevocationRow, SessionKey, SessionRow, Store, StoreError, TokenRow, bytes32,
    sql::{PATIENCE, on, sql_store, within},
    time_of,
};
use crate::secret::random_bytes;

/// How often it is looked whether another process, such as `globus-portal sessions`, has written to the file.
pub(super) const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// Keeps everything in one SQLite file, with a write-ahead log beside it.
#[derive(Debug)]
pub struct SqliteStore {
    writer: std::sync::Arc<Mutex<Option<SqliteConnection>>>,
    reader: Mutex<Option<SqliteConnection>>,
}

/// A connection that is lent for one thing.
struct Lent<'a>(MappedMutexGuard<'a, SqliteConnection>);

impl Lent<'_> {
    /// Nothing to say: a connection to a file does not break.
    fn is_good(&self) {}
}

impl std::ops::Deref for Lent<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.0
    }
}

impl std::ops::DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

impl SqliteStore {
    /// Opens the file, or makes it, readable for its owner alone, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened or written, or is no database of ours.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        create_private(path).map_err(|error| StoreError(format!("cannot open {}: {error}", path.display())))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let mut writer = options.connect().await?;
        let mut migrations = sqlx::migrate!("src/session/store/sqlite");
        // A version of before may come back after a newer one has been here.
        migrations.set_ignore_missing(true);
        let migrated = migrations.run(&mut writer).await;
        migrated.map_err(|error| StoreError(format!("cannot make the tables in {}: {error}", path.display())))?;
        let reader = options.connect().await?;
        Ok(Self { writer: std::sync::Arc::new(Mutex::new(Some(writer))), reader: Mutex::new(Some(reader)) })
    }

    async fn read(&self) -> Result<Lent<'_>, StoreError> {
        lend(&self.reader).await
    }

    async fn write(&self) -> Result<Lent<'_>, StoreError> {
        lend(&self.writer).await
    }

    /// A transaction that may write from its first statement on: one that reads first and writes later could be refused
    /// in the middle.
    async fn begin(connection: &mut SqliteConnection) -> Result<Transaction<'_, Sqlite>, StoreError> {
        Ok(connection.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn end(
        transaction: &mut Transaction<'_, Sqlite>,
        key: SessionKey,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO revocations (session, resource_server, sealed, added, due, revoke_until) \
                   SELECT session, resource_server, sealed, $1, $1, revoke_until FROM tokens WHERE session = $2";
        sqlx::query(sql).bind(now.unix_timestamp()).bind(&key.0[..]).execute(&mut **transaction).await?;
        let delete = sqlx::query("DELETE FROM sessions WHERE key = $1").bind(&key.0[..]);
        Ok(delete.execute(&mut **transaction).await?.rows_affected() == 1)
    }

    fn inserted(result: Result<SqliteQueryResult, sqlx::Error>) -> Result<bool, StoreError> {
        Ok(result?.rows_affected() == 1)
    }

    fn listen(&self) -> UnboundedReceiver<News> {
        let (news, heard) = mpsc::unbounded_channel();
        tokio::spawn(watch(self.writer.clone(), news));
        heard
    }

    /// The last connection that closes folds the write-ahead log into the database: from then on the one file is all.
    async fn close_connections(&self) {
        for connection in [&self.reader, &*self.writer] {
            if let Some(connection) = connection.lock().await.take()
                && let Err(error) = connection.close().await
            {
                tracing::warn!(error = %error, "the session store was not closed well");
            }
        }
    }
}

async fn lend(connection: &Mutex<Option<SqliteConnection>>) -> Result<Lent<'_>, StoreError> {
    within(async {
        let lent = MutexGuard::try_map(connection.lock().await, Option::as_mut);
        lent.map(Lent).map_err(|_| StoreError("it is closed".to_owned()))
    })
    .await
}

/// Looks whether another process has written to the file: the data version that the writer sees is changed by everybody
/// but the writer itself.
async fn watch(writer: std::sync::Arc<Mutex<Option<SqliteConnection>>>, news: UnboundedSender<News>) {
    let mut known = None;
    while !news.is_closed() {
        let version = data_version(&writer).await;
        let changed = match (&version, known) {
            (Ok(version), Some(known)) if *version != known => Some(News::Changed),
            (Ok(_), None) => Some(News::Hearing),
            (Err(_), Some(_)) => Some(News::Deaf),
            _ => None,
        };
        known = version.ok();
        if changed.is_some_and(|changed| news.send(changed).is_err()) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn data_version(writer: &Mutex<Option<SqliteConnection>>) -> Result<i64, StoreError> {
    on!(connection = lend(writer) => {
        let row = sqlx::query("PRAGMA data_version").fetch_one(&mut *connection).await?;
        Ok(row.try_get(0)?)
    })
}

/// SQLite gives the files beside the database the same mode as the database itself.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

sql_store!(
    SqliteStore, SqliteRow, private: true, now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)", least: "min",
    greatest: "max", skip_locked: ""
);
