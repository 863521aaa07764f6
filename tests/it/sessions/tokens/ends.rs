//! Sessions end by logout or by age, and their tokens are revoked.

use std::sync::Arc;

use axum::{Json, response::IntoResponse as _};
use time::Duration;

use super::{LIFE, Stage, renewed};
use crate::harness::{PortalBuilder, place::on_every_store, steps::sessions_in};

on_every_store! {
    a_token_that_comes_home_after_the_logout_is_revoked
    each_token_is_revoked_once_with_its_kind_and_our_credentials
    a_session_ends_when_it_is_unused_and_each_use_puts_that_off
    the_shortest_idle_limit_ends_no_session_in_use
    no_use_puts_off_the_absolute_end
    a_session_that_nobody_comes_back_to_is_swept_with_its_tokens
}

/// Row F3.
async fn a_token_that_comes_home_after_the_logout_is_revoked() {
    let stage = Arc::new(Stage::renewing().await);
    let browser = Arc::new(stage.log_in_with_transfer().await);
    stage.clock.advance(Duration::seconds(LIFE));
    let gate = stage.provider.hold_tokens();
    stage.provider.on_token(|_| Json(renewed("late")).into_response());
    let slow = {
        let (stage, browser) = (stage.clone(), browser.clone());
        tokio::spawn(async move { stage.endpoints(&browser).await })
    };
    gate.arrival().await;
    let out = browser.submit(&stage.portal.url("/logout"), &[]).await;
    assert_eq!(out.status, 303);
    let own = "SENTINEL-auth-access-token";
    assert_eq!(stage.revoked(), [own, "first-access", "first-refresh"]);
    gate.open();
    let page = slow.await.unwrap();
    assert_eq!((page.status.as_u16(), page.header("location")), (303, Some("/login?next=%2Fendpoints")));
    assert!(stage.bearers().is_empty());
    // What the sweep does once a minute.
    stage.portal.app.tokens.revoke_due(None).await.unwrap();
    assert_eq!(stage.revoked(), [own, "first-access", "first-refresh", "late-access", "late-refresh"]);
    assert_eq!(stage.portal.app.tokens.revoke_due(None).await.unwrap(), (0, 0));
}

/// Row F1.
async fn each_token_is_revoked_once_with_its_kind_and_our_credentials() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let _ = browser.submit(&stage.portal.url("/logout"), &[]).await;
    let calls = stage.provider.revoke_calls();
    let mut sent: Vec<_> =
        calls.iter().map(|call| (call.field("token").unwrap(), call.field("token_type_hint").unwrap())).collect();
    sent.sort_unstable();
    let expected = [
        ("SENTINEL-auth-access-token", "access_token"),
        ("first-access", "access_token"),
        ("first-refresh", "refresh_token"),
    ];
    assert_eq!(sent, expected);
    assert!(calls.iter().all(|call| call.headers["authorization"].to_str().unwrap().starts_with("Basic ")));
}

/// Row E3.
async fn a_session_ends_when_it_is_unused_and_each_use_puts_that_off() {
    let stage = Stage::with(|builder| builder.set("SESSION_IDLE_SECONDS", "600")).await;
    let browser = stage.log_in_with_transfer().await;
    let cookie = stage.portal.session_cookie(&browser).unwrap();
    for _ in 0..5 {
        stage.clock.advance(Duration::seconds(599));
        assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    }
    stage.clock.advance(Duration::seconds(600));
    browser.set_cookie("localhost", "session", &cookie);
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
    // It has ended: setting the clock back does not revive it.
    stage.clock.advance(Duration::seconds(-600));
    browser.set_cookie("localhost", "session", &cookie);
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
    stage.clock.advance(Duration::seconds(600));
    stage.portal.app.tokens.revoke_due(None).await.unwrap();
    assert_eq!(stage.revoked(), ["SENTINEL-auth-access-token", "first-access", "first-refresh"]);
}

/// Row E3.
async fn the_shortest_idle_limit_ends_no_session_in_use() {
    let stage = Stage::with(|builder| builder.set("SESSION_IDLE_SECONDS", "60")).await;
    let browser = stage.log_in_with_transfer().await;
    for _ in 0..12 {
        stage.clock.advance(Duration::seconds(20));
        assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    }
    stage.clock.advance(Duration::seconds(60));
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
}

/// Row E3.
async fn no_use_puts_off_the_absolute_end() {
    let change =
        |builder: PortalBuilder| builder.set("SESSION_IDLE_SECONDS", "600").set("PERMANENT_SESSION_LIFETIME", "3600");
    let stage = Stage::with(change).await;
    let browser = stage.log_in_with_transfer().await;
    let cookie = stage.portal.session_cookie(&browser).unwrap();
    for _ in 0..7 {
        stage.clock.advance(Duration::seconds(500));
        assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    }
    stage.clock.advance(Duration::seconds(99));
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    stage.clock.advance(Duration::seconds(1));
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
    browser.set_cookie("localhost", "session", &cookie);
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
}

/// Row E3.
async fn a_session_that_nobody_comes_back_to_is_swept_with_its_tokens() {
    let stage = Stage::with(|builder| builder.set("SESSION_IDLE_SECONDS", "600")).await;
    let gone = stage.log_in_with_transfer().await;
    stage.clock.advance(Duration::seconds(300));
    let (here, _) = stage.log_in(|_| {}).await;
    stage.clock.advance(Duration::seconds(300));
    assert_eq!(stage.portal.app.vault.sweep(10).await.unwrap(), 1);
    assert_eq!(sessions_in(&stage.portal).await, 1);
    stage.portal.app.tokens.revoke_due(None).await.unwrap();
    assert_eq!(stage.revoked(), ["SENTINEL-auth-access-token", "first-access", "first-refresh"]);
    assert_eq!(gone.get(&stage.portal.url("/")).await.status, 303);
    assert_eq!(here.get(&stage.portal.url("/")).await.status, 200);
}
