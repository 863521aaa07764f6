//! What every answer carries, what cookies look like, and what happens to cookies that are not ours: rows E1, E2, E9, K1,
//! K3 and K5 of the security checklist.

use std::sync::Arc;

use axum::{Json, Router, http::StatusCode, response::IntoResponse as _, routing::get};
use globus_portal::sandbox::{self, Sandbox};
use reqwest::Method;

use crate::harness::{
    Answer, Browser, FailingStore, MIRA, Portal, Provider, free_port,
    steps::{assert_anonymous, assert_logged_in, let_in, log_in_at, raw, sessions_in},
};

/// A portal whose store fails on demand, and a browser that is logged in.
async fn visit(settings: &[(&str, &str)]) -> (Provider, Portal, Browser, Arc<FailingStore>) {
    async fn broken() -> StatusCode {
        panic!("SENTINEL-panic");
    }
    let provider = Provider::start().await;
    let store = Arc::new(FailingStore::default());
    let mut builder = Portal::with().provider(&provider).store(store.clone());
    for (key, value) in settings {
        builder = builder.set(key, value);
    }
    let portal = builder.pages(Router::new().route("/broken", get(broken))).start().await;
    let browser = Browser::new();
    log_in_at(&portal, &provider, &browser, "person-1").await;
    (provider, portal, browser, store)
}

/// Every kind of page: the regular ones, and then those of each error.
async fn every_page(
    provider: &Provider,
    portal: &Portal,
    browser: &Browser,
    store: &FailingStore,
) -> Vec<(u16, Answer)> {
    let anonymous = Browser::new();
    let authorize = portal.begin_login(&anonymous, "").await;
    provider.on_token(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let navigation = [("accept", "text/html")];
    let large = "x".repeat(70_000);
    let mut pages = vec![
        (200, browser.get(&portal.url("/")).await),
        (200, browser.get(&portal.url("/profile")).await),
        (200, anonymous.get(&portal.url("/signed-out")).await),
        (200, browser.get_with(&portal.url("/logout"), &[("sec-fetch-site", "cross-site")]).await),
        (401, anonymous.get_with(&portal.url("/profile"), &[("sec-fetch-dest", "iframe")]).await),
        (404, anonymous.get(&portal.url("/no/such/page")).await),
        (404, anonymous.get(&portal.url("/static/no-such-file.css")).await),
        (404, anonymous.get(&portal.url("/static/%2e%2e%2fCargo.toml")).await),
        (404, browser.get(&portal.url("/endpoints?page=0")).await),
        (404, browser.get(&portal.url("/endpoints?page=SENTINEL")).await),
        (405, anonymous.send(Method::DELETE, &portal.url("/profile"), &navigation, None).await),
        (405, anonymous.submit(&portal.url("/login"), &[]).await),
        (400, anonymous.get(&portal.url("/static/%ff")).await),
        (400, browser.get(&portal.url("/endpoints?page=1&page=2")).await),
        (400, anonymous.get(&portal.url("/login?code=SENTINEL&state=SENTINEL")).await),
        (403, anonymous.get_with(&portal.url("/login"), &[("sec-purpose", "prefetch")]).await),
        (403, anonymous.get_with(&portal.url("/logout"), &[("sec-fetch-dest", "image")]).await),
        (403, browser.get(&portal.url("/endpoints")).await),
        (413, browser.submit(&portal.url("/logout"), &[("x", &large)]).await),
        (500, anonymous.get(&portal.url("/broken")).await),
        (502, anonymous.get(&portal.callback(&authorize, "SENTINEL")).await),
    ];
    store.fail(true);
    pages.push((503, browser.get(&portal.url("/")).await));
    pages.push((503, browser.get(&portal.url("/profile")).await));
    store.fail(false);
    pages
}

fn assert_headers(answer: &Answer, https: bool) {
    let policy = answer.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "{}: {policy}", answer.url);
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("script-src"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.url);
    let seconds = answer.header("strict-transport-security").and_then(|value| value.strip_prefix("max-age="));
    let seconds = seconds.map(|text| text.split(';').next().unwrap().parse::<u32>().unwrap());
    assert!(if https { seconds >= Some(31_536_000) } else { seconds.is_none() }, "{seconds:?}");
    assert_eq!(answer.header("server"), None);
}

const HTTPS: [(&str, &str); 2] = [("SERVER_NAME", "portal.example.org"), ("PREFERRED_URL_SCHEME", "https")];

