//! Where a login, the gate and a logout may lead: rows G1 to G5, with other hosts.

use globus_portal::session::return_path::ReturnPath;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;

use super::{Hosts, OTHER, PORTAL, SISTER, THIRD};
use crate::harness::{Browser, Portal};

/// Addresses that are not exactly those of an allowed host.
fn hostile(port: u16) -> Vec<String> {
    let mut all = Vec::new();
    for host in [SISTER, OTHER] {
        let good = format!("{host}:{port}");
        all.extend([
            format!("https://{good}/"),
            format!("HTTP://{good}/"),
            format!("http:/{good}/"),
            format!("http:{good}/"),
            format!("http:///{good}/"),
            format!("http:\\\\{good}/"),
            format!("//{good}/"),
            format!("\\\\{good}/"),
            format!(" http://{good}/"),
            format!("\thttp://{good}/"),
            format!("http://\t{good}/"),
            format!("http://{good}\t/"),
            format!("http://{good}\\@evil.example/"),
            format!("http://{good}@evil.example/"),
            format!("http://user@{good}/"),
            format!("http://{good}.evil.example/"),
            format!("http://{good}.evil.example:{port}/"),
            format!("http://evil{good}/"),
            format!("http://evil.example/{good}/"),
            format!("http://evil.example#{good}/"),
            format!("http://evil.example?{good}/"),
            format!("http://{good}#/"),
            format!("http://{good}?/"),
            format!("http://{good}0/"),
            format!("http://{host}/"),
            format!("http://{host}./"),
            format!("http://{host}.:{port}/"),
            format!("http://{}/", good.to_uppercase()),
            format!("http://{}/", good.replace('.', "%2e")),
            format!("http://{}/", good.replace('.', "\u{3002}")),
            format!("http://{}/", good.replace('.', "\u{ff0e}")),
            format!("http://{}/", good.replace('a', "\u{430}")),
            format!("http://x.{good}/"),
            format!("http://{good}//evil.example/"),
            format!("http://{good}/\\evil.example/"),
            format!("http://{good}/a/../b"),
            format!("http://{good}/%2e%2e/b"),
            format!("http://{good}/%09/b"),
            format!("http://{good}/a b"),
            format!("http://{good}/\u{e9}"),
            format!("http://{good}/\r\nX: y"),
            format!("http://{good}/oauth2/start"),
            format!("http://{good}/oauth2/sign_out"),
            format!("http://{good}/%6fauth2/start"),
            format!("http://{good}/{}", "x".repeat(1024)),
            format!("ftp://{good}/"),
            format!("javascript://{good}/%0aalert(1)"),
        ]);
    }
    all
}

#[tokio::test]
async fn no_spelling_of_an_address_leads_to_a_host_that_is_not_named() {
    let hosts = Hosts::start().await;
    let allowed = &hosts.portal.app.settings.app_hosts;
    for text in hostile(hosts.port) {
        assert_eq!(ReturnPath::parse_with(&text, "", allowed), None, "{text:?}");
        let escaped = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
        for path in ["/oauth2/start?rd=", "/oauth2/sign_in?rd="] {
            let answer = Browser::new().get(&hosts.url(PORTAL, &format!("{path}{escaped}"))).await;
            assert_eq!(answer.header("location"), Some("/login"), "{text:?}");
            // On the host of an app, its front page.
            let answer = Browser::new().get(&hosts.url(SISTER, &format!("{path}{escaped}"))).await;
            let next = answer.location().query_pairs().next().unwrap().1.into_owned();
            assert_eq!(next, hosts.url(SISTER, "/"), "{text:?}");
        }
    }
    let good = hosts.url(SISTER, "");
    assert_eq!(ReturnPath::parse_with(&good, "", allowed).unwrap().as_str(), format!("{good}/"));
}

