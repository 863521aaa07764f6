//! Pages offer what the session can do with the granted scopes.

use axum::{Json, response::IntoResponse as _};
use serde_json::json;

use crate::harness::{Browser, MIRA, Portal, Provider, steps::let_in};

const TRANSFER: &str = "urn:globus:auth:scope:transfer.api.globus.org:all";

/// The front page of a person with these granted scopes of Transfer; `None` means no token at all.
async fn front_page(portal: &Portal, provider: &Provider, scope: Option<&str>) -> String {
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let mut response = let_in(portal, provider, &authorize, "person-1");
    let token = |scope| {
        json!({
            "access_token": "a", "scope": scope, "expires_in": 172_800, "token_type": "Bearer",
            "resource_server": "transfer.api.globus.org",
        })
    };
    response["other_tokens"] = scope.map(token).into_iter().collect();
    provider.on_token(move |_| Json(response.clone()).into_response());
    browser.follow(&portal.callback(&authorize, "a-code")).await.body
}

#[tokio::test]
async fn the_endpoints_are_offered_to_whoever_may_see_them() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let also = format!("urn:globus:auth:scope:transfer.api.globus.org:gcp_install {TRANSFER}");
    for (scope, offered) in [
        (Some(TRANSFER), true),
        (Some(&*also), true),
        (Some("urn:globus:auth:scope:transfer.api.globus.org:gcp_install"), false),
        (None, false),
    ] {
        let page = front_page(&portal, &provider, scope).await;
        assert!(page.contains("You are successfully logged in!") && page.contains("/profile"), "{page}");
        assert_eq!(page.contains("/endpoints"), offered, "{scope:?}: {page}");
    }
}

#[tokio::test]
async fn a_portal_that_asks_for_no_transfer_speaks_of_none() {
    let portal = Portal::with().set("SCOPES", "openid profile email").start().await;
    let browser = Browser::new();
    for page in [portal.log_in(&browser, MIRA).await, browser.get(&portal.url("/profile")).await] {
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(!page.body.contains("/endpoints") && !page.body.contains("ransfer"), "{}", page.body);
    }
    // Opened directly, it says what is missing, and offers nothing that would not help.
    let page = browser.get(&portal.url("/endpoints")).await;
    assert_eq!(page.status, 403, "{}", page.body);
    assert!(page.body.contains("A permission is missing") && !page.body.contains("/login"), "{}", page.body);

    // Nor do pages for people who are signed out, and error pages.
    browser.submit(&portal.url("/logout"), &[]).await;
    for path in ["/signed-out", "/nowhere", "/login?code=a&state=b", "/login?error=a"] {
        let page = browser.get(&portal.url(path)).await;
        assert!(!page.body.contains("/endpoints") && !page.body.contains("ransfer"), "{path}: {}", page.body);
    }
}
