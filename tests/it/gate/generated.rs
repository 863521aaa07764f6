//! Generated requests: paths, queries, headers, doubles and aliases. `GATE_REQUESTS=100000` sends as many as it says to each
//! address; otherwise there are some hundreds.

use reqwest::Method;

use super::{IDENTITY, MIRA, signed_in, with};
use crate::harness::number;

/// Numbers that look random and are the same for the same seed (Knuth's constants).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const PATHS: [&str; 12] = [
    "",
    "/",
    "/..",
    "/%2e%2e/default",
    "/default",
    "//default",
    "/;x",
    "%00",
    "/default/..",
    "/%2fdefault",
    "\\default",
    "/a/b/c",
];
const QUERIES: [&str; 8] =
    ["", "?policy=default", "?", "?allowed_groups=", "?rd=/", "?&&", "?policy=default&policy=default", "?%00"];
const NAMES: [&str; 20] = [
    "x-forwarded-uri",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-method",
    "x-forwarded-for",
    "x_forwarded_uri",
    "X-Forwarded-Uri",
    "x-forwarded-prefix",
    "x-original-url",
    "x-original-method",
    "x-rewrite-url",
    "forwarded",
    "x-auth-request-user",
    "x_auth_request_user",
    "x-auth-request-groups",
    "connection",
    "accept",
    "sec-fetch-mode",
    "upgrade",
    "authorization",
];
const VALUES: [&str; 14] = [
    "/",
    "/open/",
    "GET",
    "OPTIONS",
    "http",
    "https",
    "evil.example",
    "127.0.0.1",
    "root",
    "x-forwarded-host",
    "text/html",
    "websocket",
    "/healthz",
    "/..;/%2e%2e/",
];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "OPTIONS", "PURGE", "DELETE"];

#[tokio::test]
async fn whatever_is_sent_a_policy_that_denies_never_says_yes_and_one_that_allows_names_the_person_once() {
    let portal = with("").start().await;
    let mira = signed_in(&portal, MIRA).await;
    let host = portal.app.settings.server_name.clone();
    let mut chance = Chance(7);
    let (mut yes, mut no) = (0, 0);
    for gate in ["auth", "forward", "authz"] {
        for _ in 0..number("GATE_REQUESTS", 150) {
            let described = [
                ("x-forwarded-method", "GET"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-host", &*host),
                ("x-forwarded-uri", "/app/"),
            ];
            let mut headers: Vec<(&str, &str)> = if chance.below(2) == 0 { described.to_vec() } else { Vec::new() };
            for _ in 0..chance.below(4) {
                headers.push((chance.of(&NAMES), chance.of(&VALUES)));
            }
            let (path, query, method) = (chance.of(&PATHS), chance.of(&QUERIES), chance.of(&METHODS));
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let url = |policy: &str| portal.url(&format!("/oauth2/{gate}/{policy}"));
            let denied = mira.send(method.clone(), &format!("{}{path}{query}", url("closed")), &headers, None).await;
            // URLs with dots are another path by the time they are sent: those that lead elsewhere are not this gate's.
            if denied.url.path().contains("/closed") {
                assert!(!denied.status.is_success(), "{method} {} {headers:?}: {}", denied.url, denied.status);
                assert!(IDENTITY.iter().all(|name| denied.header(name).is_none()), "{} {headers:?}", denied.url);
                no += 1;
            }
            let allowed = mira.send(method.clone(), &format!("{}{query}", url("default")), &headers, None).await;
            if allowed.status.is_success() {
                for name in IDENTITY {
                    assert_eq!(allowed.headers.get_all(name).iter().count(), 1, "{name}: {} {headers:?}", allowed.url);
                }
                yes += 1;
            }
        }
    }
    assert!(yes > 100 && no > 100, "{yes} times yes, {no} times no");
}
