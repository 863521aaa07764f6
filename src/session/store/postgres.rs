//! Sessions in PostgreSQL (13 or newer): for several portals, or for one beside a database that is there anyway.
//!
//! Tables are in the schema `globus_portal`, and are made at the start; portals that start at the same time wait for each
//! other. What ends a session says so by NOTIFY in the same transaction.
//!
//! Nothing depends on what a connection was told before: every name has its schema. So a pooler such as PgBouncer may stand
//! between, in session or in transaction mode. Where one does, nothing outlives a transaction: settings come with each,
//! statements have no names, and ends are looked for instead of listened to.

mod connect;
mod lend;
mod news;

use async_trait::async_trait;
use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres, Row as _,
    postgres::{PgArguments, PgPoolOptions, PgQueryResult, PgRow},
    query::Query,
};
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use self::{
    connect::{Way, connect},
    lend::{Lent, Reach},
};
use super::{
    Bounds, CLOCKS_DIFFER, Lease, News, REVOKE_AGAIN, RevocationRow, SessionKey, SessionRow, Spent, Store, StoreError,
    TokenRow, Trimming, bytes32, hex,
    sql::{PATIENCE, on, sql_store},
    time_of,
};
use crate::{keep_running::keep_running, secret::random_bytes};

/// Where the end of a session is told.
const CHANNEL: &str = "globus_portal_ended";
/// A connection that has not been used for so long is tried before it is lent.
const TRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// Keeps everything in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    is_pooled: bool,
    reach: Reach,
    trimming: Trimming,
}

