//! PostgreSQL behind a pooler, on a Unix socket, and with a password in its URL.

use std::{sync::Arc, time::Duration};

use globus_portal::{
    clock::Clock,
    session::store::{Bounds, News, PostgresStore, SessionKey, SessionRow, Spent, Store, StoreError, TokenRow},
};
use time::OffsetDateTime;
use tokio::{sync::mpsc::UnboundedReceiver, time::timeout};

use crate::harness::{
    Browser, PATIENCE, Pooler, Portal, PostgresServer, Provider, globus_portal, skip_without_pgbouncer,
    skip_without_postgres,
    steps::{assert_anonymous, assert_logged_in, log_in_at},
};

const KEY: SessionKey = SessionKey([1; 32]);

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
}

fn session() -> SessionRow {
    SessionRow { record: b"record".to_vec(), person: [7; 32], last_seen: at(0), ends: at(1000) }
}

fn token(resource_server: &str) -> TokenRow {
    TokenRow {
        resource_server: resource_server.to_owned(),
        sealed: b"sealed".to_vec(),
        version: 1,
        revoke_until: at(5000),
    }
}

async fn hears(news: &mut UnboundedReceiver<News>, wanted: News) {
    let wait = async { while news.recv().await.unwrap_or_else(|| panic!("the news end")) != wanted {} };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {wanted:?}"));
}

/// How a pooler treats startup options, in common configurations of PgBouncer.
const DROPS_OPTIONS: &str = "ignore_startup_parameters = extra_float_digits,options";