/// Rows K1 and E9.
#[tokio::test]
async fn every_page_keeps_to_itself_and_out_of_caches() {
    for (https, settings) in [(false, &[][..]), (true, &HTTPS)] {
        let (provider, portal, browser, store) = visit(settings).await;
        for (status, page) in every_page(&provider, &portal, &browser, &store).await {
            assert_eq!(page.status, status, "{}: {}", page.url, page.body);
            assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{}", page.url);
            assert_headers(&page, https);
            assert_eq!(page.set_cookies().len(), 0, "{}: a page that is only read sets no cookie", page.url);
            for inline in ["<script", "<style", " style=", " onclick=", " onload=", " onerror=", "javascript:"] {
                assert!(!page.body.contains(inline), "{}: {inline}", page.url);
            }
        }
        for redirect in [
            Browser::new().get(&portal.url("/")).await,
            Browser::new().get(&portal.url("/login")).await,
            browser.submit(&portal.url("/logout"), &[]).await,
        ] {
            assert_eq!(redirect.status, 303);
            assert_headers(&redirect, https);
        }
    }
}

/// Row K3.
#[tokio::test]
async fn an_error_page_gives_a_number_and_a_next_step_and_no_internals() {
    let (provider, portal, browser, store) = visit(&[]).await;
    for (status, page) in every_page(&provider, &portal, &browser, &store).await {
        let id = page.header("x-request-id").unwrap();
        assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        if status == 200 {
            continue;
        }
        assert!(page.body.contains(&format!("<code>{id}</code>")), "{}", page.body);
        let main = page.body.split_once("<main").unwrap().1.split("</main>").next().unwrap();
        assert!(main.contains("<a ") && main.contains("href=\"/"), "{main}");
        for internal in
            ["SENTINEL", "panicked", ".rs", "src/", "sqlite", "SELECT", "deserialize", "db.internal", "127.0.0.1"]
        {
            assert!(!main.contains(internal), "{}: {internal}: {main}", page.url);
        }
    }
}

