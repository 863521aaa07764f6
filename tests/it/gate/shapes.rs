//! Requests as ingress-nginx and Envoy send them.

use reqwest::Method;
use url::Url;
use yaml_rust2::{Yaml, YamlLoader};

use super::{IDENTITY, MIRA, assert_identity, signed_in, with};
use crate::harness::{Browser, JONAS, Portal, parameter};

/// What ingress-nginx sends to `auth-url` (its template `nginx.tmpl`, location of the external authentication), beside the
/// visitor's own headers.
fn ingress<'a>(origin: &str, target: &'a str, method: &'a str) -> Vec<(&'static str, String)> {
    vec![
        ("host", "globus-portal.default.svc.cluster.local".to_owned()),
        ("x-original-url", format!("{origin}{target}")),
        ("x-original-method", method.to_owned()),
        ("x-auth-request-redirect", target.to_owned()),
        ("x-sent-from", "nginx-ingress-controller".to_owned()),
        ("x-real-ip", "203.0.113.7".to_owned()),
        ("x-forwarded-for", "203.0.113.7".to_owned()),
        ("x-forwarded-proto", String::new()),
        ("x-scheme", "http".to_owned()),
        ("accept", "text/html".to_owned()),
        ("sec-fetch-mode", "navigate".to_owned()),
    ]
}

/// A value of an annotation or of a middleware in `deploy/kubernetes-gate.yaml`, which are what an operator copies.
fn in_kubernetes(path: &[&str]) -> Vec<Yaml> {
    let documents = YamlLoader::load_from_str(include_str!("../../../deploy/kubernetes-gate.yaml")).unwrap();
    let values = documents.iter().map(|document| path.iter().fold(document.clone(), |at, name| at[*name].clone()));
    values.filter(|value| !value.is_badvalue()).collect()
}

/// The same of an Ingress for ingress-nginx.
fn annotation(name: &str) -> String {
    let name = format!("nginx.ingress.kubernetes.io/{name}");
    in_kubernetes(&["metadata", "annotations", &name])[0].as_str().unwrap().to_owned()
}

/// The path of an address in it.
fn path_of(address: &str) -> String {
    Url::parse(address).unwrap().path().to_owned()
}

#[test]
fn the_ingresses_ask_an_address_of_their_controller_and_take_every_identity_header() {
    let named = |list: Vec<&str>| list.iter().map(|name| name.trim().to_lowercase()).collect::<Vec<_>>();
    assert_eq!(named(annotation("auth-response-headers").split(',').collect()), IDENTITY);
    let listed = &in_kubernetes(&["spec", "forwardAuth", "authResponseHeaders"])[0];
    assert_eq!(named(listed.as_vec().unwrap().iter().map(|name| name.as_str().unwrap()).collect()), IDENTITY);
    let address = &in_kubernetes(&["spec", "forwardAuth", "address"])[0];
    assert_eq!(path_of(address.as_str().unwrap()), "/oauth2/forward/staff");
}

async fn ask(portal: &Portal, browser: &Browser, path: &str, headers: &[(&str, String)]) -> crate::harness::Answer {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    browser.send(Method::GET, &portal.url(path), &headers, None).await
}

/// `ngx.escape_uri`, by which ingress-nginx makes `$escaped_request_uri`.
fn escaped(target: &str) -> String {
    percent_encoding::utf8_percent_encode(target, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Row H1, and the way back from what ingress-nginx appends to `auth-signin`.
#[tokio::test]
async fn ingress_nginx_gets_a_status_and_leads_back_to_the_page() {
    let portal = with("[policies.staff]\ndomains = ['northfield.example']\n").start().await;
    let (mira, jonas, nobody) = (signed_in(&portal, MIRA).await, signed_in(&portal, JONAS).await, Browser::new());
    let (asked, sign_in) = (path_of(&annotation("auth-url")), path_of(&annotation("auth-signin")));
    for method in ["GET", "POST", "OPTIONS"] {
        for target in ["/app/?x=1&y=%23", "/app/a%2Fb", "/app/../healthz", "/healthz"] {
            let headers = ingress(&portal.base, target, method);
            let answer = ask(&portal, &mira, &asked, &headers).await;
            assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (202, Some("no-store")), "{target}");
            assert_identity(&answer, MIRA);
            assert_eq!(ask(&portal, &nobody, &asked, &headers).await.status, 401, "{target}");
            assert_eq!(ask(&portal, &jonas, &asked, &headers).await.status, 403, "{target}");
        }
    }
    // auth-signin as people write it, and what the controller makes of it.
    for target in ["/app/?x=1&y=%23&z=%C3%BC", "/app/a%20b/", "/app/a%2Fb?rd=/x&q=%2525", "/"] {
        let (origin, uri) = (&portal.base, escaped(target));
        for query in [
            format!("rd={origin}{uri}"),
            format!("rd={uri}"),
            format!("rd={}", escaped(&format!("{origin}{target}"))),
            format!("x=1&rd={origin}{uri}"),
            format!("rd={origin}{target}"),
        ] {
            let answer = Browser::new().get(&portal.url(&format!("{sign_in}?{query}"))).await;
            let next = parameter(&answer.location(), "next");
            let next = next.as_deref().unwrap_or("/");
            assert_eq!((answer.location().path(), next), ("/login", target), "{query}");
        }
    }
    for evil in [
        "//evil.example",
        "/\\evil.example",
        "/..%2f..%2flogout",
        "/logout",
        "/oauth2/start",
        "@evil.example",
        ".evil.example/",
    ] {
        for query in
            [format!("rd={}{}", portal.base, escaped(evil)), format!("rd=https://evil.example{}", escaped("/app/"))]
        {
            let answer = Browser::new().get(&portal.url(&format!("{sign_in}?{query}"))).await;
            assert_eq!(answer.header("location"), Some("/login"), "{query}");
        }
    }
}

/// Envoy asks with the visitor's own method, and with their path and query behind the prefix. It takes only 200 for a yes.
#[tokio::test]
async fn envoy_gets_200_or_no_yes_whatever_the_visitors_path_and_method() {
    let portal = with("").start().await;
    let (mira, nobody) = (signed_in(&portal, MIRA).await, Browser::new());
    let envoy = [
        ("x-request-id", "8d1a57f0-6d6b-4a3f-9a3b-5a3b1a0c9b11"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-envoy-internal", "true"),
        ("x-envoy-expected-rq-timeout-ms", "200"),
        ("content-length", "0"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for path in [
            "",
            "/",
            "/app/",
            "/app/a%2Fb?x=1&y=%23&policy=default",
            "//app",
            "/%2e%2e/default/",
            "/healthz",
            "/oauth2/authz/default",
        ] {
            let url = |policy: &str| portal.url(&format!("/oauth2/authz/{policy}{path}"));
            let answer = mira.send(method.clone(), &url("default"), &envoy, None).await;
            if answer.url.path().starts_with("/oauth2/authz/default") {
                assert_eq!((answer.status.as_u16(), &*answer.body), (200, ""), "{method} {path}");
                assert_identity(&answer, MIRA);
            }
            let answer = nobody.send(method.clone(), &url("default"), &envoy, None).await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (401, None), "{method} {path}");
            let answer = mira.send(method.clone(), &url("jonas"), &envoy, None).await;
            if answer.url.path().starts_with("/oauth2/authz/jonas") {
                assert_eq!(answer.status, 403, "{method} {path}");
                assert!(IDENTITY.iter().all(|name| answer.header(name).is_none()), "{method} {path}");
            }
        }
    }
}
