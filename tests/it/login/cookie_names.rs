//! Cookies among neighbours: other portals on the same host, other programs on localhost.

use axum::{Json, response::IntoResponse as _};
use globus_portal::settings::{Settings, Sources};
use reqwest::Method;

use crate::harness::{
    Browser, Portal, PortalBuilder, Provider,
    steps::{assert_anonymous, assert_logged_in, let_in, log_in_at, raw, raw_header, sessions_in},
};

/// The cookies that a complete login sets, with their attributes.
async fn cookies_of(builder: PortalBuilder, provider: &Provider) -> Vec<String> {
    let portal = builder.start().await;
    let browser = Browser::new();
    let start = browser.get(&portal.url("/login")).await;
    let response = let_in(&portal, provider, &start.location(), "person-1");
    provider.on_token(move |_| Json(response.clone()).into_response());
    let back = browser.get(&portal.callback(&start.location(), "a-code")).await;
    [start.set_cookies(), back.set_cookies()].concat().into_iter().map(ToOwned::to_owned).collect()
}

/// Name and path of each.
fn names_and_paths(cookies: &[String]) -> Vec<(&str, &str)> {
    let path = |cookie: &str| cookie.find("; Path=").unwrap() + "; Path=".len();
    let pair = |cookie: &String| (cookie.find('=').unwrap(), path(cookie));
    let named = cookies.iter().map(|cookie| (cookie, pair(cookie)));
    named.map(|(cookie, (end, path))| (&cookie[..end], cookie[path..].split(';').next().unwrap())).collect()
}

/// Row E1, by root.
#[tokio::test]
async fn names_tell_the_root_and_the_path_keeps_cookies_to_it_where_the_prefix_allows() {
    let provider = Provider::start().await;
    let https = [("SERVER_NAME", "portal.example.org"), ("PREFERRED_URL_SCHEME", "https")];
    let custom = [("SESSION_COOKIE_NAME", "data")];
    for (root, settings, expected) in [
        ("/", &[][..], [("login", "/"), ("session", "/")]),
        ("/portal", &[], [("login-portal", "/portal"), ("session-portal", "/portal")]),
        ("/portal/", &[], [("login-portal", "/portal"), ("session-portal", "/portal")]),
        ("/a/b", &[], [("login-a+b", "/a/b"), ("session-a+b", "/a/b")]),
        ("/a-b", &[], [("login-a-b", "/a-b"), ("session-a-b", "/a-b")]),
        ("/portal", &custom, [("login-portal", "/portal"), ("data", "/portal")]),
        ("/", &https, [("__Host-login", "/"), ("__Host-session", "/")]),
        ("/portal", &https, [("__Host-login-portal", "/"), ("__Host-session-portal", "/")]),
    ] {
        let builder = Portal::with().provider(&provider).set("APPLICATION_ROOT", root);
        let builder = settings.iter().fold(builder, |builder, (key, value)| builder.set(key, value));
        let cookies = cookies_of(builder, &provider).await;
        assert_eq!(names_and_paths(&cookies), expected, "{root} {settings:?}");
        for cookie in &cookies {
            assert!(cookie.contains("; HttpOnly; SameSite=Lax;") && !cookie.contains("Domain"), "{cookie}");
            assert_eq!(cookie.contains("; Secure"), cookie.starts_with("__Host-"), "{cookie}");
        }
    }
}

