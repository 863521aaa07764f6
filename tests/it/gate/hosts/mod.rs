//! Apps on other hosts: below `COOKIE_DOMAIN`, and under other domains by a hand-over.

mod behind;
mod cookies;
mod returns;
mod tickets;

use std::any::Any;

use reqwest::Method;
use url::Url;

use super::{MIRA, assert_identity, with};
use crate::harness::{Answer, Browser, Portal, PortalBuilder, decide, free_port, parameter};

const PORTAL: &str = "portal.uni.localhost";
/// Gets the session cookie.
pub const SISTER: &str = "app.uni.localhost";
/// Get none.
pub const OTHER: &str = "data.other.localhost";
const THIRD: &str = "lab.third.localhost";

/// A portal that all hosts reach, as behind a proxy that passes `/oauth2/` and asks the gate.
struct Hosts {
    portal: Portal,
    port: u16,
    /// A proxy in front, with its files.
    _proxy: Option<Box<dyn Any>>,
}

/// Where a browser came by.
struct Walk {
    seen: Vec<Url>,
    /// The last answer that was not a redirect; `None` if the walk ended at a page of an app.
    answer: Option<Answer>,
}

impl Walk {
    fn end(&self) -> &str {
        self.seen.last().unwrap().as_str()
    }
}

impl Hosts {
    async fn start() -> Self {
        Self::with(|portal| portal).await
    }