#[tokio::test]
async fn a_login_leads_only_to_hosts_that_are_named() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    for (next, lands) in [
        (hosts.url(SISTER, "/x?y=1"), hosts.url(SISTER, "/x?y=1")),
        (hosts.url(OTHER, "/login"), hosts.url(OTHER, "/login")),
        (hosts.url("evil.localhost", "/x"), hosts.url(PORTAL, "/")),
        (format!("http://{SISTER}/"), hosts.url(PORTAL, "/")),
        ("/logout".to_owned(), hosts.url(PORTAL, "/")),
    ] {
        let escaped: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let walk = hosts.walk(&browser, &hosts.url(PORTAL, &format!("/login?next={escaped}")), super::MIRA).await;
        assert_eq!(walk.end(), lands, "{next}");
        // So many logins in a row would look like a loop.
        browser.forget_cookie(PORTAL, "rounds");
    }
    // A host that the settings do not name any more (row G5): the state is checked again when it comes back.
    let authorize =
        browser.get(&hosts.url(PORTAL, &format!("/login?next={}", hosts.url(SISTER, "/x")))).await.location();
    let state = crate::harness::parameter(&authorize, "state").unwrap();
    let alone = Portal::start().await;
    let binding = browser.cookie(PORTAL, "login").unwrap();
    let binding = globus_portal::session::login_attempt::BrowserBinding::parse(&binding).unwrap();
    let open = |portal: &Portal| {
        let now = portal.app.clock.now();
        portal.app.login_attempts.open(&portal.app.vault.keys, Some(&binding), &state, now).unwrap().next
    };
    assert_eq!(open(&hosts.portal).as_str(), hosts.url(SISTER, "/x"));
    assert_eq!(open(&alone).as_str(), "/");
}

/// Who has a cookie of the gate, and sends it wherever they like.
struct Visit {
    here: String,
    cookie: String,
}

impl Visit {
    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        let headers = [&[("cookie", &*self.cookie), ("accept", "text/html")], headers].concat();
        Browser::new().send(Method::GET, &format!("{}{path}", self.here), &headers, None).await.status.as_u16()
    }
}

/// Rows H6 to H8: which host a request is for is what a trusted proxy says in its own dialect.
#[tokio::test]
async fn no_visitor_chooses_the_host_that_the_gate_judges_for() {
    let hosts = Hosts::start().await;
    let browser = Browser::new();
    hosts.log_in(&browser, &hosts.url(OTHER, "/x"), super::MIRA).await;
    let (here, at) = (hosts.url("127.0.0.1", ""), |host: &str| format!("{host}:{}", hosts.port));
    let visit = Visit { here, cookie: format!("gate={}", browser.cookie(OTHER, "gate").unwrap()) };
    let other = at(OTHER);
    // nginx and Envoy: Host, and nothing else.
    for path in ["/oauth2/auth", "/oauth2/authz/default"] {
        let yes = if path.ends_with("auth") { 202 } else { 200 };
        assert_eq!(visit.ask(path, &[("host", &at(OTHER))]).await, yes);
        assert_eq!(visit.ask(path, &[("host", &at(OTHER).to_uppercase())]).await, yes);
        for host in
            [at(THIRD), at(PORTAL), at(SISTER), OTHER.to_owned(), at("evil.localhost"), format!("{}.", at(OTHER))]
        {
            let forged = [("host", &*host), ("x-forwarded-host", &at(OTHER)), ("x-original-host", &at(OTHER))];
            assert_eq!(visit.ask(path, &forged).await, 401, "{host}");
        }
    }
    // Caddy and Traefik: X-Forwarded-Host, and not Host.
    for (host, status) in [
        (at(OTHER), 200),
        (at(THIRD), 302),
        (at(PORTAL), 302),
        (at("evil.localhost"), 403),
        (OTHER.to_owned(), 403),
        (format!("{}, {}", at(OTHER), at(OTHER)), 403),
        (format!("user@{}", at(OTHER)), 403),
    ] {
        let headers = [&about(&host)[..], &[("host", &*other)]].concat();
        assert_eq!(visit.ask("/oauth2/forward", &headers).await, status, "{host}");
    }
    let twice = [&about(&other)[..], &[("x-forwarded-host", &*other)]].concat();
    assert_eq!(visit.ask("/oauth2/forward", &twice).await, 403);

    let distrusting = Hosts::with(|portal| portal.set("TRUSTED_PROXIES", "192.0.2.1")).await;
    let browser = Browser::new();
    distrusting.log_in(&browser, &distrusting.url(OTHER, "/x"), super::MIRA).await;
    assert!(distrusting.passes(&browser, OTHER).await);
    assert_eq!(super::forward(&distrusting, &browser, OTHER, "/x").await.status, 403);
}

/// As Caddy writes about a page of a host.
fn about(host: &str) -> [(&str, &str); 4] {
    [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-uri", "/x"),
        ("x-forwarded-host", host),
    ]
}
