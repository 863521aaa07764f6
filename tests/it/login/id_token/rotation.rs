//! Keys that the provider replaces.

use std::sync::{Arc, atomic::Ordering};

use globus_portal::{
    clock::Clock,
    globus::{
        id_token::IdTokenError,
        provider::{MIN_INTERVAL, REFRESH_AFTER},
    },
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::harness::{
    Provider,
    provider::{id_token, jwk, sign},
};

use super::{NOW, Stage, part};

/// A header that names a key.
fn kid(kid: &str) -> Value {
    json!({"typ": "JWT", "alg": "RS512", "kid": kid})
}

/// Row C10.
#[tokio::test]
async fn the_first_login_after_a_rotation_works_however_recent_the_last_request_for_the_keys() {
    let stage = Stage::new().await;
    stage.accepts("the first key", |nonce| id_token(&stage.claims(nonce))).await;
    stage.accepts("the first key again", |nonce| id_token(&stage.claims(nonce))).await;
    assert_eq!(stage.provider.key_calls(), 1);
    *stage.provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1"))]});
    stage.accepts("the new key", |nonce| sign(1, &kid("1"), &stage.claims(nonce))).await;
    stage.accepts("the new key again", |nonce| sign(1, &kid("1"), &stage.claims(nonce))).await;
    assert_eq!(stage.provider.key_calls(), 2);
    stage.refuses("the old key", |nonce| id_token(&stage.claims(nonce))).await;
    assert_eq!(stage.provider.key_calls(), 2, "once an interval");

    // A second rotation within the interval is noticed when the interval is over.
    *stage.provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(0, Some("2"))]});
    stage.refuses("too soon", |nonce| sign(0, &kid("2"), &stage.claims(nonce))).await;
    stage.clock.advance(MIN_INTERVAL);
    stage.accepts("the newest key", |nonce| sign(0, &kid("2"), &stage.claims(nonce))).await;
    assert_eq!(stage.provider.key_calls(), 3);
}

/// Row C10.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_logins_at_once_after_a_rotation_share_the_one_request() {
    let stage = Arc::new(Stage::new().await);
    stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap();
    *stage.provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1"))]});
    let logins: Vec<_> = (0..100)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move { stage.verify(&sign(1, &kid("1"), &stage.claims("n")), "n").await.unwrap() })
        })
        .collect();
    for login in logins {
        login.await.unwrap();
    }
    assert_eq!(stage.provider.key_calls(), 2);
}

/// Row C10: the log says that the keys could not be fetched, not that the signature is wrong.
#[tokio::test]
async fn a_new_key_that_cannot_be_fetched_is_called_that() {
    let stage = Stage::new().await;
    stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap();
    stage.provider.inner.keys_down.store(true, Ordering::SeqCst);
    *stage.provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1"))]});
    for _ in 0..3 {
        let error = stage.verify(&sign(1, &kid("1"), &stage.claims("n")), "n").await.unwrap_err();
        assert!(matches!(&error, IdTokenError::Provider(_)) && error.to_string().contains("key set"), "{error}");
        stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap();
    }
    assert_eq!(stage.provider.key_calls(), 2);
    stage.provider.inner.keys_down.store(false, Ordering::SeqCst);
    stage.clock.advance(MIN_INTERVAL);
    stage.verify(&sign(1, &kid("1"), &stage.claims("n")), "n").await.unwrap();
    assert_eq!(stage.provider.key_calls(), 3);
}

/// Row C10: the result of a request from before the rotation is no reason to refuse the new key.
#[tokio::test]
async fn a_request_for_the_keys_that_began_before_the_rotation_does_not_hide_the_new_key() {
    let stage = Stage::new().await;
    stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap();
    stage.clock.advance(REFRESH_AFTER);
    let rotating = stage.provider.inner.clone();
    // The key set is rotated while a refresh in the background is being answered with the old one.
    *stage.provider.inner.on_keys.lock().unwrap() = Some(Arc::new(move || {
        if rotating.key_calls() == 3 {
            *rotating.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1"))]});
        }
    }));
    stage.verify(&sign(1, &kid("1"), &stage.claims("n")), "n").await.unwrap();
    assert_eq!(stage.provider.key_calls(), 3);
}

/// Row C10.
#[tokio::test]
async fn a_thousand_made_up_tokens_cost_one_request_an_interval_even_while_the_keys_cannot_be_had() {
    for (down, known) in [(false, true), (true, true), (true, false)] {
        let provider = Provider::start().await;
        provider.inner.keys_down.store(down && !known, Ordering::SeqCst);
        let stage = Stage::on(provider).await;
        let token = |number: usize| format!("{}.{}.AAAA", part(&kid(&format!("made-up-{number}"))), part(&json!({})));
        let met = stage.portal.app.provider.keys().await.is_ok();
        assert_eq!(met, known);
        stage.provider.inner.keys_down.store(down, Ordering::SeqCst);
        // What made the first request failed a moment ago.
        stage.clock.advance(MIN_INTERVAL * i32::from(!known));
        let before = stage.provider.key_calls();
        for interval in 1..=3 {
            for number in 0..1000 {
                assert!(stage.verify(&token(number), "n").await.is_err());
            }
            assert_eq!(stage.provider.key_calls() - before, interval, "down: {down}, known: {known}");
            stage.clock.advance(MIN_INTERVAL);
        }
        if known {
            stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// Row C10.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_for_a_slow_key_set_do_not_each_ask_for_it_again() {
    let provider = Provider::start().await;
    provider.inner.keys_down.store(true, Ordering::SeqCst);
    // Each request for the key set takes as long as the interval, and then fails.
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(NOW).unwrap());
    let moving = clock.clone();
    *provider.inner.on_keys.lock().unwrap() = Some(Arc::new(move || moving.advance(MIN_INTERVAL)));
    let stage = Arc::new(Stage::at(provider, clock).await);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move { stage.verify(&id_token(&stage.claims("n")), "n").await.is_err() })
        })
        .collect();
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert_eq!(stage.provider.key_calls(), 1);
}
