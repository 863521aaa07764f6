//! What a store takes for each thing that a request wants of it, one after the other.

use std::sync::{Arc, LazyLock, Mutex};

use divan::Bencher;
use globus_portal::{
    clock::Clock,
    secret::random_bytes,
    session::store::{
        MemoryStore, PostgresStore, RedisStore, SessionKey, SessionRow, Spent, SqliteStore, Store, TokenRow,
    },
};
use tempfile::TempDir;
use time::Duration;
use tokio::runtime::Runtime;

use crate::private_servers::{PostgresServer, RedisServer, skip_without_postgres, skip_without_redis};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
/// The files of the stores that have some.
static FOLDERS: Mutex<Vec<TempDir>> = Mutex::new(Vec::new());

fn kinds() -> Vec<&'static str> {
    let mut kinds = vec!["memory", "sqlite"];
    kinds.extend((!skip_without_postgres("stores")).then_some("postgres"));
    kinds.extend((!skip_without_redis("stores")).then_some("redis"));
    kinds
}

async fn open(kind: &str) -> Arc<dyn Store> {
    match kind {
        "sqlite" => {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(&folder.path().join("sessions.db")).await.unwrap();
            FOLDERS.lock().unwrap().push(folder);
            Arc::new(store)
        }
        "postgres" => {
            let server = PostgresServer::shared().await;
            Arc::new(PostgresStore::open(&server.url(&server.create_database()), 4).await.unwrap())
        }
        "redis" => Arc::new(RedisStore::open(&RedisServer::shared().await.url(0)).await.unwrap()),
        _ => Arc::new(MemoryStore::default()),
    }
}

fn session() -> (SessionKey, SessionRow) {
    let now = Clock::system().now();
    let row = SessionRow { record: vec![7; 600], person: random_bytes(), last_seen: now, ends: now + Duration::DAY };
    (SessionKey(random_bytes()), row)
}

fn tokens() -> Vec<TokenRow> {
    let token = |resource_server: &str| TokenRow {
        resource_server: resource_server.to_owned(),
        sealed: vec![7; 300],
        version: 1,
        revoke_until: Clock::system().now() + Duration::DAY,
    };
    ["auth.globus.org", "transfer.api.globus.org"].map(token).into()
}

/// A store with one session.
fn with_session(kind: &str) -> (Arc<dyn Store>, SessionKey) {
    RUNTIME.block_on(async {
        let (store, (key, row)) = (open(kind).await, session());
        store.create_session(key, &row, &tokens()).await.unwrap();
        (store, key)
    })
}

#[divan::bench(args = kinds())]
fn read_a_session(bencher: Bencher, kind: &str) {
    let (store, key) = with_session(kind);
    bencher.bench_local(|| RUNTIME.block_on(store.session(key)).unwrap().unwrap());
}

#[divan::bench(args = kinds())]
fn read_a_token(bencher: Bencher, kind: &str) {
    let (store, key) = with_session(kind);
    bencher.bench_local(|| RUNTIME.block_on(store.token(key, "auth.globus.org")).unwrap().unwrap());
}

#[divan::bench(args = kinds(), sample_count = 50)]
fn begin_a_session_and_end_it(bencher: Bencher, kind: &str) {
    let (store, tokens) = (RUNTIME.block_on(open(kind)), tokens());
    bencher.with_inputs(session).bench_local_values(|(key, row)| {
        RUNTIME.block_on(async {
            assert!(store.create_session(key, &row, &tokens).await.unwrap());
            assert!(store.end_session(key, row.last_seen, None).await.unwrap());
        });
    });
}

#[divan::bench(args = kinds(), sample_count = 50)]
fn renew_a_token_under_a_lease(bencher: Bencher, kind: &str) {
    let ((store, key), mut token) = (with_session(kind), tokens().remove(0));
    let (name, holder) = (random_bytes(), random_bytes());
    bencher.bench_local(|| {
        RUNTIME.block_on(async {
            store.take_lease(name, holder, Duration::SECOND).await.unwrap();
            assert!(store.replace_token(key, &token).await.unwrap());
            store.release_lease(name, holder).await.unwrap();
        });
        token.version += 1;
    });
}

#[divan::bench(args = kinds(), sample_count = 50)]
fn spend_a_state(bencher: Bencher, kind: &str) {
    let (store, until) = (RUNTIME.block_on(open(kind)), Clock::system().now() + Duration::HOUR);
    bencher.with_inputs(random_bytes).bench_local_values(|state| {
        assert_eq!(RUNTIME.block_on(store.spend_state(state, until, until - Duration::HOUR)).unwrap(), Spent::First);
    });
}