/// Every way to pool a portal's connections, on its own database.
async fn each_pooler(test: &str, try_it: impl AsyncFn(&str, &str)) {
    if skip_without_pgbouncer(test) {
        return;
    }
    let server = PostgresServer::start().await;
    for mode in ["transaction", "session"] {
        for more in ["", DROPS_OPTIONS, "server_round_robin = 1"] {
            let pooler = Pooler::start(&server, mode, more).await;
            let database = server.create_database();
            try_it(&pooler.url(&database), &server.url(&database)).await;
            let elsewhere = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
            assert_eq!(server.sql(&database, elsewhere), "0", "{mode} {more}: tables outside our schema");
            let ours = "SELECT count(*) FROM pg_tables WHERE schemaname = 'globus_portal' AND tablename = 'sessions'";
            assert_eq!(server.sql(&database, ours), "1", "{mode} {more}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_of_any_mode_everything_works_and_ends_are_told() {
    each_pooler("behind_a_pooler_of_any_mode_everything_works_and_ends_are_told", async |pooled, direct| {
        let bounds = Bounds { spent_states: 50, ..Bounds::default() };
        let store = Arc::new(PostgresStore::open(pooled, 8).await.unwrap().with_bounds(bounds));
        let other = Arc::new(PostgresStore::open(pooled, 8).await.unwrap());
        let unpooled = Arc::new(PostgresStore::open(direct, 4).await.unwrap());
        store.probe().await.unwrap();
        let mut news: Vec<_> = [&store, &other, &unpooled].map(|store| store.news().unwrap()).into();
        for news in &mut news {
            hears(news, News::Connected).await;
        }
        // Many at once, on few shared connections.
        let mut people = tokio::task::JoinSet::new();
        for number in 0..40_u8 {
            let (one, two) = (store.clone(), if number % 2 == 0 { other.clone() } else { unpooled.clone() });
            people.spawn(async move { lives(&*one, &*two, SessionKey([number; 32])).await });
        }
        people.join_all().await;
        for news in &mut news {
            hears(news, News::Ended(SessionKey([39; 32]))).await;
        }
        store.sweep(at(20)).await.unwrap();
        assert!(store.end_session(KEY, at(1), None).await.is_ok());
        store.close().await;
    })
    .await;
}

/// A session from its start to its end, on two stores in turn.
async fn lives(one: &dyn Store, two: &dyn Store, key: SessionKey) {
    assert!(one.create_session(key, &session(), &[token("a"), token("b"), token("c")]).await.unwrap());
    assert!(!two.create_session(key, &session(), &[]).await.unwrap());
    assert!(two.touch_session(key, at(5)).await.unwrap());
    assert!(one.update_record(key, b"changed").await.unwrap());
    assert!(one.replace_token(key, &token("c")).await.unwrap());
    assert!(two.remove_token(key, "c", 2).await.unwrap());
    let row = SessionRow { record: b"changed".to_vec(), last_seen: at(5), ..session() };
    assert_eq!(two.session(key).await.unwrap(), Some(row));
    assert_eq!(one.tokens(key).await.unwrap().len(), 2);
    assert_eq!(one.spend_state(key.0, at(100), at(0)).await.unwrap(), Spent::First);
    assert_ne!(two.spend_state(key.0, at(100), at(0)).await.unwrap(), Spent::First);
    assert!(!one.sessions_of([7; 32], 100).await.unwrap().is_empty());
    // Both end it at the same time, and one of them has ended it.
    let ended = tokio::join!(one.end_session(key, at(9), Some(at(100))), two.end_session(key, at(9), Some(at(100))));
    assert_eq!(u8::from(ended.0.unwrap()) + u8::from(ended.1.unwrap()), 1);
    assert!(one.ended_elsewhere(key, at(10)).await.unwrap());
    let due = two.claim_revocations(Some(key), at(9), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    for row in due {
        one.finish_revocation(row.id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_and_out_of_portals_behind_a_pooler() {
    let visits = each_pooler("people_log_in_and_out_of_portals_behind_a_pooler", async |pooled, _| {
        let (provider, clock) = (Provider::start().await, Clock::system());
        let start = async || {
            let portal = Portal::with().provider(&provider).clock(&clock).set("SESSION_STORE", pooled);
            portal.set("SESSION_CACHE_SECONDS", "300").start().await
        };
        let (here, there) = (start().await, start().await);
        let browser = Browser::new();
        log_in_at(&here, &provider, &browser, "person-1").await;
        // Browsers share cookies among ports, so the other portal has the same session.
        for _ in 0..3 {
            assert_logged_in(&here, &browser).await;
            assert_logged_in(&there, &browser).await;
        }
        assert_eq!(browser.get(&here.url("/readyz")).await.status, 200);
        let stale = browser.cookie("localhost", "session").unwrap();
        assert_eq!(browser.submit(&there.url("/logout"), &[]).await.status, 303);
        assert_anonymous(&there, &browser).await;
        // At the other portal, which has it cached, as soon as it has looked it up.
        let begun = tokio::time::Instant::now();
        let cookie = format!("session={stale}");
        while browser.send(reqwest::Method::GET, &here.url("/"), &[("cookie", cookie.as_str())], None).await.status
            == 200
        {
            assert!(begun.elapsed() < PATIENCE, "the logout was not seen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    Box::pin(visits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn portals_that_start_at_the_same_moment_behind_a_pooler_make_the_tables_once() {
    let name = "portals_that_start_at_the_same_moment_behind_a_pooler_make_the_tables_once";
    each_pooler(name, async |pooled, direct| {
        let mut starts = tokio::task::JoinSet::new();
        for number in 0..8 {
            let url = if number % 2 == 0 { pooled } else { direct }.to_owned();
            starts.spawn(async move { PostgresStore::open(&url, 2).await.map(drop) });
        }
        for started in starts.join_all().await {
            started.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_says_so_is_treated_as_one_of_a_pooler() {
    if skip_without_postgres("a_url_that_says_so_is_treated_as_one_of_a_pooler") {
        return;
    }
    let server = PostgresServer::start().await;
    let url = server.url("postgres");
    let direct = PostgresStore::open(&url, 4).await.unwrap();
    let pooled = PostgresStore::open(&format!("{url}?statement-cache-capacity=0"), 4).await.unwrap();
    let mut news = pooled.news().unwrap();
    hears(&mut news, News::Connected).await;
    lives(&direct, &pooled, KEY).await;
    hears(&mut news, News::Ended(KEY)).await;
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    assert_eq!(server.sql("postgres", listening), "0", "it listens, where a pooler would not let it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_at_a_socket_is_reached_by_its_folder() {
    if skip_without_postgres("a_database_at_a_socket_is_reached_by_its_folder") {
        return;
    }
    let server = PostgresServer::start().await;
    let url = server.socket_url("postgres");
    let store = PostgresStore::open(&url, 2).await.unwrap();
    store.probe().await.unwrap();
    // A portal accepts it as its setting.
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).set("SESSION_STORE", &url).start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    assert_logged_in(&portal, &browser).await;
}

/// URLs whose password has reserved characters, with the texts that must not be shown.
const HIDING: [&str; 7] = [
    "SCHEME://portal:SENTINEL/word@db.example/portal",
    "SCHEME://portal:12/SENTINEL@db.example/portal",
    "SCHEME://portal:pa@SENTINEL/word@db.example/portal",
    "SCHEME://portal:12?SENTINEL@db.example/portal",
    "SCHEME://portal:12#SENTINEL@db.example/portal",
    "SCHEME://portal:SENTINEL:/@db.example/portal",
    "SCHEME://portal:SENTINEL[@db.example:x/portal",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_part_of_a_password_that_is_not_encoded_is_shown_and_the_message_says_to_encode_it() {
    let folder = tempfile::tempdir().unwrap();
    for scheme in ["postgres", "postgresql", "redis", "rediss"] {
        for url in HIDING {
            let url = url.replace("SCHEME", scheme);
            for command in ["check", "serve"] {
                let mut command = globus_portal(folder.path(), [command]);
                command.env("GLOBUS_PORTAL_SESSION_STORE", &url).env("GLOBUS_PORTAL_APP_CLIENT_ID", "x");
                let output = command.output().unwrap();
                let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
                assert!(!output.status.success(), "{url}: {said}");
                assert!(!said.contains("SENTINEL"), "{url}: {said}");
                assert!(said.contains("SESSION_STORE") && said.contains("percent-encoded"), "{url}: {said}");
            }
        }
    }
    let said = |opened: Result<String, StoreError>| opened.unwrap_or_else(|error| error.to_string());
    for url in HIDING {
        let postgres = PostgresStore::open(&url.replace("SCHEME", "postgres"), 2).await;
        let redis = globus_portal::session::store::RedisStore::open(&url.replace("SCHEME", "redis")).await;
        for error in [said(postgres.map(|_| "opened".to_owned())), said(redis.map(|_| "opened".to_owned()))] {
            assert!(!error.contains("SENTINEL") && error.contains("URL"), "{url}: {error}");
        }
    }
    // An unknown parameter may be a mistyped password.
    for parameter in ["pasword=SENTINEL", "SENTINEL=1"] {
        let url = format!("postgres://portal@localhost/portal?{parameter}");
        let error = PostgresStore::open(&url, 2).await.unwrap_err().to_string();
        assert!(!error.contains("SENTINEL") && error.contains("parameter"), "{error}");
    }
}
