//! What a browser sees when its session was ended elsewhere: row E10.

use axum::{Json, response::IntoResponse as _};
use globus_portal::clock::Clock;
use time::{Duration, OffsetDateTime};

use crate::harness::{
    Answer, Browser, JONAS, MIRA, Portal, Provider, parameter,
    place::on_every_store,
    steps::{assert_anonymous, assert_logged_in, key_of, let_in, log_in_at},
};

on_every_store! {
    a_browser_whose_session_was_ended_elsewhere_learns_so_and_authenticates_again
    a_login_that_was_begun_before_the_end_is_not_completed_without_authentication
    an_end_of_ones_own_or_by_age_or_by_another_login_asks_for_nothing
}

async fn end_others(portal: &Portal, browser: &Browser) {
    let ended =
        browser.submit(&portal.url("/sessions"), &[("end", "others"), ("csrf_token", &portal.csrf(browser))]).await;
    assert_eq!(ended.status, 303, "{}", ended.body);
}

fn assert_says_so(answer: &Answer, next: &str) {
    assert_eq!((answer.status.as_u16(), answer.header("location")), (401, None), "{}", answer.body);
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert!(answer.body.contains("Your session was ended"), "{}", answer.body);
    assert!(answer.body.contains(&format!("href=\"{next}\">Sign in again<")), "{}", answer.body);
}

async fn a_browser_whose_session_was_ended_elsewhere_learns_so_and_authenticates_again() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let (here, lost) = (Browser::new(), Browser::new());
    log_in_at(&portal, &provider, &here, "person-1").await;
    log_in_at(&portal, &provider, &lost, "person-1").await;
    end_others(&portal, &here).await;

    for _ in 0..2 {
        assert_says_so(&lost.get(&portal.url("/")).await, "/login");
        let page = lost.get(&portal.url("/endpoints?page=2")).await;
        assert_says_so(&page, "/login?next=%2Fendpoints%3Fpage%3D2");
    }
    // A request that is not a navigation gets a 401 as always.
    let by_script = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
    let script = lost.get_with(&portal.url("/profile"), &by_script).await;
    assert_eq!((script.status.as_u16(), script.set_cookies().len()), (401, 0));
    assert!(script.body.contains("href=\"/login?next=%2Fprofile\">Sign in<"), "{}", script.body);

    // Also when the browser goes to the login directly, and each time.
    for query in ["", "?next=/profile", "?prompt=none"] {
        let authorize = portal.begin_login(&lost, query).await;
        assert_eq!(authorize.query_pairs().filter(|(name, _)| name == "prompt").count(), 1, "{authorize}");
        assert_eq!(parameter(&authorize, "prompt").as_deref(), Some("login"));
    }
    // A successful login clears that.
    log_in_at(&portal, &provider, &lost, "person-1").await;
    assert_logged_in(&portal, &lost).await;
    assert_eq!(parameter(&portal.begin_login(&lost, "").await, "prompt"), None);
    lost.submit(&portal.url("/logout"), &[]).await;
    assert_anonymous(&portal, &lost).await;
    assert_eq!(parameter(&portal.begin_login(&lost, "").await, "prompt"), None);
    assert_logged_in(&portal, &here).await;
    assert_eq!(parameter(&portal.begin_login(&Browser::new(), "").await, "prompt"), None);
}

async fn a_login_that_was_begun_before_the_end_is_not_completed_without_authentication() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let lost = Browser::new();
    log_in_at(&portal, &provider, &lost, "person-1").await;
    let before = portal.begin_login(&lost, "?next=/profile").await;
    portal.app.records.end_from_elsewhere(&[key_of(&portal, &lost)]).await.1.unwrap();
    let calls = provider.token_calls().len();
    assert_says_so(&lost.get(&portal.callback(&before, "a-code")).await, "/login?next=%2Fprofile");
    assert_eq!(provider.token_calls().len(), calls);

    let after = portal.begin_login(&lost, "?next=/profile").await;
    let response = let_in(&portal, &provider, &after, "person-1");
    provider.on_token(move |_| Json(response.clone()).into_response());
    let back = lost.get(&portal.callback(&after, "a-code")).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, Some("/profile")), "{}", back.body);
    assert_logged_in(&portal, &lost).await;
}

async fn an_end_of_ones_own_or_by_age_or_by_another_login_asks_for_nothing() {
    let provider = Provider::start().await;
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let portal = Portal::with().provider(&provider).clock(&clock).start().await;
    let by_person = Browser::new();
    log_in_at(&portal, &provider, &by_person, "person-1").await;
    let cookie = portal.session_cookie(&by_person).unwrap();
    by_person.submit(&portal.url("/logout"), &[]).await;
    // A browser that has kept the cookie anyway.
    by_person.set_cookie("localhost", "session", &cookie);

    let superseded = Browser::new();
    log_in_at(&portal, &provider, &superseded, "person-1").await;
    let cookie = portal.session_cookie(&superseded).unwrap();
    log_in_at(&portal, &provider, &superseded, "person-2").await;
    superseded.set_cookie("localhost", "session", &cookie);

    let by_age = Browser::new();
    log_in_at(&portal, &provider, &by_age, "person-1").await;
    clock.advance(Duration::hours(9));
    for browser in [&by_person, &superseded, &by_age] {
        assert_anonymous(&portal, browser).await;
        assert_eq!(parameter(&portal.begin_login(browser, "").await, "prompt"), None);
    }
}

/// End to end on the sandbox: it would sign the browser in without asking, and now it asks.
#[tokio::test]
async fn globus_asks_who_it_is_though_the_browser_is_still_signed_in_there() {
    let portal = Portal::start().await;
    let (here, lost) = (Browser::new(), Browser::new());
    portal.log_in(&here, MIRA).await;
    portal.log_in(&lost, MIRA).await;
    end_others(&portal, &here).await;
    let authorize = portal.begin_login(&lost, "").await;
    let page = lost.get(authorize.as_str()).await;
    assert!(page.status == 200 && page.body.contains("Who are you?"), "{} {}", page.status, page.body);
    let page = portal.log_in(&lost, JONAS).await;
    assert!(page.body.contains(JONAS), "{}", page.body);
    assert_logged_in(&portal, &lost).await;
}
