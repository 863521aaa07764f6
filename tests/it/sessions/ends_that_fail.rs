//! Ends in which the store fails half way: the rest is done, and the log says how far it got.

use std::{
    io,
    sync::{Arc, Mutex},
};

use globus_portal::{clock::Clock, session::store::Store as _};
use time::{Duration, OffsetDateTime};

use crate::harness::{
    Browser, FailingStore, Portal, Provider,
    steps::{assert_logged_in, key_of, log_in_at},
};

struct Scene {
    store: Arc<FailingStore>,
    clock: Clock,
    provider: Provider,
    portal: Portal,
}

impl Scene {
    async fn new() -> Self {
        let (store, provider) = (Arc::new(FailingStore::default()), Provider::start().await);
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let portal = Portal::with().provider(&provider).clock(&clock).store(store.clone()).start().await;
        Self { store, clock, provider, portal }
    }

    /// Sessions of one person.
    async fn log_in<const N: usize>(&self) -> [Browser; N] {
        let browsers = std::array::from_fn(|_| Browser::new());
        for browser in &browsers {
            log_in_at(&self.portal, &self.provider, browser, "person-1").await;
        }
        browsers
    }
}

#[tokio::test]
async fn the_sweep_goes_on_past_a_session_that_cannot_be_ended() {
    let scene = Scene::new().await;
    let browsers = scene.log_in::<4>().await;
    let keys = browsers.each_ref().map(|browser| key_of(&scene.portal, browser));
    scene.clock.advance(Duration::days(400));
    // Whichever comes first.
    let first = scene.store.aged_sessions(scene.clock.now(), scene.clock.now(), 1).await.unwrap()[0];
    scene.store.fail_to_end(first);
    assert!(scene.portal.app.vault.sweep(10).await.is_err());
    for key in keys {
        assert_eq!(scene.store.session(key).await.unwrap().is_some(), key == first);
    }
}

/// A log that can be read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The test's runtime uses this thread only, so this captures the log of all its tasks.
#[tokio::test]
async fn the_log_says_how_many_others_were_ended_before_the_store_failed() {
    let (log, scene) = (Log::default(), Scene::new().await);
    let [here, one, two, three] = scene.log_in().await;
    scene.store.fail_to_end(key_of(&scene.portal, &two));
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let caught = tracing::subscriber::set_default(subscriber);
    assert_eq!(
        here.submit(&scene.portal.url("/sessions"), &[("end", "others"), ("csrf_token", &scene.portal.csrf(&here))])
            .await
            .status,
        503
    );
    drop(caught);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = text.lines().find(|line| line.contains("ended sessions from elsewhere")).unwrap_or_default();
    assert!(line.contains("ended=2") && line.contains("person-1"), "{text}");
    assert_logged_in(&scene.portal, &two).await;
    for ended in [&one, &three] {
        assert!(scene.store.session(key_of(&scene.portal, ended)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_store_that_takes_no_new_session_leaves_the_person_the_one_they_have() {
    let scene = Scene::new().await;
    let [browser] = scene.log_in().await;
    scene.store.take_no_more();
    let authorize = scene.portal.begin_login(&browser, "").await;
    let response = crate::harness::steps::let_in(&scene.portal, &scene.provider, &authorize, "person-1");
    scene.provider.on_token(move |_| axum::response::IntoResponse::into_response(axum::Json(response.clone())));
    assert_eq!(browser.get(&scene.portal.callback(&authorize, "a-good-code")).await.status, 503);
    assert_logged_in(&scene.portal, &browser).await;
}
