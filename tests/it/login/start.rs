//! How a login starts: rows A1 to A8 of the security checklist.

use std::collections::{BTreeMap, HashSet};

use aws_lc_rs::digest;
use axum::{Json, Router, response::IntoResponse as _, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::routes::logged_in::LoggedIn;
use reqwest::Method;
use url::Url;

use crate::harness::{
    Browser, MIRA, Portal, Provider, parameter,
    steps::{assert_logged_in, let_in, raw, raw_header, sessions_in},
};

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Row A1.
#[tokio::test]
async fn a_thousand_logins_never_share_a_state_a_nonce_or_a_challenge() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let mut seen = HashSet::new();
    for turn in 0..1000 {
        if turn % 4 == 0 {
            browser.forget_cookie("localhost", "login"); // Like a new browser.
        }
        let url = portal.begin_login(&browser, "").await;
        for name in ["state", "nonce", "code_challenge"] {
            let value = parameter(&url, name).unwrap();
            assert!(value.len() >= 22 && is_base64url(&value), "{name}: {value}");
            assert!(seen.insert(value), "{name} came twice");
        }
    }
    assert_eq!(seen.len(), 3000);
}

/// Row A2.
#[tokio::test]
async fn the_challenge_is_s256_and_the_verifier_leaves_only_for_the_token_endpoint() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    let start = browser.get(&portal.url("/login?code_challenge_method=plain")).await;
    let authorize = start.location();
    let challenge = parameter(&authorize, "code_challenge").unwrap();
    assert_eq!(parameter(&authorize, "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(challenge.len(), 43);

    let response = let_in(&portal, &provider, &authorize, "person-1");
    provider.on_token(move |_| Json(response.clone()).into_response());
    let cookies_before = browser.cookie_values();
    let back = browser.get(&portal.callback(&authorize, "a-code")).await;
    let pages = [browser.get(&portal.url("/")).await, browser.get(&portal.url("/profile")).await];
    assert_eq!((back.status.as_u16(), pages[0].status.as_u16(), pages[1].status.as_u16()), (303, 200, 200));

    let calls = provider.token_calls();
    let verifier = calls[0].field("code_verifier").unwrap().to_owned();
    assert_eq!(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())), challenge);
    assert!(calls[0].uri.query().is_none());
    let mut shown = [cookies_before, browser.cookie_values()].concat();
    for answer in [&start, &back].into_iter().chain(&pages) {
        shown.extend([answer.url.to_string(), format!("{:?}", answer.headers), answer.body.clone()]);
    }
    assert!(shown.len() > 12 && shown.iter().all(|text| !text.contains(&verifier)));
}

/// Row A3.
#[tokio::test]
async fn parameters_of_the_visitor_never_reach_globus() {
    let portal = Portal::start().await;
    let query = "?scope=SENTINEL&client_id=SENTINEL&redirect_uri=SENTINEL&nonce=SENTINEL&state=SENTINEL&prompt=none\
                 &access_type=SENTINEL&response_type=SENTINEL&code_challenge=SENTINEL&code_verifier=SENTINEL\
                 &login_hint=SENTINEL&session_required_mfa=true";
    let url = portal.begin_login(&Browser::new(), query).await;
    assert!(!url.as_str().contains("SENTINEL"), "{url}");
    let mut counts = BTreeMap::new();
    for (name, _) in url.query_pairs() {
        *counts.entry(name.into_owned()).or_insert(0) += 1;
    }
    let expected = [
        "access_type",
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    ];
    assert_eq!(counts, expected.into_iter().map(|name| (name.to_owned(), 1)).collect());
}

