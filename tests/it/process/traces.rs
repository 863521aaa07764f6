//! OpenTelemetry traces: what is in them, whose they are, and what a collector that fails costs.

use std::{collections::BTreeSet, net::TcpListener, process::Command};

use axum::{Json, Router, routing::get};
use globus_portal::{
    globus::scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS,
    routes::{
        Pages,
        caller::{Caller, JsonError, RequiredScope},
    },
};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tempfile::TempDir;

use crate::harness::{
    Browser, MIRA, OtherApp, PATIENCE, PORTAL_SCOPE, Portal, PortalBuilder, Process, Provider,
    collector::{Collector, Seen},
    free_port, portal_at, start_sandbox,
    steps::{log_in_at, raw},
};

/// All that a span may say.
const ATTRIBUTES: [&str; 14] = [
    "db.operation.name",
    "db.system.name",
    "error.type",
    "globus.service",
    "http.request.method",
    "http.request.resend_count",
    "http.response.status_code",
    "http.route",
    "request_id",
    "server.address",
    "server.port",
    "url.scheme",
    "url.template",
    "service.name",
];
const OF_THE_PROXY: (&str, &str, &str) =
    ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");

fn traced(collector: &Collector) -> PortalBuilder {
    Portal::with().set("OTLP_ENDPOINT", &collector.base)
}

/// All spans that the portal has ended so far.
async fn spans(portal: &Portal, collector: &Collector) -> Vec<Seen> {
    portal.app.traces.flush(PATIENCE).await;
    let spans = collector.spans();
    for span in &spans {
        assert!(span.attributes.keys().all(|key| ATTRIBUTES.contains(&key.as_str())), "{span:?}");
    }
    spans
}

/// The one span of this name below another.
#[track_caller]
fn below<'a>(spans: &'a [Seen], parent: &Seen, name: &str) -> &'a Seen {
    let mut found = spans.iter().filter(|span| span.parent == parent.id && span.name == name);
    let child = found.next().unwrap_or_else(|| panic!("no {name} below {}: {spans:#?}", parent.name));
    assert!(found.next().is_none(), "{name} twice");
    assert_eq!((&child.trace, child.kind), (&parent.trace, SpanKind::Client));
    assert!(child.nanoseconds <= parent.nanoseconds, "{child:?} {parent:?}");
    child
}

