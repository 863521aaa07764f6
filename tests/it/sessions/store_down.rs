//! A page that needs a token while something is down says what is down: this site's store, or Globus.

use std::{error::Error as _, sync::Arc};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use globus_portal::session::store::{Store as _, StoreError};
use serde_json::json;

use crate::harness::{
    Browser, FailingStore, Portal, Provider, parameter,
    provider::{id_token, token_response},
};

/// A browser that is logged in with a renewable Transfer token.
async fn visit(store: &Arc<FailingStore>) -> (Provider, Portal, Browser) {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).store(store.clone()).set("REFRESH_TOKENS", "true").start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let claims =
        provider.good_claims(&parameter(&authorize, "nonce").unwrap(), portal.app.clock.now().unix_timestamp());
    let mut response = token_response(&id_token(&claims));
    response["other_tokens"] = json!([{
        "access_token": "access", "refresh_token": "refresh", "scope": "all", "expires_in": 3600,
        "token_type": "Bearer", "resource_server": "transfer.api.globus.org", "state": "s",
    }]);
    provider.on_token(move |_| Json(response.clone()).into_response());
    assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 303);
    (provider, portal, browser)
}

fn refused() -> axum::response::Response {
    (StatusCode::UNAUTHORIZED, Json(json!({"code": "AuthenticationFailed", "message": "no"}))).into_response()
}

#[tokio::test]
async fn a_store_that_goes_down_while_a_refused_token_is_renewed_is_not_called_a_failure_of_globus() {
    let store = Arc::new(FailingStore::default());
    let (provider, portal, browser) = visit(&store).await;
    let failing = store.clone();
    provider.on_other(move |_| {
        failing.fail(true);
        refused()
    });
    let page = browser.get(&portal.url("/endpoints")).await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (503, Some("10")), "{}", page.body);
    assert!(page.body.contains("This site cannot look up sessions at the moment"), "{}", page.body);
    assert!(!page.body.contains("not responding") && !page.body.contains("SENTINEL"), "{}", page.body);

    store.fail(false);
    provider.on_token(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    provider.on_other(|_| refused());
    let page = browser.get(&portal.url("/endpoints")).await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (503, Some("10")), "{}", page.body);
    assert!(page.body.contains("Globus is not responding properly"), "{}", page.body);
    assert!(!page.body.contains("cannot look up sessions"), "{}", page.body);
}

#[tokio::test]
async fn an_error_of_a_store_holds_its_cause_beside_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no-folder").join("sessions.sqlite");
    let error = globus_portal::session::store::SqliteStore::open(&file).await.unwrap_err();
    assert!(error.to_string().starts_with("the session store: cannot open "), "{error}");
    assert!(error.source().is_some_and(|source| source.is::<std::io::Error>()), "{error:?}");

    let store = FailingStore::default();
    store.fail(true);
    let outer: StoreError = store.probe().await.unwrap_err().within("cannot start");
    assert_eq!(outer.to_string(), "the session store: cannot start: SENTINEL-store-error: no such host db.internal");
}
