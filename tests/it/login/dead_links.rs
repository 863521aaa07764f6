//! Answers of Globus that no login can continue with: bookmarks of the callback, links that another program opened first, a
//! login that Globus refused. The requested page is not lost, and no code is exchanged: rows B1, B2, B4 and B6.

use axum::{Json, response::IntoResponse as _};
use globus_portal::{
    clock::Clock,
    secret::SecretKey,
    session::{login_attempt::LoginAttempts, return_path::ReturnPath, seal::KeyRing},
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use url::{Url, form_urlencoded};

use crate::harness::{
    Answer, Browser, Portal, Process, Provider, parameter, portal_at, start_sandbox,
    steps::{assert_logged_in, let_in, log_in_at, sessions_in},
};

/// A portal with its own clock, and callbacks that a browser cannot use, each with the page it should lead to.
struct Visit {
    provider: Provider,
    portal: Portal,
    browser: Browser,
}

impl Visit {
    async fn start() -> Self {
        let provider = Provider::start().await;
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
        let portal = Portal::with().provider(&provider).clock(&clock).start().await;
        Self { provider, portal, browser: Browser::new() }
    }

    /// Callbacks that this browser cannot use, with the reason, and the page that each login should lead to.
    async fn dead(&self) -> Vec<(&'static str, String, Option<&'static str>)> {
        let begin = |next: &str| {
            let query: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("?next={query}")
        };
        let (page, tab) = ("/endpoints?page=2", "/profile?tab=a%26b");
        let other = self.portal.begin_login(&Browser::new(), &begin(page)).await;
        let expired = self.portal.begin_login(&self.browser, &begin(tab)).await;
        let foreign_and_expired = self.portal.begin_login(&Browser::new(), &begin(page)).await;
        self.portal.app.clock.advance(Duration::minutes(31));
        let unused_key = KeyRing::new(&SecretKey::new("a key that was taken away, of forty bytes or more"), &[]);
        let browser = globus_portal::session::login_attempt::BrowserBinding::random();
        let attempts = LoginAttempts::new(String::new());
        let next = ReturnPath::parse("/profile", "").unwrap();
        let forgotten = attempts.begin(&unused_key, &browser, &next, self.portal.app.clock.now()).unwrap().state;
        let fresh = self.portal.begin_login(&Browser::new(), &begin(page)).await;
        let callback = |authorize: &Url| self.portal.callback(authorize, "a-code");
        vec![
            ("of another browser, and old", callback(&other), Some(page)),
            ("started too long ago", callback(&expired), Some(tab)),
            ("both", callback(&foreign_and_expired), Some(page)),
            ("of another browser", callback(&fresh), Some(page)),
            ("refused in another browser", callback(&fresh).replace("code=a-code", "error=access_denied"), Some(page)),
            ("sealed with a key that is gone", self.portal.url(&format!("/login?code=a&state={forgotten}")), None),
            ("made up", self.portal.url("/login?code=a-code&state=made-up"), None),
            ("without a state", self.portal.url("/login?code=a-code"), None),
            ("a refusal without a state", self.portal.url("/login?error=access_denied"), None),
        ]
    }

    async fn log_in(&self) {
        log_in_at(&self.portal, &self.provider, &self.browser, "person-1").await;
    }
}

#[tokio::test]
async fn a_dead_callback_leads_somebody_who_is_signed_in_to_the_page_it_was_for() {
    let visit = Visit::start().await;
    let dead = visit.dead().await;
    visit.log_in().await;
    let (session, calls) = (visit.portal.session_cookie(&visit.browser), visit.provider.token_calls().len());
    for (what, callback, next) in dead {
        for _ in 0..2 {
            let answer = visit.browser.get(&callback).await;
            assert_eq!(answer.status, 303, "{what}: {}", answer.body);
            assert_eq!(answer.header("location"), Some(next.unwrap_or("/")), "{what}");
            assert_eq!((answer.set_cookies().len(), visit.provider.token_calls().len()), (0, calls), "{what}");
        }
    }
    assert_eq!((visit.portal.session_cookie(&visit.browser), sessions_in(&visit.portal).await), (session, 1));
    assert_logged_in(&visit.portal, &visit.browser).await;
}

fn assert_keeps(what: &str, answer: &Answer, next: Option<&str>) {
    assert_eq!((answer.status.as_u16(), answer.header("location")), (400, None), "{what}");
    assert_eq!(answer.set_cookies(), [""; 0], "{what}");
    let login = next.map_or("/login".to_owned(), |next| {
        format!("/login?next={}", percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC))
    });
    assert!(answer.body.contains(&format!("href=\"{login}\">Sign in again<")), "{what}: {}", answer.body);
}

/// Rows B1, B2, B4 and B6.
#[tokio::test]
async fn a_dead_callback_keeps_the_page_it_was_for_through_a_new_login() {
    let visit = Visit::start().await;
    for (what, callback, next) in visit.dead().await {
        for browser in [&visit.browser, &Browser::new()] {
            assert_keeps(what, &browser.get(&callback).await, next);
        }
    }
    assert_eq!((visit.provider.token_calls().len(), sessions_in(&visit.portal).await), (0, 0));
    // A session that has ended signs nobody in.
    visit.log_in().await;
    visit.browser.submit(&visit.portal.url("/logout"), &[]).await;
    let calls = visit.provider.token_calls().len();
    for (what, callback, next) in visit.dead().await {
        assert_keeps(what, &visit.browser.get(&callback).await, next);
    }
    assert_eq!(visit.provider.token_calls().len(), calls);
}

