//! The cookies: which have a domain, and what disturbs them.

use reqwest::Method;

use super::{Hosts, MIRA, OTHER, PORTAL, SISTER};
use crate::harness::Browser;

/// Follows a login; returns every cookie that was set on the way, as `NAME; ATTRIBUTES`.
async fn set_on_the_way(hosts: &Hosts, browser: &Browser, from: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut at = url::Url::parse(from).unwrap();
    loop {
        if at.as_str().starts_with(&hosts.portal.globus) {
            at = hosts.portal.decide(browser, &at, MIRA, "allow").await;
        }
        // The portal of these tests listens without TLS, whatever browsers are told.
        at.set_scheme("http").unwrap();
        let is_app = at.host_str() != Some(PORTAL) && !at.path().starts_with("/oauth2/");
        if is_app || at.path() == "/" {
            return all;
        }
        let answer = browser.get(at.as_str()).await;
        all.extend(answer.set_cookies().iter().map(|cookie| {
            let (name, rest) = cookie.split_once('=').unwrap();
            format!("{name}{}", &rest[rest.find(';').unwrap()..])
        }));
        at = answer.location();
    }
}

#[tokio::test]
async fn only_the_session_cookie_is_for_the_whole_domain() {
    let hosts = Hosts::with(|portal| portal.set("PREFERRED_URL_SCHEME", "https")).await;
    let browser = Browser::new();
    let at_portal = set_on_the_way(&hosts, &browser, &hosts.url(PORTAL, "/login")).await;
    assert_eq!(
        at_portal,
        [
            "__Host-login; HttpOnly; SameSite=Lax; Path=/; Secure",
            "__Secure-session; HttpOnly; SameSite=Lax; Path=/; Domain=uni.localhost; Secure",
        ]
    );
    let at_other = set_on_the_way(&hosts, &browser, &hosts.url(OTHER, "/oauth2/start?rd=/x")).await;
    assert_eq!(
        at_other,
        [
            "__Host-hand-over; HttpOnly; SameSite=Lax; Path=/; Max-Age=1800; Secure",
            "__Host-gate; HttpOnly; SameSite=Lax; Path=/; Secure",
            "__Host-rounds; HttpOnly; SameSite=Lax; Path=/; Max-Age=30; Secure",
        ]
    );
    assert!(hosts.passes(&browser, OTHER).await && hosts.passes(&browser, SISTER).await);

    // A cookie from before, with the other prefix, is not looked at.
    browser.set_cookie(PORTAL, "__Host-session", "0123456789abcdef012345");
    assert_eq!(browser.get(&hosts.url(PORTAL, "/profile")).await.status, 200);
    let session = browser.cookie(".uni.localhost", "__Secure-session").unwrap();
    let out = browser.submit(&hosts.url(PORTAL, "/logout"), &[("csrf_token", &hosts.portal.csrf_of(&session))]).await;
    let removed = out.set_cookies().join("\n");
    assert!(removed.starts_with("__Secure-session=;") && removed.contains("; Domain=uni.localhost;"), "{removed}");
    assert!(removed.contains("Max-Age=0") && removed.contains("; Secure"), "{removed}");
    assert!(browser.cookie(".uni.localhost", "__Secure-session").is_none());
    assert_eq!(browser.get(&hosts.url(PORTAL, "/profile")).await.status, 303);
}

/// A sister host can set a cookie for the portal's host, or for a domain above it.
#[tokio::test]
async fn a_login_removes_a_second_session_cookie_that_a_neighbour_or_a_former_domain_left() {
    let hosts = Hosts::start().await;
    for of in [PORTAL, ".portal.uni.localhost"] {
        let browser = hosts.signed_in().await;
        browser.set_cookie(of, "session", "0123456789abcdef012345");
        let page = browser.get(&hosts.url(PORTAL, "/profile")).await;
        assert!(page.status == 400 && page.body.contains("two session cookies"), "{of}: {}", page.status);
        assert!(!hosts.passes(&browser, PORTAL).await, "{of}");
        let walk = hosts.walk(&browser, &hosts.url(PORTAL, "/login"), MIRA).await;
        assert_eq!(walk.answer.unwrap().status, 200, "{of}");
        assert!(hosts.passes(&browser, PORTAL).await && hosts.passes(&browser, SISTER).await, "{of}");

        browser.set_cookie(of, "session", "0123456789abcdef012345");
        let cookies = browser.submit(&hosts.url(PORTAL, "/logout"), &[]).await;
        assert_eq!(cookies.status, 303);
        assert!(browser.cookie(of, "session").is_none() && hosts.session(&browser).is_none(), "{of}");
    }
}

#[tokio::test]
async fn of_two_cookies_of_the_gate_none_counts() {
    let hosts = Hosts::start().await;
    let (mira, other) = (Browser::new(), Browser::new());
    hosts.log_in(&mira, &hosts.url(OTHER, "/x"), MIRA).await;
    hosts.log_in(&other, &hosts.url(OTHER, "/x"), MIRA).await;
    mira.set_cookie(".other.localhost", "gate", &other.cookie(OTHER, "gate").unwrap());
    assert!(!hosts.passes(&mira, OTHER).await);
    mira.set_cookie(".other.localhost", "gate", "x");
    assert!(!hosts.passes(&mira, OTHER).await);
}

/// A sister host is of the same site, so browsers send it the session cookie with what its pages send to the portal.
#[tokio::test]
async fn a_sister_host_cannot_send_forms_to_the_portal() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    let csrf = hosts.portal.csrf_of(&hosts.session(&browser).unwrap());
    let sister = hosts.url(SISTER, "");
    let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    for (headers, form) in [
        // Today's browsers, even with a token.
        (vec![("sec-fetch-site", "same-site"), ("origin", &*sister)], vec![("end", "others"), ("csrf_token", &*csrf)]),
        // Older ones.
        (vec![("origin", &*sister)], vec![("end", "others"), ("csrf_token", &*csrf)]),
        // From a frame without an origin.
        (vec![("origin", "null")], vec![("end", "others")]),
    ] {
        let headers = [&navigation[..], &headers].concat();
        let answer = browser.send(Method::POST, &hosts.url(PORTAL, "/sessions"), &headers, Some(&form)).await;
        assert!(answer.status == 403 && answer.body.contains("Nothing was changed"), "{headers:?}: {}", answer.status);
    }
    let asked = browser.get_with(&hosts.url(PORTAL, "/logout"), &[("sec-fetch-site", "same-site")]).await;
    assert!(
        asked.status == 200 && asked.body.contains("csrf_token") || asked.body.contains("Sign out"),
        "{}",
        asked.body
    );
    assert!(hosts.passes(&browser, PORTAL).await, "the person is still signed in");
}
