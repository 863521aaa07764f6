//! Metrics: on a listener of their own, with labels that no visitor can add to, and the dashboard and the alert rules for them.

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use globus_portal::clock::Clock;
use serde_json::json;
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
};
use yaml_rust2::{Yaml, YamlLoader};

use crate::harness::{
    Answer, Browser, FailingStore, MIRA, Portal, Process, Provider, decide, find_program, free_port, machine_allows,
    portal_at, start_sandbox,
    steps::{key_of, let_in},
};

/// A portal that serves metrics, and their address.
async fn measured() -> (Portal, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let portal = Portal::with().set("METRICS_LISTEN", &address).start().await;
    (portal, format!("http://{address}/metrics"))
}

async fn metrics(url: &str) -> String {
    let answer = Browser::new().get(url).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// The value of a series, by its name with its labels; nothing if there is no such series.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("globus_portal_{series} ")))?;
    Some(line.parse().unwrap())
}

fn assert_value(text: &str, series: &str, wanted: f64) {
    assert_eq!(value(text, series), Some(wanted), "{series}\n{text}");
}

async fn deny(portal: &Portal, browser: &Browser) -> Answer {
    let authorize = portal.begin_login(browser, "").await;
    let back = portal.decide(browser, &authorize, MIRA, "deny").await;
    browser.follow(back.as_str()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_denials_pages_and_logouts_are_counted() {
    let (portal, url) = measured().await;
    let before = metrics(&url).await;
    for series in [
        "logins_total{outcome=\"ok\",reason=\"none\"}",
        "sessions_ended_total{cause=\"logout\"}",
        "step_ups_total{outcome=\"ok\"}",
        "token_renewals_total{outcome=\"failed\"}",
        "connections_closed_early_total{cause=\"refused\"}",
        "connections_closed_early_total{cause=\"idle\"}",
        "logins_total{outcome=\"failed\",reason=\"client_refused\"}",
        "logouts_total",
    ] {
        assert_value(&before, series, 0.0);
    }
    let browser = Browser::new();
    assert_eq!(deny(&portal, &browser).await.status, 403);
    portal.log_in(&browser, MIRA).await;
    assert_eq!(browser.get(&portal.url("/endpoints")).await.status, 200);
    assert_eq!(browser.get(&portal.url("/profile")).await.status, 200);
    assert_eq!(browser.get(&portal.url("/login?code=SENTINEL&state=SENTINEL")).await.status, 303);
    assert_value(&metrics(&url).await, "sessions_cached", 1.0);
    assert_eq!(browser.get_with(&portal.url("/logout"), &[("sec-fetch-site", "same-origin")]).await.status, 303);
    assert_eq!(browser.get(&portal.url("/login?code=SENTINEL&state=SENTINEL")).await.status, 400);
    let after = metrics(&url).await;
    for (series, wanted) in [
        ("logins_total{outcome=\"ok\",reason=\"none\"}", 1.0),
        ("logins_total{outcome=\"denied\",reason=\"access_denied\"}", 1.0),
        ("requests_total{route=\"/profile\",method=\"GET\",status=\"200\"}", 1.0),
        ("requests_total{route=\"/logout\",method=\"GET\",status=\"303\"}", 1.0),
        ("request_duration_seconds_count{route=\"/profile\"}", 1.0),
        ("logouts_total", 1.0),
        ("sessions_ended_total{cause=\"logout\"}", 1.0),
        ("sessions_cached", 0.0),
        ("store_call_duration_seconds_count{operation=\"create_session\",outcome=\"ok\"}", 1.0),
        ("globus_call_duration_seconds_count{service=\"transfer\",outcome=\"ok\"}", 1.0),
        ("log_lines_lost_total", 0.0),
        ("trace_spans_lost_total", 0.0),
        (concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_value(&after, series, wanted);
    }
    let failed = after.lines().filter(|line| line.starts_with("globus_portal_logins_total{outcome=\"failed\""));
    assert!(failed.clone().any(|line| line.ends_with("_state\"} 1")), "{after}");
    assert!(value(&after, "connections_open").unwrap() >= 1.0, "{after}");
    assert!(value(&after, "token_revocations_total{outcome=\"ok\"}").unwrap() >= 1.0, "{after}");
    assert!(value(&after, "globus_call_duration_seconds_count{service=\"auth\",outcome=\"ok\"}").unwrap() > 2.0);
    for secret in ["SENTINEL", MIRA, "Mira", "localhost"] {
        assert!(!after.contains(secret), "{secret}: {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn step_ups_are_counted_by_their_outcome() {
    // The sandbox's collection that asks for a consent.
    const CONSENT: &str = "7e57ab1e-0000-4000-8000-000000000002";
    let (portal, url) = measured().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    for (decision, status) in [("deny", 403), ("allow", 200)] {
        let login = browser.get(&portal.url(&format!("/collections/{CONSENT}"))).await.location();
        let authorize = browser.get(login.as_str()).await.location();
        let back = portal.decide(&browser, &authorize, MIRA, decision).await;
        assert_eq!(browser.follow(back.as_str()).await.status, status);
    }
    let after = metrics(&url).await;
    assert_value(&after, "step_ups_total{outcome=\"ok\"}", 1.0);
    assert_value(&after, "step_ups_total{outcome=\"denied\"}", 1.0);
    assert_value(&after, "step_ups_total{outcome=\"failed\"}", 0.0);
    assert_value(&after, "logins_total{outcome=\"ok\",reason=\"none\"}", 1.0);
    assert!(!after.contains("logins_total{outcome=\"denied\""), "{after}");
    assert!(!after.contains(CONSENT), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_are_counted_by_their_outcome() {
    let provider = Provider::start().await;
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let address = format!("127.0.0.1:{}", free_port());
    let builder = Portal::with().provider(&provider).clock(&clock).set("REFRESH_TOKENS", "true");
    let portal = builder.set("METRICS_LISTEN", &address).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let token = |name: &str| {
        json!({
            "access_token": format!("{name}-access"), "refresh_token": format!("{name}-refresh"), "scope": "all",
            "expires_in": 3600, "token_type": "Bearer", "resource_server": "transfer.api.globus.org",
        })
    };
    let mut response = let_in(&portal, &provider, &authorize, "person-1");
    response["other_tokens"] = json!([token("first")]);
    provider.on_token(move |_| Json(response.clone()).into_response());
    assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 303);
    provider.on_other(|_| Json(json!({"DATA": []})).into_response());
    clock.advance(time::Duration::hours(1));
    provider.on_token(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    browser.get(&portal.url("/endpoints")).await;
    let mut second = token("second");
    second["other_tokens"] = json!([]);
    provider.on_token(move |_| Json(second.clone()).into_response());
    browser.get(&portal.url("/endpoints")).await;
    clock.advance(time::Duration::hours(1));
    provider.on_token(|_| (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response());
    browser.get(&portal.url("/endpoints")).await;
    let after = metrics(&format!("http://{address}/metrics")).await;
    for outcome in ["failed", "ok", "refused"] {
        assert_value(&after, &format!("token_renewals_total{{outcome=\"{outcome}\"}}"), 1.0);
    }
    let calls = |outcome| format!("globus_call_duration_seconds_count{{service=\"auth\",outcome=\"{outcome}\"}}");
    assert_value(&after, &calls("server_error"), 1.0);
    assert_value(&after, &calls("client_error"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_counted_by_why_they_end() {
    let address = format!("127.0.0.1:{}", free_port());
    let portal = Portal::with().set("METRICS_LISTEN", &address).set("SESSIONS_PER_PERSON", "1").start().await;
    let (first, second) = (Browser::new(), Browser::new());
    portal.log_in(&first, MIRA).await;
    portal.log_in(&first, MIRA).await;
    portal.log_in(&second, MIRA).await;
    portal.app.records.end_from_elsewhere(&[key_of(&portal, &second)]).await.1.unwrap();
    let after = metrics(&format!("http://{address}/metrics")).await;
    let ended = |cause: &str| value(&after, &format!("sessions_ended_total{{cause=\"{cause}\"}}")).unwrap();
    // The limit may end the first session before the login that replaces it does.
    assert!(ended("limit") >= 1.0 && ended("login") + ended("limit") <= 3.0, "{after}");
    assert_value(&after, "sessions_ended_total{cause=\"elsewhere\"}", 1.0);
    assert_value(&after, "sessions_ended_total{cause=\"logout\"}", 0.0);
    assert_value(&after, "logouts_total", 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_shows_in_its_calls_and_in_failed_logins() {
    let (provider, store) = (Provider::start().await, Arc::new(FailingStore::default()));
    let address = format!("127.0.0.1:{}", free_port());
    let builder = Portal::with().provider(&provider).store(store.clone()).set("METRICS_LISTEN", &address);
    let portal = builder.start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    store.fail(true);
    assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 503);
    let after = metrics(&format!("http://{address}/metrics")).await;
    assert_value(&after, "logins_total{outcome=\"failed\",reason=\"store\"}", 1.0);
    assert_value(&after, "store_call_duration_seconds_count{operation=\"spend_state\",outcome=\"failed\"}", 1.0);
    assert_value(&after, "requests_total{route=\"/login\",method=\"GET\",status=\"503\"}", 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_nothing_are_counted_and_do_not_keep_prometheus_out() {
    let address = format!("127.0.0.1:{}", free_port());
    let portal = Portal::with().set("METRICS_LISTEN", &address).set("REQUEST_HEAD_SECONDS", "1").start().await;
    let mut silent = TcpStream::connect(portal.app.settings.listen.tcp().unwrap()).await.unwrap();
    let mut more = Vec::new();
    for _ in 0..20 {
        more.push(TcpStream::connect(&address).await.unwrap());
    }
    // All of them are closed after a while: those beyond the first ones wait until they are.
    let after = metrics(&format!("http://{address}/metrics")).await;
    assert_value(&after, "connections_closed_early_total{cause=\"overdue\"}", 1.0);
    assert_value(&after, "connections_open", 0.0);
    let _ = silent.read_to_end(&mut Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_paths_and_methods_do_not_add_lines() {
    let (portal, url) = measured().await;
    let browser = Browser::new();
    let ask = async |name: &str| {
        for path in [format!("/{name}"), format!("/collections/{name}/x/{name}"), format!("/static/{name}")] {
            assert_eq!(browser.get(&portal.url(&path)).await.status, 404, "{path}");
        }
        browser.get(&portal.url(&format!("/tasks/{name}?{name}={name}"))).await;
        let method = reqwest::Method::from_bytes(format!("M{}", name.len()).as_bytes()).unwrap();
        reqwest::Client::new().request(method, portal.url(&format!("/{name}"))).send().await.unwrap();
    };
    ask("first").await;
    let before = metrics(&url).await;
    for number in 0..250 {
        ask(&format!("{:x}-{}-%22%0a%7d", number * 7919, "y".repeat(number))).await;
    }
    let after = metrics(&url).await;
    assert_eq!(before.lines().count(), after.lines().count(), "{after}");
    assert!(value(&after, "requests_total{route=\"other\",method=\"GET\",status=\"404\"}").unwrap() > 500.0, "{after}");
    assert!(after.contains("route=\"/tasks/{id}\""), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_listener_has_no_metrics_and_the_other_one_has_nothing_else() {
    for root in ["/", "/portal"] {
        let address = format!("127.0.0.1:{}", free_port());
        let builder = Portal::with().set("METRICS_LISTEN", &address).set("APPLICATION_ROOT", root);
        let portal = builder.start().await;
        let browser = Browser::new();
        for path in ["/metrics", "/metrics/", "//metrics", "/static/metrics"] {
            assert_eq!(browser.get(&portal.url(path)).await.status, 404, "{path}");
        }
        let outside = format!("http://localhost:{}/metrics", portal.app.settings.listen.tcp().unwrap().port());
        assert_eq!(browser.get(&outside).await.status, 404);
        for path in ["/", "/login", "/healthz", "/metrics/", "/metricsx", "/portal/metrics"] {
            let answer = browser.get(&format!("http://{address}{path}")).await;
            assert!(answer.status == 404 && answer.body.is_empty(), "{path}");
        }
        let posted = reqwest::Client::new().post(format!("http://{address}/metrics")).send().await.unwrap();
        assert_eq!(posted.status(), 404);
        let answer = browser.get(&format!("http://{address}/metrics?name[]=up")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
        assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
        portal.stop().await;
        assert!(browser.try_get(&format!("http://{address}/metrics")).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_nothing_is_measured() {
    let portal = Portal::start().await;
    assert!(!portal.app.metrics.is_counted());
    assert_eq!(Browser::new().get(&portal.url("/metrics")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_at_the_start() {
    let folder = TempDir::new().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (mut command, _) = portal_at(folder.path(), "http://127.0.0.1:9");
    command.env("GLOBUS_PORTAL_METRICS_LISTEN", &address);
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    assert_eq!(process.ended().await.code(), Some(1));
    let printed = process.printed();
    for said in [&*address, "for metrics", "another program uses this port", "METRICS_LISTEN"] {
        assert!(printed.contains(said), "{said}: {printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_an_event_for_each_login_denial_and_logout() {
    let folder = TempDir::new().unwrap();
    let globus = start_sandbox().await;
    let (mut command, base) = portal_at(folder.path(), &globus);
    command.env("GLOBUS_PORTAL_LOG_FORMAT", "json");
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;
    let browser = Browser::new();
    for decision in ["deny", "allow"] {
        let authorize = browser.get(&format!("{base}/login")).await.location();
        let back = decide(&globus, &browser, &authorize, MIRA, decision).await;
        browser.get(back.as_str()).await;
    }
    browser.get_with(&format!("{base}/logout"), &[("sec-fetch-site", "same-origin")]).await;
    browser.get(&format!("{base}/login?code=SENTINEL&state=SENTINEL")).await;
    process.says("login failed").await;
    let printed = process.printed();
    let events: Vec<serde_json::Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let count = |message: &str, key: &str, wanted: &str| {
        events.iter().filter(|event| event["message"] == message && event[key] == wanted).count()
    };
    assert_eq!(count("login denied", "reason", "access_denied"), 1, "{printed}");
    assert_eq!(count("session ended", "cause", "logout"), 1, "{printed}");
    for message in ["logged in", "logged out", "login failed"] {
        assert_eq!(count(message, "message", message), 1, "{message}: {printed}");
    }
    assert!(!printed.contains("SENTINEL"), "{printed}");
}

/// The names of our metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
    let ends = |rest: &str| rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    text.match_indices("globus_portal_").map(|(at, _)| &text[at..at + ends(&text[at..])]).collect()
}

/// Every text in a document that is a query.
fn queries(document: &serde_json::Value, found: &mut Vec<String>) {
    match document {
        serde_json::Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        serde_json::Value::Object(members) => {
            found.extend(members.get("expr").map(|query| query.as_str().unwrap().to_owned()));
            members.values().for_each(|member| queries(member, found));
        }
        _ => {}
    }
}

fn deployed(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_alert_rules_use_metrics_that_there_are() {
    let (portal, url) = measured().await;
    portal.log_in(&Browser::new(), MIRA).await;
    let text = metrics(&url).await;
    let printed = names(&text);
    let dashboard = serde_json::from_str(&deployed("grafana-dashboard.json")).unwrap();
    let mut all = Vec::new();
    queries(&dashboard, &mut all);
    assert!(all.len() >= 10, "{all:?}");
    let rules = &YamlLoader::load_from_str(&deployed("prometheus-alerts.yml")).unwrap()[0];
    let rules = rules["groups"].as_vec().unwrap().iter().flat_map(|group| group["rules"].as_vec().unwrap());
    for rule in rules.clone() {
        assert!(rule["alert"].as_str().is_some() && rule["annotations"]["description"].as_str().is_some(), "{rule:?}");
        assert!(matches!(rule["labels"]["severity"], Yaml::String(_)), "{rule:?}");
    }
    assert!(rules.clone().count() >= 8);
    all.extend(rules.map(|rule| rule["expr"].as_str().unwrap().to_owned()));
    for query in &all {
        let used = names(query);
        assert!(!used.is_empty(), "{query}");
        for name in used {
            assert!(printed.contains(name), "{name}, in {query}, is not in\n{text}");
        }
        for label in query.split(['{', ',', '(']).filter_map(|part| part.split_once(['=', '!'])).map(|(label, _)| label)
        {
            let is_label = !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            assert!(!is_label || text.contains(&format!("{label}=\"")), "{label} in {query}");
        }
    }
    check_with_promtool(&text);
}

/// Lets Prometheus's own tool read the rules and the metrics, where there is one.
fn check_with_promtool(text: &str) {
    const TEST: &str = "the dashboard and the alert rules use metrics that there are";
    let found = find_program("promtool");
    if !machine_allows(TEST, found.is_some(), "promtool is not here, so it has not checked the rules and the metrics") {
        return;
    }
    let promtool = found.unwrap();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus-alerts.yml");
    let checked = Command::new(&promtool).args(["check", "rules"]).arg(rules).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let mut checking = Command::new(&promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    checking.stdin.take().unwrap().write_all(in_the_older_format(text).as_bytes()).unwrap();
    let checked = checking.wait_with_output().unwrap();
    assert!(checked.status.success(), "{checked:?}\n{text}");
}

/// The tool reads the older text format, in which a counter's type and help are about the name that ends in `_total`.
fn in_the_older_format(text: &str) -> String {
    let counters: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let line = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        if line.starts_with("# ") && words.len() > 2 && counters.contains(&words[2].as_str()) {
            words[2].push_str("_total");
        }
        words.join(" ") + "\n"
    };
    text.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT")).map(line).collect()
}
