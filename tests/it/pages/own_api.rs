//! The API of the README: for programs with a bearer token.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use axum::{Json, Router, response::IntoResponse as _, routing::get};
use globus_portal::{
    globus::scopes,
    routes::{
        Pages,
        caller::{Caller, JsonError, RequiredScope},
    },
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Browser, Controls, JONAS, MIRA, OtherApp, PORTAL_SCOPE, Portal, Provider,
    provider::{CLIENT_ID, Request},
};

#[path = "../../../examples/own_api.rs"]
mod example;

const TRANSFER: &str = scopes::transfer::ALL;
const COLLECTION: &str = "/api/ls/7e57ab1e-0000-4000-8000-000000000001";
/// One whose data needs consent.
const CONSENT: &str = "7e57ab1e-0000-4000-8000-000000000002";

struct Use;

impl RequiredScope for Use {
    const NAME: &'static str = "use";
}

/// A whole scope that no token has.
struct Whole;

impl RequiredScope for Whole {
    const NAME: &'static str = "urn:globus:auth:scope:example:all";
}

async fn who(caller: Caller<Use>) -> Json<Value> {
    let identities: Vec<_> = caller.identities().iter().map(|identity| identity.username.clone()).collect();
    Json(json!({
        "sub": caller.sub(), "username": caller.username(), "scopes": caller.scopes(), "client_id": caller.client_id(),
        "identities": identities,
    }))
}

async fn groups(caller: Caller<Use>) -> Result<Json<usize>, JsonError> {
    Ok(Json(caller.groups().await?.get_my_groups(&[]).await?.len()))
}

async fn search(caller: Caller<Use>) -> Result<Json<usize>, JsonError> {
    let token = caller.dependent_token("urn:globus:auth:scope:search.api.globus.org:search").await?;
    Ok(Json(token.expose_secret().len()))
}

async fn whole(_: Caller<Whole>) {}

fn api() -> Pages {
    let more = Router::new()
        .route("/api/who", get(who).post(who))
        .route("/api/groups", get(groups))
        .route("/api/search", get(search))
        .route("/api/whole", get(whole));
    example::api().without_csrf_check(more)
}

async fn call(portal: &Portal, path: &str, token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    Browser::new().send(Method::GET, &portal.url(path), &[("authorization", &authorization)], None).await
}

fn document(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.body);
    assert!(answer.header("location").is_none() && answer.set_cookies().is_empty(), "{:?}", answer.headers);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn a_caller_is_known_and_acts_by_dependent_tokens() {
    let portal = Portal::with().pages(api()).start().await;
    let controls = Controls::of(&portal.globus);
    let app = OtherApp::register(&portal.globus).await;
    let token = app.token_of(JONAS, &format!("{PORTAL_SCOPE}[{TRANSFER}]")).await;
    let answer = call(&portal, "/api/who", &token).await;
    let found = document(&answer);
    assert_eq!(answer.status, 200);
    assert_eq!((&found["username"], &found["client_id"]), (&json!(JONAS), &json!(app.id)));
    assert_eq!(found["scopes"], json!([PORTAL_SCOPE]));
    assert!(found["identities"].as_array().unwrap().contains(&json!(JONAS)), "{found}");
    // Its requests need no page of this site.
    let headers = [("authorization", &*format!("Bearer {token}")), ("origin", "https://elsewhere.example")];
    assert_eq!(Browser::new().send(Method::POST, &portal.url("/api/who"), &headers, None).await.status, 200);

    controls.count_anew().await;
    controls.fault(&json!({"fault": "slow", "ms": 300, "path": "/v2/oauth2/token"})).await;
    let all = futures_util::future::join_all((0..20).map(|_| call(&portal, COLLECTION, &token))).await;
    controls.no_faults().await;
    for answer in all {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!document(&answer).as_array().unwrap().is_empty());
    }
    assert_eq!(controls.calls("POST /v2/oauth2/token").await, 1, "the dependent tokens are kept");
}

