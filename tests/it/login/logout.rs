//! Signing out: rows F1 to F6 of the security checklist.

use std::sync::Arc;

use axum::{
    Json,
    http::{StatusCode, header},
    response::IntoResponse as _,
};
use globus_portal::clock::Clock;
use reqwest::Method;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tokio::sync::Semaphore;

use crate::harness::{
    Browser, FailingStore, MIRA, Portal, Provider, parameter,
    place::on_every_store,
    provider::CLIENT_ID,
    steps::{assert_anonymous, assert_logged_in, key_of, let_in, log_in_at, sessions_in, until_revoked},
};

/// A login whose response has refresh tokens and a second resource server.
async fn log_in_with_all_tokens(portal: &Portal, provider: &Provider, browser: &Browser) {
    let authorize = portal.begin_login(browser, "").await;
    let mut response = let_in(portal, provider, &authorize, "person-1");
    response["refresh_token"] = "auth-refresh".into();
    response["other_tokens"] = json!([{
        "access_token": "transfer-access", "refresh_token": "transfer-refresh", "scope": "all", "expires_in": 172_800,
        "token_type": "Bearer", "resource_server": "transfer.api.globus.org",
    }]);
    provider.on_token(move |_| Json(response.clone()).into_response());
    assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 303);
}

/// Token and hint of every revocation so far, sorted.
fn revoked(provider: &Provider) -> Vec<(String, String)> {
    let pair = |name: &str| name.to_owned();
    let calls = provider.revoke_calls();
    let mut all: Vec<_> = calls
        .iter()
        .map(|call| (pair(call.field("token").unwrap()), pair(call.field("token_type_hint").unwrap())))
        .collect();
    all.sort();
    all
}

/// Lets two minutes pass, and revokes what is due then. Gives how many rows were revoked, how many could not be, and how
/// often Globus was asked.
async fn revoke_two_minutes_later(portal: &Portal, provider: &Provider, clock: &Clock) -> (usize, usize, usize) {
    let before = provider.revoke_calls().len();
    clock.advance(Duration::minutes(2));
    let (revoked, failed) = portal.app.tokens.revoke_due(None).await.unwrap();
    (revoked, failed, provider.revoke_calls().len() - before)
}

on_every_store! {
    every_token_of_the_session_is_revoked_once_with_the_apps_credentials
    after_a_logout_the_sandbox_takes_none_of_the_tokens
    a_globus_that_does_not_revoke_ends_the_session_all_the_same_and_is_asked_again
    a_globus_that_does_not_answer_holds_up_no_logout
    tokens_that_globus_never_revokes_do_not_keep_others_waiting
    however_many_tokens_are_due_they_are_revoked_in_one_go
    a_logout_without_a_session_or_a_second_one_leads_to_the_same_place
}

fn all_tokens() -> Vec<(String, String)> {
    [
        ("SENTINEL-auth-access-token", "access_token"),
        ("auth-refresh", "refresh_token"),
        ("transfer-access", "access_token"),
        ("transfer-refresh", "refresh_token"),
    ]
    .map(|(token, hint)| (token.to_owned(), hint.to_owned()))
    .to_vec()
}

/// Row F1.
async fn every_token_of_the_session_is_revoked_once_with_the_apps_credentials() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    log_in_with_all_tokens(&portal, &provider, &browser).await;
    assert_eq!(revoked(&provider), []);
    let out = browser.submit(&portal.url("/logout"), &[]).await;
    assert_eq!(out.status, 303);
    assert_eq!(revoked(&provider), all_tokens());
    for call in provider.revoke_calls() {
        assert!(call.headers[header::AUTHORIZATION].to_str().unwrap().starts_with("Basic "));
        assert_eq!((call.method.as_str(), call.uri.query()), ("POST", None));
    }
    assert_eq!(portal.app.tokens.revoke_due(None).await.unwrap(), (0, 0), "nothing is left to revoke");
    assert_anonymous(&portal, &browser).await;
}

