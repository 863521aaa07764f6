//! A person's groups and consents.

use crate::harness::{Answer, Browser, MIRA, Portal};

/// Opens a page that needs a scope which the login did not ask for.
async fn open_with_consent(portal: &Portal, browser: &Browser, path: &str) -> Answer {
    let login = browser.get(&portal.url(path)).await.location();
    let authorize = browser.get(login.as_str()).await.location();
    let back = portal.decide(browser, &authorize, MIRA, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, path), "{}", page.body);
    page
}

#[tokio::test]
async fn groups_are_listed_with_roles_after_one_consent() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let page = open_with_consent(&portal, &browser, "/groups").await;
    assert!(page.body.contains("Administrator") || page.body.contains("Member"), "{}", page.body);
    assert_eq!(browser.get(&portal.url("/groups")).await.status, 200, "asked once");
}

#[tokio::test]
async fn consents_are_listed_as_globus_has_them() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let profile = browser.get(&portal.url("/profile")).await;
    assert!(profile.body.contains("href=\"/consents\""), "{}", profile.body);
    open_with_consent(&portal, &browser, "/consents").await;
    // The consent to a collection's data is a part of that to Transfer.
    let collection = "/collections/7e57ab1e-0000-4000-8000-000000000002";
    let login = browser.get(&portal.url(collection)).await.location();
    let authorize = browser.get(login.as_str()).await.location();
    let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
    assert_eq!(browser.follow(back.as_str()).await.status, 200);
    let page = browser.get(&portal.url("/consents")).await;
    let order = ["transfer.api.globus.org:all</bdi>", "Part of the above", "/data_access</bdi>"];
    let places: Vec<_> =
        order.map(|text| page.body.find(text).unwrap_or_else(|| panic!("{text}: {}", page.body))).into();
    assert!(places.is_sorted(), "{}", page.body);
    assert!(page.body.contains("auth.globus.org:view_consents") && page.body.contains("<time datetime="));
    assert!(page.body.contains("/v2/web/consents?client_id="), "{}", page.body);
}
