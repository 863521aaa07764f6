//! Sessions in an SQLite file: nothing to install, and they survive a restart.

use std::{fs::OpenOptions, path::Path, time::Duration};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions, Row, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use time::OffsetDateTime;

use super::{RevocationRow, SessionKey, SessionRow, Store, StoreError, TokenRow};

/// How long a writer waits for another one before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 4;

/// Keeps everything in one SQLite file, with a write-ahead log beside it.
#[derive(Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
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
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(BUSY_TIMEOUT);
        let pool = pool.connect_with(options).await?;
        sqlx::migrate!("src/session/store/sqlite")
            .run(&pool)
            .await
            .map_err(|error| StoreError(format!("cannot make the tables in {}: {error}", path.display())))?;
        Ok(Self { pool })
    }

    /// A transaction that may write from its first statement on: one that reads first and writes later could be refused
    /// in the middle.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// SQLite gives the files beside the database the same mode as the database itself.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn bytes32(bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError("a row has a key of another length".to_owned()))
}

fn time(seconds: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| StoreError("a row has a time out of range".to_owned()))
}

fn token_row(row: &SqliteRow) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        resource_server: row.try_get("resource_server")?,
        sealed: row.try_get("sealed")?,
        version: row.try_get("version")?,
        revoke_until: time(row.try_get("revoke_until")?)?,
    })
}