/// Row F1.
async fn after_a_logout_the_sandbox_takes_none_of_the_tokens() {
    let portal = Portal::with().set("REFRESH_TOKENS", "yes").start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let key = key_of(&portal, &browser);
    let cookie = portal.session_cookie(&browser).unwrap();
    let auth = portal.app.tokens.fresh(key, "auth.globus.org").await.unwrap();
    let transfer = portal.app.tokens.fresh(key, "transfer.api.globus.org").await.unwrap();
    assert_eq!(browser.get(&portal.url("/logout")).await.status, 303);
    until_revoked(&portal, &auth).await;
    until_revoked(&portal, &transfer).await;
    assert_eq!(sessions_in(&portal).await, 0);
    let thief = Browser::new();
    thief.set_cookie("localhost", "session", &cookie);
    assert_anonymous(&portal, &thief).await;
}

/// Row F2.
async fn a_globus_that_does_not_revoke_ends_the_session_all_the_same_and_is_asked_again() {
    for status in [500, 503, 429, 400, 401, 302, 307] {
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let provider = Provider::start().await;
        let elsewhere = Provider::start().await;
        let portal = Portal::with().provider(&provider).clock(&clock).start().await;
        let browser = Browser::new();
        log_in_with_all_tokens(&portal, &provider, &browser).await;
        let location = format!("{}/v2/oauth2/token/revoke", elsewhere.base);
        provider.on_revoke(move |_| {
            (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, location.clone())]).into_response()
        });
        let out = browser.submit(&portal.url("/logout"), &[]).await;
        assert_eq!((out.status.as_u16(), out.location().path()), (303, "/v2/web/logout"), "{status}");
        assert_anonymous(&portal, &browser).await;
        assert_eq!((sessions_in(&portal).await, revoked(&provider)), (0, all_tokens()), "{status}");
        assert_eq!(elsewhere.revoke_calls().len(), 0, "{status}");

        assert_eq!(portal.app.tokens.revoke_due(None).await.unwrap(), (0, 0), "not at once");
        assert_eq!(revoke_two_minutes_later(&portal, &provider, &clock).await, (0, 2, 4), "{status}");
        provider.on_revoke(|_| Json(json!({"active": false})).into_response());
        assert_eq!(revoke_two_minutes_later(&portal, &provider, &clock).await, (2, 0, 4), "{status}");
        assert_eq!(revoke_two_minutes_later(&portal, &provider, &clock).await, (0, 0, 0), "{status}");
        let thrice: Vec<_> = all_tokens().into_iter().flat_map(|token| std::iter::repeat_n(token, 3)).collect();
        assert_eq!(revoked(&provider), thrice, "{status}");
    }
}

/// Row F2.
async fn a_globus_that_does_not_answer_holds_up_no_logout() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    let key = key_of(&portal, &browser);
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    provider.on_revoke(move |_| {
        let permit = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(held.acquire()));
        permit.unwrap().forget();
        Json(json!({"active": false})).into_response()
    });
    // Globus is released only after this has answered, so it cannot have waited for the end.
    let out = browser.submit(&portal.url("/logout"), &[]).await;
    assert_eq!((out.status.as_u16(), out.location().path()), (303, "/v2/web/logout"));
    assert_eq!(portal.app.tokens.revoke_due(Some(key)).await.unwrap(), (0, 0), "it is still under way");
    assert_eq!(sessions_in(&portal).await, 0);
    gate.add_permits(100);
    assert_anonymous(&portal, &browser).await;
}

