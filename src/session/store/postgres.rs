//! Sessions in PostgreSQL (13 or newer): for several portals, or for one beside a database that is there anyway.
//!
//! Tables are in the schema `globus_portal`, and are made at the start; portals that start at the same time wait for each
//! other. What ends a session says so by NOTIFY in the same transaction.

use std::{
    str::FromStr as _,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres, Row as _,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions, PgQueryResult, PgRow},
};
use time::{Duration, OffsetDateTime};
use tokio::sync::{
    Mutex,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
};

use super::{
    Bounds, CLOCKS_DIFFER, DeafAtEnd, Lease, News, REVOKE_AGAIN, RevocationRow, SessionKey, SessionRow, Spent, Store,
    StoreError, TokenRow, Trimming, bytes32, hex, of_hex,
    sql::{PATIENCE, on, sql_store, within},
    time_of,
};
use crate::{keep_running::keep_running, secret::random_bytes};

const SCHEMA: &str = "globus_portal";
/// Where the end of a session is told.
const CHANNEL: &str = "globus_portal_ended";
/// A connection that has not been used for so long is tried before it is lent.
const TRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
/// How often a listener that hears nothing asks whether anybody is there.
const STILL_THERE: std::time::Duration = std::time::Duration::from_secs(2);
/// The pause before a listener that has lost its connection makes another.
const LISTEN_AGAIN: std::time::Duration = std::time::Duration::from_millis(250);

/// Keeps everything in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    reach: Reach,
    trimming: Trimming,
}

/// Whether the database could be reached the last time. While it could not, one request at a time waits for it, and all
/// others are told at once.
#[derive(Debug, Default)]
struct Reach {
    lost: AtomicBool,
    trying: Mutex<()>,
}

