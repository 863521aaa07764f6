//! PostgreSQL that stops answering, goes away, and comes back: row E6 of the security checklist.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use globus_portal::session::store::{PostgresStore, SessionKey, SessionRow, Store as _};
use time::OffsetDateTime;

use crate::harness::{PostgresServer, skip_without_postgres};

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
    // More of them than there are connections: none keeps a place for good.
    let begun = Instant::now();
    let asked = |store: Arc<PostgresStore>| async move { store.session(KEY).await.is_err() };
    let asked: Vec<_> = (0..8).map(|_| tokio::spawn(asked(store.clone()))).collect();
    for failed in asked {
        assert!(failed.await.unwrap());
    }
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
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
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match store.session(KEY).await {
            Ok(found) => return found,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