/// Row A4.
#[tokio::test]
async fn the_redirect_uri_is_the_configured_one_whatever_host_a_request_names() {
    let portal = Portal::start().await;
    let configured = portal.url("/login");
    let base = &portal.base;
    let own = base.trim_start_matches("http://");
    let requests = [
        "GET /login HTTP/1.1\r\nHost: evil.example\r\n".to_owned(),
        format!("GET /login HTTP/1.1\r\nHost: {own}\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n"),
        format!("GET /login HTTP/1.1\r\nHost: {own}\r\nForwarded: host=evil.example;proto=https\r\n"),
        format!("GET /login HTTP/1.1\r\nHost: {own}\r\nX-Forwarded-Prefix: /evil\r\nX-Original-URL: /evil\r\n"),
        "GET http://evil.example/login HTTP/1.1\r\nHost: evil.example\r\n".to_owned(),
        format!("GET http://evil.example/login HTTP/1.1\r\nHost: {own}\r\n"),
        "GET /login HTTP/1.0\r\n".to_owned(),
    ];
    for request in requests {
        let answer = raw(&portal, &format!("{request}Connection: close\r\n\r\n")).await;
        assert!(answer.contains(" 303 "), "{request}{answer}");
        let location = Url::parse(raw_header(&answer, "location").unwrap()).unwrap();
        assert!(location.as_str().starts_with(&portal.globus), "{location}");
        assert_eq!(parameter(&location, "redirect_uri").as_deref(), Some(&*configured), "{request}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    let page = "GET http://evil.example/profile HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let answer = raw(&portal, page).await;
    assert_eq!(raw_header(&answer, "location"), Some("/login?next=%2Fprofile"));
}

/// Row A5.
#[tokio::test]
async fn every_redirect_of_a_login_and_a_logout_is_a_303() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let front = browser.get(&portal.url("/")).await;
    let start = browser.get(front.location().as_str()).await;
    let back = portal.decide(&browser, &start.location(), MIRA, "allow").await;
    let returned = browser.get(back.as_str()).await;
    let again = browser.get(back.as_str()).await;
    let out = browser.submit(&portal.url("/logout"), &[]).await;
    let out_again = browser.get(&portal.url("/logout")).await;
    for answer in [front, start, returned, again, out, out_again] {
        assert_eq!(answer.status, 303, "{}", answer.url);
        assert!(answer.headers.contains_key("location"));
    }
}

fn cookie_bytes(browser: &Browser) -> usize {
    let names = ["session", "login"];
    let of_portal = names.map(|name| browser.cookie("localhost", name).map_or(0, |value| name.len() + value.len() + 3));
    of_portal.iter().sum()
}

/// Row A6.
#[tokio::test]
async fn twenty_tabs_finish_their_logins_in_any_order() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let mut tabs = Vec::new();
    for tab in 0..20 {
        let next = format!("/endpoints?page=1&tab={tab}");
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        tabs.push((portal.begin_login(&browser, &format!("?next={query}")).await, next));
    }
    // 7 and 20 have no common divisor, so this visits every tab once, in a mixed order.
    for turn in 0..20 {
        let (authorize, next) = &tabs[(turn * 7 + 13) % 20];
        let back = portal.decide(&browser, authorize, MIRA, "allow").await;
        let answer = browser.get(back.as_str()).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(&**next)), "{}", answer.body);
        assert_logged_in(&portal, &browser).await;
        assert!(cookie_bytes(&browser) < 4096);
        assert_eq!(sessions_in(&portal).await, 1, "each login ends the session before it");
    }
}

/// Row A6.
#[tokio::test]
async fn a_thousand_abandoned_logins_leave_one_small_cookie_and_nothing_in_the_store() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let first = portal.begin_login(&browser, "").await;
    for _ in 0..1000 {
        portal.begin_login(&browser, "?next=/profile").await;
        assert!(cookie_bytes(&browser) < 100);
    }
    assert_eq!(browser.cookie_values().len(), 1);
    assert_eq!(sessions_in(&portal).await, 0);
    let back = portal.decide(&browser, &first, MIRA, "allow").await;
    assert_eq!(browser.get(back.as_str()).await.header("location"), Some("/"));
    assert_logged_in(&portal, &browser).await;
}

/// Row A7.
#[tokio::test]
async fn what_is_no_navigation_gets_401_without_location_or_cookie() {
    let portal = Portal::start().await;
    let conditions: [&[(&str, &str)]; 22] = [
        &[("sec-fetch-mode", "cors")],
        &[("sec-fetch-mode", "no-cors")],
        &[("sec-fetch-mode", "same-origin")],
        &[("sec-fetch-mode", "websocket")],
        &[("sec-fetch-mode", "")],
        &[("sec-fetch-dest", "empty")],
        &[("sec-fetch-dest", "iframe")],
        &[("sec-fetch-dest", "frame")],
        &[("sec-fetch-dest", "image")],
        &[("sec-fetch-dest", "script")],
        &[("sec-fetch-dest", "object")],
        &[("x-requested-with", "XMLHttpRequest")],
        &[("x-requested-with", "xmlhttprequest")],
        &[("x-requested-with", "org.example.app, XMLHttpRequest")],
        &[("upgrade", "WebSocket")],
        &[("upgrade", "h2c, websocket")],
        &[("accept", "application/json")],
        &[("accept", "image/avif,image/webp")],
        &[("accept", "text/event-stream")],
        &[("accept", "")],
        &[("upgrade", "websocket"), ("connection", "upgrade")],
        &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("accept", "*/*")],
    ];
    let browser = Browser::new();
    for (path, login) in [
        ("/", "/login"),
        ("/profile", "/login?next=%2Fprofile"),
        ("/endpoints?page=2", "/login?next=%2Fendpoints%3Fpage%3D2"),
    ] {
        for condition in conditions {
            let answer = browser.get_with(&portal.url(path), condition).await;
            assert_eq!(answer.status, 401, "{path} {condition:?}");
            assert_eq!((answer.header("location"), answer.set_cookies().len()), (None, 0), "{path} {condition:?}");
            assert!(answer.body.contains(&format!("href=\"{login}\">Sign in<")), "{path}: {}", answer.body);
        }
        for (method, status) in [(Method::HEAD, 401), (Method::POST, 405), (Method::PUT, 405), (Method::DELETE, 405)] {
            let answer = browser.send(method.clone(), &portal.url(path), &[], None).await;
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!((answer.header("location"), answer.set_cookies().len()), (None, 0), "{method} {path}");
        }
    }
}