impl PostgresStore {
    /// Connects to the database, and brings its tables up to date. `url` is `postgres://user:password@host:port/database`
    /// with the parameters of libpq, among them `sslmode` and `sslrootcert`. At most `connections` are open at a time, of
    /// which one listens where somebody wants to hear of ends: two at least.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be reached, or its tables cannot be made.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let Way { options, is_pooled } = connect(url).await?;
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
        let pool = pool.connect_lazy_with(options);
        Ok(Self { pool, is_pooled, reach: Reach::default(), trimming: Trimming::default() })
    }

    /// The same store with other bounds.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.trimming.bounds = bounds;
        self
    }

    /// Behind a pooler a statement has no name: it would be the name of another one in another connection.
    fn query<'q>(&self, sql: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(sql).persistent(!self.is_pooled)
    }

    async fn read(&self) -> Result<Lent, StoreError> {
        self.write().await
    }

    async fn write(&self) -> Result<Lent, StoreError> {
        let lent = Lent::new(&self.reach, &self.pool).await?;
        if self.is_pooled { lent.in_transaction().await } else { Ok(lent) }
    }

    async fn transaction(&self) -> Result<Lent, StoreError> {
        Lent::new(&self.reach, &self.pool).await?.in_transaction().await
    }

    async fn create(
        &self,
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
        let query = self.query(sql).bind(&key.0[..]).bind(&row.record[..]).bind(&row.person[..]);
        let query = query.bind(row.last_seen.unix_timestamp()).bind(row.ends.unix_timestamp());
        let query = query.bind(tokens.iter().map(|token| &*token.resource_server).collect::<Vec<_>>());
        let query = query.bind(tokens.iter().map(|token| &token.sealed[..]).collect::<Vec<_>>());
        let query = query.bind(tokens.iter().map(|token| token.revoke_until.unix_timestamp()).collect::<Vec<_>>());
        Ok(query.fetch_optional(connection).await?.is_some())
    }

    /// Takes the tokens away as it reads them: one that is replaced at the same moment is moved in its newer form.
    async fn end(
        &self,
        connection: &mut PgConnection,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        // Whoever would add a token waits for this row, and then finds no session.
        let lock = "SELECT 1 FROM globus_portal.sessions WHERE key = $1 FOR UPDATE";
        if self.query(lock).bind(&key.0[..]).fetch_optional(&mut *connection).await?.is_none() {
            return Ok(false);
        }
        let sql = "WITH gone AS (DELETE FROM globus_portal.tokens WHERE session = $2 RETURNING *), \
                   noted AS (INSERT INTO globus_portal.ended_notes (key, until) SELECT $2, $3 WHERE $3 IS NOT NULL \
                   ON CONFLICT DO NOTHING), \
                   told AS (INSERT INTO globus_portal.recent_ends (key, at) \
                   VALUES ($2, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)) \
                   ON CONFLICT (key) DO UPDATE SET at = excluded.at) \
                   INSERT INTO globus_portal.revocations (session, resource_server, sealed, added, due, revoke_until) \
                   SELECT session, resource_server, sealed, $1, $1, revoke_until FROM gone";
        let query = self.query(sql).bind(now.unix_timestamp()).bind(&key.0[..]);
        let query = query.bind(note_until.map(OffsetDateTime::unix_timestamp));
        query.execute(&mut *connection).await?;
        let sql = "DELETE FROM globus_portal.sessions WHERE key = $1";
        self.query(sql).bind(&key.0[..]).execute(&mut *connection).await?;
        let tell = self.query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(hex(&key.0));
        tell.execute(&mut *connection).await?;
        Ok(true)
    }

    /// The lock on the floor keeps a trim from forgetting this state between the look at the floor and the end of this
    /// statement; and who waits for a trim sees the floor that it has left.
    async fn spend(&self, connection: &mut PgConnection, state: [u8; 32], until: i64) -> Result<Spent, StoreError> {
        let sql = "WITH floor AS (SELECT until FROM globus_portal.state_floor FOR SHARE), \
                   spent AS (INSERT INTO globus_portal.spent_states (state, until) \
                   SELECT $1, $2 FROM floor WHERE floor.until < $2 ON CONFLICT DO NOTHING RETURNING 1) \
                   SELECT floor.until, EXISTS (SELECT 1 FROM spent) FROM floor";
        let row = self.query(sql).bind(&state[..]).bind(until).fetch_one(connection).await?;
        match (row.try_get::<i64, _>(0)?, row.try_get(1)?) {
            (_, true) => Ok(Spent::First),
            (floor, false) if until <= floor => Ok(Spent::TooOld),
            (_, false) => Ok(Spent::Again),
        }
    }

    /// Lets nobody spend a state until the transaction ends. Those who spend share the lock of the one row, and would pass by a
    /// trim that waits for it for as long as one of them is there; the lock of the table has a queue.
    async fn stop_spending(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let lock = self.query("LOCK TABLE globus_portal.state_floor IN EXCLUSIVE MODE");
        lock.execute(connection).await?;
        Ok(())
    }

    /// A token that came for a session that has just ended breaks the rule that tokens have a session.
    fn inserted(result: Result<PgQueryResult, sqlx::Error>) -> Result<bool, StoreError> {
        match result {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(false),
            result => Ok(result?.rows_affected() == 1),
        }
    }

    /// Ends that nobody looks for any more.
    async fn sweep_more(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let sql = "DELETE FROM globus_portal.recent_ends \
                   WHERE at < CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - 60000";
        self.query(sql).execute(connection).await?;
        Ok(())
    }

    /// Where its disk is full, the database says so by itself.
    async fn has_room(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn listen(&self) -> UnboundedReceiver<News> {
        let (news, heard) = mpsc::unbounded_channel();
        let pool = self.pool.clone();
        if self.is_pooled {
            keep_running("looking at PostgreSQL", move || news::look(pool.clone(), news.clone()));
        } else {
            keep_running("listening to PostgreSQL", move || news::listen(pool.clone(), news.clone()));
        }
        heard
    }

    async fn close_connections(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.pool.close()).await;
    }
}

sql_store!(
    PostgresStore, PgRow, schema: "globus_portal.", private: false, now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    least: "least", greatest: "greatest", skip_locked: " FOR UPDATE SKIP LOCKED", soon: ("", "")
);
