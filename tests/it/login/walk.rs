//! The walk of a visitor: log in, look around, log out, and log in as another person.

use crate::harness::{AMARA, Browser, JONAS, MIRA, Portal, QUIRK};

#[tokio::test]
async fn a_visitor_logs_in_sees_who_they_are_and_logs_out() {
    let portal = Portal::start().await;
    let browser = Browser::new();

    let front = browser.get(&portal.url("/")).await;
    assert_eq!((front.status.as_u16(), front.header("location")), (303, Some("/login")));

    let page = portal.log_in(&browser, MIRA).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("You are successfully logged in!"), "{}", page.body);
    assert!(page.body.contains(MIRA));

    let profile = browser.get(&portal.url("/profile")).await;
    assert_eq!(profile.status, 200);
    assert!(profile.body.contains("transfer.api.globus.org"));

    let out = browser.submit(&portal.url("/logout"), &[]).await;
    assert_eq!(out.status, 303);
    let location = out.location();
    assert_eq!(location.path(), "/v2/web/logout");
    assert!(location.as_str().starts_with(&portal.globus));
    let farewell = browser.follow(location.as_str()).await;
    assert!(farewell.body.contains("/signed-out"), "{}", farewell.body);

    let front = browser.get(&portal.url("/")).await;
    assert_eq!((front.status.as_u16(), front.header("location")), (303, Some("/login")));
}

/// Row J7, at its end.
#[tokio::test]
async fn endpoints_are_shown_page_by_page_and_an_empty_list_helps() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, JONAS).await;
    let first = browser.get(&portal.url("/endpoints")).await;
    assert!(first.body.contains("/endpoints?page=2"), "{}", first.body);
    let third = browser.get(&portal.url("/endpoints?page=3")).await;
    assert!(third.body.contains("/endpoints?page=2") && !third.body.contains("/endpoints?page=4"), "{}", third.body);

    let other = Browser::new();
    portal.log_in(&other, AMARA).await;
    let empty = other.get(&portal.url("/endpoints")).await;
    assert!(empty.body.contains("Globus Connect Personal"), "{}", empty.body);

    let hostile = Browser::new();
    portal.log_in(&hostile, QUIRK).await;
    let page = hostile.get(&portal.url("/endpoints")).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("<script"), "{}", page.body);
}