/// Row F2.
async fn tokens_that_globus_never_revokes_do_not_keep_others_waiting() {
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).clock(&clock).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let mut response = let_in(&portal, &provider, &authorize, "person-1");
    let other = |number: usize| {
        json!({
            "access_token": format!("stuck-{number}"), "scope": "all", "expires_in": 172_800, "token_type": "Bearer",
            "resource_server": format!("stuck-{number}"),
        })
    };
    response["other_tokens"] = (0..200).map(other).collect();
    provider.on_token(move |_| Json(response.clone()).into_response());
    provider.on_revoke(|_| StatusCode::BAD_REQUEST.into_response());
    assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 303);
    browser.submit(&portal.url("/logout"), &[]).await;
    log_in_with_all_tokens(&portal, &provider, &browser).await;
    browser.submit(&portal.url("/logout"), &[]).await;

    provider.on_revoke(|call| {
        let stuck = call.field("token").unwrap().starts_with("stuck");
        if stuck { StatusCode::BAD_REQUEST.into_response() } else { StatusCode::OK.into_response() }
    });
    let before = provider.revoke_calls().len();
    let mut done = 0;
    for _ in 0..10 {
        clock.advance(Duration::minutes(2));
        done += portal.app.tokens.revoke_due(None).await.unwrap().0;
    }
    assert_eq!(done, 3, "Globus Auth's own of the first session, and both of the second");
    let calls = provider.revoke_calls();
    let good = calls[before..].iter().filter(|call| !call.field("token").unwrap().starts_with("stuck"));
    assert_eq!(good.count(), 5, "each of their tokens once");
}

/// Row F2.
async fn however_many_tokens_are_due_they_are_revoked_in_one_go() {
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).clock(&clock).start().await;
    provider.on_revoke(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    let browser = Browser::new();
    for _ in 0..70 {
        log_in_with_all_tokens(&portal, &provider, &browser).await;
        browser.submit(&portal.url("/logout"), &[]).await;
    }
    provider.on_revoke(|_| StatusCode::OK.into_response());
    assert_eq!(revoke_two_minutes_later(&portal, &provider, &clock).await, (140, 0, 280));
}

/// Row F4.
#[tokio::test]
async fn another_site_cannot_sign_a_person_out_without_their_word() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    log_in_with_all_tokens(&portal, &provider, &browser).await;
    let logout = portal.url("/logout");
    let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("accept", "text/html")];

    let asking: [(Method, &[(&str, &str)]); 8] = [
        (Method::GET, &[("sec-fetch-site", "cross-site")]),
        (Method::GET, &[("sec-fetch-site", "same-site")]),
        (Method::GET, &[("sec-fetch-site", "unheard-of")]),
        (Method::POST, &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]),
        (Method::POST, &[("sec-fetch-site", "cross-site"), ("origin", "null")]),
        (Method::POST, &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:1")]),
        (Method::POST, &[("origin", "https://evil.example")]),
        (Method::POST, &[("origin", "")]),
    ];
    for (method, headers) in asking {
        let all: Vec<_> = navigation.iter().chain(headers).copied().collect();
        let page = browser.send(method.clone(), &logout, &all, None).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (200, None), "{method} {headers:?}");
        assert!(page.body.contains("Do you want to sign out?"), "{}", page.body);
        assert_eq!(page.set_cookies().len(), 0);
        assert_logged_in(&portal, &browser).await;
    }

    let ignored: [(Method, &[(&str, &str)]); 7] = [
        (Method::GET, &[("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-site", "cross-site")]),
        (Method::GET, &[("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-site", "same-origin")]),
        (
            Method::GET,
            &[("sec-fetch-dest", "iframe"), ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "cross-site")],
        ),
        (
            Method::GET,
            &[("sec-fetch-dest", "iframe"), ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-origin")],
        ),
        (Method::GET, &[("sec-fetch-dest", "empty"), ("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")]),
        (Method::POST, &[("sec-fetch-dest", "empty"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-site", "cross-site")]),
        (
            Method::GET,
            &[("sec-purpose", "prefetch;prerender"), ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "none")],
        ),
    ];
    for (method, headers) in ignored {
        let page = browser.send(method.clone(), &logout, headers, None).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (403, None), "{method} {headers:?}");
        assert_eq!(page.set_cookies().len(), 0);
        assert_logged_in(&portal, &browser).await;
    }
    let head = browser.send(Method::HEAD, &logout, &[], None).await;
    assert_eq!((head.status.as_u16(), head.header("location")), (405, None));
    assert_logged_in(&portal, &browser).await;
    assert_eq!(revoked(&provider), []);
}

