//! Sessions in PostgreSQL (13 or newer), for several portals, or for one portal next to an existing database.
//!
//! The tables are in the schema `globus_portal` and are created at the start; portals that start at the same time wait for
//! each other. The transaction that ends a session announces it by NOTIFY.
//!
//! Nothing depends on the state of a connection: every name has its schema. So a pooler such as PgBouncer may stand in
//! between, in session or transaction mode. Behind a pooler nothing outlives a transaction: each one makes its own settings,
//! statements are unnamed, and the portal polls for ended sessions instead of using LISTEN.

mod connect;
mod lend;
mod news;

use std::sync::LazyLock;

use sqlx::{Connection as _, PgPool, Row as _, postgres::PgPoolOptions};
use time::OffsetDateTime;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use self::{
    connect::{Way, connect},
    lend::{Lent, Reach},
    news::CHANNEL,
};
use super::{
    error::StoreError,
    news::News,
    rows::{SessionKey, SessionRow, Spent, TokenRow},
    sql::{
        Connection as _, Database, PATIENCE,
        Value::{Bytes, Text},
    },
    sql_store::SqlStore,
    sql_texts::{Texts, Words},
};
use crate::keep_running::keep_running;

/// A connection that has been idle for this long is tested before use.
const TRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    Texts::new(&Words {
        schema: "globus_portal.",
        now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        least: "least",
        greatest: "greatest",
        skip_locked: " FOR UPDATE SKIP LOCKED",
        while_it_lasts: " FOR KEY SHARE",
        soon: ("", ""),
    })
});

/// A store in a PostgreSQL database.
pub type PostgresStore = SqlStore<Postgres>;

/// A PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    pool: PgPool,
    is_pooled: bool,
    reach: Reach,
}

impl SqlStore<Postgres> {
    /// Connects to the database, and migrates its tables. `url` is `postgres://user:password@host:port/database`
    /// with the parameters of libpq, among them `sslmode` and `sslrootcert`. At most `connections` are open at a time, at
    /// least two: one of them listens if [`news`](super::Store::news) is used.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be reached, or its tables cannot be created.
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
        Ok(Self::on(Postgres { pool, is_pooled, reach: Reach::default() }))
    }
}

impl Database for Postgres {
    const IS_PRIVATE: bool = false;

    type Lent = Lent;

    fn texts() -> &'static Texts {
        &TEXTS
    }

    async fn read(&self) -> Result<Lent, StoreError> {
        self.write().await
    }

    async fn write(&self) -> Result<Lent, StoreError> {
        let lent = Lent::new(&self.reach, &self.pool, self.is_pooled).await?;
        if self.is_pooled { lent.in_transaction().await } else { Ok(lent) }
    }

    async fn transaction(&self) -> Result<Lent, StoreError> {
        Lent::new(&self.reach, &self.pool, self.is_pooled).await?.in_transaction().await
    }

    async fn create(
        &self,
        lent: &mut Lent,
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
        let query = lent.query(sql).bind(&key.0[..]).bind(&row.record[..]).bind(&row.person[..]);
        let query = query.bind(row.last_seen.unix_timestamp()).bind(row.ends.unix_timestamp());
        let query = query.bind(tokens.iter().map(|token| &*token.resource_server).collect::<Vec<_>>());
        let query = query.bind(tokens.iter().map(|token| &token.sealed[..]).collect::<Vec<_>>());
        let query = query.bind(tokens.iter().map(|token| token.revoke_until.unix_timestamp()).collect::<Vec<_>>());
        Ok(query.fetch_optional(&mut **lent).await?.is_some())
    }

    /// Deletes the tokens and reads them in one statement, so that a token that is being replaced is queued in its newer form.
    async fn end(
        &self,
        lent: &mut Lent,
        key: SessionKey,
        now: OffsetDateTime,
        note_until: Option<OffsetDateTime>,
    ) -> Result<bool, StoreError> {
        // A writer of one of its tokens waits for this row, and then finds the session gone.
        let lock = "SELECT 1 FROM globus_portal.sessions WHERE key = $1 FOR UPDATE";
        if lent.rows(lock, &[Bytes(&key.0)]).await?.is_empty() {
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
        let query = lent.query(sql).bind(now.unix_timestamp()).bind(&key.0[..]);
        let query = query.bind(note_until.map(OffsetDateTime::unix_timestamp));
        query.execute(&mut **lent).await?;
        lent.run("DELETE FROM globus_portal.sessions WHERE key = $1", &[Bytes(&key.0)]).await?;
        lent.rows("SELECT pg_notify($1, $2)", &[Text(CHANNEL), Text(&hex::encode(key.0))]).await?;
        Ok(true)
    }

    /// The lock on the floor keeps a trim from deleting this state between the check of the floor and the end of this
    /// statement. A caller that waits for a trim sees the new floor.
    async fn spend(&self, lent: &mut Lent, state: [u8; 32], until: i64) -> Result<Spent, StoreError> {
        let sql = "WITH floor AS (SELECT until FROM globus_portal.state_floor FOR SHARE), \
                   spent AS (INSERT INTO globus_portal.spent_states (state, until) \
                   SELECT $1, $2 FROM floor WHERE floor.until < $2 ON CONFLICT DO NOTHING RETURNING 1) \
                   SELECT floor.until, EXISTS (SELECT 1 FROM spent) FROM floor";
        let row = lent.query(sql).bind(&state[..]).bind(until).fetch_one(&mut **lent).await?;
        match (row.try_get::<i64, _>(0)?, row.try_get(1)?) {
            (_, true) => Ok(Spent::First),
            (floor, false) if until <= floor => Ok(Spent::TooOld),
            (_, false) => Ok(Spent::Again),
        }
    }

    /// Callers that spend a state share the lock of the one row, so a trim that waited for the row might wait forever. The lock
    /// of the table has a queue.
    async fn stop_spending(&self, lent: &mut Lent) -> Result<(), StoreError> {
        lent.run("LOCK TABLE globus_portal.state_floor IN EXCLUSIVE MODE", &[]).await?;
        Ok(())
    }

    /// Deletes announcements that no portal polls for any more.
    async fn sweep_more(&self, lent: &mut Lent) -> Result<(), StoreError> {
        let sql = "DELETE FROM globus_portal.recent_ends \
                   WHERE at < CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - 60000";
        lent.run(sql, &[]).await?;
        Ok(())
    }

    /// Nothing to do: PostgreSQL reports a full disk itself.
    async fn has_room(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn listen(&self) -> UnboundedReceiver<News> {
        let (news, heard) = mpsc::unbounded_channel();
        let pool = self.pool.clone();
        if self.is_pooled {
            keep_running("polling PostgreSQL", move || news::poll(pool.clone(), news.clone()));
        } else {
            keep_running("listening to PostgreSQL", move || news::listen(pool.clone(), news.clone()));
        }
        heard
    }

    async fn close(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.pool.close()).await;
    }
}
