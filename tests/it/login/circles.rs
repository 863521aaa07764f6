//! Logins in a loop end with a page that explains why, and no one else ever sees it.

use axum::{Json, response::IntoResponse as _};
use globus_portal::clock::Clock;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use crate::harness::{
    Answer, Browser, MIRA, Portal, Process, Provider, decide, portal_at, start_sandbox,
    steps::{assert_logged_in, let_in, log_in_at, sessions_in},
};

/// A browser at portals that take turns, with a Globus that signs it in at once.
struct Circle<'a> {
    provider: &'a Provider,
    /// The portal that shows pages and starts logins.
    begins: &'a Portal,
    /// The portal that completes them.
    ends: &'a Portal,
}

impl Circle<'_> {
    /// Opens a page and follows redirects, for at most ten rounds, and calls a function on the browser after each. Returns
    /// how many logins were completed, and the answer that did not redirect.
    async fn go(&self, browser: &Browser, page: &str, after_each: impl Fn()) -> (usize, Answer) {
        for completed in 0..10 {
            let asked = browser.get(&self.begins.url(page)).await;
            if asked.status != 303 {
                return (completed, asked);
            }
            let start = browser.get(asked.location().as_str()).await;
            if start.status != 303 {
                return (completed, start);
            }
            let response = let_in(self.ends, self.provider, &start.location(), "person-1");
            self.provider.on_token(move |_| Json(response.clone()).into_response());
            let back = browser.get(&self.ends.callback(&start.location(), "a-code")).await;
            assert_eq!((back.status.as_u16(), back.header("location")), (303, Some(page)), "{}", back.body);
            after_each();
        }
        panic!("ten rounds, and no end");
    }
}

fn assert_is_the_end(answer: &Answer, hint: &str) {
    assert_eq!((answer.status.as_u16(), answer.header("location")), (400, None), "{}", answer.body);
    assert!(answer.body.contains("Sign-in keeps repeating"), "{}", answer.body);
    assert!(answer.body.contains(hint), "{}", answer.body);
    assert!(answer.body.contains("href=\"/login?next=%2Fprofile\">Try again<"), "{}", answer.body);
}

/// Section "loops explain themselves".
#[tokio::test]
async fn portals_that_do_not_share_their_sessions_are_named_after_the_third_round() {
    let provider = Provider::start().await;
    let one = Portal::with().provider(&provider).start().await;
    let name = one.base.trim_start_matches("http://");
    let two = Portal::with().provider(&provider).set("SERVER_NAME", name).start().await;
    let circle = Circle { provider: &provider, begins: &one, ends: &two };
    let browser = Browser::new();
    let (completed, end) = circle.go(&browser, "/profile", || {}).await;
    assert_eq!((completed, provider.token_calls().len()), (3, 3));
    assert_is_the_end(&end, "several servers that do not share their sessions");

    // Trying again restarts the count, and once the cause is gone the login works.
    let (completed, end) = circle.go(&browser, "/profile", || {}).await;
    assert!((2..=3).contains(&completed), "{completed}");
    assert_is_the_end(&end, "several servers that do not share their sessions");
    let mended = Circle { provider: &provider, begins: &one, ends: &one };
    let (completed, page) = mended.go(&browser, "/profile", || {}).await;
    assert_eq!((completed, page.status.as_u16()), (1, 200), "{}", page.body);
}

#[tokio::test]
async fn a_session_cookie_that_gets_lost_is_named_after_the_third_round() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let circle = Circle { provider: &provider, begins: &portal, ends: &portal };
    let browser = Browser::new();
    // As with a proxy that forces SameSite=Strict on it, or a browser that blocks it.
    let (completed, end) = circle.go(&browser, "/profile", || browser.forget_cookie("localhost", "session")).await;
    assert_eq!((completed, provider.token_calls().len()), (3, 3));
    assert_is_the_end(&end, "Allow cookies for this site");
    assert!(end.set_cookies().iter().all(|cookie| cookie.starts_with("rounds=;")), "{:?}", end.set_cookies());
}

#[tokio::test]
async fn a_program_that_overwrites_the_session_cookie_is_named_after_the_third_round() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let circle = Circle { provider: &provider, begins: &portal, ends: &portal };
    let browser = Browser::new();
    let of_flask = "eyJ1c2VyIjoibWlyYSJ9.aB3dEf.signature";
    let (completed, end) =
        circle.go(&browser, "/profile", || browser.set_cookie("localhost", "session", of_flask)).await;
    assert_eq!(completed, 3);
    assert_is_the_end(&end, "another program on this host");
    assert_eq!(browser.cookie("localhost", "session").as_deref(), Some(of_flask), "it is not ours to take away");
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookie_learns_so_at_once() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    for _ in 0..4 {
        let browser = Browser::new();
        let start = portal.begin_login(&browser, "?next=/profile").await;
        let without = Browser::new();
        let back = without.get(&portal.callback(&start, "a-code")).await;
        assert_eq!((back.status.as_u16(), provider.token_calls().len()), (400, 0));
        assert!(back.body.contains("your browser blocks cookies"), "{}", back.body);
        assert!(back.body.contains(&format!("(use {}/", portal.base)), "{}", back.body);
        assert!(back.body.contains("href=\"/login?next=%2Fprofile\""), "{}", back.body);
    }
}

