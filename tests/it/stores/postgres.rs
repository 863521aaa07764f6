//! PostgreSQL that stops answering, goes away, and comes back: row E6 of the security checklist.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use globus_portal::session::store::{Bounds, PostgresStore, SessionKey, SessionRow, Spent, Store as _};
use sqlx::{Connection as _, Executor as _, PgConnection};
use time::OffsetDateTime;

use crate::harness::{PATIENCE, PostgresServer, skip_without_postgres};

const KEY: SessionKey = SessionKey([1; 32]);

fn session() -> SessionRow {
    let at = |seconds: i64| OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap();
    SessionRow { record: b"record".to_vec(), person: [7; 32], last_seen: at(0), ends: at(1000) }
}

/// Row E6.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_error_within_seconds_and_serves_again_when_it_goes_on() {
    if skip_without_postgres("a_server_that_hangs_is_an_error_within_seconds_and_serves_again_when_it_goes_on") {
        return;
    }
    let server = PostgresServer::start().await;
    let store = Arc::new(PostgresStore::open(&server.url("postgres"), 4).await.unwrap());
    assert!(store.create_session(KEY, &session(), &[]).await.unwrap());
    server.stand_still();
    // More of them than there are connections: none keeps its connection for good.
    let begun = Instant::now();
    let asked = |store: Arc<PostgresStore>| async move { store.session(KEY).await.is_err() };
    let asked: Vec<_> = (0..8).map(|_| tokio::spawn(asked(store.clone()))).collect();
    for failed in asked {
        assert!(failed.await.unwrap());
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    server.go_on();
    assert_eq!(works(&store).await, Some(session()));
}

/// Rows E6 and E8.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_started_again_has_every_session_and_needs_no_new_portal() {
    if skip_without_postgres("a_server_that_is_started_again_has_every_session_and_needs_no_new_portal") {
        return;
    }
    let mut server = PostgresServer::start_durable().await;
    let store = PostgresStore::open(&server.url("postgres"), 4).await.unwrap();
    assert!(store.create_session(KEY, &session(), &[]).await.unwrap());
    server.stop_fast().await;
    assert!(store.session(KEY).await.is_err());
    assert!(store.probe().await.is_err());
    server.restart().await;
    assert_eq!(works(&store).await, Some(session()));
    store.probe().await.unwrap();
}

/// The session, as soon as the store answers again: connections that have broken may each cost one error.
async fn works(store: &PostgresStore) -> Option<SessionRow> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match store.session(KEY).await {
            Ok(found) => return found,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A trim must get its turn: those who spend states share the lock of one row, and could keep it waiting forever.
#[tokio::test(flavor = "multi_thread")]
async fn a_trim_that_waits_for_one_who_spends_a_state_lets_no_other_pass_it_by() {
    if skip_without_postgres("a_trim_that_waits_for_one_who_spends_a_state_lets_no_other_pass_it_by") {
        return;
    }
    let server = PostgresServer::start().await;
    let url = server.url("postgres");
    let bounds = Bounds { spent_states: 1, ..Bounds::default() };
    let store = Arc::new(PostgresStore::open(&url, 4).await.unwrap().with_bounds(bounds));
    // A trim waits for 4 seconds at most, and on a busy machine they may pass before the check.
    for round in 1..=5 {
        if is_refused_beside_a_trim(&store, &url, round).await {
            return;
        }
    }
    panic!("each time another one was let in while the trim waited");
}

/// Whether a trim that waits for a lock blocks others that spend a state.
async fn is_refused_beside_a_trim(store: &Arc<PostgresStore>, url: &str, round: u8) -> bool {
    let until =
        move |part: i64| OffsetDateTime::from_unix_timestamp(1_800_000_000 + 10 * i64::from(round) + part).unwrap();
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    assert_eq!(store.spend_state([round; 32], until(1), now).await.unwrap(), Spent::First);
    let [mut spending, mut other, mut watching] = [connect(url).await, connect(url).await, connect(url).await];
    // Like a slow transaction that spends a state.
    spending.execute("BEGIN; SELECT until FROM globus_portal.state_floor FOR SHARE").await.unwrap();
    let trimming = store.clone();
    let trimming = tokio::spawn(async move { trimming.spend_state([100 + round; 32], until(2), now).await });
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while watching.fetch_optional(waiting).await.unwrap().is_none() && !trimming.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    other.execute("SET lock_timeout = '50ms'").await.unwrap();
    let passed = other.fetch_one("SELECT until FROM globus_portal.state_floor FOR SHARE").await;
    spending.execute("COMMIT").await.unwrap();
    assert_eq!(trimming.await.unwrap().unwrap(), Spent::First);
    let refused = passed.err().and_then(|error| error.into_database_error()?.code().map(|code| code.into_owned()));
    refused.as_deref() == Some("55P03")
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}
