//! The id of a request: a trusted proxy's, or the portal's own.

use tempfile::TempDir;

use crate::{
    harness::{
        Browser, Portal, Process, portal_at, skip_without, start_sandbox,
        steps::{raw, raw_header},
        until,
    },
    proxies::{Proxy, Site, Variant},
};

const ID: &str = "x-request-id";
const OF_THE_PROXY: &str = "2f1c0e9a4b7d4c0e8a6f5d3c2b1a0987";

fn is_fresh(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

async fn trusting() -> Portal {
    Portal::with().set("TRUSTED_PROXIES", "127.0.0.1").file("[policies.default]\nsigned_in = true\n").start().await
}

#[tokio::test]
async fn the_id_of_a_trusted_proxy_is_in_the_answer_and_on_the_error_page() {
    let portal = trusting().await;
    for (path, status) in
        [("/signed-out", 200), ("/nowhere", 404), ("/oauth2/auth", 401), ("/oauth2/denied/default", 303)]
    {
        let answer = Browser::new().get_with(&portal.url(path), &[(ID, OF_THE_PROXY)]).await;
        assert_eq!((answer.status.as_u16(), answer.header(ID)), (status, Some(OF_THE_PROXY)), "{path}");
        assert_eq!(answer.headers.get_all(ID).iter().count(), 1, "{path}");
        assert!(status != 404 || answer.body.contains(OF_THE_PROXY), "{}", answer.body);
    }
}

#[tokio::test]
async fn an_id_from_anybody_else_counts_for_nothing() {
    for trusted in ["", "10.0.0.0/8"] {
        let portal = Portal::with().set("TRUSTED_PROXIES", trusted).start().await;
        let answer = Browser::new().get_with(&portal.url("/nowhere"), &[(ID, OF_THE_PROXY)]).await;
        assert!(is_fresh(answer.header(ID).unwrap()), "{:?}", answer.headers);
        assert!(!answer.body.contains(OF_THE_PROXY), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ids_long_ones_and_hostile_ones_are_replaced() {
    let portal = trusting().await;
    let name = portal.app.settings.server_name.clone();
    let ask = async |headers: &str| {
        let request = format!("GET /nowhere HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n{headers}\r\n");
        raw(&portal, &request).await
    };
    let longest = "x".repeat(128);
    let good = ask(&format!("X-Request-ID: {longest}\r\n")).await;
    assert_eq!(raw_header(&good, ID), Some(&*longest), "{good}");
    for headers in [
        "X-Request-Id: one\r\nX-Request-Id: two\r\n".to_owned(),
        "X-Request-Id: one\r\nx-request-id: one\r\n".to_owned(),
        format!("X-Request-Id: {longest}x\r\n"),
        "X-Request-Id:\r\n".to_owned(),
        "X-Request-Id: one, two\r\n".to_owned(),
        "X-Request-Id: a\tb\r\n".to_owned(),
        "X-Request-Id: <script>\r\n".to_owned(),
        "X-Request-Id: \"quoted\"\r\n".to_owned(),
        "X-Request-Id: é\u{202e}\r\n".to_owned(),
        "X_Request_Id: one\r\n".to_owned(),
    ] {
        let answer = ask(&headers).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{headers}: {answer}");
        assert!(is_fresh(raw_header(&answer, ID).unwrap()), "{headers}: {answer}");
    }
    // HTTP itself has no room for others.
    let refused = ask("X-Request-Id: a\u{1b}[31m\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_the_same_id() {
    let folder = TempDir::new().unwrap();
    let (mut command, base) = portal_at(folder.path(), &start_sandbox().await);
    command.env("GLOBUS_PORTAL_TRUSTED_PROXIES", "127.0.0.1").env("GLOBUS_PORTAL_LOG_FORMAT", "json");
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;
    Browser::new().get_with(&format!("{base}/nowhere"), &[(ID, OF_THE_PROXY)]).await;
    let line = process.says("/nowhere").await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["span"]["request_id"], OF_THE_PROXY, "{line}");
}

/// The id of a proxy that sets one, with the files of `deploy`.
async fn set_by(proxy: Proxy) -> Option<(String, Site)> {
    if skip_without("request ids through a proxy", proxy.program()) {
        return None;
    }
    let site = Site::start(proxy, Variant::OwnName, "127.0.0.1").await;
    let forged = [(ID, "forged"), ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")];
    let answer = Browser::get_with(&site.browser(), &site.url("/nowhere"), &forged).await;
    let ids: Vec<_> = answer.headers.get_all(ID).iter().map(|id| id.to_str().unwrap().to_owned()).collect();
    assert!(ids.len() == 1 && ids[0] != "forged" && answer.body.contains(&ids[0]), "{ids:?} {}", answer.body);
    assert_eq!(site.request_id_of("/nowhere").await, ids[0]);
    Some((ids[0].clone(), site))
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_sets_the_id_and_logs_it() {
    let Some((id, site)) = set_by(Proxy::Nginx).await else { return };
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    // nginx writes the line after the answer.
    let written = || site.log().lines().find(|line| line.contains("/nowhere")).map(ToOwned::to_owned);
    let line = until("the line in nginx's log", written).await;
    assert!(line.ends_with(&id), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_sets_the_id() {
    let Some((id, _)) = set_by(Proxy::Caddy).await else { return };
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4, "{id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_has_no_id_and_drops_the_visitors() {
    let Some((id, _)) = set_by(Proxy::Traefik).await else { return };
    assert!(is_fresh(&id), "{id}");
}