#[tokio::test]
async fn two_portals_under_two_paths_of_one_host_do_not_sign_each_other_out() {
    let provider = Provider::start().await;
    let mut portals = Vec::new();
    for root in ["/", "/one", "/two", "/one/two", "/one-two"] {
        portals.push(Portal::with().provider(&provider).set("APPLICATION_ROOT", root).start().await);
    }
    // One browser, which sends every cookie to all of them.
    let browser = Browser::new();
    for portal in &portals {
        log_in_at(portal, &provider, &browser, "person-1").await;
    }
    for portal in &portals {
        assert_logged_in(portal, &browser).await;
    }
    let mut begun = Vec::new();
    for portal in &portals {
        begun.push(portal.begin_login(&browser, "").await);
    }
    browser.submit(&portals[1].url("/logout"), &[]).await;
    assert_anonymous(&portals[1], &browser).await;
    for (portal, authorize) in portals.iter().zip(&begun) {
        let response = let_in(portal, &provider, authorize, "person-2");
        provider.on_token(move |_| Json(response.clone()).into_response());
        assert_eq!(browser.get(&portal.callback(authorize, "a-code")).await.status, 303);
    }
    for portal in &portals {
        assert_logged_in(portal, &browser).await;
        assert_eq!(sessions_in(portal).await, 1);
    }
}

/// What Flask writes into a cookie called session on another port of localhost.
const OF_FLASK: &str = "eyJ1c2VyIjoibWlyYSJ9.aB3dEf.S0m3-S1gnature_of-itsdangerous";

/// Row E2.
#[tokio::test]
async fn a_cookie_of_another_program_disturbs_no_login_and_is_not_taken_away() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    browser.set_cookie("localhost", "session", OF_FLASK);
    browser.set_cookie("localhost", "login", OF_FLASK);
    assert_anonymous(&portal, &browser).await;
    for answer in [browser.get(&portal.url("/profile")).await, browser.submit(&portal.url("/logout"), &[]).await] {
        assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (303, 0));
    }
    assert_eq!(browser.cookie("localhost", "session").as_deref(), Some(OF_FLASK));
    log_in_at(&portal, &provider, &browser, "person-1").await;
    assert_logged_in(&portal, &browser).await;

    // With its own cookie name, both work side by side.
    let portal = Portal::with().provider(&provider).set("SESSION_COOKIE_NAME", "data-portal").start().await;
    let browser = Browser::new();
    browser.set_cookie("localhost", "session", OF_FLASK);
    log_in_at(&portal, &provider, &browser, "person-1").await;
    assert_logged_in(&portal, &browser).await;
    browser.submit(&portal.url("/logout"), &[]).await;
    assert_eq!(browser.cookie("localhost", "session").as_deref(), Some(OF_FLASK));
}

/// Asks for a page with this header.
async fn with_cookies(portal: &Portal, path: &str, cookies: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n");
    raw(portal, &request).await
}

/// Rows B12 and E2: with plain http another program can add a second cookie of the same name.
#[tokio::test]
async fn a_login_and_a_logout_work_with_a_second_session_cookie_and_end_what_is_ours() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let (own, planted) = (Browser::new(), Browser::new());
    log_in_at(&portal, &provider, &own, "person-1").await;
    log_in_at(&portal, &provider, &planted, "attacker").await;
    let values = [&own, &planted].map(|browser| portal.session_cookie(browser).unwrap());
    let both = format!("session={}; session={}", values[0], values[1]);

    // Neither of them gets the page.
    let page = with_cookies(&portal, "/profile", &both).await;
    assert!(page.starts_with("HTTP/1.1 400 ") && page.contains("href=\"/login\""), "{page}");
    assert!(!page.contains("person-1") && !page.contains("attacker"), "{page}");

    // A login ends both, so that no one else can use the browser's earlier one, and starts a third.
    let start = with_cookies(&portal, "/login", &both).await;
    assert!(start.starts_with("HTTP/1.1 303 "), "{start}");
    let login = raw_header(&start, "set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let authorize = raw_header(&start, "location").unwrap().parse().unwrap();
    let response = let_in(&portal, &provider, &authorize, "person-1");
    provider.on_token(move |_| Json(response.clone()).into_response());
    let callback = portal.callback(&authorize, "a-code");
    let path = callback.strip_prefix(&portal.base).unwrap();
    let back = with_cookies(&portal, path, &format!("{both}; {login}")).await;
    assert!(back.starts_with("HTTP/1.1 303 "), "{back}");
    assert_eq!(sessions_in(&portal).await, 1);
    for browser in [&own, &planted] {
        assert_anonymous(&portal, browser).await;
    }
    let fresh = back.lines().find_map(|line| line.split_once("session=")).unwrap().1[..22].to_owned();
    let alone = with_cookies(&portal, "/", &format!("session={fresh}")).await;
    assert!(alone.starts_with("HTTP/1.1 200 ") && alone.contains("person-1"), "{alone}");
    // The browser still has the other one: the page says so, without a loop.
    let still = with_cookies(&portal, "/", &format!("session={}; session={fresh}", values[1])).await;
    assert!(still.starts_with("HTTP/1.1 400 ") && still.contains("another program on this host"), "{still}");

    // A logout ends every session among them that is ours.
    log_in_at(&portal, &provider, &own, "person-1").await;
    let mine = portal.session_cookie(&own).unwrap();
    assert_eq!(sessions_in(&portal).await, 2);
    let sent = format!("session={OF_FLASK}; session={mine}; session={fresh}; session={}", values[0]);
    let out = with_cookies(&portal, "/logout", &sent).await;
    assert!(out.starts_with("HTTP/1.1 303 ") && out.contains("session=; "), "{out}");
    assert_eq!(sessions_in(&portal).await, 0);
    let signed_out = with_cookies(&portal, "/signed-out", &both).await;
    assert!(signed_out.starts_with("HTTP/1.1 200 "), "{signed_out}");
}