/// Row A7: judged by the value, for apps send their names and clients offer protocols.
#[tokio::test]
async fn an_apps_web_view_and_an_offer_of_http_2_are_navigations_like_any_other() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    let conditions: [&[(&str, &str)]; 8] = [
        &[("x-requested-with", "org.example.app")],
        &[("x-requested-with", "com.google.android.gm")],
        &[("x-requested-with", "org.example.XMLHttpRequest")],
        &[("x-requested-with", "")],
        &[
            ("upgrade", "h2c"),
            ("connection", "upgrade, http2-settings"),
            ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
        ],
        &[("upgrade", "TLS/1.3, h2c"), ("connection", "upgrade")],
        &[("upgrade", "")],
        &[("x-requested-with", "org.example.app"), ("upgrade", "h2c")],
    ];
    for condition in conditions {
        let answer = browser.get_with(&portal.url("/profile"), condition).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/login?next=%2Fprofile")));
        assert_eq!(answer.set_cookies().len(), 0, "{condition:?}");
        let start = browser.get_with(answer.location().as_str(), condition).await;
        assert!(start.status == 303 && start.location().as_str().starts_with(&portal.globus), "{condition:?}");
    }
}

/// Row A7: whatever answers 401, the page offers a way to sign in.
#[tokio::test]
async fn every_page_that_says_401_offers_to_sign_in() {
    async fn plain() -> (axum::http::StatusCode, &'static str) {
        (axum::http::StatusCode::UNAUTHORIZED, "no")
    }
    async fn mine(_: LoggedIn) -> &'static str {
        "mine"
    }
    let more = Router::new().route("/plain", get(plain)).route("/mine", get(mine).post(mine));
    let portal = Portal::with().set("APPLICATION_ROOT", "/portal").pages(more).start().await;
    let browser = Browser::new();
    let plain = browser.get(&portal.url("/plain")).await;
    let post = browser.submit(&portal.url("/mine"), &[]).await;
    let get = browser.get_with(&portal.url("/mine?a=b"), &[("accept", "application/json")]).await;
    for (answer, login) in
        [(plain, "/portal/login"), (post, "/portal/login"), (get, "/portal/login?next=%2Fportal%2Fmine%3Fa%3Db")]
    {
        assert_eq!((answer.status.as_u16(), answer.header("location")), (401, None), "{}", answer.body);
        assert!(answer.body.contains(&format!("href=\"{login}\">Sign in<")), "{}", answer.body);
    }
}

/// Row A7.
#[tokio::test]
async fn a_form_sent_by_nobody_gets_401() {
    async fn mine(_: LoggedIn) -> &'static str {
        "mine"
    }
    let portal = Portal::with().pages(Router::new().route("/mine", get(mine).post(mine))).start().await;
    let answer = Browser::new().submit(&portal.url("/mine"), &[("a", "b")]).await;
    assert_eq!(answer.status, 401);
    assert_eq!((answer.header("location"), answer.set_cookies().len()), (None, 0));
}

/// Row A7.
#[tokio::test]
async fn a_program_that_takes_anything_is_led_to_the_login() {
    let portal = Portal::start().await;
    for path in ["/", "/profile", "/endpoints"] {
        for headers in ["Accept: */*\r\n", "", "Accept: text/html\r\n", "Accept: TEXT/HTML; q=0.9\r\n"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n");
            let answer = raw(&portal, &request).await;
            assert!(answer.starts_with("HTTP/1.1 303 "), "{request}{answer}");
            assert!(raw_header(&answer, "location").unwrap().starts_with("/login"), "{answer}");
            assert_eq!(raw_header(&answer, "set-cookie"), None);
        }
    }
}

/// Row A8.
#[tokio::test]
async fn a_login_asked_for_ahead_of_time_or_by_head_does_not_begin() {
    let portal = Portal::start().await;
    for purpose in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("sec-purpose", "prefetch;anonymous-client-ip"),
        ("purpose", "prefetch"),
    ] {
        let answer = Browser::new().get_with(&portal.url("/login"), &[purpose]).await;
        assert!(answer.status.is_client_error(), "{purpose:?}: {}", answer.status);
        assert_eq!((answer.header("location"), answer.set_cookies().len()), (None, 0), "{purpose:?}");
    }
    let answer = Browser::new().send(Method::HEAD, &portal.url("/login"), &[], None).await;
    assert_eq!(answer.status, 405);
    assert_eq!((answer.header("location"), answer.set_cookies().len()), (None, 0));
}
