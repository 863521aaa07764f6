//! Tokens are renewed in time, once for all who ask, and kept.

use std::sync::Arc;

use axum::{Json, Router, http::StatusCode, response::IntoResponse as _, routing::get};
use globus_portal::{error::AppError, routes::logged_in::LoggedIn, state::AppState};
use serde_json::json;
use time::Duration;

use super::{LIFE, NOW, Stage, TRANSFER, document, empty_page, renewed, transfer};
use crate::harness::{place::on_every_store, provider::id_token};

on_every_store! {
    two_hundred_requests_at_expiry_make_one_refresh
    a_token_is_renewed_a_minute_before_it_expires_and_not_earlier
    a_token_without_a_refresh_token_is_used_to_its_end_and_then_asks_for_a_login
    a_refresh_token_is_kept_until_another_one_comes
    a_refresh_whose_id_token_is_about_somebody_else_is_refused_and_revoked
    a_refresh_changes_neither_the_person_nor_another_token_and_fewer_scopes_are_noted
    a_token_that_transfer_refuses_is_renewed_once_and_the_call_made_once_more
    a_refresh_is_finished_and_kept_though_the_browser_has_left
    a_renewed_token_is_kept_though_the_page_that_needed_it_fails
}

/// Row D3.
async fn two_hundred_requests_at_expiry_make_one_refresh() {
    let stage = Arc::new(Stage::renewing().await);
    let browser = Arc::new(stage.log_in_with_transfer().await);
    stage.clock.advance(Duration::seconds(LIFE));
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let (stage, browser) = (stage.clone(), browser.clone());
            tokio::spawn(async move { stage.endpoints(&browser).await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(stage.refreshes().len(), 1);
    assert_eq!(stage.refreshes()[0].field("refresh_token"), Some("first-refresh"));
    let bearers = stage.bearers();
    assert_eq!(bearers.len(), 200);
    assert!(bearers.iter().all(|bearer| bearer == "Bearer second-access"));
}

/// Row D3.
async fn a_token_is_renewed_a_minute_before_it_expires_and_not_earlier() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    stage.clock.advance(Duration::seconds(LIFE - 61));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    stage.clock.advance(Duration::seconds(1));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.bearers(), ["Bearer first-access", "Bearer second-access"]);
    assert_eq!(stage.refreshes().len(), 1);
}

/// Row D3.
async fn a_token_without_a_refresh_token_is_used_to_its_end_and_then_asks_for_a_login() {
    let stage = Stage::new().await;
    let (browser, _) = stage
        .log_in(|response| {
            response["other_tokens"] = json!([transfer("first")]);
            response["other_tokens"][0].as_object_mut().unwrap().remove("refresh_token");
        })
        .await;
    stage.clock.advance(Duration::seconds(LIFE - 1));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    stage.clock.advance(Duration::seconds(1));
    let page = stage.endpoints(&browser).await;
    assert_eq!((page.status.as_u16(), page.header("location")), (303, Some("/login?next=%2Fendpoints")));
    assert!(stage.refreshes().is_empty());
    assert_eq!(stage.bearers(), ["Bearer first-access"]);
}

/// Row D8.
async fn a_refresh_token_is_kept_until_another_one_comes() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let mut keeping = renewed("second");
    keeping.as_object_mut().unwrap().remove("refresh_token");
    stage.provider.on_token(move |_| Json(keeping.clone()).into_response());
    stage.clock.advance(Duration::seconds(LIFE));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    stage.provider.on_token(|_| Json(renewed("third")).into_response());
    stage.clock.advance(Duration::seconds(LIFE));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    stage.provider.on_token(|_| Json(renewed("fourth")).into_response());
    stage.clock.advance(Duration::seconds(LIFE));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    let refreshes = stage.refreshes();
    let used: Vec<_> = refreshes.iter().map(|call| call.field("refresh_token").unwrap()).collect();
    assert_eq!(used, ["first-refresh", "first-refresh", "third-refresh"]);
    assert_eq!(stage.bearers(), ["Bearer second-access", "Bearer third-access", "Bearer fourth-access"]);
}

/// Row D8.
async fn a_refresh_whose_id_token_is_about_somebody_else_is_refused_and_revoked() {
    for (claim, value) in [("sub", "person-2"), ("iss", "https://evil.example"), ("aud", "another app")] {
        let stage = Stage::renewing().await;
        let browser = stage.log_in_with_transfer().await;
        let mut answer = renewed("foreign");
        let mut claims = stage.provider.good_claims("", NOW);
        claims[claim] = json!(value);
        answer["id_token"] = json!(id_token(&claims));
        stage.provider.on_token(move |_| Json(answer.clone()).into_response());
        stage.clock.advance(Duration::seconds(LIFE));
        let page = stage.endpoints(&browser).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (303, Some("/login?next=%2Fendpoints")), "{claim}");
        assert!(stage.bearers().is_empty(), "{claim}");
        // The earlier ones as well: no session has them any more.
        let all = ["first-access", "first-refresh", "foreign-access", "foreign-refresh"];
        assert_eq!(stage.revoked(), all, "{claim}");
        let front = browser.get(&stage.portal.url("/")).await;
        assert!(front.body.contains("Person One"), "{claim}: {}", front.body);
    }
}

