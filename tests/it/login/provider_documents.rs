//! The provider's documents: fetched once for all callers, even if some leave; refreshed before a caller has to wait; and
//! requested at most once per interval, whatever happens.

use std::sync::{Arc, atomic::Ordering};

use globus_portal::{
    clock::Clock,
    globus::{
        http::Limits,
        provider::{MAX_AGE, MIN_INTERVAL, Provider as Documents, ProviderError, REFRESH_AFTER},
    },
    secret::ClientSecret,
};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::harness::{
    Browser, PATIENCE, Portal, Provider, globus_at, loopback_client, parameter,
    provider::{CLIENT_ID, CLIENT_SECRET, jwk},
    steps::{let_in, log_in_at},
    until,
};

/// A provider, and a client's cache of its documents, with a manual clock.
struct Stage {
    provider: Provider,
    documents: Arc<Documents>,
    clock: Clock,
}

impl Stage {
    async fn new() -> Self {
        let provider = Provider::start().await;
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let globus = globus_at(&provider.url, loopback_client(Limits::default()).without_retries(), &clock);
        let app = globus.confidential_app(CLIENT_ID, &ClientSecret::new(CLIENT_SECRET));
        let documents = Arc::new(Documents::new(&app, clock.clone()));
        Self { provider, documents, clock }
    }

    fn calls(&self) -> (usize, usize) {
        (self.provider.discovery_calls(), self.provider.key_calls())
    }

    fn down(&self, down: bool) {
        self.provider.inner.discovery_down.store(down, Ordering::SeqCst);
        self.provider.inner.keys_down.store(down, Ordering::SeqCst);
    }

    /// How many keys are cached.
    async fn keys(&self) -> Result<usize, ProviderError> {
        self.documents.keys().await.map(|set| set.keys.len())
    }

