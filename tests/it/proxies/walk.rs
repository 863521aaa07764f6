//! What must hold behind every proxy.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use reqwest::{
    Certificate, Client, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, VARY},
};

use super::site::{Proxy, Site, Variant};
use crate::harness::{Answer, MIRA, decide, parameter, skip_without};

/// The tests of this file, for one proxy.
macro_rules! behind {
    ($module:ident, $proxy:expr) => {
        mod $module {
            use super::super::site::Proxy;

            const PROXY: Proxy = $proxy;

            #[tokio::test(flavor = "multi_thread")]
            async fn a_visitor_walks_through_it_over_tls() {
                super::over_tls(PROXY).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_visitor_walks_through_it_to_a_portal_under_a_path() {
                super::under_a_path(PROXY).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn the_visitor_is_named_by_a_trusted_proxy_and_by_nobody_else() {
                super::names_the_visitor(PROXY).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn forged_headers_change_no_address_and_no_cookie() {
                super::forged_headers(PROXY).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn the_longest_way_back_and_the_largest_form_get_through() {
                super::limits(PROXY).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_compressed_page_is_the_same_page() {
                super::compression(PROXY).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn no_log_has_a_code_even_while_the_portal_is_down() {
                super::down(PROXY).await;
            }
        }
    };
}

behind!(nginx, Proxy::Nginx);
behind!(caddy, Proxy::Caddy);
behind!(traefik, Proxy::Traefik);

/// A site, unless the proxy's program is missing.
async fn site(proxy: Proxy, variant: Variant, trusted_proxies: &str) -> Option<Site> {
    if skip_without(&format!("the portal behind {proxy:?}"), proxy.program()) {
        return None;
    }
    Some(Site::start(proxy, variant, trusted_proxies).await)
}

#[track_caller]
fn assert_sealed_cookie(answer: &Answer, name: &str) {
    let cookies = answer.set_cookies();
    let cookie = cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}="))).copied();
    let cookie = cookie.unwrap_or_else(|| panic!("no {name} among {cookies:?}"));
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{attribute}: {cookie}");
    }
}

/// Logs in, looks around and logs out, all through the proxy.
async fn walk(site: &Site) {
    let browser = site.browser();
    // Another portal may be under another path of the same host.
    let suffix = if site.base.ends_with("/portal") { "-portal" } else { "" };
    let session = format!("__Host-session{suffix}");
    let begun = browser.get(&site.url("/login")).await;
    assert_sealed_cookie(&begun, &format!("__Host-login{suffix}"));
    assert_eq!(begun.headers.get_all("strict-transport-security").iter().count(), 1);
    let authorize = begun.location();
    assert_eq!(parameter(&authorize, "redirect_uri"), Some(site.url("/login")));

    let back = decide(&site.globus, &browser, &authorize, MIRA, "allow").await;
    assert!(back.as_str().starts_with(&site.url("/login?")), "{back}");
    let callback = browser.get(back.as_str()).await;
    assert_eq!(callback.status, 303, "{}", callback.body);
    assert_sealed_cookie(&callback, &session);

    let front = browser.get(callback.location().as_str()).await;
    assert_eq!(front.url.as_str(), site.url("/"));
    assert!(front.body.contains("You are successfully logged in!"), "{}", front.body);
    for path in ["/endpoints", "/profile"] {
        assert_eq!(browser.get(&site.url(path)).await.status, 200, "{path}");
    }
    let stylesheet = front.body.split('"').find(|text| text.ends_with(".css")).unwrap();
    let stylesheet = browser.get(front.url.join(stylesheet).unwrap().as_str()).await;
    assert_eq!((stylesheet.status.as_u16(), stylesheet.header("content-type")), (200, Some("text/css; charset=utf-8")));

    let origin = site.base.trim_end_matches("/portal");
    let headers = [("origin", origin), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let out = browser.send(reqwest::Method::POST, &site.url("/logout"), &headers, Some(&[])).await;
    assert_eq!(out.status, 303, "{}", out.body);
    assert_eq!(parameter(&out.location(), "redirect_uri"), Some(site.url("/signed-out")));
    assert_eq!(browser.cookie("localhost", &session), None);
    assert_eq!(browser.get(&site.url("/signed-out")).await.status, 200);

    for secret in ["code", "state"].map(|name| parameter(&back, name).unwrap()) {
        assert!(!site.log().contains(&secret), "{}", site.log());
    }
    assert!(site.log().contains("GET"), "{}", site.log());
}

async fn over_tls(proxy: Proxy) {
    let Some(site) = site(proxy, Variant::OwnName, "").await else { return };
    let plain = site.browser().get(&format!("{}/endpoints?page=2", site.plain)).await;
    assert_eq!(
        (plain.status, plain.location().as_str()),
        (StatusCode::MOVED_PERMANENTLY, &*site.url("/endpoints?page=2"))
    );
    walk(&site).await;
}

async fn under_a_path(proxy: Proxy) {
    let Some(site) = site(proxy, Variant::Path, "").await else { return };
    let short = site.browser().get(&site.base).await;
    assert_eq!((short.status, short.location().as_str()), (StatusCode::MOVED_PERMANENTLY, &*site.url("/")));
    walk(&site).await;
}

/// nginx and Caddy can use a Unix socket, Traefik cannot.
#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_walks_through_a_proxy_to_a_unix_socket_and_is_known() {
    for (proxy, scheme) in [(Proxy::Nginx, "unix:"), (Proxy::Caddy, "unix/")] {
        if skip_without(&format!("a Unix socket behind {proxy:?}"), proxy.program()) {
            continue;
        }
        let site = Site::start_on_socket(proxy, scheme).await;
        walk(&site).await;
        site.browser().get_with(&site.url("/forged"), &[("x-forwarded-for", "203.0.113.9")]).await;
        assert_eq!(site.peer_of("/forged").await, "127.0.0.2", "{proxy:?}");
    }
}

/// Browsers speak HTTP/2 with Caddy and Traefik, and may send each cookie in a field of its own (RFC 9113 section 8.2.3).
#[tokio::test(flavor = "multi_thread")]
async fn a_session_works_over_http_2() {
    for proxy in [Proxy::Caddy, Proxy::Traefik] {
        let programs = [proxy.program(), &[("curl", "curl")]].concat();
        if skip_without(&format!("HTTP/2 with {proxy:?}"), &programs) {
            continue;
        }
        let site = Site::start(proxy, Variant::OwnName, "127.0.0.1").await;
        let browser = site.browser();
        let begun = browser.get(&site.url("/login")).await;
        let back = decide(&site.globus, &browser, &begun.location(), MIRA, "allow").await;
        assert_eq!(browser.get(back.as_str()).await.status, 303);
        let session = format!("cookie: __Host-session={}", browser.cookie("localhost", "__Host-session").unwrap());
        let certificate = site.certificate_file();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--http2", "--compressed", "--cacert"])
            .arg(certificate);
        curl.args(["--header", "cookie: one=1", "--header", &session, "--header", "cookie: two=2"]);
        curl.args(["--write-out", "%{http_version} %{http_code}"]).arg(site.url("/profile"));
        let output = curl.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(MIRA) && text.ends_with("2 200"), "{proxy:?}: {text}");
    }
}

async fn names_the_visitor(proxy: Proxy) {
    let forged = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"), ("x-real-ip", "203.0.113.9")];

    let Some(trusting) = site(proxy, Variant::OwnName, "127.0.0.1").await else { return };
    trusting.browser().get_with(&trusting.url("/plain"), &[]).await;
    trusting.browser().get_with(&trusting.url("/forged"), &forged).await;
    assert_eq!(trusting.peer_of("/plain").await, "127.0.0.2");
    assert_eq!(trusting.peer_of("/forged").await, "127.0.0.2");
    // Bypassing the proxy, from an address that is not a proxy's.
    trusting.browser().get_with(&format!("{}/past", trusting.behind), &forged).await;
    assert_eq!(trusting.peer_of("/past").await, "127.0.0.2");

    let Some(wary) = site(proxy, Variant::OwnName, "").await else { return };
    wary.browser().get_with(&wary.url("/forged"), &forged).await;
    assert_eq!(wary.peer_of("/forged").await, "127.0.0.1");
}

async fn forged_headers(proxy: Proxy) {
    let Some(site) = site(proxy, Variant::OwnName, "127.0.0.1").await else { return };
    let forged = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "80"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-http-method-override", "DELETE"),
    ];
    let other_name = [("host", "evil.example")];
    for headers in [&forged[..], &other_name] {
        for base in [&site.base, &site.behind] {
            if proxy != Proxy::Nginx && headers == other_name && *base == site.base {
                // Caddy and Traefik forward only names that they know.
                let answer = site.browser().get_with(&format!("{base}/login"), headers).await;
                assert!(answer.set_cookies().is_empty() && !format!("{answer:?}").contains("evil"), "{answer:?}");
                continue;
            }
            let begun = site.browser().get_with(&format!("{base}/login"), headers).await;
            assert_sealed_cookie(&begun, "__Host-login");
            assert_eq!(parameter(&begun.location(), "redirect_uri"), Some(site.url("/login")));
            let page = site.browser().get_with(&format!("{base}/profile"), headers).await;
            assert_eq!(page.header("location"), Some("/login?next=%2Fprofile"));
            assert!(!format!("{begun:?}{page:?}").contains("evil"));
        }
    }
    let plain = site.browser().get_with(&format!("{}/", site.plain), &other_name).await;
    if proxy == Proxy::Nginx {
        assert_eq!(plain.location().as_str(), site.url("/"));
    }
    assert!(!format!("{plain:?}").contains("evil"), "{plain:?}");
}

async fn limits(proxy: Proxy) {
    let Some(site) = site(proxy, Variant::OwnName, "").await else { return };
    let browser = site.browser();
    let longest = format!("/{}", "a".repeat(1023));
    let begun = browser.get(&site.url(&format!("/login?next={longest}"))).await;
    let back = decide(&site.globus, &browser, &begun.location(), MIRA, "allow").await;
    let callback = browser.get(back.as_str()).await;
    assert_eq!(callback.location().path(), longest);

    // 64 KiB with the name of the field.
    let largest = [("text", "a".repeat((64 << 10) - "text=".len()))];
    let largest = largest.each_ref().map(|(name, value)| (*name, value.as_str()));
    let read = browser.submit(&site.url("/logout"), &largest).await;
    assert_eq!(read.status, StatusCode::SEE_OTHER, "{}", read.body);
    let too_large = [("text", "a".repeat(70 << 10))];
    let too_large = too_large.each_ref().map(|(name, value)| (*name, value.as_str()));
    // More than once: a proxy that forwards it may or may not see the portal's answer before it is hung up on.
    for _ in 0..20 {
        let refused = browser.submit(&site.url("/logout"), &too_large).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}

async fn compression(proxy: Proxy) {
    let Some(site) = site(proxy, Variant::OwnName, "").await else { return };
    let certificate = Certificate::from_pem(site.certificate.as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([certificate]).no_proxy().build().unwrap();
    let get = async |path: &str, encoding: &str| -> (HeaderMap, Vec<u8>) {
        let answer = client.get(site.url(path)).header(ACCEPT_ENCODING, encoding).send().await.unwrap();
        (answer.headers().clone(), answer.bytes().await.unwrap().to_vec())
    };
    let (headers, page) = get("/signed-out", "identity").await;
    assert_eq!(headers.get(CONTENT_ENCODING), None);
    let text = String::from_utf8(page.clone()).unwrap();
    let stylesheet = text.split('"').find(|text| text.ends_with(".css")).unwrap();
    for path in ["/signed-out", stylesheet] {
        let (_, plain) = get(path, "identity").await;
        let (headers, compressed) = get(path, "gzip").await;
        assert_eq!(headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()), Some(&b"gzip"[..]), "{path}");
        let varies = headers.get_all(VARY).iter().any(|value| value.to_str().unwrap().contains("Accept-Encoding"));
        assert!(varies, "{path}: {headers:?}");
        assert!(compressed.len() < plain.len() * 2 / 3, "{path}: {} of {}", compressed.len(), plain.len());
        assert!(unpacked(&compressed) == plain, "{path}");
    }
}

async fn down(proxy: Proxy) {
    let Some(mut site) = site(proxy, Variant::OwnName, "").await else { return };
    site.stop_portal().await;
    let answer = site.browser().get(&site.url("/login?code=the-code&state=the-state")).await;
    assert!(matches!(answer.status.as_u16(), 502..=504), "{answer:?}");
    assert!(!site.log().contains("the-code"), "{}", site.log());
    // nginx quotes the request in its error log, and nothing changes that.
    if proxy != Proxy::Nginx {
        assert!(!site.proxy.printed().contains("the-code"), "{}", site.proxy.printed());
    }
}

/// By the program `gzip`, which every Unix has.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = gzip.stdin.take().unwrap();
    stdin.write_all(bytes).unwrap();
    drop(stdin);
    let done = gzip.wait_with_output().unwrap();
    assert!(done.status.success());
    done.stdout
}
