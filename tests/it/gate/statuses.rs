//! nginx and Envoy: a status for each case, and no other.

use std::sync::Arc;

use super::{IDENTITY, JONAS, MIRA, ask, assert_identity, signed_in, with};
use crate::harness::{Browser, FailingStore};

#[tokio::test]
async fn each_case_has_its_status_and_a_yes_names_the_person() {
    let portal = with("").start().await;
    let (mira, nobody) = (signed_in(&portal, MIRA).await, Browser::new());
    for (path, yes) in [("/oauth2/auth", 202), ("/oauth2/auth/default", 202), ("/oauth2/authz/default/any/path", 200)] {
        let answer = ask(&portal, &mira, path, &[]).await;
        assert_eq!(answer.status, yes, "{path}: {}", answer.body);
        assert_identity(&answer, MIRA);
        assert_eq!(answer.header("x-auth-request-user"), Some("f8907a41-b87f-4770-b2b4-cabdd1f151d5"));
        assert_eq!(answer.header("x-auth-request-organization"), Some("Northfield University"));
        assert_eq!((answer.header("cache-control"), &*answer.body), (Some("no-store"), ""));
        assert!(answer.set_cookies().is_empty(), "row H3");
        assert_eq!(ask(&portal, &nobody, path, &[]).await.status, 401, "{path}");
    }
    // Row H4: signed in, and not allowed. A policy that is not there is one that lets nobody in.
    for path in ["jonas", "closed", "nowhere", "DEFAULT", "default%00"] {
        for gate in ["auth", "authz"] {
            let answer = ask(&portal, &mira, &format!("/oauth2/{gate}/{path}"), &[]).await;
            assert_eq!(answer.status, 403, "{path}");
            assert!(IDENTITY.iter().all(|name| answer.header(name).is_none()), "{path}: {:?}", answer.headers);
        }
    }
    let jonas = signed_in(&portal, JONAS).await;
    assert_identity(&ask(&portal, &jonas, "/oauth2/auth/jonas", &[]).await, JONAS);
}

/// Row H17: nobody can tell whether a session exists.
#[tokio::test]
async fn no_cookie_an_unknown_one_and_an_ended_one_get_the_same_answer() {
    let portal = with("").start().await;
    let ended = signed_in(&portal, MIRA).await;
    let cookie = portal.session_cookie(&ended).unwrap();
    let csrf = portal.csrf(&ended);
    ended.submit(&portal.url("/logout"), &[("csrf_token", &csrf)]).await;
    ended.set_cookie("localhost", "session", &cookie);
    let (unknown, nonsense) = (Browser::new(), Browser::new());
    unknown.set_cookie("localhost", "session", "AAAAAAAAAAAAAAAAAAAAAA");
    nonsense.set_cookie("localhost", "session", "no session at all");
    let reference = ask(&portal, &Browser::new(), "/oauth2/auth", &[]).await;
    for browser in [&ended, &unknown, &nonsense] {
        let answer = ask(&portal, browser, "/oauth2/auth", &[]).await;
        assert_eq!((answer.status, &answer.body), (reference.status, &reference.body));
        let names =
            |answer: &crate::harness::Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&answer), names(&reference));
    }
    // Two sessions in one request: nobody knows whose it is.
    let mira = signed_in(&portal, MIRA).await;
    let two = format!("session={}; session=AAAAAAAAAAAAAAAAAAAAAA", portal.session_cookie(&mira).unwrap());
    assert_eq!(ask(&portal, &Browser::new(), "/oauth2/auth", &[("cookie", &two)]).await.status, 401);
}

/// Row H5: neither yes nor no, and no storm of logins.
#[tokio::test]
async fn a_store_that_is_down_is_503_everywhere() {
    let store = Arc::new(FailingStore::default());
    let portal = with("").store(store.clone()).start().await;
    let mira = signed_in(&portal, MIRA).await;
    store.fail(true);
    // A session that the portal knows needs no store; one that it does not know does.
    let stranger = Browser::new();
    stranger.set_cookie("localhost", "session", "AAAAAAAAAAAAAAAAAAAAAA");
    let forward = super::forwarded(&portal, "GET", "/app/");
    for (path, headers) in [("/oauth2/auth", &[][..]), ("/oauth2/authz/default", &[]), ("/oauth2/forward", &forward)] {
        let answer = ask(&portal, &stranger, path, headers).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.body);
        assert_eq!(answer.header("location"), None);
    }
    store.fail(false);
    assert_eq!(ask(&portal, &mira, "/oauth2/auth", &[]).await.status, 202);
}

/// Rows H1, H7, H10 and H11: nothing that a visitor sends decides anything.
#[tokio::test]
async fn nothing_of_a_visitors_request_but_the_cookie_counts_for_nginx() {
    let portal = with("").start().await;
    let (mira, nobody) = (signed_in(&portal, MIRA).await, Browser::new());
    let own = [
        ("accept", "text/html"),
        ("sec-fetch-mode", "navigate"),
        ("x-original-url", "http://localhost/open/"),
        ("x-forwarded-uri", "/open/"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-forwarded-prefix", "/evil"),
        ("x-rewrite-url", "/open/"),
        ("forwarded", "for=127.0.0.1;host=evil.example"),
        ("user-agent", "kube-probe/1.30"),
        ("x-auth-request-user", "root"),
        ("x_auth_request_user", "root"),
        ("authorization", "Bearer nonsense"),
        ("content-length", "0"),
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
    ];
    for one in own.iter().map(std::slice::from_ref).chain([&own[..13]]) {
        assert_eq!(ask(&portal, &nobody, "/oauth2/auth", one).await.status, 401, "{one:?}");
        assert_eq!(ask(&portal, &mira, "/oauth2/auth/jonas", one).await.status, 403, "{one:?}");
        let answer = ask(&portal, &mira, "/oauth2/auth", one).await;
        assert_eq!(answer.status, 202, "{one:?}");
        assert_identity(&answer, MIRA);
    }
    // A query narrows, as oauth2-proxy's does, or is a visitor's: it never widens.
    for query in ["?allowed_groups=x", "?policy=default", "?x", "?rd=/"] {
        assert_eq!(ask(&portal, &mira, &format!("/oauth2/auth{query}"), &[]).await.status, 403, "{query}");
        assert_eq!(ask(&portal, &mira, &format!("/oauth2/auth/jonas{query}"), &[]).await.status, 403, "{query}");
    }
    assert_eq!(ask(&portal, &mira, "/oauth2/auth?", &[]).await.status, 202, "nothing is no query");
}

#[tokio::test]
async fn the_gate_works_below_a_path_at_both_places() {
    let portal = with("").set("APPLICATION_ROOT", "/portal").start().await;
    let mira = Browser::new();
    portal.log_in(&mira, MIRA).await;
    let bare = portal.base.trim_end_matches("/portal");
    for url in [format!("{bare}/oauth2/auth"), format!("{bare}/portal/oauth2/auth")] {
        assert_identity(&mira.get(&url).await, MIRA);
    }
    let start = Browser::new().get(&format!("{bare}/oauth2/start?rd=/app/?x=1%262")).await;
    assert_eq!(start.header("location"), Some("/portal/login?next=%2Fapp%2F%3Fx%3D1%25262"));
}