    async fn with(change: impl FnOnce(PortalBuilder) -> PortalBuilder) -> Self {
        let port = free_port();
        let others = [SISTER, OTHER, THIRD].map(|host| format!("{host}:{port}")).join(" ");
        let portal = with("")
            .set("SERVER_NAME", &format!("{PORTAL}:{port}"))
            .set("LISTEN", &format!("127.0.0.1:{port}"))
            .set("COOKIE_DOMAIN", "uni.localhost")
            .set("ALLOWED_RETURN_HOSTS", &others);
        Self { portal: change(portal).start().await, port, _proxy: None }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    async fn walk(&self, browser: &Browser, from: &str, person: &str) -> Walk {
        walk(&self.portal.globus, browser, from, person).await
    }

    /// Goes from a page of an app, which the gate does not let in, to the login and back.
    async fn log_in(&self, browser: &Browser, page: &str, person: &str) -> Walk {
        let page = Url::parse(page).unwrap();
        // As nginx writes it: not escaped.
        let start = page.join(&format!("/oauth2/start?rd={page}")).unwrap();
        self.walk(browser, start.as_str(), person).await
    }

    /// What the gate says about a request for a page on this host, as nginx asks.
    async fn gate(&self, browser: &Browser, host: &str) -> Answer {
        browser.send(Method::GET, &self.url(host, "/oauth2/auth"), &[], None).await
    }

    async fn passes(&self, browser: &Browser, host: &str) -> bool {
        let answer = self.gate(browser, host).await;
        match answer.status.as_u16() {
            202 => assert_identity(&answer, MIRA),
            status => assert_eq!(status, 401, "{host}: {}", answer.body),
        }
        answer.status == 202
    }

    /// Logs in at the portal.
    async fn signed_in(&self) -> Browser {
        let browser = Browser::new();
        let walk = self.walk(&browser, &self.url(PORTAL, "/login"), MIRA).await;
        assert_eq!(walk.answer.unwrap().status, 200);
        browser
    }

    /// Logs in, and goes from a page of a host to its ticket.
    async fn ticket(&self, browser: &Browser, host: &str, path: &str) -> Url {
        let mut at = Url::parse(&self.url(host, &format!("/oauth2/start?rd={path}"))).unwrap();
        while parameter(&at, "ticket").is_none() {
            let answer = browser.get(at.as_str()).await;
            at = answer.location();
        }
        at
    }

    async fn log_out(&self, browser: &Browser) {
        let csrf = self.portal.csrf_of(&self.session(browser).unwrap());
        let answer = browser.submit(&self.url(PORTAL, "/logout"), &[("csrf_token", &csrf)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
    }

    fn session(&self, browser: &Browser) -> Option<String> {
        browser.cookie(".uni.localhost", "session")
    }
}

/// Follows redirects, through a login at Globus if they lead there, until one leads to a page of an app.
async fn walk(globus: &str, browser: &Browser, from: &str, person: &str) -> Walk {
    let mut seen = vec![Url::parse(from).unwrap()];
    for _ in 0..16 {
        let at = seen.last().unwrap().clone();
        if at.as_str().starts_with(globus) {
            seen.push(decide(globus, browser, &at, person, "allow").await);
            continue;
        }
        let is_of_an_app = at.host_str() != Some(PORTAL) && !at.path().starts_with("/oauth2/");
        if is_of_an_app && seen.len() > 1 {
            return Walk { seen, answer: None };
        }
        let answer = browser.get(at.as_str()).await;
        if !answer.status.is_redirection() {
            return Walk { seen, answer: Some(answer) };
        }
        seen.push(answer.location());
    }
    panic!("in circles: {seen:#?}");
}

fn is_at_globus(walk: &Walk) -> bool {
    walk.seen.iter().any(|url| url.path().ends_with("/authorize"))
}

#[tokio::test]
async fn a_login_on_a_sister_host_leads_back_and_its_cookie_serves_all_hosts_of_the_domain() {
    let hosts = Hosts::start().await;
    let browser = Browser::new();
    assert!(!hosts.passes(&browser, SISTER).await);
    let page = hosts.url(SISTER, "/a%20b/?q=1&r=%26%23&rd=/x");
    let walk = hosts.log_in(&browser, &page, MIRA).await;
    assert_eq!(walk.end(), page);
    assert!(walk.seen.iter().all(|url| url.path() != "/oauth2/hand-over"), "{:#?}", walk.seen);
    for (host, wanted) in [(SISTER, true), (PORTAL, true), (OTHER, false)] {
        assert_eq!(hosts.passes(&browser, host).await, wanted, "{host}");
    }
    assert_eq!(browser.get(&hosts.url(PORTAL, "/profile")).await.status, 200);
    // A path is one of the host where the login began.
    let walk = hosts.walk(&browser, &hosts.url(SISTER, "/oauth2/start?rd=/y"), MIRA).await;
    assert_eq!(walk.end(), hosts.url(SISTER, "/y"));
    // From the forward endpoint to the login, and back.
    let nobody = Browser::new();
    let location = forward(&hosts, &nobody, SISTER, "/app/?z=1").await.location();
    assert_eq!((location.host_str(), location.path()), (Some(PORTAL), "/login"));
    assert_eq!(hosts.walk(&nobody, location.as_str(), MIRA).await.end(), hosts.url(SISTER, "/app/?z=1"));
    assert_eq!(forward(&hosts, &nobody, SISTER, "/app/").await.status, 200);

    hosts.log_out(&browser).await;
    assert!(hosts.session(&browser).is_none());
    assert!(!hosts.passes(&browser, SISTER).await);
}

/// As Caddy asks about a page of this host.
async fn forward(hosts: &Hosts, browser: &Browser, host: &str, uri: &str) -> Answer {
    let name = format!("{host}:{}", hosts.port);
    let headers = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", &*name),
        ("x-forwarded-uri", uri),
        ("accept", "text/html"),
    ];
    browser.send(Method::GET, &hosts.url(host, "/oauth2/forward"), &headers, None).await
}

#[tokio::test]
async fn a_session_is_handed_over_to_a_host_under_another_domain_and_ends_with_its_logout() {
    let hosts = Hosts::start().await;
    let browser = Browser::new();
    let page = hosts.url(OTHER, "/a%20b/?q=1&r=%26%23&rd=/x");
    let walk = hosts.log_in(&browser, &page, MIRA).await;
    assert_eq!(walk.end(), page);
    assert!(is_at_globus(&walk));
    assert!(hosts.passes(&browser, OTHER).await);
    assert_eq!(forward(&hosts, &browser, OTHER, "/a/").await.status, 200);
    let user = browser.get(&hosts.url(OTHER, "/oauth2/userinfo")).await;
    assert!(user.body.contains(MIRA), "{}", user.body);
    assert!(browser.cookie(OTHER, "session").is_none(), "the session cookie is not there");

    // The next host needs no login.
    assert!(!hosts.passes(&browser, THIRD).await);
    let begin = forward(&hosts, &browser, THIRD, "/y?z=%25").await.location();
    assert_eq!((begin.host_str(), begin.path()), (Some(THIRD), "/oauth2/start"));
    let walk = hosts.walk(&browser, begin.as_str(), MIRA).await;
    assert_eq!(walk.end(), hosts.url(THIRD, "/y?z=%25"));
    assert!(!is_at_globus(&walk) && hosts.passes(&browser, THIRD).await);

    hosts.log_out(&browser).await;
    for host in [OTHER, THIRD, SISTER, PORTAL] {
        assert!(!hosts.passes(&browser, host).await, "{host}");
    }
    assert!(browser.cookie(OTHER, "gate").is_some(), "the browser still has its cookie");
}

#[tokio::test]
async fn a_sign_out_on_the_host_of_an_app_ends_the_session_everywhere() {
    let hosts = Hosts::start().await;
    for host in [OTHER, SISTER] {
        let browser = Browser::new();
        hosts.log_in(&browser, &hosts.url(host, "/x"), MIRA).await;
        hosts.log_in(&browser, &hosts.url(THIRD, "/x"), MIRA).await;
        let session = hosts.session(&browser).unwrap();
        // A page elsewhere cannot sign anybody out.
        let foreign = [("sec-fetch-site", "cross-site")];
        let asked = browser.get_with(&hosts.url(host, "/oauth2/sign_out"), &foreign).await;
        assert_eq!(asked.location().as_str(), hosts.url(PORTAL, "/logout"));
        assert!(hosts.passes(&browser, host).await);

        let own = [("sec-fetch-site", "same-origin")];
        let out = browser.get_with(&hosts.url(host, "/oauth2/sign_out?rd=https://evil.example/"), &own).await;
        assert!(out.location().as_str().starts_with(&hosts.portal.globus), "{}", out.location());
        assert!(browser.cookie(OTHER, "gate").is_none() || host == SISTER);
        assert!(hosts.session(&browser).is_none() || host == OTHER);
        browser.set_cookie(".uni.localhost", "session", &session);
        for host in [host, THIRD, PORTAL] {
            assert!(!hosts.passes(&browser, host).await, "{host}");
        }
    }
}

/// What is the portal's own is not shown on the hosts of apps: their scripts could read it.
#[tokio::test]
async fn only_the_gate_answers_on_the_host_of_an_app() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    hosts.log_in(&browser, &hosts.url(OTHER, "/x"), MIRA).await;
    for host in [OTHER, SISTER] {
        for path in
            ["/", "/profile", "/login", "/logout", "/signed-out", "/static/x", "/healthz", "/oauth2", "/oauth2x/y"]
        {
            let answer = browser.get(&hosts.url(host, path)).await;
            assert_eq!(answer.status, 404, "{host}{path}");
            assert!(!answer.body.contains('<') && !answer.body.contains(MIRA), "{}", answer.body);
        }
        let denied = browser.get(&hosts.url(host, "/oauth2/denied/jonas")).await;
        assert_eq!(denied.location().as_str(), hosts.url(PORTAL, "/oauth2/denied/jonas"));
        let led = browser.get(denied.location().as_str()).await;
        assert!(led.location().as_str().starts_with(&hosts.url(PORTAL, "/login?ask=")), "{}", led.location());
        let page = browser.get_with(denied.location().as_str(), &[("sec-fetch-mode", "cors")]).await;
        assert!(page.status == 403 && page.body.contains("lab@ridgeline.example"), "{}", page.body);
        let unsent = browser.get(&hosts.url(host, "/oauth2/unsent")).await;
        let page = browser.get(unsent.location().as_str()).await;
        assert!(page.status == 401 && page.body.contains("Your form was not sent"), "{}", page.body);
        let origin: String = url::form_urlencoded::byte_serialize(hosts.url(host, "/").as_bytes())
            .collect::<String>()
            .replace('.', "%2E");
        assert!(page.body.contains(&format!("/login?next={origin}")), "{origin}: {}", page.body);
        let denied = browser
            .send(
                Method::GET,
                &hosts.url(host, "/oauth2/forward/jonas"),
                &[
                    ("x-forwarded-method", "GET"),
                    ("x-forwarded-proto", "http"),
                    ("x-forwarded-host", &*format!("{host}:{}", hosts.port)),
                    ("x-forwarded-uri", "/lab/"),
                    ("accept", "text/html"),
                ],
                None,
            )
            .await;
        let why = denied.location();
        assert_eq!((why.host_str(), why.path()), (Some(PORTAL), "/oauth2/denied/jonas"));
        assert_eq!(parameter(&why, "rd"), Some(hosts.url(host, "/lab/")));
    }
    // Any other name is the portal's own, as it is for who checks whether it is alive.
    assert_eq!(browser.get(&hosts.url("127.0.0.1", "/healthz")).await.status, 200);
}