/// Row D8.
async fn a_refresh_changes_neither_the_person_nor_another_token_and_fewer_scopes_are_noted() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let key = stage.key(&browser);
    let mut answer = renewed("second");
    answer["scope"] = json!("one");
    answer["other_tokens"] = json!([document("auth.globus.org", "another-auth")]);
    let mut claims = stage.provider.good_claims("", NOW);
    claims["name"] = json!("Person Two");
    answer["id_token"] = json!(id_token(&claims));
    stage.provider.on_token(move |_| Json(answer.clone()).into_response());
    stage.clock.advance(Duration::seconds(LIFE));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    let facts = stage.portal.app.tokens.facts(key).await.unwrap();
    let of_transfer = facts.iter().find(|facts| facts.resource_server == TRANSFER).unwrap();
    assert_eq!(of_transfer.scopes, ["one"]);
    let own = stage.portal.app.tokens.fresh(key, "auth.globus.org").await.unwrap();
    assert_eq!(own.expose_secret(), "SENTINEL-auth-access-token");
    let front = browser.get(&stage.portal.url("/")).await;
    assert!(front.body.contains("Person One") && !front.body.contains("Person Two"), "{}", front.body);
}

/// Row D9.
async fn a_token_that_transfer_refuses_is_renewed_once_and_the_call_made_once_more() {
    let refusal = || (StatusCode::UNAUTHORIZED, Json(json!({"code": "AuthenticationFailed", "message": "no"})));
    for (refused, status, bearers) in [
        ("first", 200, vec!["Bearer first-access", "Bearer second-access"]),
        ("all", 303, vec!["Bearer first-access", "Bearer second-access"]),
    ] {
        let stage = Stage::renewing().await;
        let browser = stage.log_in_with_transfer().await;
        stage.clock.advance(Duration::seconds(120));
        stage.provider.on_token(|_| Json(renewed("second")).into_response());
        stage.provider.on_other(move |call| {
            let is_first = call.headers["authorization"] == "Bearer first-access";
            if is_first || refused == "all" { refusal().into_response() } else { Json(empty_page()).into_response() }
        });
        assert_eq!(stage.endpoints(&browser).await.status, status, "{refused}");
        assert_eq!((stage.bearers(), stage.refreshes().len()), (bearers.iter().map(ToString::to_string).collect(), 1));
    }
}

/// Row D6.
async fn a_refresh_is_finished_and_kept_though_the_browser_has_left() {
    let stage = Arc::new(Stage::renewing().await);
    let browser = Arc::new(stage.log_in_with_transfer().await);
    stage.clock.advance(Duration::seconds(LIFE));
    let gate = stage.provider.hold_tokens();
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    let leaving = {
        let (stage, browser) = (stage.clone(), browser.clone());
        tokio::spawn(async move { stage.endpoints(&browser).await.status })
    };
    gate.arrival().await;
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    gate.open();
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.refreshes().len(), 1);
    assert!(stage.bearers().iter().all(|bearer| bearer == "Bearer second-access"), "{:?}", stage.bearers());
}

/// A page that needs a token, and then fails with an error or a panic.
fn failing_pages() -> Router<AppState> {
    async fn fails(user: LoggedIn) -> Result<StatusCode, AppError> {
        user.token(TRANSFER).await?;
        Ok(StatusCode::INTERNAL_SERVER_ERROR)
    }
    async fn panics(user: LoggedIn) -> Result<StatusCode, AppError> {
        user.token(TRANSFER).await?;
        panic!("right after the renewal");
    }
    Router::new().route("/fails", get(fails)).route("/panics", get(panics))
}

/// Row D6.
async fn a_renewed_token_is_kept_though_the_page_that_needed_it_fails() {
    let stage = Stage::with(|builder| builder.set("REFRESH_TOKENS", "true").pages(failing_pages())).await;
    let browser = stage.log_in_with_transfer().await;
    for (round, path) in ["/fails", "/panics"].into_iter().enumerate() {
        stage.clock.advance(Duration::seconds(LIFE));
        let name = format!("renewed-{round}");
        stage.provider.on_token(move |_| Json(renewed(&name)).into_response());
        let page = browser.get(&stage.portal.url(path)).await;
        assert_eq!((page.status.as_u16(), page.set_cookies()), (500, vec![]), "{}", page.body);
        // The next page finds the token in the store, and the next renewal the refresh token.
        assert_eq!(stage.endpoints(&browser).await.status, 200);
        assert_eq!(stage.bearers().last().unwrap(), &format!("Bearer renewed-{round}-access"));
    }
    let used: Vec<_> = stage.refreshes().iter().map(|call| call.field("refresh_token").unwrap().to_owned()).collect();
    assert_eq!(used, ["first-refresh", "renewed-0-refresh"]);
}
