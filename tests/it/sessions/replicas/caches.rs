//! Portals that cache sessions, because they are notified when one ends.

use std::time::Duration;

use globus_portal::session::session_key;
use tokio::time::Instant;
use tower_sessions::session::Id;

use super::{eventually, stage::Stage};
use crate::harness::{Browser, PATIENCE, StoreServer};

/// How long a session is not looked up again, in seconds: far longer than this test waits for anything.
const CACHE: &str = "300";

/// Removes a session from the store without a notification: a portal that looks it up does not find it.
async fn take_silently(server: &StoreServer, browser: &Browser) {
    let id: Id = browser.cookie("localhost", "session").unwrap().parse().unwrap();
    let key: String = session_key(id).0.iter().map(|byte| format!("{byte:02x}")).collect();
    match server {
        StoreServer::Postgres(server) => {
            let sql = format!("DELETE FROM globus_portal.sessions WHERE key = '\\x{key}'");
            drop(server.sql("postgres", &sql));
        }
        StoreServer::Redis(server) => {
            assert_eq!(server.ask::<u32>(&["DEL", &format!("globus-portal:session:{key}")]).await, 1);
        }
    }
}

/// Cuts the notification connections of the portals, and no others.
async fn cut(server: &StoreServer) {
    match server {
        StoreServer::Postgres(server) => {
            // What a listener has said last: that it listens, or whether anybody is there.
            let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                       WHERE application_name = 'globus-portal' AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')";
            assert_eq!(server.sql("postgres", sql), "2");
        }
        StoreServer::Redis(server) => assert_eq!(server.ask::<u32>(&["CLIENT", "KILL", "TYPE", "pubsub"]).await, 2),
    }
}

async fn is_let_in(stage: &Stage, replica: usize, browser: &Browser) -> bool {
    let answer = browser.get(&stage.url(replica, "/profile")).await;
    assert!(matches!(answer.status.as_u16(), 200 | 303), "{} {}", answer.status, answer.body);
    answer.status == 200
}

/// A browser whose session is in the second portal's cache only: nothing but the cache lets it in.
async fn known_to_the_second_alone(stage: &Stage, server: &StoreServer) -> std::sync::Arc<Browser> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let browser = stage.log_in().await;
        assert!(is_let_in(stage, 1, &browser).await);
        take_silently(server, &browser).await;
        if is_let_in(stage, 1, &browser).await {
            assert!(!is_let_in(stage, 0, &browser).await);
            return browser;
        }
        // It has not started to listen yet, so it looks up every session.
        assert!(Instant::now() < deadline, "the second portal looks up every session");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn cached(server: StoreServer) {
    let stage = Stage::with(2, &server.url(), &[("SESSION_CACHE_SECONDS", CACHE)]).await;
    let ghost = known_to_the_second_alone(&stage, &server).await;

    // An end at one portal takes effect at the other.
    let browser = stage.log_in().await;
    assert!(is_let_in(&stage, 0, &browser).await && is_let_in(&stage, 1, &browser).await);
    let old = Browser::new();
    old.set_cookie("localhost", "session", &browser.cookie("localhost", "session").unwrap());
    let out = browser.submit(&stage.url(0, "/logout"), &[]).await;
    assert_eq!(out.status, 303);
    eventually("the second portal to know of the logout", async || !is_let_in(&stage, 1, &old).await).await;
    assert!(!is_let_in(&stage, 0, &old).await);
    assert!(is_let_in(&stage, 1, &ghost).await, "it is not for a look into the store that it knows");

    // Without notifications, a portal looks sessions up.
    cut(&server).await;
    eventually("the second portal to ask the store", async || !is_let_in(&stage, 1, &ghost).await).await;

    // And in time the notifications are back.
    known_to_the_second_alone(&stage, &server).await;
}

// Row E10.
on_servers! {
    a_session_that_is_not_looked_up_each_time_ends_everywhere_at_once = cached;
}
