//! Sessions in an SQLite file: nothing to install, and they survive a restart.
//!
//! One connection writes and one reads, so that no writer waits for a lock of this process. The end of a session and a
//! renewed token are on disk before the call returns. Other writes reach the disk in order, with the next such write or soon
//! after: a power failure may lose a login of the last moments, so that its person must log in again. The end of the process
//! loses nothing.

mod files;
mod lend;

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use time::OffsetDateTime;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use self::lend::{Lent, Shared, clear_up, lend, shared};
use super::{
    error::StoreError,
    migrations::migrator,
    news::{DisconnectedAtEnd, News},
    rows::{SessionKey, SessionRow, Spent, TokenRow},
    sql::{Connection as _, Database, PATIENCE, within},
    sql_store::SqlStore,
    sql_texts::{Texts, Words},
};
use crate::keep_running::keep_running;

/// How often the store checks whether another process, such as `globus-portal sessions`, has written to the file.
const CHECK_EVERY: Duration = Duration::from_millis(200);
/// How long after the beginning of such a check the cache may be used. `globus-portal sessions` waits a little longer, so that
/// what it did takes effect on the next request, also where checks are late.
const TRUSTED_FOR: Duration = Duration::from_millis(450);

const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "sessions", include_str!("sqlite/0001_sessions.sql")),
    (2, "leases", include_str!("sqlite/0002_leases.sql")),
    (3, "bounds", include_str!("sqlite/0003_bounds.sql")),
    (4, "probes", include_str!("sqlite/0004_probes.sql")),
];

static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    Texts::new(&Words {
        schema: "main.",
        now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        least: "min",
        greatest: "max",
        skip_locked: "",
        while_it_lasts: "",
        soon: ("PRAGMA synchronous = NORMAL; ", "; PRAGMA synchronous = FULL"),
    })
});

/// A store in one SQLite file, with a write-ahead log beside it.
pub type SqliteStore = SqlStore<Sqlite>;

/// An SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    writer: Shared,
    reader: Shared,
    path: PathBuf,
}

impl SqlStore<Sqlite> {
    /// Opens or creates the file, readable by its owner only, and migrates its tables.
    ///
    /// # Errors
    /// [`StoreError`] if the file cannot be opened or written, or is not a database of the portal.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        files::create_private(path).map_err(|error| cannot_open(path, error))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let mut writer = options.connect().await.map_err(|error| cannot_open(path, error))?;
        let mut migrations = migrator(&MIGRATIONS);
        // An older version of the portal may run again after a newer one.
        migrations.set_ignore_missing(true);
        let migrated = migrations.run(&mut writer).await;
        migrated.map_err(|error| {
            StoreError::from_cause(error).within(&format!("cannot create the tables in {}", path.display()))
        })?;
        let reader = options.connect().await.map_err(|error| cannot_open(path, error))?;
        Ok(Self::on(Sqlite { writer: shared(writer), reader: shared(reader), path: path.to_owned() }))
    }
}

impl Database for Sqlite {
    const IS_PRIVATE: bool = true;

    type Lent = Lent;

