//! The portal at `https://portal.test/globus/` behind each proxy, as a person with a real browser finds it: Chromium, with TLS, the
//! files of `deploy/`, and no trust in anything but the site's own certificate.

use fantoccini::Locator;
use serde_json::{Value, json};

use super::window::{PROGRAMS, Window};
use crate::{
    harness::{MIRA, skip_without},
    proxies::{Proxy, Site, Variant},
};

/// A folder of the sandbox that everyone may read and change.
const FOLDER: &str = "/collections/7e57ab1e-0000-4000-8000-000000000001";
/// What only Mira's own pages say.
const PRIVATE: [&str; 3] = ["Mira Solano", "This browser", "Linked identities"];

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_behind_nginx_passes_the_walk_in_chromium() {
    walk(Proxy::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_behind_caddy_passes_the_walk_in_chromium() {
    walk(Proxy::Caddy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_behind_traefik_passes_the_walk_in_chromium() {
    walk(Proxy::Traefik).await;
}

async fn walk(proxy: Proxy) {
    if skip_without(&format!("the walk behind {proxy:?} in Chromium"), &[PROGRAMS, proxy.program()].concat()) {
        return;
    }
    let site = Site::start(proxy, Variant::PortalTest, "127.0.0.1").await;
    assert_eq!(site.base, "https://portal.test/globus");
    let window = Window::knowing(&site.base, site.name, &site.key_hash).await;

    // From a page to the login, and back to it.
    window.go("/profile?from=%C3%BC%26x").await;
    window.sees("Who are you?").await;
    window.click(MIRA, "would like to:").await;
    window.click("Allow", "Linked identities").await;
    assert_eq!(window.path().await, "/globus/profile?from=%C3%BC%26x");
    the_session_is_in_one_cookie_that_scripts_cannot_read(&window).await;
    looks_around(&window).await;
    changes_something(&window, proxy).await;
    is_asked_for_more(&window).await;

    window.go("/sessions").await;
    window.sees("This browser").await;
    window.click("Sign out here", "Logged out of").await;
    window.click("Continue to", "You are signed out").await;
    assert_eq!(window.path().await, "/globus/signed-out");
    assert!(cookies(&window).await.iter().all(|cookie| cookie["name"] != "__Host-session-globus"));
    the_way_back_shows_nothing(&window).await;
    window.assert_clean_console().await;
    the_pages_came_as_they_should(&window, &site.globus).await;
}

async fn cookies(window: &Window) -> Vec<Value> {
    let found = window.tools("Network.getCookies", json!({"urls": [format!("{}/", window.base)]})).await;
    found["cookies"].as_array().unwrap().clone()
}

/// Row E1.
async fn the_session_is_in_one_cookie_that_scripts_cannot_read(window: &Window) {
    let cookies = cookies(window).await;
    assert!(cookies.iter().any(|cookie| cookie["name"] == "__Host-session-globus"), "{cookies:#?}");
    for cookie in &cookies {
        assert!(cookie["name"].as_str().unwrap().starts_with("__Host-"), "{cookie:#}");
        assert_eq!((&cookie["httpOnly"], &cookie["secure"]), (&json!(true), &json!(true)), "{cookie:#}");
        assert_eq!((&cookie["sameSite"], &cookie["path"]), (&json!("Lax"), &json!("/")), "{cookie:#}");
        assert_eq!(cookie["domain"], "portal.test", "{cookie:#}");
    }
    assert_eq!(window.execute("return document.cookie").await, "");
    assert_eq!(window.execute("return window.isSecureContext").await, true);
}

async fn looks_around(window: &Window) {
    window.go("/").await;
    window.sees("You are successfully logged in!").await;
    window.click("See your endpoints", "Your endpoints").await;
    assert_eq!(window.path().await, "/globus/endpoints");
    window.click("Profile", "Linked identities").await;
    window.go("/collections?list=mine").await;
    window.sees("Northfield HPC Scratch").await;
}

/// A form with its CSRF token.
async fn changes_something(window: &Window, proxy: Proxy) {
    let name = format!("größer & kleiner, {proxy:?}");
    window.go(FOLDER).await;
    window.sees("Name of a new folder").await;
    window.client.find(Locator::Css("#new-folder")).await.unwrap().send_keys(&name).await.unwrap();
    window.click("Make the folder", "This folder is empty").await;
    window.go(FOLDER).await;
    window.click_exactly(&name, "This folder is empty").await;
    // The same form, of a page that has lost its token.
    window.client.find(Locator::Css("#new-folder")).await.unwrap().send_keys("forged").await.unwrap();
    window.execute("document.querySelectorAll('[name=csrf_token]').forEach(field => field.remove())").await;
    window.click("Make the folder", "If you ask for help, give this number").await;
    let console = window.console().await;
    assert!(console.len() == 1 && console[0].contains("status of 403"), "{console:#?}");
    window.go(FOLDER).await;
    window.sees(&name).await;
    let body = window.client.find(Locator::Css("body")).await.unwrap().text().await.unwrap();
    assert!(!body.contains("forged"), "{body}");
}

/// A collection that wants another consent: one login, and back to it.
async fn is_asked_for_more(window: &Window) {
    window.go("/collections?list=mine").await;
    window.sees("Northfield HPC Scratch").await;
    window.click("Northfield HPC Scratch", "would like to:").await;
    window.click("Allow", "About this collection").await;
    assert!(window.path().await.starts_with("/globus/collections/"), "{}", window.path().await);
}

async fn the_way_back_shows_nothing(window: &Window) {
    let mut asked = 0;
    for _ in 0..6 {
        window.client.back().await.unwrap();
        let is_loaded = async || window.execute("return document.readyState").await == "complete";
        window.until("the page is there", is_loaded).await;
        let here = window.client.current_url().await.unwrap();
        if here.as_str().starts_with(&window.base) {
            let body = window.client.find(Locator::Css("body")).await.unwrap().text().await.unwrap();
            assert!(PRIVATE.iter().all(|text| !body.contains(text)), "{here}: {body}");
        } else if here.path().contains("/authorize") || here.path().contains("/v2/web/") {
            asked += 1;
        }
    }
    assert!(asked > 0, "a page of a session that is over leads to the login");
}

/// Rows K1 and E9: of every page, and of all that it needs.
async fn the_pages_came_as_they_should(window: &Window, globus: &str) {
    let events = window.network().await;
    let of = |name: &'static str| events.iter().filter(move |(method, _)| method == name).map(|(_, event)| event);
    let mut pages = 0;
    for event in of("Network.responseReceived") {
        let response = &event["response"];
        let url = response["url"].as_str().unwrap();
        // What comes from the cache once more has lost some of its headers.
        if !url.starts_with(&window.base) || response["fromDiskCache"] == true {
            continue;
        }
        let header = |name: &str| {
            let all = response["headers"].as_object().unwrap();
            all.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str().unwrap())
        };
        assert_eq!(response["securityState"], "secure", "{url}");
        assert!(header("strict-transport-security").is_some_and(|value| !value.contains('\n')), "{url}: {response:#}");
        if event["type"] == "Document" {
            pages += 1;
            let policy = header("content-security-policy").unwrap_or_else(|| panic!("{url}: {response:#}"));
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(header("cache-control"), Some("no-store"), "{url}");
            assert!(header("content-encoding").is_some_and(|by| ["gzip", "br", "zstd"].contains(&by)), "{url}");
        }
    }
    assert!(pages > 8, "{pages} pages");
    for event in of("Network.requestWillBeSent") {
        // Chromium's own first page is not the site's.
        if event["documentURL"].as_str().is_some_and(|url| url.starts_with("chrome:")) {
            continue;
        }
        let request = &event["request"];
        assert_eq!(request["mixedContentType"], "none", "{request:#}");
        let url = request["url"].as_str().unwrap();
        assert!(url.starts_with("https://portal.test/globus/") || url.starts_with(globus), "{url}");
    }
}
