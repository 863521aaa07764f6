//! Stores that are reachable but read-only, full, or hanging.

use std::time::{Duration, Instant};

use reqwest::Method;

use super::{eventually, stage::Stage};
use crate::harness::{Browser, StoreServer, steps::assert_calm};

/// How long an answer takes at most, whatever the server of the store does: some seconds, and what a busy machine needs
/// besides.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// The trouble of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    OnlyRead,
    /// It accepts no new data; deletions are allowed.
    Full,
    Hangs,
}

impl Trouble {
    async fn begin(self, server: &StoreServer) {
        self.set(server, true).await;
    }

    async fn end(self, server: &StoreServer) {
        self.set(server, false).await;
    }

    async fn set(self, server: &StoreServer, begins: bool) {
        let word = |on: &'static str, off: &'static str| if begins { on } else { off };
        match (self, server) {
            (Self::Hangs, server) if begins => server.stand_still(),
            (Self::Hangs, server) => server.go_on(),
            (Self::OnlyRead, StoreServer::Postgres(server)) => {
                let sql = word("SET default_transaction_read_only = on", "RESET default_transaction_read_only");
                server.sql("postgres", &format!("ALTER SYSTEM {sql}"));
                server.sql("postgres", "SELECT pg_reload_conf()");
            }
            (_, StoreServer::Redis(server)) => {
                let setting = if self == Self::Full { "maxmemory" } else { "min-replicas-to-write" };
                let () = server.ask(&["CONFIG", "SET", setting, word("1", "0")]).await;
            }
            (Self::Full, StoreServer::Postgres(_)) => panic!("a full disk is nothing for a test"),
        }
    }
}

async fn is_ready(stage: &Stage, replica: usize) -> bool {
    Browser::new().get(&stage.url(replica, "/readyz")).await.status == 200
}

/// People do everything while the store fails, and again when it works.
async fn trouble(server: StoreServer, trouble: Trouble) {
    let stage = Stage::with(2, &server.url(), &[]).await;
    let (settled, expired, leaving) = (stage.log_in().await, stage.log_in().await, stage.log_in().await);
    assert_eq!(settled.get(&stage.url(0, "/endpoints")).await.status, 200);
    let newcomer = Browser::new();
    let callback = stage.begin_login(&newcomer, 1).await;
    let cookies = [&settled, &expired, &leaving].map(|browser| browser.cookie_values());
    let asked_before = stage.provider.token_calls().len();

    trouble.begin(&server).await;
    for replica in 0..2 {
        eventually("the portal to notice", async || !is_ready(&stage, replica).await).await;
    }
    let begun = Instant::now();
    let logout = stage.url(1, "/logout");
    let (front, endpoints, login, out) = tokio::join!(
        stage.asks(&settled, 0, "/"),
        stage.asks(&expired, 1, "/endpoints"),
        newcomer.get(&callback),
        leaving.send(Method::POST, &logout, &[("sec-fetch-site", "same-origin")], Some(&[])),
    );
    let (front, endpoints) = (front.unwrap(), endpoints.unwrap());
    assert!(begun.elapsed() < ANSWERED_WITHIN, "{:?}", begun.elapsed());
    assert_calm("/", &front);
    // What only reads works, if the store can be read.
    assert_eq!(front.status, if trouble == Trouble::Hangs { 503 } else { 200 });
    for (path, answer) in [("/endpoints", &endpoints), ("/login", &login)] {
        assert_eq!(answer.status, 503, "{path}");
        assert_calm(path, answer);
    }
    if trouble == Trouble::Full {
        assert_eq!(out.status, 303, "logging out makes room");
    } else {
        assert_eq!(out.status, 503);
        assert_calm("/logout", &out);
    }
    // Globus got no request whose result could not have been stored.
    assert_eq!(stage.provider.token_calls().len(), asked_before);

    trouble.end(&server).await;
    for replica in 0..2 {
        eventually("the portal to be ready again", async || is_ready(&stage, replica).await).await;
    }
    stage.assert_works_everywhere(&settled).await;
    stage.assert_works_everywhere(&expired).await;
    if trouble == Trouble::OnlyRead {
        assert_eq!(cookies, [&settled, &expired, &leaving].map(|browser| browser.cookie_values()));
        stage.assert_works_everywhere(&leaving).await;
    }
    let out = leaving.submit(&logout, &[]).await;
    assert_eq!(out.status, 303, "{}", out.body);
    // The same answer of Globus is still valid. (A store that hung may have recorded it later.)
    let login = newcomer.get(&callback).await;
    assert_eq!(login.status, 303, "{}", login.body);
    if trouble != Trouble::Hangs {
        stage.assert_works_everywhere(&newcomer).await;
    }
}

async fn only_read(server: StoreServer) {
    trouble(server, Trouble::OnlyRead).await;
}

async fn hangs(server: StoreServer) {
    trouble(server, Trouble::Hangs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_full_touches_no_cookie_and_is_waited_for() {
    if !crate::harness::skip_without_redis("a_redis_that_is_full_touches_no_cookie_and_is_waited_for") {
        trouble(StoreServer::redis().await, Trouble::Full).await;
    }
}

// Row E6.
on_servers! {
    a_store_that_may_only_be_read_touches_no_cookie_and_is_waited_for = only_read;
    a_store_that_hangs_touches_no_cookie_and_is_waited_for = hangs;
}