/// Row F4.
#[tokio::test]
async fn the_confirm_page_has_a_form_that_signs_out() {
    for root in ["/", "/portal"] {
        let provider = Provider::start().await;
        let portal = Portal::with().provider(&provider).set("APPLICATION_ROOT", root).start().await;
        let browser = Browser::new();
        log_in_with_all_tokens(&portal, &provider, &browser).await;
        let page = browser.get_with(&portal.url("/logout"), &[("sec-fetch-site", "cross-site")]).await;
        let form = page.body.split_once("<form method=\"post\" action=\"").unwrap().1;
        let action = page.url.join(form.split('"').next().unwrap()).unwrap();
        assert!(form.split("</form>").next().unwrap().contains("<button"));
        assert!(page.header("content-security-policy").unwrap().contains("form-action 'self'"));
        // Our pages send no referrer, so browsers send the origin of their forms as "null".
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("origin", "null"),
        ];
        let out = browser.send(Method::POST, action.as_str(), &headers, Some(&[])).await;
        assert_eq!((out.status.as_u16(), out.location().path()), (303, "/v2/web/logout"));
        assert_eq!(revoked(&provider), all_tokens());
        assert_anonymous(&portal, &browser).await;
    }
}

/// Row F4.
#[tokio::test]
async fn the_person_signs_out_from_our_pages_by_the_address_and_with_old_browsers() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let origin = portal.base.clone();
    let ways: [(Method, &[(&str, &str)]); 7] = [
        (Method::GET, &[]),
        (Method::POST, &[]),
        (Method::POST, &[("origin", &origin)]),
        (Method::POST, &[("origin", "null")]),
        (Method::GET, &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]),
        (
            Method::GET,
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
        ),
        (
            Method::POST,
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
        ),
    ];
    for (method, headers) in ways {
        let browser = Browser::new();
        log_in_at(&portal, &provider, &browser, "person-1").await;
        let out = browser.send(method.clone(), &portal.url("/logout"), headers, None).await;
        assert_eq!((out.status.as_u16(), sessions_in(&portal).await), (303, 0), "{method} {headers:?}");
        assert_eq!(portal.session_cookie(&browser), None);
    }
}

/// Row F5.
#[tokio::test]
async fn a_logout_leads_to_globus_with_our_own_address_and_to_no_other_place() {
    let portal = Portal::start().await;
    let query = "?next=//evil.example&rd=https://evil.example&redirect_uri=https://evil.example\
                 &redirect_name=SENTINEL&client_id=SENTINEL&post_logout_redirect_uri=https://evil.example";
    let headers = [("x-forwarded-host", "evil.example"), ("referer", "https://evil.example/")];
    for with_session in [true, false] {
        let browser = Browser::new();
        if with_session {
            portal.log_in(&browser, MIRA).await;
        }
        let out = browser.get_with(&portal.url(&format!("/logout{query}")), &headers).await;
        let location = out.location();
        assert_eq!(out.status, 303);
        assert!(location.as_str().starts_with(&format!("{}/v2/web/logout?", portal.globus)), "{location}");
        assert_eq!(location.query_pairs().count(), 3, "{location}");
        assert_eq!(parameter(&location, "client_id"), Some(portal.app.settings.client_id.clone()));
        assert_eq!(parameter(&location, "redirect_uri"), Some(portal.url("/signed-out")));
        assert_eq!(parameter(&location, "redirect_name").as_deref(), Some("Globus Example App"));
    }
}

/// Row F6.
async fn a_logout_without_a_session_or_a_second_one_leads_to_the_same_place() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let never = browser.get(&portal.url("/logout")).await;
    portal.log_in(&browser, MIRA).await;
    let cookie = portal.session_cookie(&browser).unwrap();
    let first = browser.submit(&portal.url("/logout"), &[]).await;
    browser.set_cookie("localhost", "session", &cookie);
    let again = browser.submit(&portal.url("/logout"), &[]).await;
    let later = browser.submit(&portal.url("/logout"), &[]).await;
    browser.set_cookie("localhost", "session", "no session of ours");
    let garbage = browser.get(&portal.url("/logout")).await;
    for answer in [&never, &first, &again, &later, &garbage] {
        assert_eq!((answer.status.as_u16(), answer.location()), (303, first.location()));
    }
    let farewell = browser.get(&portal.url("/signed-out")).await;
    assert!(farewell.status == 200 && farewell.body.contains("You are signed out"), "{}", farewell.body);
}

