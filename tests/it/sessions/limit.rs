//! How many sessions a person can have.

use std::sync::Arc;

use axum::{Json, response::IntoResponse as _};
use globus_portal::{
    clock::Clock,
    session::{person_key, store::SessionKey},
};
use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;

use crate::harness::{
    Browser, Portal, Provider, parameter,
    place::on_every_store,
    provider::{Request, id_token, token_response},
    steps::{assert_logged_in, log_in_at},
    until,
};

on_every_store! {
    a_login_beyond_the_limit_ends_the_session_that_was_used_least_recently
    logins_at_the_same_moment_leave_as_many_sessions_as_there_may_be
    a_person_with_too_many_sessions_from_before_is_brought_down_to_the_limit
}

async fn portal(provider: &Provider, limit: &str) -> (Portal, Clock) {
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let portal = Portal::with().provider(provider).clock(&clock).set("SESSIONS_PER_PERSON", limit).start().await;
    (portal, clock)
}

async fn sessions_of_person_1(portal: &Portal) -> usize {
    portal.store.sessions_of(person_key("person-1"), 1000).await.unwrap().len()
}

/// Which browsers are logged in.
async fn logged_in(portal: &Portal, browsers: &[Arc<Browser>]) -> Vec<usize> {
    let mut found = Vec::new();
    for (number, browser) in browsers.iter().enumerate() {
        if browser.get(&portal.url("/")).await.status == 200 {
            found.push(number);
        }
    }
    found
}

async fn a_login_beyond_the_limit_ends_the_session_that_was_used_least_recently() {
    let provider = Provider::start().await;
    let (portal, clock) = portal(&provider, "2").await;
    let browsers: Vec<_> = (0..5).map(|_| Arc::new(Browser::new())).collect();
    for browser in &browsers[..2] {
        log_in_at(&portal, &provider, browser, "person-1").await;
        clock.advance(Duration::minutes(2));
    }
    // The first is used again, so that the second is least recently used.
    assert_logged_in(&portal, &browsers[0]).await;
    clock.advance(Duration::minutes(2));
    let other = Browser::new();
    log_in_at(&portal, &provider, &other, "person-2").await;
    log_in_at(&portal, &provider, &browsers[2], "person-1").await;
    assert_eq!(logged_in(&portal, &browsers).await, [0, 2]);
    until("the revocation", || (provider.revoke_calls().len() == 1).then_some(())).await;
    // The latest login stays, even within the same second.
    for last in [3, 4] {
        log_in_at(&portal, &provider, &browsers[last], "person-1").await;
        assert!(logged_in(&portal, &browsers).await.contains(&last));
    }
    assert_eq!(sessions_of_person_1(&portal).await, 2);
    assert_logged_in(&portal, &other).await;
}

async fn logins_at_the_same_moment_leave_as_many_sessions_as_there_may_be() {
    let provider = Provider::start().await;
    let (portal, clock) = portal(&provider, "3").await;
    // The code says which nonce to answer with.
    let (now, claims) = (clock.now().unix_timestamp(), provider.good_claims("", 0));
    provider.on_token(move |call: &Request| {
        let mut claims = claims.clone();
        claims["nonce"] = call.field("code").unwrap().into();
        (claims["iat"], claims["exp"]) = (now.into(), (now + 3600).into());
        Json(token_response(&id_token(&claims))).into_response()
    });
    let browsers: Vec<_> = (0..20).map(|_| Arc::new(Browser::new())).collect();
    let mut logins = JoinSet::new();
    for browser in &browsers {
        let authorize = portal.begin_login(browser, "").await;
        let callback = portal.callback(&authorize, &parameter(&authorize, "nonce").unwrap());
        let browser = browser.clone();
        logins.spawn(async move {
            // The number of pending logins of one address is limited.
            while browser.get(&callback).await.status == 503 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            assert!(browser.cookie("localhost", "session").is_some());
        });
    }
    logins.join_all().await;
    assert_eq!(sessions_of_person_1(&portal).await, 3);
    assert_eq!(logged_in(&portal, &browsers).await.len(), 3);
    until("17 revocations", || (provider.revoke_calls().len() == 17).then_some(())).await;
}

async fn a_person_with_too_many_sessions_from_before_is_brought_down_to_the_limit() {
    let provider = Provider::start().await;
    let (portal, _) = portal(&provider, "10").await;
    let first = Browser::new();
    log_in_at(&portal, &provider, &first, "person-1").await;
    let store = &portal.store;
    let (_, row) = store.sessions_of(person_key("person-1"), 1).await.unwrap().remove(0);
    for number in 0..250_u8 {
        assert!(store.create_session(SessionKey([number; 32]), &row, &[]).await.unwrap());
    }
    let latest = Browser::new();
    log_in_at(&portal, &provider, &latest, "person-1").await;
    assert_eq!(sessions_of_person_1(&portal).await, 10);
    assert_logged_in(&portal, &latest).await;
}