#[tokio::test]
async fn what_is_missing_is_said_as_globus_clients_understand_it() {
    let portal = Portal::with().pages(api()).start().await;
    let app = OtherApp::register(&portal.globus).await;
    let token = app.token_of(MIRA, PORTAL_SCOPE).await;
    let view = scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS;
    let search = "urn:globus:auth:scope:search.api.globus.org:search";
    for (path, wanted) in [(COLLECTION, TRANSFER), ("/api/groups", view), ("/api/search", search)] {
        let answer = call(&portal, path, &token).await;
        let wanted = format!("{PORTAL_SCOPE}[{wanted}]");
        let expected = json!({"code": "ConsentRequired", "authorization_parameters": {"required_scopes": [wanted]}});
        assert_eq!((answer.status.as_u16(), document(&answer)), (403, expected), "{path}");
        // What it asks for helps.
        let better = app.token_of(MIRA, &wanted).await;
        assert_eq!(call(&portal, path, &better).await.status, 200, "{path}");
    }
    // What Transfer asks for is asked for as a dependency of the portal's scope too.
    let token = app.token_of(MIRA, &format!("{PORTAL_SCOPE}[{TRANSFER}]")).await;
    let path = format!("/api/ls/{CONSENT}");
    let answer = call(&portal, &path, &token).await;
    let found = document(&answer);
    assert_eq!((answer.status.as_u16(), &found["code"]), (403, &json!("ConsentRequired")));
    let wanted = found["authorization_parameters"]["required_scopes"][0].as_str().unwrap().to_owned();
    assert!(wanted.starts_with(&format!("{PORTAL_SCOPE}[{TRANSFER}[")) && wanted.contains(CONSENT), "{wanted}");
    let better = app.token_of(MIRA, &wanted).await;
    assert_eq!(call(&portal, &path, &better).await.status, 200);
    // Any other failure says its cause.
    let answer = call(&portal, "/api/ls/7e57ab1e-ffff-4000-8000-000000000001", &token).await;
    assert_eq!((answer.status.as_u16(), &document(&answer)["code"]), (404, &json!("NotFound")));
}

#[tokio::test]
async fn other_requests_are_refused_in_json_and_never_led_to_a_login() {
    let portal = Portal::with().pages(api()).start().await;
    let controls = Controls::of(&portal.globus);
    let app = OtherApp::register(&portal.globus).await;
    let token = app.own_token(PORTAL_SCOPE).await;
    let realm = format!("Bearer realm=\"{}\"", portal.app.settings.server_name);
    let mira = Browser::new();
    portal.log_in(&mira, MIRA).await;
    let url = portal.url("/api/who");
    for (authorization, status, error, code) in [
        (None, 401, "", "Unauthorized"),
        (Some("Basic YTpi"), 401, "", "Unauthorized"),
        (Some("Bearer a b"), 400, ", error=\"invalid_request\"", "BadRequest"),
        (Some("Bearer invented"), 401, ", error=\"invalid_token\"", "InvalidToken"),
    ] {
        let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
        // A session and a navigation count for nothing.
        let answer = mira.get_with(&url, &headers).await;
        assert_eq!((answer.status.as_u16(), &document(&answer)["code"]), (status, &json!(code)), "{authorization:?}");
        assert_eq!(answer.header("www-authenticate"), Some(&*format!("{realm}{error}")));
    }
    let by_query = mira.get(&format!("{url}?access_token={token}")).await;
    assert_eq!(by_query.status, 401);
    let answer = call(&portal, "/api/whole", &token).await;
    let wanted = "urn:globus:auth:scope:example:all";
    let expected = json!({"code": "ConsentRequired", "authorization_parameters": {"required_scopes": [wanted]}});
    assert_eq!((answer.status.as_u16(), document(&answer)), (403, expected));
    let challenge = format!("{realm}, error=\"insufficient_scope\", scope=\"{wanted}\"");
    assert_eq!(answer.header("www-authenticate"), Some(&*challenge));

    let fresh = app.own_token(PORTAL_SCOPE).await;
    controls.fault(&json!({"fault": "status", "status": 500, "path": "/v2/oauth2/token"})).await;
    let answer = call(&portal, "/api/who", &fresh).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("10")));
    assert_eq!((&document(&answer)["code"], answer.header("www-authenticate")), (&json!("ServiceUnavailable"), None));
    controls.no_faults().await;
    assert_eq!(call(&portal, "/api/who", &fresh).await.status, 200);
    controls.fault(&json!({"fault": "status", "status": 500, "path": "/v2/oauth2/token"})).await;
    assert_eq!(call(&portal, COLLECTION, &token).await.status, 503);
}

