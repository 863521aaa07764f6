//! Sessions whose store and whose memory of them must say the same, whoever leaves when: rows E4 and E10 of the security
//! checklist.

use std::sync::Arc;

use globus_portal::{
    clock::Clock,
    session::store::{Bounds, MemoryStore, SessionKey},
};
use time::{Duration, OffsetDateTime};

use crate::harness::{
    Browser, Portal, Provider,
    place::on_every_store,
    steps::{assert_anonymous, assert_logged_in, key_of, let_in, log_in_at},
};

on_every_store! {
    an_end_whose_caller_leaves_is_known_here_and_in_the_store
    a_session_that_is_gone_from_the_store_is_let_in_for_a_minute_at_most
    a_use_whose_visitor_leaves_is_noted_by_the_next_one
    an_end_from_elsewhere_is_remembered_and_a_logout_is_not
}

struct Scene {
    portal: Portal,
    provider: Provider,
    clock: Clock,
}

impl Scene {
    /// What is known of sessions is used for minutes, so that nothing but news ends it.
    async fn new() -> Self {
        let provider = Provider::start().await;
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let portal = Portal::with().provider(&provider).clock(&clock).set("SESSION_CACHE_SECONDS", "300").start().await;
        Self { portal, provider, clock }
    }

    async fn log_in(&self) -> (Browser, SessionKey) {
        let browser = Browser::new();
        log_in_at(&self.portal, &self.provider, &browser, "person-1").await;
        assert_logged_in(&self.portal, &browser).await;
        let key = key_of(&self.portal, &browser);
        (browser, key)
    }
}

/// Longer with each round.
async fn patience(round: usize) {
    for _ in 0..round * round / 4 {
        tokio::task::yield_now().await;
    }
}

/// Row E4.
async fn an_end_whose_caller_leaves_is_known_here_and_in_the_store() {
    let scene = Scene::new().await;
    let app = &scene.portal.app;
    for round in 0..30 {
        let (browser, key) = scene.log_in().await;
        tokio::select! {
            biased;
            ended = async { if round % 2 == 0 { app.vault.end(key).await } else { app.vault.end_from_elsewhere(key).await } } => {
                ended.unwrap();
            }
            () = patience(round) => {}
        }
        app.vault.underway.finished().await;
        let is_there = app.vault.store.session(key).await.unwrap().is_some();
        if round % 2 == 0 {
            assert!(!is_there, "round {round}: who has begun to end a session ends it");
        }
        if is_there {
            assert_logged_in(&scene.portal, &browser).await;
        } else {
            assert_anonymous(&scene.portal, &browser).await;
        }
    }
}

async fn a_session_that_is_gone_from_the_store_is_let_in_for_a_minute_at_most() {
    let scene = Scene::new().await;
    let (store, (browser, key)) = (scene.portal.app.vault.store.clone(), scene.log_in().await);
    assert!(store.end_session(key, scene.clock.now(), None).await.unwrap());
    scene.clock.advance(Duration::seconds(61));
    assert_anonymous(&scene.portal, &browser).await;
    assert_anonymous(&scene.portal, &browser).await;
    assert!(scene.portal.app.records.find(key).await.unwrap().is_none());
}

async fn a_use_whose_visitor_leaves_is_noted_by_the_next_one() {
    let scene = Scene::new().await;
    let (records, (_browser, key)) = (&scene.portal.app.records, scene.log_in().await);
    for round in 0..30 {
        scene.clock.advance(Duration::minutes(2));
        tokio::select! {
            biased;
            _ = records.find(key) => {}
            () = patience(round) => {}
        }
        assert!(records.find(key).await.unwrap().is_some());
        let row = scene.portal.app.vault.store.session(key).await.unwrap().unwrap();
        assert_eq!(row.last_seen, scene.clock.now(), "round {round}");
    }
}

/// Row E10.
async fn an_end_from_elsewhere_is_remembered_and_a_logout_is_not() {
    let scene = Scene::new().await;
    let vault = &scene.portal.app.vault;
    let ((own, own_key), (_other, other_key), (leaving, leaving_key)) =
        (scene.log_in().await, scene.log_in().await, scene.log_in().await);
    assert_eq!(leaving.submit(&scene.portal.url("/logout"), &[]).await.status, 303);
    let ended = own.submit(&scene.portal.url("/sessions"), &[("end", "others")]).await;
    assert_eq!(ended.header("location"), Some("/sessions?ended=1"));
    for (key, noted) in [(own_key, false), (other_key, true), (leaving_key, false)] {
        assert_eq!(vault.was_ended_elsewhere(key).await.unwrap(), noted);
    }
    vault.forget_ended(other_key).await.unwrap();
    assert!(!vault.was_ended_elsewhere(other_key).await.unwrap());

    // The note is kept for as long as the cookie could have been good.
    let (_late, late_key) = scene.log_in().await;
    let ends = vault.store.session(late_key).await.unwrap().unwrap().ends;
    assert!(vault.end_from_elsewhere(late_key).await.unwrap());
    assert!(!vault.end_from_elsewhere(late_key).await.unwrap());
    scene.clock.advance(ends - scene.clock.now() - Duration::SECOND);
    assert!(vault.was_ended_elsewhere(late_key).await.unwrap());
    scene.clock.advance(Duration::SECOND);
    assert!(!vault.was_ended_elsewhere(late_key).await.unwrap());
}

/// Row K4.
#[tokio::test]
async fn a_login_older_than_the_states_that_the_store_remembers_starts_again_and_keeps_where_it_led() {
    let provider = Provider::start().await;
    let store = MemoryStore::default().with_bounds(Bounds { spent_states: 0, ..Bounds::default() });
    let portal = Portal::with().provider(&provider).store(Arc::new(store)).start().await;
    let (slow, quick) = (Browser::new(), Browser::new());
    let authorize = portal.begin_login(&slow, "?next=/profile").await;
    log_in_at(&portal, &provider, &quick, "person-1").await;
    let response = let_in(&portal, &provider, &authorize, "person-2");
    provider.on_token(move |_| axum::response::IntoResponse::into_response(axum::Json(response.clone())));
    let calls = provider.token_calls().len();
    let answer = slow.get(&portal.callback(&authorize, "a-good-code")).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.contains("/login?next=%2Fprofile"), "{}", answer.body);
    assert_eq!(portal.session_cookie(&slow), None);
    assert_eq!(provider.token_calls().len(), calls, "the code was exchanged");
}