/// Normal use stays far below the limit: tabs, repeated logins, logouts, expired sessions.
#[tokio::test]
async fn people_who_log_in_often_never_meet_the_end_of_a_loop() {
    let provider = Provider::start().await;
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let settings = Portal::with().provider(&provider).clock(&clock);
    let portal = settings.set("SESSION_IDLE_SECONDS", "60").start().await;
    let browser = Browser::new();

    // Twenty tabs that a browser restores, each with its own login; twice.
    for _ in 0..2 {
        let mut tabs = Vec::new();
        for _ in 0..20 {
            tabs.push(portal.begin_login(&browser, "?next=/profile").await);
        }
        for authorize in tabs {
            let response = let_in(&portal, &provider, &authorize, "person-1");
            provider.on_token(move |_| Json(response.clone()).into_response());
            assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 303);
        }
        assert_logged_in(&portal, &browser).await;
    }
    // A signed-in browser logs in again, as the same person or as another.
    for turn in 0..12 {
        log_in_at(&portal, &provider, &browser, &format!("person-{}", turn % 2)).await;
    }
    for _ in 0..12 {
        assert_eq!(browser.submit(&portal.url("/logout"), &[]).await.status, 303);
        log_in_at(&portal, &provider, &browser, "person-1").await;
    }
    for _ in 0..12 {
        clock.advance(Duration::seconds(61));
        assert_eq!(browser.get(&portal.url("/")).await.status, 303, "the session has expired");
        log_in_at(&portal, &provider, &browser, "person-1").await;
        assert_logged_in(&portal, &browser).await;
    }
    assert_eq!(sessions_in(&portal).await, 1);
}

/// A forged count leads to a page, or to nothing.
#[tokio::test]
async fn a_made_up_count_lets_nobody_do_anything() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let circle = Circle { provider: &provider, begins: &portal, ends: &portal };
    let real = Browser::new();
    circle.go(&real, "/profile", || real.forget_cookie("localhost", "session")).await;
    let calls = provider.token_calls().len();
    let (completed, _) = circle.go(&real, "/profile", || {}).await;
    assert_eq!((completed, provider.token_calls().len()), (1, calls + 1));
    let counted = real.cookie("localhost", "rounds").unwrap();

    for value in [&counted, "x", "", &"A".repeat(5000), "_______________", &"_".repeat(12), "CQAAAAAAAAAA"] {
        let browser = Browser::new();
        browser.set_cookie("localhost", "rounds", value);
        let start = browser.get(&portal.url("/login")).await;
        assert!(matches!(start.status.as_u16(), 303 | 400), "{value}: {}", start.status);
        assert_eq!(browser.get(&portal.url("/profile")).await.status, 303, "{value}");
        browser.forget_cookie("localhost", "rounds");
        log_in_at(&portal, &provider, &browser, "person-1").await;
        browser.set_cookie("localhost", "rounds", value);
        log_in_at(&portal, &provider, &browser, "person-1").await;
        assert_logged_in(&portal, &browser).await;
    }
}

/// A portal as a process, for its log.
async fn process(folder: &TempDir, globus: &str, settings: &[(&str, &str)]) -> (Process, String) {
    let (mut command, base) = portal_at(folder.path(), globus);
    command.env("GLOBUS_PORTAL_LOG_FORMAT", "json");
    for (key, value) in settings {
        command.env(format!("GLOBUS_PORTAL_{key}"), value);
    }
    let mut process = Process::start(&mut command, &folder.path().join("log"));
    process.says("Listening on").await;
    (process, base)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_likely_cause_of_a_loop_once() {
    let (folder, globus) = (TempDir::new().unwrap(), start_sandbox().await);
    let (mut process, base) = process(&folder, &globus, &[]).await;
    let browser = Browser::new();
    let mut completed = 0;
    let end = loop {
        let start = browser.get(&format!("{base}/login")).await;
        if start.status != 303 {
            break start;
        }
        let back = decide(&globus, &browser, &start.location(), MIRA, "allow").await;
        assert_eq!(browser.get(back.as_str()).await.status, 303);
        browser.forget_cookie("localhost", "session");
        completed += 1;
    };
    assert_eq!((completed, end.status.as_u16()), (3, 400));
    process.says("login loop").await;
    let log = process.printed();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("login loop")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("\"WARN\"") && lines[0].contains("SameSite=Strict"), "{}", lines[0]);
}

/// A proxy that strips the root: none of our URLs work, although the health checks do.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_strips_the_root_is_named_in_the_log() {
    let (folder, globus) = (TempDir::new().unwrap(), start_sandbox().await);
    let (mut process, base) = process(&folder, &globus, &[("APPLICATION_ROOT", "/portal")]).await;
    let browser = Browser::new();
    assert_eq!(browser.get(&format!("{base}/healthz")).await.status, 200);
    for path in ["/", "/login?next=/portal/profile", "/login?code=a&state=b", "/nowhere"] {
        let page = browser.get(&format!("{base}{path}")).await;
        assert_eq!((page.status.as_u16(), page.set_cookies().len()), (404, 0), "{path}");
        assert!(page.body.contains("class=\"button\" href=\"/portal/\""), "{path}: {}", page.body);
        assert!(!page.body.contains("APPLICATION_ROOT"), "{path}: {}", page.body);
    }
    process.says("\"/nowhere\"").await;
    let log = process.printed();
    let named = log.lines().filter(|line| line.contains("outside APPLICATION_ROOT") && line.contains("\"WARN\""));
    assert_eq!(named.count(), 3, "{log}");
}