#[track_caller]
fn assert_attributes(span: &Seen, wanted: &[(&str, &str)]) {
    let mut attributes = span.attributes.clone();
    attributes.remove("server.port");
    attributes.remove("request_id");
    let wanted = wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    assert_eq!(attributes, wanted, "{}", span.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_and_a_page_are_spans_with_their_calls_below_them() {
    let collector = Collector::start().await;
    let portal = traced(&collector).start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let page = browser.get(&portal.url("/endpoints")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let spans = spans(&portal, &collector).await;

    let token = spans.iter().find(|span| span.name == "POST /v2/oauth2/token").unwrap();
    let callback = spans.iter().find(|span| span.id == token.parent).unwrap();
    assert_eq!((&*callback.name, callback.kind, &*callback.parent), ("GET /login", SpanKind::Server, ""));
    let of_login = |status| {
        [
            ("http.request.method", "GET"),
            ("http.response.status_code", status),
            ("http.route", "/login"),
            ("server.address", "localhost"),
            ("url.scheme", "http"),
        ]
    };
    assert_attributes(callback, &of_login("303"));
    assert_eq!(callback.attributes["server.port"], portal.base.rsplit_once(':').unwrap().1);
    let token = below(&spans, callback, "POST /v2/oauth2/token");
    assert_attributes(
        token,
        &[
            ("globus.service", "auth"),
            ("http.request.method", "POST"),
            ("http.response.status_code", "200"),
            ("server.address", "127.0.0.1"),
            ("url.template", "/v2/oauth2/token"),
        ],
    );
    let create = below(&spans, callback, "store create_session");
    assert_attributes(create, &[("db.operation.name", "create_session"), ("db.system.name", "memory")]);

    let endpoints = spans.iter().find(|span| span.name == "GET /endpoints").unwrap();
    assert_eq!(endpoints.attributes["request_id"], page.header("x-request-id").unwrap());
    let search = below(&spans, endpoints, "GET /v0.10/endpoint_search");
    assert_eq!(search.attributes["globus.service"], "transfer");
    assert_ne!(search.trace, token.trace);
    assert!(spans.iter().all(|span| !span.is_error), "{spans:#?}");
    let requests: BTreeSet<_> =
        spans.iter().filter(|span| span.kind == SpanKind::Server).map(|span| &span.trace).collect();
    assert!(spans.iter().all(|span| requests.contains(&span.trace)), "every trace begins with a request");
    assert_eq!(collector.resource()["service.name"], "globus-portal");
    assert_eq!(collector.headers()[0]["content-type"], "application/x-protobuf");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_query_or_method_of_a_visitor_is_in_a_span() {
    let collector = Collector::start().await;
    let portal = traced(&collector).set("OTLP_HEADERS", "api-key=SENTINEL").start().await;
    let host = &portal.app.settings.server_name;
    for line in ["BREW /SENTINEL?SENTINEL=1", "GET /login?code=SENTINEL&state=SENTINEL", "GET /collections/SENTINEL"] {
        raw(
            &portal,
            &format!("{line} HTTP/1.1\r\nHost: {host}\r\nCookie: session=SENTINEL\r\nConnection: close\r\n\r\n"),
        )
        .await;
    }
    let spans = spans(&portal, &collector).await;
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["HTTP", "GET /login", "GET /collections/{id}"]);
    assert_eq!(spans[0].attributes["http.request.method"], "_OTHER");
    let sent = String::from_utf8_lossy(&collector.bodies().concat()).into_owned();
    assert!(sent.contains("/collections/{id}") && !sent.contains("SENTINEL"), "{sent}");
    assert_eq!(collector.headers()[0]["api-key"], "SENTINEL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_continues_its_trace_and_nobody_else_does() {
    let (header, trace, parent) = OF_THE_PROXY;
    for trusted in ["127.0.0.1", "10.0.0.0/8"] {
        let collector = Collector::start().await;
        let portal = traced(&collector).set("TRUSTED_PROXIES", trusted).start().await;
        let browser = Browser::new();
        browser.get_with(&portal.url("/signed-out"), &[("traceparent", header), ("tracestate", "a=SENTINEL")]).await;
        // The proxy has decided against recording this one.
        browser.get_with(&portal.url("/nowhere"), &[("traceparent", &header.replace("-01", "-00"))]).await;
        browser.get_with(&portal.url("/healthz"), &[("traceparent", "00-nonsense")]).await;
        let spans = spans(&portal, &collector).await;
        let of = |name: &str| spans.iter().find(|span| span.name == name);
        let continued = of("GET /signed-out").unwrap();
        let nonsense = of("GET /healthz").unwrap();
        assert!(nonsense.parent.is_empty() && nonsense.trace != trace, "{nonsense:?}");
        if trusted == "127.0.0.1" {
            assert_eq!((&*continued.trace, &*continued.parent), (trace, parent));
            assert!(of("GET").is_none(), "{spans:#?}");
        } else {
            assert!(continued.trace != trace && continued.parent.is_empty(), "{continued:?}");
            assert!(of("GET").is_some(), "{spans:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_globus_carry_the_trace_on_if_there_is_one() {
    let (collector, provider) = (Collector::start().await, Provider::start().await);
    let portal = traced(&collector).provider(&provider).start().await;
    log_in_at(&portal, &provider, &Browser::new(), "person-1").await;
    let spans = spans(&portal, &collector).await;
    let token = spans.iter().find(|span| span.name == "POST /v2/oauth2/token").unwrap();
    let sent = provider.token_calls()[0].headers["traceparent"].to_str().unwrap().to_owned();
    assert_eq!(sent, format!("00-{}-{}-01", token.trace, token.id));

    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    log_in_at(&portal, &provider, &Browser::new(), "person-1").await;
    assert!(provider.requests().iter().all(|request| !request.headers.contains_key("traceparent")));
    assert!(!portal.app.traces.is_on());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_an_error_and_each_try_is_a_span() {
    let (collector, provider) = (Collector::start().await, Provider::start().await);
    let portal = traced(&collector).provider(&provider).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    provider.on_token(|_| crate::harness::Step::answer(503, "not now"));
    let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    let spans = spans(&portal, &collector).await;
    let token = spans.iter().find(|span| span.name == "POST /v2/oauth2/token").unwrap();
    let callback = spans.iter().find(|span| span.id == token.parent).unwrap();
    assert!(token.is_error && callback.is_error, "{token:?} {callback:?}");
    assert_eq!(token.attributes["error.type"], "503");
    assert_eq!(callback.attributes["error.type"], answer.status.as_u16().to_string());
}

/// How many spans the metrics count as lost.
async fn lost(metrics: &str) -> u64 {
    let text = Browser::new().get(metrics).await.body;
    let line = text.lines().find_map(|line| line.strip_prefix("globus_portal_trace_spans_lost_total ")).unwrap();
    line.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_does_not_take_is_counted_and_costs_no_request() {
    let collector = Collector::start().await;
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let trouble: [(&str, &dyn Fn(), u64); 5] = [
        (&collector.base, &|| {}, 0),
        (&collector.base, &|| collector.answer(503, Vec::new()), 3),
        (&collector.base, &|| collector.answer(200, vec![0; 100_000]), 3),
        (&collector.base, &|| collector.reject(2), 2),
        (&nowhere, &|| {}, 3),
    ];
    for (endpoint, begin, wanted) in trouble {
        begin();
        let address = format!("127.0.0.1:{}", free_port());
        let portal = Portal::with().set("OTLP_ENDPOINT", endpoint).set("METRICS_LISTEN", &address).start().await;
        for _ in 0..3 {
            assert_eq!(Browser::new().get(&portal.url("/signed-out")).await.status, 200);
        }
        portal.app.traces.flush(PATIENCE).await;
        assert_eq!(lost(&format!("http://{address}/metrics")).await, wanted, "{endpoint}");
    }
}

/// A portal as a process that traces, and its public address.
async fn process(folder: &TempDir, endpoint: &str) -> (Process, String) {
    let (mut command, base): (Command, _) = portal_at(folder.path(), &start_sandbox().await);
    command.env("GLOBUS_PORTAL_OTLP_ENDPOINT", endpoint).env("GLOBUS_PORTAL_LOG_FORMAT", "json");
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;
    (process, base)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_are_sent_at_a_stop() {
    let (collector, folder) = (Collector::start().await, TempDir::new().unwrap());
    let (mut process, base) = process(&folder, &collector.base).await;
    for _ in 0..700 {
        assert_eq!(Browser::new().get(&format!("{base}/signed-out")).await.status, 200);
    }
    process.signal("TERM");
    assert_eq!(process.ended().await.code(), Some(0));
    let spans = collector.spans();
    assert_eq!(spans.iter().filter(|span| span.name == "GET /signed-out").count(), 700);
    assert!(!process.printed().contains("WARN"), "{}", process.printed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_or_silent_holds_up_no_request_and_no_stop() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://127.0.0.1:{}", free_port());
    for (endpoint, said) in [
        (gone, "cannot export traces"),
        (format!("http://{}", silent.local_addr().unwrap()), "traces were not exported in time"),
    ] {
        let folder = TempDir::new().unwrap();
        let (mut process, base) = process(&folder, &endpoint).await;
        for _ in 0..600 {
            assert_eq!(Browser::new().get(&format!("{base}/signed-out")).await.status, 200);
        }
        process.signal("TERM");
        assert_eq!(process.ended().await.code(), Some(0));
        let printed = process.printed();
        let warnings: Vec<_> = printed.lines().filter(|line| line.contains("\"WARN\"")).collect();
        assert!(warnings.len() == 1 && warnings[0].contains(said), "{warnings:?}");
        assert!(!warnings[0].contains("/v1/traces"), "{warnings:?}");
    }
}

struct Use;

impl RequiredScope for Use {
    const NAME: &'static str = PORTAL_SCOPE;
}

async fn groups(caller: Caller<Use>) -> Result<Json<usize>, JsonError> {
    Ok(Json(caller.groups().await?.get_my_groups(&[]).await?.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_globus_is_asked_about_a_program_or_a_login_is_below_the_request() {
    const INTROSPECT: &str = "POST /v2/oauth2/token/introspect";
    let collector = Collector::start().await;
    let policies = format!(
        "[policies.members]\ngroups = ['63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0002']\nprogram_scope = '{PORTAL_SCOPE}'\n\
         [policies.vault]\nmfa = true\n"
    );
    let api = Pages::default().without_csrf_check(Router::new().route("/api/groups", get(groups)));
    let portal = traced(&collector).file(&policies).pages(api).start().await;
    let app = OtherApp::register(&portal.globus).await;
    for path in ["/oauth2/auth/members", "/api/groups"] {
        let token = app.token_of(MIRA, &format!("{PORTAL_SCOPE}[{VIEW_MY_GROUPS_AND_MEMBERSHIPS}]")).await;
        let authorization = format!("Bearer {token}");
        let answer = Browser::new().get_with(&portal.url(path), &[("authorization", &authorization)]).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
    }
    let mira = Browser::new();
    portal.log_in(&mira, MIRA).await;
    assert_eq!(mira.get(&portal.url("/oauth2/auth/vault")).await.status, 403);

    let spans = spans(&portal, &collector).await;
    let request = |name: &str, status: &str| {
        let is_it = |span: &&Seen| span.name == name && span.attributes["http.response.status_code"] == status;
        spans.iter().find(is_it).unwrap_or_else(|| panic!("no {name}: {spans:#?}"))
    };
    for of_program in [request("GET /oauth2/auth/{policy}", "202"), request("GET /api/groups", "200")] {
        for call in [INTROSPECT, "POST /v2/oauth2/token", "GET /v2/groups/my_groups"] {
            below(&spans, of_program, call);
        }
    }
    below(&spans, request("GET /oauth2/auth/{policy}", "403"), INTROSPECT);
}
