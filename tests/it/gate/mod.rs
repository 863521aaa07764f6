//! The gate of other apps: what it says to each kind of proxy. Rows H and I of the checklist are named where they are shown.

mod access_tokens;
mod app;
mod assertions;
mod behind;
mod decisions;
mod forward;
mod generated;
mod hosts;
mod kept;
mod logins;
mod policies;
mod programs;
mod shapes;
mod statuses;
mod userinfo;

use reqwest::Method;
use url::Url;

use crate::harness::{Answer, Browser, JONAS, MIRA, Portal, PortalBuilder};

/// A group of the sandbox that Mira and Jonas are in.
const GROUP: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0002";
/// One that only Jonas is in.
const RIDGELINE: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0003";
/// A group that Mira has declined to join.
const BEAMLINE: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0004";

/// The headers that every yes has.
const IDENTITY: [&str; 10] = [
    "x-auth-request-user",
    "x-auth-request-subject",
    "x-auth-request-email",
    "x-auth-request-preferred-username",
    "x-auth-request-groups",
    "x-auth-request-identity-provider",
    "x-auth-request-organization",
    "x-auth-request-auth-time",
    "x-auth-request-assertion",
    "x-auth-request-access-token",
];

const POLICIES: &str = "\
[policies.default]\nsigned_in = true\n\
[policies.closed]\n\
[policies.jonas]\ntitle = 'The <b>lab</b> book'\ncontact = 'lab@ridgeline.example'\ndomains = ['ridgeline.example']\n";

fn with(more: &str) -> PortalBuilder {
    Portal::with().set("TRUSTED_PROXIES", "127.0.0.1").file(&format!("{POLICIES}{more}"))
}

async fn signed_in(portal: &Portal, person: &str) -> Browser {
    let browser = Browser::new();
    portal.log_in(&browser, person).await;
    browser
}

/// An authorize URL without what a person could edit out of the address bar.
pub fn edited(authorize: &Url) -> Url {
    let is_kept = |name: &str| !name.starts_with("session_") && !matches!(name, "prompt" | "max_age");
    let kept: Vec<(String, String)> = authorize.query_pairs().into_owned().filter(|(name, _)| is_kept(name)).collect();
    let mut edited = authorize.clone();
    edited.query_pairs_mut().clear().extend_pairs(kept);
    edited
}

/// As nginx asks: a GET with the visitor's own headers.
async fn ask(portal: &Portal, browser: &Browser, path: &str, headers: &[(&str, &str)]) -> Answer {
    browser.send(Method::GET, &portal.url(path), headers, None).await
}

/// What Caddy and Traefik send about a request for a path of this site.
fn forwarded<'a>(portal: &'a Portal, method: &'a str, uri: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("x-forwarded-method", method),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", &portal.app.settings.server_name),
        ("x-forwarded-uri", uri),
        ("accept", "text/html"),
    ]
}

/// Row H2: each identity header once.
#[track_caller]
fn assert_identity(answer: &Answer, person: &str) {
    for name in IDENTITY {
        assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{name}: {:?}", answer.headers);
    }
    assert_eq!(answer.header("x-auth-request-preferred-username"), Some(person));
}