/// Transfer refuses a dependent token before its time: another one is got once. No refresh tokens are asked for, and none is
/// revoked: they end with the caller's consent.
#[tokio::test]
async fn a_dependent_token_that_a_service_refuses_is_replaced_once() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).pages(api()).start().await;
    let now = portal.app.clock.now().unix_timestamp();
    let base = provider.base.clone();
    let spent = std::sync::atomic::AtomicUsize::new(0);
    provider.on_token(move |_: &Request| {
        let number = spent.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let token = json!({
            "access_token": format!("SENTINEL-{number}"), "scope": scopes::groups::ALL, "expires_in": 600,
            "token_type": "bearer", "resource_server": scopes::groups::RESOURCE_SERVER,
        });
        Json(json!([token])).into_response()
    });
    let scope = format!("https://auth.globus.org/scopes/{CLIENT_ID}/use");
    provider.on_other(move |request: &Request| match request.uri.path() {
        "/v2/oauth2/token/introspect" => Json(json!({
            "active": true, "scope": scope, "client_id": "other", "sub": "s", "exp": now + 600, "aud": [CLIENT_ID, "other"],
            "iss": base,
        }))
        .into_response(),
        _ if request.header("authorization") == Some("Bearer SENTINEL-1") => Json(json!([])).into_response(),
        _ => (axum::http::StatusCode::UNAUTHORIZED, Json(json!({}))).into_response(),
    });
    let answer = call(&portal, "/api/groups", "a-token").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "0"));
    assert_eq!(call(&portal, "/api/groups", "a-token").await.status, 200);
    let asked = provider.token_calls();
    assert_eq!(asked.len(), 2, "one in the first request, one in place of it");
    assert_eq!((asked[0].field("token"), asked[0].field("access_type")), (Some("a-token"), None));
    provider.take();
    let answer = call(&portal, "/api/groups", "another").await;
    assert_eq!((answer.status.as_u16(), &document(&answer)["code"]), (403, &json!("Forbidden")));
    assert_eq!((provider.token_calls().len(), provider.revoke_calls().len()), (2, 0));
}

#[test]
fn the_readme_shows_that_api_as_it_stands() {
    let example = include_str!("../../../examples/own_api.rs");
    let shown = example.split_once("// README: begin\n").unwrap().1.split_once("// README: end").unwrap().0;
    assert!(include_str!("../../../README.md").contains(shown), "README.md shows another API than examples/own_api.rs");
}

/// Where a subscriber writes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Row K2.
#[test]
fn a_refused_program_is_one_event_and_a_request_without_a_token_is_none() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    // While there are two subscribers, tracing asks both whether they want an event.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let id = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let portal = Portal::with().pages(api()).start().await;
            let app = OtherApp::register(&portal.globus).await;
            let token = app.own_token(PORTAL_SCOPE).await;
            assert_eq!(call(&portal, "/api/who", &token).await.status, 200);
            assert_eq!(Browser::new().get(&portal.url("/api/who")).await.status, 401);
            assert_eq!(call(&portal, "/api/whole", &token).await.status, 403);
            for _ in 0..2 {
                assert_eq!(call(&portal, "/api/who", "invented").await.status, 401);
            }
            assert_eq!(call(&portal, "/api/who", "not one token").await.status, 400);
            app.id
        })
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let refused: Vec<_> = lines.filter(|line| line["fields"]["message"] == "an API refuses a program").collect();
    let subs: Vec<_> = refused.iter().map(|line| line["fields"]["sub"].as_str().unwrap()).collect();
    assert_eq!(subs, [&*id, "-", "-", "-"], "{refused:#?}");
    for line in &refused {
        assert!(line["span"]["request_id"].is_string() && line["span"]["peer"].is_string(), "{line}");
        assert!(!line.to_string().contains("invented") && !line.to_string().contains("one token"), "{line}");
    }
}