    fn texts() -> &'static Texts {
        &TEXTS
    }

    async fn read(&self) -> Result<Lent, StoreError> {
        lend(&self.reader).await
    }

    async fn write(&self) -> Result<Lent, StoreError> {
        lend(&self.writer).await
    }

    async fn transaction(&self) -> Result<Lent, StoreError> {
        self.write().await?.in_transaction().await
    }

    /// One batch of statements, because each call on a connection costs more than a statement. A caller that is dropped
    /// half way leaves the connection in doubt.
    async fn create(
        &self,
        lent: &mut Lent,
        key: SessionKey,
        row: &SessionRow,
        tokens: &[TokenRow],
    ) -> Result<bool, StoreError> {
        let mut sql = String::from(
            "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; \
             INSERT INTO main.sessions (key, record, person, last_seen, ends) VALUES ($1, $2, $3, $4, $5); ",
        );
        let values = |at: usize| format!("($1, ${at}, ${}, 1, ${})", at + 1, at + 2);
        let rows: Vec<String> = (6..).step_by(3).take(tokens.len()).map(values).collect();
        if !rows.is_empty() {
            sql += "INSERT INTO main.tokens (session, resource_server, sealed, version, revoke_until) VALUES ";
            sql += &rows.join(", ");
        }
        sql += "; COMMIT; PRAGMA synchronous = FULL";
        let query = sqlx::query(AssertSqlSafe(sql)).bind(&key.0[..]).bind(&row.record[..]).bind(&row.person[..]);
        let query = query.bind(row.last_seen.unix_timestamp()).bind(row.ends.unix_timestamp());
        let query = tokens.iter().fold(query, |query, token| {
            query.bind(&token.resource_server).bind(&token.sealed[..]).bind(token.revoke_until.unix_timestamp())
        });
        match query.execute(&mut **lent).await {
            Ok(_) => Ok(true),
            // The key is taken. Two tokens for one resource server are an error instead.
            Err(sqlx::Error::Database(error)) if error.message().contains("sessions.key") => {
                clear_up(lent).await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn end(
        &self,
        lent: &mut Lent,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO main.revocations (session, resource_server, sealed, added, due, revoke_until) \
                   SELECT session, resource_server, sealed, $1, $1, revoke_until FROM main.tokens WHERE session = $2; \
                   INSERT INTO main.ended_notes (key, until) \
                   SELECT key, $3 FROM main.sessions WHERE key = $2 AND $3 IS NOT NULL ON CONFLICT DO NOTHING; \
                   DELETE FROM main.sessions WHERE key = $2 RETURNING 1";
        let query = sqlx::query(sql).bind(now.unix_timestamp()).bind(&key.0[..]);
        let query = query.bind(note_until.map(OffsetDateTime::unix_timestamp));
        Ok(query.fetch_all(&mut **lent).await?.len() == 1)
    }

    /// One row records that the state was spent, another how old a state may be.
    async fn spend(&self, lent: &mut Lent, state: [u8; 32], until: i64) -> Result<Spent, StoreError> {
        let sql = "PRAGMA synchronous = NORMAL; \
                   INSERT INTO main.spent_states (state, until) \
                   SELECT $1, $2 FROM main.state_floor AS floor WHERE floor.until < $2 \
                   ON CONFLICT DO NOTHING RETURNING until; \
                   SELECT until FROM main.state_floor; \
                   PRAGMA synchronous = FULL";
        let rows = sqlx::query(sql).bind(&state[..]).bind(until).fetch_all(&mut **lent).await?;
        match rows.as_slice() {
            [_, _] => Ok(Spent::First),
            [floor] if until <= floor.try_get(0)? => Ok(Spent::TooOld),
            [_] => Ok(Spent::Again),
            _ => Err(StoreError::new("the table state_floor must have one row")),
        }
    }

    /// SQLite runs one writing transaction at a time.
    async fn stop_spending(&self, _: &mut Lent) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sweep_more(&self, _: &mut Lent) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the disk has room. A write to the database does not show that: it may reuse a free page, or one of the
    /// write-ahead log.
    async fn has_room(&self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let tried = tokio::task::spawn_blocking(move || files::try_room(&path)).await;
        let tried = tried.unwrap_or_else(|_| Err(std::io::Error::other("it was interrupted")));
        tried.map_err(|error| {
            StoreError::from_cause(error).within(&format!("cannot write to the disk of {}", self.path.display()))
        })
    }

    fn listen(&self) -> UnboundedReceiver<News> {
        let (news, heard) = mpsc::unbounded_channel();
        let writer = self.writer.clone();
        keep_running("listening to the SQLite file", move || watch(writer.clone(), news.clone()));
        heard
    }

    /// The last connection to close merges the write-ahead log into the database. Then the one file is complete.
    async fn close(&self) {
        for connection in [&self.reader, &self.writer] {
            if let Some(kept) = connection.lock().await.take()
                && let Err(error) = kept.connection.close().await
            {
                tracing::warn!(error = %error, "cannot close the session store cleanly");
            }
        }
    }
}

fn cannot_open(path: &Path, error: impl Error + Send + Sync + 'static) -> StoreError {
    let why = files::trouble_with_folder(path).unwrap_or_else(|| error.to_string());
    StoreError::new(format!("cannot open {}: {why}", path.display())).with_source(error)
}

/// Checks whether another process has written to the file: the data version that the writer sees changes when any
/// connection but its own writes.
async fn watch(writer: Shared, news: UnboundedSender<News>) {
    let _disconnected_at_end = DisconnectedAtEnd(news.clone());
    let mut known = None;
    while !news.is_closed() {
        let began = Instant::now();
        let version = data_version(&writer).await;
        let changed = match (&version, known) {
            (Ok(version), Some(known)) if *version != known => Some(News::Changed),
            (Ok(_), None) => Some(News::Connected),
            (Err(_), Some(_)) => Some(News::Disconnected),
            _ => None,
        };
        known = version.ok();
        let trusted = known.map(|_| News::TrustedUntil(began + TRUSTED_FOR));
        // What has changed comes first, so that nothing older is trusted.
        if changed.into_iter().chain(trusted).any(|report| news.send(report).is_err()) {
            return;
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

async fn data_version(writer: &Shared) -> Result<i64, StoreError> {
    let mut lent = lend(writer).await?;
    within(async {
        let row = sqlx::query("PRAGMA data_version").fetch_one(&mut *lent).await?;
        lent.finish().await?;
        Ok(row.try_get(0)?)
    })
    .await
}