/// Row F6.
#[tokio::test]
async fn a_logout_with_a_dead_store_says_so_and_keeps_the_cookie_for_the_next_try() {
    let store = Arc::new(FailingStore::default());
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).store(store.clone()).start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    store.fail(true);
    for answer in [browser.submit(&portal.url("/logout"), &[]).await, browser.get(&portal.url("/logout")).await] {
        assert_eq!((answer.status.as_u16(), answer.header("location")), (503, None), "{}", answer.body);
        assert_eq!(answer.set_cookies().len(), 0);
        assert!(answer.headers.contains_key("retry-after") && !answer.body.contains("SENTINEL"), "{}", answer.body);
    }
    assert_eq!(Browser::new().get(&portal.url("/logout")).await.status, 303, "without a session it is not asked");
    assert_eq!(revoked(&provider), []);
    store.fail(false);
    assert_logged_in(&portal, &browser).await;
    assert_eq!(browser.submit(&portal.url("/logout"), &[]).await.status, 303);
    assert_eq!(revoked(&provider).len(), 1);
    assert_anonymous(&portal, &browser).await;
}

/// Only the log says who logged out.
#[tokio::test]
async fn a_store_that_does_not_say_who_logs_out_holds_up_no_logout() {
    let store = Arc::new(FailingStore::default());
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).store(store.clone()).start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    store.hang_lookups();
    let out = browser.submit(&portal.url("/logout"), &[]).await;
    assert_eq!((out.status.as_u16(), out.location().path()), (303, "/v2/web/logout"), "{}", out.body);
    assert_eq!((out.set_cookies().len(), revoked(&provider).len()), (1, 1));
    assert_eq!(sessions_in(&portal).await, 0);
}

/// The attributes of a cookie, sorted, without those that set or remove it.
fn attributes(cookie: &str) -> Vec<String> {
    let all = cookie.split("; ").skip(1).map(str::to_ascii_lowercase);
    let mut kept: Vec<String> =
        all.filter(|text| !text.starts_with("max-age") && !text.starts_with("expires")).collect();
    kept.sort();
    kept
}

/// Row F6.
#[tokio::test]
async fn the_cookie_is_removed_with_the_attributes_it_was_set_with() {
    for (server, scheme, name) in
        [("localhost:5000", "http", "session"), ("portal.example.org", "https", "__Host-session")]
    {
        let provider = Provider::start().await;
        let settings = Portal::with().set("SERVER_NAME", server).set("PREFERRED_URL_SCHEME", scheme);
        let portal = settings.provider(&provider).start().await;
        let browser = Browser::new();
        let login = log_in_at(&portal, &provider, &browser, "person-1").await;
        let out = browser.submit(&portal.url("/logout"), &[]).await;
        let (set, removed) = (login.set_cookies(), out.set_cookies());
        assert_eq!((set.len(), removed.len()), (1, 1), "{set:?} {removed:?}");
        assert!(set[0].starts_with(&format!("{name}=")) && removed[0].starts_with(&format!("{name}=;")), "{removed:?}");
        assert!(removed[0].contains("Max-Age=0"), "{removed:?}");
        assert_eq!(attributes(set[0]), attributes(removed[0]));
        assert!(attributes(set[0]).contains(&"path=/".to_owned()), "{set:?}");
        assert_eq!(attributes(set[0]).contains(&"secure".to_owned()), scheme == "https", "{set:?}");
        assert!(!set[0].to_ascii_lowercase().contains("domain"), "{set:?}");
        assert_eq!(browser.cookie("localhost", name), None);
        let location = out.location();
        assert_eq!(parameter(&location, "redirect_uri"), Some(format!("{scheme}://{server}/signed-out")));
        assert_eq!(parameter(&location, "client_id").as_deref(), Some(CLIENT_ID));
    }
}
