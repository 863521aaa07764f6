//! A store that goes away under load, and comes back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    load::{Load, PAGES},
    number,
    stage::Stage,
    tell,
};
use crate::harness::{Browser, PATIENCE, StoreServer, steps::assert_calm};

const PEOPLE: usize = 12;

/// The store's server is stopped while people look at pages and a refresh is in progress, and started again.
async fn outage(mut server: StoreServer) {
    let stage = Stage::with(3, &server.url(), &[]).await;
    let mut browsers = Vec::new();
    for _ in 0..PEOPLE {
        let browser = stage.log_in().await;
        let page = browser.get(&stage.url(0, "/endpoints")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        browsers.push(browser);
    }
    let load = Load::begin(&stage, &browsers);
    load.until_all_answer(200).await;

    // Another token is being renewed when the store goes: the new one waits for the store.
    let renewing = stage.log_in().await;
    let gate = stage.provider.hold_tokens();
    let renewal = stage.asks(&renewing, 1, "/endpoints");
    gate.arrival().await;
    server.stop().await;
    gate.open();
    let away = Instant::now();
    load.until_all_answer(503).await;
    // From here on every answer is a new one.
    load.until_all_answer(503).await;
    let left = Duration::from_secs(number("OUTAGE_SECONDS", 3) as u64).saturating_sub(away.elapsed());
    tokio::time::sleep(left).await;
    let meanwhile = load.counted();
    assert!(!meanwhile.contains_key(&200), "a portal says what it cannot know: {meanwhile:?}");
    server.restart().await;

    let (away, back) = (away.elapsed(), Instant::now());
    load.until_all_answer(200).await;
    let whole = back.elapsed();
    assert_calm("/endpoints", &renewal.await.unwrap());
    browsers.push(renewing);
    for browser in &browsers {
        everything_works(&stage, browser, back).await;
    }
    load.until_all_answer(200).await;
    let after = load.counted();
    assert!(!after.contains_key(&503), "a portal is not whole again: {after:?}");
    load.end().await;
    assert_eq!(stage.grants().most_uses(), 1);
    tell(&format!(
        "the store was away for {away:?}; answers meanwhile {meanwhile:?}; all pages of all portals were back within \
         {whole:?}"
    ));
}

/// Looks at each page of each portal with the same cookie as before.
async fn everything_works(stage: &Stage, browser: &Arc<Browser>, back: Instant) {
    for portal in 0..stage.replicas.len() {
        for path in PAGES {
            loop {
                let answer = browser.get(&stage.url(portal, path)).await;
                assert_calm(path, &answer);
                if answer.status == 200 {
                    break;
                }
                assert!(back.elapsed() < PATIENCE, "{path} is not back: {}", answer.body);
            }
        }
    }
}

// Row E6.
on_servers! {
    a_store_that_is_away_for_a_while_costs_nobody_the_session = outage;
}