impl Reach {
    async fn connection(&self, pool: &PgPool) -> Result<PoolConnection<Postgres>, StoreError> {
        let lost = || StoreError("no connection, and another request is waiting for one already".to_owned());
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
struct Lent {
    connection: Option<PoolConnection<Postgres>>,
    good: bool,
}

impl Lent {
    fn is_good(&mut self) {
        self.good = true;
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

impl PostgresStore {
    /// Connects to the database, and brings its tables up to date. `url` is `postgres://user:password@host:port/database`
    /// with the parameters of libpq, among them `sslmode` and `sslrootcert`. At most `connections` are open at a time, of
    /// which one listens where somebody wants to hear of ends: two at least.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be reached, or its tables cannot be made.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        // The error may quote the URL, and with it a password.
        let options = PgConnectOptions::from_str(url).map_err(|_| StoreError("the URL cannot be read".to_owned()))?;
        let options = options
            .application_name("globus-portal")
            .options([
                ("search_path", SCHEMA),
                ("statement_timeout", "4s"),
                ("idle_in_transaction_session_timeout", "10s"),
            ])
            .disable_statement_logging();
        let place = format!("{}:{}", options.get_host(), options.get_port());
        let migrated = within(migrate(&options)).await;
        migrated.map_err(|error| StoreError(format!("cannot use PostgreSQL at {place}: {error}")))?;
        let pool =
            PgPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE).test_before_acquire(false);
        let pool = pool.before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > TRY_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
        Ok(Self { pool: pool.connect_lazy_with(options), reach: Reach::default(), trimming: Trimming::default() })
    }

    /// The same store with other bounds.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.trimming.bounds = bounds;
        self
    }

    async fn read(&self) -> Result<Lent, StoreError> {
        self.write().await
    }

    async fn write(&self) -> Result<Lent, StoreError> {
        Ok(Lent { connection: Some(self.reach.connection(&self.pool).await?), good: false })
    }

    async fn create(
        connection: &mut PgConnection,
        key: SessionKey,
        row: &SessionRow,
        tokens: &[TokenRow],
    ) -> Result<bool, StoreError> {
        let sql = "WITH made AS (INSERT INTO globus_portal.sessions (key, record, person, last_seen, ends) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING key), \
                   kept AS (INSERT INTO globus_portal.tokens (session, resource_server, sealed, version, revoke_until) \
                   SELECT made.key, token.resource_server, token.sealed, 1, token.revoke_until FROM made CROSS JOIN \
                   unnest($6::text[], $7::bytea[], $8::bigint[]) AS token (resource_server, sealed, revoke_until)) \
                   SELECT 1 FROM made";
        let query = sqlx::query(sql).bind(&key.0[..]).bind(&row.record[..]).bind(&row.person[..]);
        let query = query.bind(row.last_seen.unix_timestamp()).bind(row.ends.unix_timestamp());
        let query = query.bind(tokens.iter().map(|token| &*token.resource_server).collect::<Vec<_>>());
        let query = query.bind(tokens.iter().map(|token| &token.sealed[..]).collect::<Vec<_>>());
        let query = query.bind(tokens.iter().map(|token| token.revoke_until.unix_timestamp()).collect::<Vec<_>>());
        Ok(query.fetch_optional(connection).await?.is_some())
    }

    /// Takes the tokens away as it reads them: one that is replaced at the same moment is moved in its newer form.
    async fn end(
        connection: &mut PgConnection,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        let mut transaction = connection.begin().await?;
        // Whoever would add a token waits for this row, and then finds no session.
        let lock = "SELECT 1 FROM globus_portal.sessions WHERE key = $1 FOR UPDATE";
        if sqlx::query(lock).bind(&key.0[..]).fetch_optional(&mut *transaction).await?.is_none() {
            return Ok(false);
        }
        let sql = "WITH gone AS (DELETE FROM globus_portal.tokens WHERE session = $2 RETURNING *), \
                   noted AS (INSERT INTO globus_portal.ended_notes (key, until) SELECT $2, $3 WHERE $3 IS NOT NULL \
                   ON CONFLICT DO NOTHING) \
                   INSERT INTO globus_portal.revocations (session, resource_server, sealed, added, due, revoke_until) \
                   SELECT session, resource_server, sealed, $1, $1, revoke_until FROM gone";
        let query = sqlx::query(sql).bind(now.unix_timestamp()).bind(&key.0[..]);
        let query = query.bind(note_until.map(OffsetDateTime::unix_timestamp));
        query.execute(&mut *transaction).await?;
        let sql = "DELETE FROM globus_portal.sessions WHERE key = $1";
        sqlx::query(sql).bind(&key.0[..]).execute(&mut *transaction).await?;
        let tell = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(hex(&key.0));
        tell.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The lock on the floor keeps a trim from forgetting this state between the look at the floor and the end of this
    /// statement; and who waits for a trim sees the floor that it has left.
    async fn spend(connection: &mut PgConnection, state: [u8; 32], until: i64) -> Result<Spent, StoreError> {
        let sql = "WITH floor AS (SELECT until FROM globus_portal.state_floor FOR SHARE), \
                   spent AS (INSERT INTO globus_portal.spent_states (state, until) \
                   SELECT $1, $2 FROM floor WHERE floor.until < $2 ON CONFLICT DO NOTHING RETURNING 1) \
                   SELECT floor.until, EXISTS (SELECT 1 FROM spent) FROM floor";
        let row = sqlx::query(sql).bind(&state[..]).bind(until).fetch_one(connection).await?;
        match (row.try_get::<i64, _>(0)?, row.try_get(1)?) {
            (_, true) => Ok(Spent::First),
            (floor, false) if until <= floor => Ok(Spent::TooOld),
            (_, false) => Ok(Spent::Again),
        }
    }

    /// A token that came for a session that has just ended breaks the rule that tokens have a session.
    fn inserted(result: Result<PgQueryResult, sqlx::Error>) -> Result<bool, StoreError> {
        match result {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(false),
            result => Ok(result?.rows_affected() == 1),
        }
    }

    /// Where its disk is full, the database says so by itself.
    async fn has_room(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn listen(&self) -> UnboundedReceiver<News> {
        let (news, heard) = mpsc::unbounded_channel();
        let pool = self.pool.clone();
        keep_running("listening to PostgreSQL", move || listen(pool.clone(), news.clone()));
        heard
    }

    async fn close_connections(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.pool.close()).await;
    }
}

/// Makes the schema and the tables. The migrator's lock keeps others waiting who start at the same time.
async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection = options.connect().await?;
    let mut migrations = sqlx::migrate!("src/session/store/postgres");
    // A replica of the version of before may start after a newer one has been here.
    migrations.set_ignore_missing(true);
    let there = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1").bind(SCHEMA);
    if there.fetch_optional(&mut connection).await?.is_none() {
        // Making it again does no harm, but needs a right that the portal's role need not have once it is there.
        migrations.create_schema(SCHEMA);
    }
    let migrated = migrations.run(&mut connection).await;
    migrated.map_err(|error| StoreError(format!("cannot make the tables: {error}")))?;
    connection.close().await?;
    Ok(())
}

/// Tells of sessions that have ended, until nobody wants to hear any more.
async fn listen(pool: PgPool, news: UnboundedSender<News>) {
    let _deaf_at_end = DeafAtEnd(news.clone());
    while !news.is_closed() && !pool.is_closed() {
        if let Err(error) = listen_once(&pool, &news).await
            && !pool.is_closed()
        {
            tracing::warn!(error = %error, "cannot hear of sessions that end elsewhere");
        }
        if news.send(News::Deaf).is_err() {
            return;
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn listen_once(pool: &PgPool, news: &UnboundedSender<News>) -> Result<(), StoreError> {
    let mut listener = within(async {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    })
    .await?;
    let mut heard = news.send(News::Hearing);
    while heard.is_ok() {
        let told = tokio::time::timeout(STILL_THERE, listener.try_recv()).await;
        heard = match told {
            Ok(told) => match told? {
                Some(told) => {
                    let ended = of_hex(told.payload().as_bytes()).map(SessionKey);
                    news.send(ended.map_or(News::Changed, News::Ended))
                }
                // It has lost its connection, and perhaps news with it.
                None => return Ok(()),
            },
            Err(_) => {
                let ask = async { Ok(sqlx::query("SELECT 1").execute(&mut listener).await?) };
                within(ask).await?;
                Ok(())
            }
        };
    }
    Ok(())
}

sql_store!(
    PostgresStore, PgRow, schema: "globus_portal.", private: false, now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    least: "least", greatest: "greatest", skip_locked: " FOR UPDATE SKIP LOCKED", soon: ("", "")
);