/// Row E2: hundreds of them cost no more than a few.
#[tokio::test]
async fn any_number_of_session_cookies_is_an_error_page_and_nothing_worse() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    let good = portal.session_cookie(&browser).unwrap();
    let many: String = (0..300).map(|n| format!("session={}{n:03}; ", &good[..19])).collect();
    for (path, status) in [("/", 400), ("/login", 303), ("/logout", 303), ("/login?code=a&state=b", 400)] {
        let answer = with_cookies(&portal, path, &format!("{many}session={good}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    let answer = browser.send(Method::GET, &portal.url("/"), &[], None).await;
    assert!(matches!(answer.status.as_u16(), 200 | 303), "{}", answer.body);
}

/// A configured name wins, unless another cookie of the same portal has it.
#[test]
fn the_names_of_the_other_cookies_are_refused_as_names_of_the_session_cookie() {
    let load = |settings: &[(&str, &str)]| {
        let environment = settings.iter().map(|(key, value)| (format!("GLOBUS_PORTAL_{key}"), (*value).to_owned()));
        let credentials = [("GLOBUS_PORTAL_APP_CLIENT_ID", "x"), ("GLOBUS_PORTAL_APP_CLIENT_SECRET", "y")];
        let credentials = credentials.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Settings::load(&Sources {
            file: "no such file".into(),
            file_required: false,
            environment: environment.chain(credentials).collect(),
            sandbox: None,
        })
    };
    for (root, scheme, name, expected) in [
        ("/", "http", "login", None),
        ("/", "http", "rounds", None),
        ("/", "https", "login", None),
        ("/", "https", "__Host-rounds", None),
        ("/portal", "http", "login-portal", None),
        ("/portal", "https", "rounds-portal", None),
        ("/portal", "http", "login", Some("login")),
        ("/portal", "http", "session", Some("session")),
        ("/portal", "https", "data", Some("__Host-data")),
        ("/portal", "https", "__Host-data", Some("__Host-data")),
    ] {
        let settings = [("APPLICATION_ROOT", root), ("PREFERRED_URL_SCHEME", scheme), ("SESSION_COOKIE_NAME", name)];
        match load(&settings) {
            Ok(settings) => assert_eq!(Some(&*settings.session_cookie_name), expected, "{root} {scheme} {name}"),
            Err(problems) => {
                assert_eq!(expected, None, "{root} {scheme} {name}: {problems}");
                assert_eq!(problems.0.len(), 1, "{problems}");
                assert!(problems.to_string().contains("uses this name for another cookie"), "{problems}");
            }
        }
    }
}