    /// Waits until this many keys are cached.
    async fn until_keys(&self, keys: usize) {
        let known = async {
            while self.keys().await.unwrap() != keys {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, known).await.unwrap();
    }

    fn publish(&self, keys: usize) {
        let set: Vec<_> = (0..keys).map(|_| jwk(0, None)).collect();
        *self.provider.inner.key_set.lock().unwrap() = json!({"keys": set});
    }
}

#[tokio::test]
async fn a_caller_that_leaves_breaks_no_fetch_off_and_what_comes_is_kept() {
    let stage = Stage::new().await;
    let (discovery, keys) = (stage.provider.hold_discovery(), stage.provider.hold_keys());
    for gate in [&discovery, &keys] {
        tokio::select! {
            _ = stage.keys() => unreachable!("the gate is closed"),
            () = gate.arrival() => {} // And so the caller leaves.
        }
        assert_eq!(gate.waiting(), 1, "the request goes on without its caller");
        gate.open();
        until("the answer", || (gate.waiting() == 0).then_some(())).await;
        if Arc::ptr_eq(gate, &discovery) {
            stage.documents.discovery().await.unwrap();
        }
    }
    assert_eq!(stage.keys().await.unwrap(), 1);
    assert_eq!(stage.calls(), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_wait_share_one_fetch() {
    let stage = Stage::new().await;
    let gate = stage.provider.hold_keys();
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let documents = stage.documents.clone();
            tokio::spawn(async move { documents.keys().await.map(drop) })
        })
        .collect();
    gate.arrival().await;
    gate.open();
    for one in waiting {
        one.await.unwrap().unwrap();
    }
    assert_eq!(stage.calls(), (1, 1));
}

#[tokio::test]
async fn the_pause_after_a_failure_counts_from_the_failure_and_says_what_failed() {
    let stage = Stage::new().await;
    stage.down(true);
    let gate = stage.provider.hold_discovery();
    // A request that takes longer than the interval, and whose caller leaves.
    tokio::select! {
        _ = stage.keys() => unreachable!("the gate is closed"),
        () = gate.arrival() => {}
    }
    stage.clock.advance(MIN_INTERVAL * 2);
    gate.open();
    let failed = loop {
        match stage.keys().await.unwrap_err() {
            ProviderError::Call { .. } => tokio::task::yield_now().await,
            error => break error,
        }
    };
    assert!(matches!(&failed, ProviderError::TooSoon { .. }) && failed.to_string().contains("status 500"), "{failed}");
    stage.clock.advance(MIN_INTERVAL - Duration::SECOND);
    stage.keys().await.unwrap_err();
    assert_eq!(stage.calls(), (1, 0));
    stage.down(false);
    stage.clock.advance(Duration::SECOND);
    assert_eq!((stage.keys().await.unwrap(), stage.calls()), (1, (2, 1)));
}

#[tokio::test]
async fn a_held_document_is_refreshed_and_nobody_waits_for_it() {
    let stage = Stage::new().await;
    stage.keys().await.unwrap();
    stage.publish(2);
    stage.clock.advance(REFRESH_AFTER);
    let gate = stage.provider.hold_keys();
    assert_eq!(stage.keys().await.unwrap(), 1, "while the gate is closed");
    gate.arrival().await;
    gate.open();
    stage.until_keys(2).await;
    assert_eq!(stage.calls(), (2, 2));
}

#[tokio::test]
async fn an_old_document_is_replaced_before_it_is_used_and_stays_while_the_provider_is_down() {
    let stage = Stage::new().await;
    stage.keys().await.unwrap();
    stage.publish(2);
    stage.clock.advance(MAX_AGE);
    assert_eq!(stage.keys().await.unwrap(), 2, "nobody is let in by keys of more than an hour ago");

    stage.publish(3);
    stage.down(true);
    stage.clock.advance(MAX_AGE);
    let before = stage.calls().1;
    for interval in 1..=3 {
        for _ in 0..100 {
            assert_eq!(stage.keys().await.unwrap(), 2);
        }
        until("the one request", || (stage.calls().1 == before + interval).then_some(())).await;
        stage.clock.advance(MIN_INTERVAL);
    }
    // It remembers the failure, so that no caller waits for an answer that may never come.
    let gate = stage.provider.hold_keys();
    assert_eq!(stage.keys().await.unwrap(), 2);
    gate.arrival().await;
    stage.down(false);
    gate.open();
    stage.until_keys(3).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_document_and_no_pause_for_ever() {
    let stage = Stage::new().await;
    stage.keys().await.unwrap();
    stage.publish(2);
    stage.clock.advance(-Duration::days(365));
    assert_eq!(stage.keys().await.unwrap(), 2);

    let stage = Stage::new().await;
    stage.down(true);
    stage.keys().await.unwrap_err();
    stage.down(false);
    stage.clock.advance(-Duration::days(365));
    assert_eq!(stage.keys().await.unwrap(), 1);
}

/// A browser that sends a request and waits for no answer. It stays until it is dropped.
async fn send(portal: &Portal, target: &str, cookie: &str) -> TcpStream {
    let mut stream = TcpStream::connect(portal.app.settings.listen.tcp().unwrap()).await.unwrap();
    let host = &portal.app.settings.server_name;
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\naccept: text/html\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn the_documents_are_fetched_at_the_start_so_that_the_first_login_does_not_wait() {
    let provider = Provider::start().await;
    let _portal = Portal::with().provider(&provider).start().await;
    until("the key set", || (provider.key_calls() == 1).then_some(())).await;
    assert_eq!(provider.discovery_calls(), 1);
}

#[tokio::test]
async fn a_callback_that_leaves_while_discovery_takes_long_stops_no_login() {
    let provider = Provider::start().await;
    let gate = provider.hold_discovery();
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let cookie = format!("login={}", browser.cookie("localhost", "login").unwrap());
    let state = parameter(&authorize, "state").unwrap();
    let leaving = send(&portal, &format!("/login?code=a-code&state={state}"), &cookie).await;
    gate.arrival().await;
    drop(leaving);
    let mut others: Vec<TcpStream> = Vec::new();
    for _ in 0..20 {
        others.push(send(&portal, "/login?code=c&state=s", &cookie).await);
    }
    drop(others);
    gate.open();
    let answer = log_in_at(&portal, &provider, &Browser::new(), "person-1").await;
    assert_eq!((answer.status.as_u16(), provider.discovery_calls(), provider.key_calls()), (303, 1, 1));
}

#[tokio::test]
async fn readyz_becomes_ready_though_every_probe_leaves_before_discovery_answers() {
    let provider = Provider::start().await;
    let gate = provider.hold_discovery();
    let portal = Portal::with().provider(&provider).start().await;
    gate.arrival().await;
    for _ in 0..30 {
        drop(send(&portal, "/readyz", "").await);
    }
    gate.open();
    let probing = async {
        while Browser::new().get(&portal.url("/readyz")).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, probing).await.unwrap();
    assert_eq!((provider.discovery_calls(), provider.key_calls()), (1, 1));
}

#[tokio::test]
async fn probes_that_leave_cost_one_request_an_interval_and_stop_no_login() {
    let provider = Provider::start().await;
    provider.inner.discovery_down.store(true, Ordering::SeqCst);
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let portal = Portal::with().provider(&provider).clock(&clock).start().await;
    portal.app.provider.discovery().await.unwrap_err();
    for interval in 1..=3 {
        for _ in 0..30 {
            drop(send(&portal, "/readyz", "").await);
        }
        let probe = Browser::new().get(&portal.url("/readyz")).await;
        assert_eq!((probe.status.as_u16(), provider.discovery_calls()), (503, interval));
        assert_eq!(probe.body, "Globus Auth does not answer\n");
        clock.advance(MIN_INTERVAL);
    }
    provider.inner.discovery_down.store(false, Ordering::SeqCst);
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let response = let_in(&portal, &provider, &authorize, "person-1");
    provider.on_token(move |_| axum::response::IntoResponse::into_response(axum::Json(response.clone())));
    for _ in 0..30 {
        drop(send(&portal, "/readyz", "").await);
    }
    assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 303);
}