fn revocation_row(row: &SqliteRow) -> Result<RevocationRow, StoreError> {
    Ok(RevocationRow {
        id: row.try_get("id")?,
        session: SessionKey(bytes32(row.try_get("session")?)?),
        resource_server: row.try_get("resource_server")?,
        sealed: row.try_get("sealed")?,
    })
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_session(&self, key: SessionKey, row: &SessionRow) -> Result<bool, StoreError> {
        let sql =
            "INSERT INTO sessions (key, record, person, last_seen, ends) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let query = sqlx::query(sql).bind(&key.0[..]).bind(&row.record[..]).bind(&row.person[..]);
        let query = query.bind(row.last_seen.unix_timestamp()).bind(row.ends.unix_timestamp());
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionRow>, StoreError> {
        let query = sqlx::query("SELECT record, person, last_seen, ends FROM sessions WHERE key = ?").bind(&key.0[..]);
        let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
        Ok(Some(SessionRow {
            record: row.try_get("record")?,
            person: bytes32(row.try_get("person")?)?,
            last_seen: time(row.try_get("last_seen")?)?,
            ends: time(row.try_get("ends")?)?,
        }))
    }

    async fn update_record(&self, key: SessionKey, record: &[u8]) -> Result<bool, StoreError> {
        let query = sqlx::query("UPDATE sessions SET record = ? WHERE key = ?").bind(record).bind(&key.0[..]);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    async fn touch_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE sessions SET last_seen = ? WHERE key = ?");
        query.bind(now.unix_timestamp()).bind(&key.0[..]).execute(&self.pool).await?;
        Ok(())
    }

    async fn end_session(&self, key: SessionKey, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let sql = "INSERT INTO revocations (session, resource_server, sealed, due, revoke_until) \
                   SELECT session, resource_server, sealed, ?, revoke_until FROM tokens WHERE session = ?";
        sqlx::query(sql).bind(now.unix_timestamp()).bind(&key.0[..]).execute(&mut *transaction).await?;
        let delete = sqlx::query("DELETE FROM sessions WHERE key = ?").bind(&key.0[..]);
        let ended = delete.execute(&mut *transaction).await?.rows_affected() == 1;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn aged_sessions(
        &self,
        now: OffsetDateTime,
        idle_since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let query = sqlx::query("SELECT key FROM sessions WHERE ends <= ? OR last_seen <= ? LIMIT ?");
        let query = query.bind(now.unix_timestamp()).bind(idle_since.unix_timestamp()).bind(limit);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(SessionKey(bytes32(row.try_get("key")?)?))).collect()
    }

    async fn insert_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        let sql = "INSERT INTO tokens (session, resource_server, sealed, version, revoke_until) \
                   SELECT key, ?, ?, 1, ? FROM sessions WHERE key = ? ON CONFLICT DO NOTHING";
        let query = sqlx::query(sql).bind(&row.resource_server).bind(&row.sealed[..]);
        let query = query.bind(row.revoke_until.unix_timestamp()).bind(&key.0[..]);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    async fn token(&self, key: SessionKey, resource_server: &str) -> Result<Option<TokenRow>, StoreError> {
        let sql = "SELECT resource_server, sealed, version, revoke_until FROM tokens WHERE session = ? AND resource_server = ?";
        let row = sqlx::query(sql).bind(&key.0[..]).bind(resource_server).fetch_optional(&self.pool).await?;
        row.as_ref().map(token_row).transpose()
    }

    async fn tokens(&self, key: SessionKey) -> Result<Vec<TokenRow>, StoreError> {
        let sql = "SELECT resource_server, sealed, version, revoke_until FROM tokens WHERE session = ? ORDER BY resource_server";
        let rows = sqlx::query(sql).bind(&key.0[..]).fetch_all(&self.pool).await?;
        rows.iter().map(token_row).collect()
    }

    async fn replace_token(&self, key: SessionKey, row: &TokenRow) -> Result<bool, StoreError> {
        let sql = "UPDATE tokens SET sealed = ?, version = version + 1, revoke_until = ? \
                   WHERE session = ? AND resource_server = ? AND version = ?";
        let query = sqlx::query(sql).bind(&row.sealed[..]).bind(row.revoke_until.unix_timestamp());
        let query = query.bind(&key.0[..]).bind(&row.resource_server).bind(row.version);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    async fn remove_token(&self, key: SessionKey, resource_server: &str, version: i64) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM tokens WHERE session = ? AND resource_server = ? AND version = ?");
        let query = query.bind(&key.0[..]).bind(resource_server).bind(version);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    async fn add_revocation(&self, key: SessionKey, row: &TokenRow, now: OffsetDateTime) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO revocations (session, resource_server, sealed, due, revoke_until) VALUES (?, ?, ?, ?, ?)";
        let query = sqlx::query(sql).bind(&key.0[..]).bind(&row.resource_server).bind(&row.sealed[..]);
        query.bind(now.unix_timestamp()).bind(row.revoke_until.unix_timestamp()).execute(&self.pool).await?;
        Ok(())
    }

    async fn claim_revocations(
        &self,
        session: Option<SessionKey>,
        now: OffsetDateTime,
        again: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let sql = "UPDATE revocations SET due = ? WHERE id IN (\
                   SELECT id FROM revocations WHERE due <= ? AND session = coalesce(?, session) ORDER BY due, id LIMIT ?) \
                   RETURNING id, session, resource_server, sealed";
        let query = sqlx::query(sql).bind(again.unix_timestamp()).bind(now.unix_timestamp());
        let query = query.bind(session.map(|session| session.0.to_vec())).bind(limit);
        query.fetch_all(&self.pool).await?.iter().map(revocation_row).collect()
    }

    async fn finish_revocation(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM revocations WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(())
    }

    async fn spend_state(&self, state: [u8; 32], until: OffsetDateTime) -> Result<bool, StoreError> {
        let query = sqlx::query("INSERT INTO spent_states (state, until) VALUES (?, ?) ON CONFLICT DO NOTHING");
        let query = query.bind(&state[..]).bind(until.unix_timestamp());
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let now = now.unix_timestamp();
        sqlx::query("DELETE FROM spent_states WHERE until <= ?").bind(now).execute(&self.pool).await?;
        sqlx::query("DELETE FROM revocations WHERE revoke_until <= ?").bind(now).execute(&self.pool).await?;
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let insert = sqlx::query("INSERT INTO spent_states (state, until) VALUES (randomblob(32), 0)");
        insert.execute(&mut *transaction).await?;
        transaction.rollback().await?;
        Ok(())
    }

    /// The last connection that closes folds the write-ahead log into the database: from then on the one file is all.
    async fn close(&self) {
        self.pool.close().await;
    }
}
