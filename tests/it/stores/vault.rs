//! The store and the cache of sessions agree, whichever client leaves at whatever moment: rows E4 and E10 of the security
//! checklist.

use std::sync::Arc;

use globus_portal::{
    clock::Clock,
    session::store::{Bounds, MemoryStore, News, SessionKey, SessionRow},
};
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::harness::{
    Browser, FailingStore, PATIENCE, Portal, Provider,
    place::on_every_store,
    steps::{assert_anonymous, assert_ended_elsewhere, assert_logged_in, key_of, let_in, log_in_at},
};

on_every_store! {
    an_end_whose_caller_leaves_is_known_here_and_in_the_store
    a_session_that_is_gone_from_the_store_is_let_in_for_a_minute_at_most
    a_use_whose_visitor_leaves_is_noted_by_the_next_one
    an_end_from_elsewhere_is_remembered_and_a_logout_is_not
    sessions_of_any_time_are_served_listed_and_swept
    at_the_end_of_the_calendar_people_log_in_and_out
}

struct Scene {
    portal: Portal,
    provider: Provider,
    clock: Clock,
}

impl Scene {
    /// Cached sessions stay for minutes, so that only a notification ends them.
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
            ended = async { if round % 2 == 0 { app.records.end(key).await.map(drop) } else { app.records.end_from_elsewhere(&[key]).await.1 } } => {
                ended.unwrap();
            }
            () = patience(round) => {}
        }
        app.vault.underway.close();
        app.vault.underway.wait().await;
        let is_there = scene.portal.store.session(key).await.unwrap().is_some();
        if round % 2 == 0 {
            assert!(!is_there, "round {round}: who has begun to end a session ends it");
        }
        if is_there {
            assert_logged_in(&scene.portal, &browser).await;
        } else if round % 2 == 0 {
            assert_anonymous(&scene.portal, &browser).await;
        } else {
            assert_ended_elsewhere(&scene.portal, &browser).await;
        }
    }
}

async fn a_session_that_is_gone_from_the_store_is_let_in_for_a_minute_at_most() {
    let scene = Scene::new().await;
    let (store, (browser, key)) = (scene.portal.store.clone(), scene.log_in().await);
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
        let row = scene.portal.store.session(key).await.unwrap().unwrap();
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
    let ended = own
        .submit(&scene.portal.url("/sessions"), &[("end", "others"), ("csrf_token", &scene.portal.csrf(&own))])
        .await;
    assert!(ended.header("location").unwrap().starts_with("/sessions?ended=1."), "{:?}", ended.headers);
    for (key, noted) in [(own_key, false), (other_key, true), (leaving_key, false)] {
        assert_eq!(vault.was_ended_elsewhere(key).await.unwrap(), noted);
    }
    vault.forget_ended(other_key).await.unwrap();
    assert!(!vault.was_ended_elsewhere(other_key).await.unwrap());

    // The note is kept for as long as the cookie could have been valid.
    let (_late, late_key) = scene.log_in().await;
    let ends = scene.portal.store.session(late_key).await.unwrap().unwrap().ends;
    for count in [1, 0] {
        let (ended, result) = scene.portal.app.records.end_from_elsewhere(&[late_key]).await;
        assert_eq!((ended.count, result.is_ok()), (count, true));
    }
    scene.clock.advance(ends - scene.clock.now() - Duration::SECOND);
    assert!(vault.was_ended_elsewhere(late_key).await.unwrap());
    scene.clock.advance(Duration::SECOND);
    assert!(!vault.was_ended_elsewhere(late_key).await.unwrap());
}

async fn sessions_of_any_time_are_served_listed_and_swept() {
    let scene = Scene::new().await;
    let (app, (browser, key)) = (&scene.portal.app, scene.log_in().await);
    let row = scene.portal.store.session(key).await.unwrap().unwrap();
    let (first, last) = (datetime!(-9999-01-01 0:00 UTC), datetime!(9999-12-31 23:59:59 UTC));
    for (last_seen, ends, is_alive) in [
        (last, last, true),
        (last, row.ends, true),
        (row.last_seen, last, true),
        (first, last, false),
        (last, first, false),
    ] {
        app.records.end(key).await.unwrap();
        let row = SessionRow { last_seen, ends, ..row.clone() };
        assert!(scene.portal.store.create_session(key, &row, &[]).await.unwrap());
        for path in ["/", "/sessions"] {
            let page = browser.get(&scene.portal.url(path)).await;
            assert_eq!(page.status == 200, is_alive, "{last_seen} {ends}: {} {}", page.status, page.body);
        }
        app.records.all().await.unwrap();
        app.vault.sweep(10).await.unwrap();
        assert_eq!(scene.portal.store.session(key).await.unwrap().is_some(), is_alive, "{last_seen} {ends}");
    }
}

async fn at_the_end_of_the_calendar_people_log_in_and_out() {
    let scene = Scene::new().await;
    scene.clock.advance(datetime!(9999-12-31 23:59:58 UTC) - scene.clock.now());
    let (browser, _key) = scene.log_in().await;
    assert_eq!(browser.get(&scene.portal.url("/profile")).await.status, 200);
    scene.portal.app.vault.sweep(10).await.unwrap();
    scene.portal.app.tokens.revoke_due(None).await.unwrap();
    assert_eq!(browser.submit(&scene.portal.url("/logout"), &[]).await.status, 303);
    assert_anonymous(&scene.portal, &browser).await;
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

#[tokio::test]
async fn a_portal_that_can_no_longer_hear_of_ends_asks_the_store_each_time() {
    let provider = Provider::start().await;
    let store = Arc::new(FailingStore::default());
    let news = store.will_tell();
    let portal =
        Portal::with().provider(&provider).store(store.clone()).set("SESSION_CACHE_SECONDS", "300").start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    news.send(News::Connected).unwrap();
    // Cached from here on, although the store fails.
    let known = async || browser.get(&portal.url("/")).await.status == 200;
    let until_known = async |wanted: bool| {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            store.fail(false);
            known().await;
            store.fail(true);
            if known().await == wanted {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "it is not {wanted} that the session is known");
        }
    };
    until_known(true).await;
    // The listener of the store has died.
    drop(news);
    until_known(false).await;
}

/// Row K5.
#[tokio::test]
async fn however_many_ask_whether_a_portal_is_ready_and_leave_the_store_is_probed_a_few_times() {
    let store = Arc::new(FailingStore::default());
    let portal = Portal::with().store(store.clone()).start().await;
    let vault = portal.app.vault.clone();
    for round in 0..3 {
        let asking: Vec<_> = (0..500)
            .map(|_| {
                let vault = vault.clone();
                tokio::spawn(async move { vault.probe().await })
            })
            .collect();
        // Most leave before the answer.
        for asked in asking.iter().skip(3) {
            asked.abort();
        }
        for asked in asking.into_iter().take(3) {
            asked.await.unwrap().unwrap();
        }
        assert!(store.probes() <= 3 * (round + 1), "{} probes", store.probes());
    }
    // An answer reports the current state, not an earlier one.
    for down in [true, false, true, false] {
        store.fail(down);
        assert_eq!(vault.probe().await.is_err(), down);
    }
}
