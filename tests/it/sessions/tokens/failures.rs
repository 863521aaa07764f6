//! Renewals that fail cost neither a token nor a session that is still good.

use std::time::Duration as Wait;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use globus_portal::{
    globus::{
        auth::TokenError,
        error::CallError,
        http::{HttpClient, Limits},
    },
    secret::ClientSecret,
    session::tokens::{TokenUnavailable, Tokens},
};
use serde_json::{Value, json};
use time::Duration;

use super::{LIFE, Stage, TRANSFER, renewed, transfer};
use crate::harness::{
    globus_at,
    place::on_every_store,
    provider::{CLIENT_ID, Request},
};

/// Answers a refresh.
type Failure = Box<dyn Fn(&Request) -> Response + Send + Sync>;

on_every_store! {
    a_call_that_is_not_allowed_renews_nothing
    a_refused_token_that_cannot_be_renewed_now_is_no_reason_to_sign_in_again
    a_refused_refresh_token_asks_for_a_login_and_keeps_the_rest_of_the_session
    a_globus_that_cannot_refresh_now_costs_neither_token_nor_session
    a_token_that_is_still_good_is_used_when_it_cannot_be_renewed_in_time
    a_refresh_that_takes_too_long_is_no_reason_to_sign_in_again
}

fn invalid_grant(_: &Request) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response()
}

/// Row D7. In one thread: each of these requests is queued before the first one has its answer.
#[tokio::test]
async fn those_who_wait_for_a_renewal_that_fails_do_not_all_try_it_again() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let key = stage.key(&browser);
    stage.clock.advance(Duration::seconds(LIFE));
    stage.provider.on_token(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    let gate = stage.provider.hold_tokens();
    let ask = || {
        let tokens = stage.portal.app.tokens.clone();
        tokio::spawn(async move { tokens.fresh(key, TRANSFER).await })
    };
    let asked: Vec<_> = (0..20).map(|_| ask()).collect();
    gate.arrival().await;
    gate.open();
    let mut failures = Vec::new();
    for answer in asked {
        failures.push(answer.await.unwrap().unwrap_err());
    }
    assert!(matches!(failures[0], TokenUnavailable::Globus(_)), "{:?}", failures[0]);
    assert!(failures[1..].iter().all(|failure| matches!(failure, TokenUnavailable::JustFailed)), "{failures:?}");
    assert_eq!(stage.refreshes().len(), 1);
    // A later request tries again.
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.refreshes().len(), 2);
}

/// Row D9.
async fn a_call_that_is_not_allowed_renews_nothing() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_other(|_| {
        (StatusCode::FORBIDDEN, Json(json!({"code": "PermissionDenied", "message": "no"}))).into_response()
    });
    assert_eq!(stage.endpoints(&browser).await.status, 403);
    assert_eq!((stage.bearers().len(), stage.refreshes().len()), (1, 0));
}

/// Rows D7 and D9.
async fn a_refused_token_that_cannot_be_renewed_now_is_no_reason_to_sign_in_again() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_token(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    stage.provider.on_other(|_| {
        (StatusCode::UNAUTHORIZED, Json(json!({"code": "AuthenticationFailed", "message": "no"}))).into_response()
    });
    let page = stage.endpoints(&browser).await;
    assert_eq!(page.status, 503, "{}", page.body);
    assert!(page.header("retry-after").is_some());
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
}

/// Row D7.
async fn a_refused_refresh_token_asks_for_a_login_and_keeps_the_rest_of_the_session() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_token(invalid_grant);
    stage.clock.advance(Duration::seconds(LIFE));
    let page = stage.endpoints(&browser).await;
    assert_eq!((page.status.as_u16(), page.header("location")), (303, Some("/login?next=%2Fendpoints")));
    assert!(stage.bearers().is_empty());
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    let own = stage.portal.app.tokens.fresh(stage.key(&browser), "auth.globus.org").await.unwrap();
    assert_eq!(own.expose_secret(), "SENTINEL-auth-access-token");
    // The next login fixes it.
    let answer = stage.log_in_again(&browser, |response| response["other_tokens"] = json!([transfer("second")])).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.bearers(), ["Bearer second-access"]);
}

/// Row D7.
async fn a_globus_that_cannot_refresh_now_costs_neither_token_nor_session() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let cookie = stage.portal.session_cookie(&browser);
    stage.clock.advance(Duration::seconds(LIFE));
    let auth_error = |status: u16, body: Value| {
        move |_: &Request| (StatusCode::from_u16(status).unwrap(), Json(body.clone())).into_response()
    };
    let failures: [(&str, Failure); 7] = [
        ("500", Box::new(auth_error(500, json!({"error": "server_error"})))),
        (
            "503 with HTML",
            Box::new(|_| (StatusCode::SERVICE_UNAVAILABLE, axum::response::Html("<p>down</p>")).into_response()),
        ),
        ("429", Box::new(auth_error(429, json!({"error": "slow_down"})))),
        ("invalid_client", Box::new(auth_error(401, json!({"error": "invalid_client"})))),
        ("success without JSON", Box::new(|_| "<p>fine</p>".into_response())),
        ("success cut short", Box::new(|_| renewed("second").to_string()[..40].to_owned().into_response())),
        ("a redirect", Box::new(|_| (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response())),
    ];
    for (case, failure) in failures {
        stage.provider.on_token(failure);
        let page = stage.endpoints(&browser).await;
        assert_eq!(page.status, 503, "{case}: {}", page.body);
        assert!(page.header("retry-after").is_some(), "{case}");
        assert!(page.set_cookies().is_empty(), "{case}: {:?}", page.set_cookies());
        assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200, "{case}");
    }
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.refreshes().last().unwrap().field("refresh_token"), Some("first-refresh"));
    assert_eq!(stage.portal.session_cookie(&browser), cookie);
    assert_eq!(stage.bearers(), ["Bearer second-access"]);
}

/// Row D7.
async fn a_token_that_is_still_good_is_used_when_it_cannot_be_renewed_in_time() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_token(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    stage.clock.advance(Duration::seconds(LIFE - 30));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.bearers(), ["Bearer first-access"]);
}

/// Row D7.
async fn a_refresh_that_takes_too_long_is_no_reason_to_sign_in_again() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let gate = stage.provider.hold_tokens();
    stage.clock.advance(Duration::seconds(LIFE));
    // The same vault with a client that has a shorter timeout, for an answer that never comes.
    let limits = Limits::default().with_timeout(Wait::from_millis(50)).with_deadline(Limits::default().deadline);
    let http = HttpClient::direct(limits).unwrap();
    let globus = globus_at(&stage.provider.url, http, &stage.clock);
    let auth = globus.confidential_app(CLIENT_ID, &ClientSecret::new("s"));
    let app = &stage.portal.app;
    let hasty = Tokens::new(app.vault.clone(), auth, Wait::from_millis(50), app.id_tokens.clone());
    let key = stage.key(&browser);
    let error = hasty.fresh(key, TRANSFER).await.unwrap_err();
    assert!(matches!(error, TokenUnavailable::Globus(TokenError::Call(CallError::Timeout))), "{error}");
    gate.open();
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.bearers(), ["Bearer second-access"]);
}