/// A bookmark of a callback that has been used leads to its page, signed in or, after another login, not.
#[tokio::test]
async fn a_bookmark_of_a_callback_that_was_used_leads_to_its_page() {
    let visit = Visit::start().await;
    let authorize = visit.portal.begin_login(&visit.browser, "?next=/profile").await;
    let response = let_in(&visit.portal, &visit.provider, &authorize, "person-1");
    visit.provider.on_token(move |_| Json(response.clone()).into_response());
    let bookmark = visit.portal.callback(&authorize, "a-code");
    for expected in ["the login", "the bookmark", "the bookmark again"] {
        let answer = visit.browser.get(&bookmark).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/profile")), "{expected}");
    }
    // And when everything about it has been forgotten.
    visit.portal.app.clock.advance(Duration::hours(1));
    visit.portal.app.vault.sweep(100).await.unwrap();
    let answer = visit.browser.get(&bookmark).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/profile")));
    assert_eq!((visit.provider.token_calls().len(), sessions_in(&visit.portal).await), (1, 1));
}

/// Office opens a link itself, without the browser's cookies, follows it as far as it leads, and hands the last address to
/// the browser: that of Globus, or where Globus has sent it back to.
#[tokio::test]
async fn a_link_that_office_has_opened_first_leads_to_the_page_it_is_for() {
    let visit = Visit::start().await;
    let link = visit.portal.url("/endpoints?page=2");
    let office = Browser::new();
    let asked = office.get(&link).await;
    let handed_on = office.get(asked.location().as_str()).await.location();

    // Nobody is signed in: a new login leads to the page.
    let back = visit.browser.get(&visit.portal.callback(&handed_on, "a-code")).await;
    assert_keeps("not signed in", &back, Some("/endpoints?page=2"));
    let again = back.url.join("/login?next=%2Fendpoints%3Fpage%3D2").unwrap();
    let authorize = visit.browser.get(again.as_str()).await.location();
    let response = let_in(&visit.portal, &visit.provider, &authorize, "person-1");
    visit.provider.on_token(move |_| Json(response.clone()).into_response());
    let there = visit.browser.get(&visit.portal.callback(&authorize, "a-code")).await;
    assert_eq!(there.header("location"), Some("/endpoints?page=2"), "{}", there.body);

    // Signed in: at once.
    let back = visit.browser.get(&visit.portal.callback(&handed_on, "another-code")).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, Some("/endpoints?page=2")));
    assert_eq!(visit.provider.token_calls().len(), 1);
}

/// Row B8.
#[tokio::test]
async fn an_answer_of_another_issuer_is_refused_and_keeps_the_page() {
    let visit = Visit::start().await;
    let authorize = visit.portal.begin_login(&visit.browser, "?next=/profile").await;
    let callback = visit.portal.callback(&authorize, "a-code");
    for iss in ["https://evil.example", ""] {
        assert_keeps(iss, &visit.browser.get(&format!("{callback}&iss={iss}")).await, Some("/profile"));
    }
    assert_eq!(visit.provider.token_calls().len(), 0);
}

/// Rows B5 and B6: the operator reads why Globus refused, the visitor never reads what a query says.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_why_globus_refused_a_login_in_a_harmless_form() {
    let (folder, globus) = (TempDir::new().unwrap(), start_sandbox().await);
    let (mut command, base) = portal_at(folder.path(), &globus);
    command.env("GLOBUS_PORTAL_LOG_FORMAT", "json");
    let mut process = Process::start(&mut command, &folder.path().join("log"));
    process.says("Listening on").await;
    let browser = Browser::new();
    let hostile = "no\u{1b}[2J\r\nlevel=\"INFO\"\u{85}\u{9b}31m\u{202e}txt\\é".to_owned() + &"x".repeat(5000);
    let encoded: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    for (error, description) in
        [("access_denied", "The+person+said+no"), ("unmet_authorization_requirements", &*encoded), ("%1b%00", "")]
    {
        let authorize = browser.get(&format!("{base}/login")).await.location();
        let state = parameter(&authorize, "state").unwrap();
        let query = format!("error={error}&error_description={description}");
        // Only a browser with a good state is heard.
        let bad = browser.get(&format!("{base}/login?{query}&state=made-up")).await;
        assert_eq!(bad.status, 400);
        let page = browser.get(&format!("{base}/login?{query}&state={state}")).await;
        assert_eq!(page.status, 403);
        for text in ["The person said no", "unmet_", "txt", "xxx"] {
            assert!(!bad.body.contains(text) && !page.body.contains(text), "{}", page.body);
        }
    }
    process.says("Globus refused the login: \\\\u{1b}\\\\0").await;
    let log = process.printed();
    assert_eq!(log.matches("Globus refused the login: access_denied: The person said no").count(), 1, "{log}");
    assert_eq!(log.matches("unmet_authorization_requirements: no\\\\u{1b}[2J\\\\r\\\\nlevel=").count(), 1, "{log}");
    assert!(log.contains("\\\\u{202e}txt\\\\\\\\éx") && log.contains("x…"), "{log}");
    assert!(!log.contains(&"x".repeat(300)), "bounded");
    assert!(log.chars().all(|c| c == '\n' || !c.is_control()), "{log:?}");
}