/// Row E9.
#[tokio::test]
async fn a_page_that_is_read_sets_no_cookie_and_one_that_sets_a_cookie_is_not_kept() {
    let (provider, portal, browser, _) = visit(&[]).await;
    for path in ["/", "/profile", "/", "/signed-out", "/healthz", "/readyz"] {
        let page = browser.get(&portal.url(path)).await;
        assert_eq!(page.set_cookies().len(), 0, "{path}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
    }
    let known = browser.get(&portal.url("/login")).await;
    assert_eq!(known.set_cookies().len(), 0, "the browser has been here before");
    let other = Browser::new();
    let start = other.get(&portal.url("/login")).await;
    let response = let_in(&portal, &provider, &start.location(), "person-2");
    provider.on_token(move |_| Json(response.clone()).into_response());
    let back = other.get(&portal.callback(&start.location(), "a-code")).await;
    let out = other.submit(&portal.url("/logout"), &[]).await;
    for answer in [start, back, out] {
        assert_eq!(
            (answer.set_cookies().len(), answer.header("cache-control")),
            (1, Some("no-store")),
            "{}",
            answer.url
        );
    }
    let stylesheet = browser.get(&portal.url("/")).await.body;
    let path =
        stylesheet.split_once("<link rel=\"stylesheet\" href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let kept = browser.get(&portal.url(&path)).await;
    assert!(kept.header("cache-control").unwrap().contains("immutable") && kept.set_cookies().is_empty());
}

/// Row E1.
#[tokio::test]
async fn cookies_have_every_attribute_and_no_telling_name() {
    for (https, settings) in [(false, &[][..]), (true, &HTTPS)] {
        let (provider, portal, _, _) = visit(settings).await;
        let browser = Browser::new();
        let start = browser.get(&portal.url("/login")).await;
        let response = let_in(&portal, &provider, &start.location(), "person-2");
        provider.on_token(move |_| Json(response.clone()).into_response());
        let back = browser.get(&portal.callback(&start.location(), "a-code")).await;
        let prefix = if https { "__Host-" } else { "" };
        for (answer, name, length) in [(start, "login", 32), (back, "session", 22)] {
            let cookies = answer.set_cookies();
            assert_eq!(cookies.len(), 1, "{cookies:?}");
            let mut parts = cookies[0].split("; ");
            let (set, value) = parts.next().unwrap().split_once('=').unwrap();
            assert_eq!((set, value.len()), (&*format!("{prefix}{name}"), length), "at least 128 bits");
            assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{value}");
            let mut attributes: Vec<&str> = parts.collect();
            attributes.sort_unstable();
            let mut expected = vec!["HttpOnly", "Path=/", "SameSite=Lax"];
            expected.extend(https.then_some("Secure"));
            assert_eq!(attributes, expected);
        }
    }
}

/// Row E1.
#[tokio::test]
async fn session_ids_never_repeat() {
    let (provider, portal, browser, _) = visit(&[]).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        log_in_at(&portal, &provider, &browser, "person-1").await;
        assert!(seen.insert(portal.session_cookie(&browser).unwrap()));
    }
    assert_eq!(seen.len(), 50);
}

/// Row E2.
#[tokio::test]
async fn a_cookie_that_is_no_session_is_nobodys() {
    let (_, portal, browser, _) = visit(&[]).await;
    let good = portal.session_cookie(&browser).unwrap();
    let long = "A".repeat(60_000);
    let many: String = (0..300).map(|n| format!("c{n}=v{n}; ")).collect();
    let flipped = format!("{}{}", &good[..21], if good.ends_with('A') { 'Q' } else { 'A' });
    let lines = [
        String::new(),
        "session=".to_owned(),
        "session".to_owned(),
        "=".to_owned(),
        ";;;=;=;".to_owned(),
        format!("session={}", &good[..21]),
        format!("session={}", &good[1..]),
        format!("session={good}A"),
        format!("session={good}="),
        format!("session={flipped}"),
        format!("session=\"{good}\""),
        format!("Session={good}"),
        format!("session_0={good}"),
        format!("session_1of9999999999={good}"),
        "session=x_1of9999999999; x_1of9999999999=y".to_owned(),
        "session=../../etc/passwd".to_owned(),
        "session=%00%ff%zz".to_owned(),
        "session=' OR 1=1 --".to_owned(),
        format!("session={long}"),
        format!("foreign={long}"),
        format!("{many}session=x"),
        format!("__Host-session={good}"),
        "session=AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        format!("foreign=\u{e9}\u{1f600}; session={}", &good[1..]),
        format!("login={long}"),
        format!("login={good}; login={good}; login=x"),
    ];
    for line in lines {
        let shown = &line[..line.len().min(80)];
        for (path, expected) in [("/", 303), ("/login", 303), ("/signed-out", 200), ("/logout", 303), ("/healthz", 200)]
        {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {line}\r\nConnection: close\r\n\r\n");
            let answer = raw(&portal, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{path} {shown}: {answer}");
        }
    }
    let headers = "X-A: b\r\n".repeat(2000);
    let answer =
        raw(&portal, &format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(sessions_in(&portal).await, 1);
    assert_logged_in(&portal, &browser).await;
}

/// Row E2.
#[tokio::test]
async fn a_foreign_cookie_in_another_alphabet_keeps_nobody_out() {
    let (provider, portal, browser, _) = visit(&[]).await;
    let foreign = ["été", "\u{1f600}=\u{1f600}", "a=ü; b=\u{feff}"];
    for (turn, cookie) in foreign.into_iter().enumerate() {
        browser.set_cookie("localhost", &format!("a{turn}"), cookie);
        browser.set_cookie("localhost", &format!("z{turn}"), cookie);
    }
    assert_logged_in(&portal, &browser).await;
    log_in_at(&portal, &provider, &browser, "person-2").await;
    assert_logged_in(&portal, &browser).await;
    let name = portal.session_cookie(&browser).unwrap();
    let twice = format!("session={name}; a=é; session={name}");
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {twice}\r\nConnection: close\r\n\r\n");
    assert!(raw(&portal, &request).await.starts_with("HTTP/1.1 400 "), "and hides nothing");
}

/// Row E2.
#[tokio::test]
async fn no_page_is_shown_for_a_session_cookie_that_comes_twice() {
    for (settings, name) in [(&[][..], "session"), (&HTTPS, "__Host-session")] {
        let (_, portal, browser, _) = visit(settings).await;
        let good = portal.session_cookie(&browser).unwrap();
        let lines = [
            format!("{name}={good}; {name}={good}"),
            format!("{name}=x; {name}={good}"),
            format!("{name}=été; {name}={good}"),
            format!("{name}={good}; a=b; {name}="),
            format!("{name}={good}\r\nCookie: {name}={good}"),
            format!("a=é; {name}=x; {name}={good}"),
        ];
        for line in lines {
            for (path, status) in [("/", 400), ("/profile", 400), ("/endpoints", 400), ("/signed-out", 200)] {
                let answer = raw_get(&portal, path, &line).await;
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {line}: {answer}");
                assert!(!answer.contains(&good) && !answer.contains("person-1"), "{answer}");
                assert!(answer.contains("class=\"button\" href=\"/login\""), "the way out: {answer}");
            }
        }
        assert_logged_in(&portal, &browser).await;
        let near = Browser::new();
        near.set_cookie("localhost", &name.to_uppercase(), &good);
        assert_anonymous(&portal, &near).await;
    }
}

/// Rows E1 and E2.
#[tokio::test]
async fn a_session_cookie_in_disguise_is_nobodys_and_does_not_disturb_the_real_one() {
    for (settings, name) in [(&[][..], "session"), (&HTTPS, "__Host-session")] {
        let (_, portal, browser, _) = visit(settings).await;
        let good = portal.session_cookie(&browser).unwrap();
        let encoded: String = name.bytes().map(|b| format!("%{b:02x}")).collect();
        let last = format!("{}%6{}", &name[..name.len() - 1], if name.ends_with('n') { 'E' } else { 'F' });
        let disguised = [
            format!("{encoded}={good}"),
            format!("{last}={good}"),
            format!("{name}=x; {encoded}={good}"),
            format!("{name}=%ff; {encoded}={good}"),
            format!("a=b;{encoded} ={good}"),
            format!("\u{2000}{name}={good}"),
            format!("{name}\u{a0}={good}"),
            format!("\u{3000}{encoded}={good}"),
            format!("{encoded}={good}; a=é"),
        ];
        for line in disguised {
            let answer = raw_get(&portal, "/", &line).await;
            assert!(answer.starts_with("HTTP/1.1 303 "), "{line}: {answer}");
            let answer = raw_get(&portal, "/", &format!("{line}; b=c")).await;
            assert!(answer.starts_with("HTTP/1.1 303 "), "{line}: {answer}");
        }
        for line in [format!("{encoded}=x; {name}={good}"), format!("{name}={good}; a=é; {last}=x")] {
            let answer = raw_get(&portal, "/", &line).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{line}: {answer}");
        }
    }
}

async fn raw_get(portal: &Portal, path: &str, cookies: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n");
    raw(portal, &request).await
}

/// Rows B2 and E2.
#[tokio::test]
async fn a_login_cookie_in_disguise_finishes_no_login() {
    let (provider, portal, browser, _) = visit(&HTTPS).await;
    let authorize = portal.begin_login(&browser, "").await;
    let response = let_in(&portal, &provider, &authorize, "attacker");
    provider.on_token(move |_| Json(response.clone()).into_response());
    let planted = browser.cookie("localhost", "__Host-login").unwrap();
    let calls = provider.token_calls().len();
    let callback = portal.callback(&authorize, "code-of-the-attacker");
    let path = callback.strip_prefix(&portal.base).unwrap();
    for name in
        ["login", "%5f_Host-login", "__host-login", "\u{2000}__Host-login", "__Host-login\u{a0}", "a=__Host-login"]
    {
        let line = format!("a=é; {name}={planted}");
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {line}\r\nConnection: close\r\n\r\n");
        let answer = raw(&portal, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{line}: {answer}");
        assert_eq!(provider.token_calls().len(), calls);
    }
    assert_eq!(browser.get(&callback).await.status, 303, "under its own name it does");
}

/// Row K5.
#[tokio::test]
async fn a_portal_starts_while_globus_is_down_and_says_what_is_missing() {
    let portal = Portal::with().globus_at(&format!("http://127.0.0.1:{}", free_port())).start().await;
    let browser = Browser::new();
    let health = browser.get(&portal.url("/healthz")).await;
    assert_eq!((health.status.as_u16(), health.body.as_str()), (200, "ok\n"));
    let ready = browser.get(&portal.url("/readyz")).await;
    assert_eq!((ready.status.as_u16(), ready.body.as_str()), (503, "Globus Auth does not answer\n"));
    assert_eq!(browser.get(&portal.url("/login")).await.status, 303);
    assert_eq!(browser.get(&portal.url("/logout")).await.status, 303);
}

/// Row K5.
#[tokio::test]
async fn readyz_names_a_store_that_is_down() {
    let (_, portal, browser, store) = visit(&[]).await;
    assert_eq!(browser.get(&portal.url("/readyz")).await.status, 200);
    store.fail(true);
    let ready = browser.get(&portal.url("/readyz")).await;
    assert_eq!((ready.status.as_u16(), ready.body.as_str()), (503, "the session store does not answer\n"));
    assert_eq!(browser.get(&portal.url("/healthz")).await.status, 200);
    store.fail(false);
    assert_eq!(browser.get(&portal.url("/readyz")).await.status, 200);
}

/// Row K5.
#[tokio::test]
async fn sessions_live_on_while_globus_is_down() {
    let sandbox = Sandbox::bind(sandbox::Options::default()).await.unwrap();
    let portal = Portal::with().globus_at(&sandbox.base_url()).start().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(sandbox.serve(async { drop(stopped.await) }));
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    assert_eq!(browser.get(&portal.url("/endpoints")).await.status, 200);
    drop(stop);
    serving.await.unwrap().unwrap();
    for path in ["/", "/profile"] {
        assert_eq!(browser.get(&portal.url(path)).await.status, 200, "{path}");
    }
    let page = browser.get(&portal.url("/endpoints")).await;
    assert_eq!((page.status.as_u16(), page.header("location")), (502, None), "{}", page.body);
    assert!(page.body.contains("Globus did not answer"), "{}", page.body);
    assert_logged_in(&portal, &browser).await;
    let out = browser.submit(&portal.url("/logout"), &[]).await;
    assert_eq!((out.status.as_u16(), sessions_in(&portal).await), (303, 0));
}
