//! Programs at the gate: bearer tokens.

use std::fs;

use axum::Json;
use globus_portal::{clock::Clock, globus::scopes, sandbox};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use time::Duration;

use super::{GROUP, IDENTITY, JONAS, MIRA, RIDGELINE, ask, assert_identity, forwarded, signed_in, with};
use crate::harness::{
    Answer, Browser, Controls, OtherApp, PORTAL_SCOPE, Portal, PortalBuilder, Process, Provider, Step, portal_at,
    provider::{CLIENT_ID, Request},
    start_sandbox,
    steps::raw,
};

const INTROSPECT: &str = "POST /v2/oauth2/token/introspect";
const TOKEN: &str = "POST /v2/oauth2/token";
const MIRA_ID: &str = "f8907a41-b87f-4770-b2b4-cabdd1f151d5";
const GROUPS: &str = scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS;

fn for_programs() -> PortalBuilder {
    with(&format!(
        "[policies.programs]\nsigned_in = true\nprogram_scope = '{PORTAL_SCOPE}'\n\
         [policies.northfield]\ndomains = ['northfield.example']\nprogram_scope = '{PORTAL_SCOPE}'\n\
         [policies.members]\ngroups = ['{GROUP}']\nprogram_scope = '{PORTAL_SCOPE}'\n\
         [policies.ridgeline]\ngroups = ['{RIDGELINE}']\nprogram_scope = '{PORTAL_SCOPE}'\n\
         [policies.mfa]\nsigned_in = true\nmfa = true\nprogram_scope = '{PORTAL_SCOPE}'\n\
         [policies.other-scope]\nsigned_in = true\nprogram_scope = '{PORTAL_SCOPE}-admin'\n"
    ))
}

/// As a program, through nginx.
async fn call(portal: &Portal, policy: &str, authorization: &[&str]) -> Answer {
    let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
    ask(portal, &Browser::new(), &format!("/oauth2/auth/{policy}"), &headers).await
}

async fn bearer(portal: &Portal, policy: &str, token: &str) -> Answer {
    call(portal, policy, &[&format!("Bearer {token}")]).await
}

fn challenge(answer: &Answer) -> (u16, Option<&str>) {
    assert!(answer.headers.get_all("www-authenticate").iter().count() <= 1, "{:?}", answer.headers);
    assert!(IDENTITY.iter().all(|name| answer.header(name).is_none()), "{:?}", answer.headers);
    let challenge = answer.header("www-authenticate").map(|value| {
        let (realm, error) = value.split_once("\", ").unwrap_or((value, ""));
        assert!(realm.starts_with("Bearer realm=\"localhost:"), "{value}");
        error
    });
    (answer.status.as_u16(), challenge)
}

const INVALID: (u16, Option<&str>) = (401, Some("error=\"invalid_token\""));

/// Rows H1 and H2.
#[tokio::test]
async fn a_program_passes_by_a_token_for_the_portal_and_is_named_as_a_person_is() {
    let portal = for_programs().start().await;
    let app = OtherApp::register(&portal.globus).await;
    let token = app.token_of(MIRA, PORTAL_SCOPE).await;
    for path in ["/oauth2/auth/programs", "/oauth2/authz/programs/any", "/oauth2/forward/programs"] {
        let authorization = format!("Bearer {token}");
        let mut headers = forwarded(&portal, "POST", "/app/api");
        headers.push(("authorization", &authorization));
        let answer = ask(&portal, &Browser::new(), path, &headers).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        assert_identity(&answer, MIRA);
        assert_eq!(answer.header("x-auth-request-user"), Some(MIRA_ID));
        assert_eq!(answer.header("x-auth-request-email"), Some(MIRA));
        assert_eq!(answer.header("x-auth-request-organization"), Some("Northfield University"));
        assert!(!answer.header("x-auth-request-identity-provider").unwrap().is_empty());
        assert!(!answer.header("x-auth-request-auth-time").unwrap().is_empty());
        assert!(answer.set_cookies().is_empty() && answer.body.is_empty());
    }
    // An app that acts for itself, and the scheme in other letters.
    let own = app.own_token(PORTAL_SCOPE).await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = call(&portal, "programs", &[&format!("{scheme} {own}")]).await;
        assert_identity(&answer, &format!("{}@clients.auth.globus.org", app.id));
    }
    // All other conditions hold for programs too.
    assert_eq!(bearer(&portal, "northfield", &token).await.status, 202);
    assert_eq!(challenge(&bearer(&portal, "northfield", &own).await), (403, None));
    assert_eq!(challenge(&bearer(&portal, "mfa", &token).await), (403, None), "a program has not authenticated");
}

#[tokio::test]
async fn tokens_that_are_not_for_the_portal_are_refused() {
    let portal = for_programs().start().await;
    let app = OtherApp::register(&portal.globus).await;
    let service = format!("https://auth.globus.org/scopes/{}/use", app.id);
    let mira = signed_in(&portal, MIRA).await;
    let session = crate::harness::steps::key_of(&portal, &mira);
    let of_portal =
        async |server: &str| portal.app.tokens.fresh(session, server).await.unwrap().expose_secret().to_owned();
    for (what, token) in [
        ("for another app", app.own_token(&service).await),
        ("of another app for Transfer", app.own_token(scopes::transfer::ALL).await),
        ("of another app for Globus Auth", app.own_token("openid").await),
        ("of the portal for Transfer", of_portal("transfer.api.globus.org").await),
        ("of the portal for Globus Auth", of_portal("auth.globus.org").await),
        ("invented", "AgInvented0000".to_owned()),
    ] {
        assert_eq!(challenge(&bearer(&portal, "programs", &token).await), INVALID, "{what}");
    }
    // Globus Auth tells the portal about its own token for Globus Auth: the audience alone tells it from others.
    let own = portal.app.tokens.fresh(session, "auth.globus.org").await.unwrap();
    assert!(portal.app.auth.oauth2_token_introspect(&own, &[]).await.unwrap().active);
    // A token with which the portal calls itself.
    let own = portal.app.auth.oauth2_client_credentials_tokens(PORTAL_SCOPE).await.unwrap();
    let own = own.access_token().expose_secret().to_owned();
    assert_identity(
        &bearer(&portal, "programs", &own).await,
        &format!("{}@clients.auth.globus.org", sandbox::CLIENT_ID),
    );
}

#[tokio::test]
async fn a_refused_token_gets_its_reason_in_each_dialect_and_is_not_led_to_a_login() {
    let portal = for_programs().start().await;
    let app = OtherApp::register(&portal.globus).await;
    let token = app.own_token(PORTAL_SCOPE).await;
    let scope = format!("error=\"insufficient_scope\", scope=\"{PORTAL_SCOPE}-admin\"");
    for gate in ["auth", "authz", "forward"] {
        let ask = async |policy: &str, authorization: &str| {
            let mut headers = forwarded(&portal, "GET", "/app/");
            headers.push(("authorization", authorization));
            // What a browser sends changes nothing.
            headers.extend([("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]);
            let answer = ask(&portal, &Browser::new(), &format!("/oauth2/{gate}/{policy}"), &headers).await;
            assert!(answer.header("location").is_none() && answer.body.is_empty(), "{gate} {}", answer.body);
            answer
        };
        assert_eq!(challenge(&ask("programs", "Bearer invented").await), INVALID, "{gate}");
        let good = format!("Bearer {token}");
        assert_eq!(challenge(&ask("other-scope", &good).await), (403, Some(&*scope)), "{gate}");
        let malformed = if gate == "forward" { 400 } else { 401 };
        let expected = (malformed, Some("error=\"invalid_request\""));
        assert_eq!(challenge(&ask("programs", "Bearer a b").await), expected, "{gate}");
    }
    // The page that nginx shows in place of a 403 is one for people.
    let denied = portal.url("/oauth2/denied/other-scope");
    let answer = Browser::new().get_with(&denied, &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(challenge(&answer), (403, Some(&*scope)));
}

#[tokio::test]
async fn credentials_that_are_not_one_token_never_pass() {
    let portal = for_programs().start().await;
    let app = OtherApp::register(&portal.globus).await;
    let token = app.own_token(PORTAL_SCOPE).await;
    let good = format!("Bearer {token}");
    assert_eq!(call(&portal, "programs", &[&good]).await.status, 202);
    let long = format!("Bearer {}", "a".repeat(10_000));
    let malformed = (401, Some("error=\"invalid_request\""));
    for wrong in [
        &[&*good, &*good][..],
        &[&good, "Basic YTpi"],
        &["Basic YTpi", &good],
        &["Bearer"],
        &["Bearer "],
        &["Bearer\t x"],
        &[&format!("{good},{good}")],
        &[&format!("{good} {token}")],
        &[&long],
    ] {
        assert_eq!(challenge(&call(&portal, "programs", wrong).await), malformed, "{wrong:?}");
    }
    // Other schemes are not the gate's: nobody is signed in.
    for other in [&["Basic YTpi"][..], &[""], &[&token], &[&format!("Token {token}")], &[&format!("X{good}")]] {
        assert_eq!(challenge(&call(&portal, "programs", other).await), (401, None), "{other:?}");
    }
    // What is no header value is no request.
    let host = &portal.app.settings.server_name;
    for control in ["\0", "\u{1}", "\u{7f}", "\r"] {
        let head = format!(
            "GET /oauth2/auth/programs HTTP/1.1\r\nHost: {host}\r\nAuthorization: {good}{control}x\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(&portal, &head).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{control:?}: {answer}");
    }
    // A token is never taken from the query or a form (RFC 6750 sections 2.2 and 2.3).
    let nobody = Browser::new();
    for gate in ["auth", "authz", "forward"] {
        let url = portal.url(&format!("/oauth2/{gate}/programs?access_token={token}"));
        let headers = forwarded(&portal, "GET", &format!("/app/?access_token={token}"))
            .into_iter()
            .map(|(n, v)| (n, v.to_owned()))
            .collect::<Vec<_>>();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let answer = nobody.send(Method::GET, &url, &headers, None).await;
        assert!(!answer.status.is_success(), "{gate}: {}", answer.status);
        let url = portal.url(&format!("/oauth2/{gate}/programs"));
        let answer = nobody.send(Method::POST, &url, &headers, Some(&[("access_token", &token)])).await;
        assert!(!answer.status.is_success(), "{gate}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_bearer_token_decides_alone_where_programs_may_pass_and_counts_for_nothing_elsewhere() {
    let portal = for_programs().start().await;
    let controls = Controls::of(&portal.globus);
    let app = OtherApp::register(&portal.globus).await;
    let token = app.own_token(PORTAL_SCOPE).await;
    let mira = signed_in(&portal, MIRA).await;
    let with = async |browser: &Browser, policy: &str, authorization: &str| {
        ask(&portal, browser, &format!("/oauth2/auth/{policy}"), &[("authorization", authorization)]).await
    };
    let good = format!("Bearer {token}");
    assert_eq!(challenge(&with(&mira, "programs", "Bearer invented").await), INVALID, "no fallback to the cookie");
    assert_eq!(with(&mira, "northfield", &good).await.status, 403);
    assert_identity(&with(&mira, "programs", &good).await, &format!("{}@clients.auth.globus.org", app.id));
    assert_identity(&with(&mira, "programs", "Basic YTpi").await, MIRA);
    controls.count_anew().await;
    for authorization in [&*good, "Bearer invented", "Bearer", "Bearer a b"] {
        assert_identity(&with(&mira, "default", authorization).await, MIRA);
        assert_eq!(challenge(&with(&Browser::new(), "default", authorization).await), (401, None), "{authorization}");
        assert_eq!(with(&mira, "closed", authorization).await.status, 403);
        assert_eq!(with(&mira, "nowhere", authorization).await.status, 403);
    }
    assert_eq!(controls.calls(INTROSPECT).await, 0);
}

#[tokio::test]
async fn a_revoked_token_is_refused_within_a_minute_and_an_expired_one_at_once() {
    let clock = Clock::manual(Clock::system().now());
    let portal = for_programs().clock(&clock).start().await;
    let app = OtherApp::register(&portal.globus).await;
    let token = app.own_token(PORTAL_SCOPE).await;
    assert_eq!(bearer(&portal, "programs", &token).await.status, 202);
    app.revoke(&token).await;
    clock.advance(Duration::seconds(59));
    assert_eq!(bearer(&portal, "programs", &token).await.status, 202, "what Globus said still counts");
    clock.advance(Duration::seconds(1));
    assert_eq!(challenge(&bearer(&portal, "programs", &token).await), INVALID);

    let controls = Controls::of(&portal.globus);
    controls.fault(&json!({"fault": "token-life", "seconds": 100, "times": 1})).await;
    let short = app.own_token(PORTAL_SCOPE).await;
    assert_eq!(bearer(&portal, "programs", &short).await.status, 202);
    clock.advance(Duration::seconds(30));
    assert_eq!(bearer(&portal, "programs", &short).await.status, 202);
    controls.count_anew().await;
    clock.advance(Duration::seconds(11));
    assert_eq!(challenge(&bearer(&portal, "programs", &short).await), INVALID, "{}", clock.now());
    assert_eq!(controls.calls(INTROSPECT).await, 0, "a yes counts for no longer than the token");
}

#[tokio::test]
async fn a_no_counts_for_ten_seconds_and_a_failure_not_at_all() {
    let clock = Clock::manual(Clock::system().now());
    let portal = for_programs().clock(&clock).set("GLOBUS_SDK_HTTP_TIMEOUT", "1").start().await;
    let controls = Controls::of(&portal.globus);
    let app = OtherApp::register(&portal.globus).await;
    let token = app.own_token(PORTAL_SCOPE).await;
    let path = "/v2/oauth2/token/introspect";
    for fault in [
        json!({"fault": "status", "status": 500, "path": path}),
        json!({"fault": "status", "status": 401, "body": {"error": "invalid_client"}, "path": path}),
        json!({"fault": "status", "status": 403, "path": path}),
        json!({"fault": "status", "status": 429, "path": path}),
        json!({"fault": "status", "status": 200, "body": {}, "path": path}),
        json!({"fault": "status", "status": 200, "body": [], "path": path}),
        json!({"fault": "status", "status": 200, "body": {"active": "yes"}, "path": path}),
        json!({"fault": "html", "path": path}),
        json!({"fault": "cut", "path": path}),
        json!({"fault": "cut", "after": 20, "path": path}),
        json!({"fault": "slow", "ms": 30_000, "path": path}),
    ] {
        controls.fault(&fault).await;
        for token in [&*token, "invented"] {
            let answer = bearer(&portal, "programs", token).await;
            assert_eq!(challenge(&answer), (503, None), "{fault}");
        }
        controls.no_faults().await;
        assert_eq!(bearer(&portal, "programs", &token).await.status, 202, "{fault}: it works again");
        clock.advance(Duration::seconds(60));
    }
    controls.count_anew().await;
    for _ in 0..3 {
        assert_eq!(challenge(&bearer(&portal, "programs", "invented").await), INVALID);
    }
    assert_eq!(controls.calls(INTROSPECT).await, 1);
    clock.advance(Duration::seconds(10));
    assert_eq!(challenge(&bearer(&portal, "programs", "invented").await), INVALID);
    assert_eq!(controls.calls(INTROSPECT).await, 2);
}

#[tokio::test]
async fn a_hundred_requests_at_once_with_one_token_are_one_introspection() {
    let portal = for_programs().start().await;
    let controls = Controls::of(&portal.globus);
    let app = OtherApp::register(&portal.globus).await;
    let token = app.token_of(JONAS, &format!("{PORTAL_SCOPE}[{GROUPS}]")).await;
    controls.count_anew().await;
    controls.fault(&json!({"fault": "slow", "ms": 300, "path": "/v2/"})).await;
    let all = futures_util::future::join_all((0..100).map(|_| bearer(&portal, "members", &token))).await;
    controls.no_faults().await;
    assert!(all.iter().all(|answer| answer.status == 202), "{:?}", all[0].status);
    let calls = [INTROSPECT, TOKEN, "GET /v2/groups/my_groups"];
    for call in calls {
        assert_eq!(controls.calls(call).await, 1, "{call}");
    }
    // They fail together too, and are not asked one after another.
    let other = app.own_token(PORTAL_SCOPE).await;
    controls.count_anew().await;
    let path = "/v2/oauth2/token/introspect";
    controls.fault(&json!({"fault": "slow", "ms": 300, "path": path})).await;
    controls.fault(&json!({"fault": "status", "status": 500, "path": path})).await;
    let all = futures_util::future::join_all((0..20).map(|_| bearer(&portal, "programs", &other))).await;
    controls.no_faults().await;
    assert!(all.iter().all(|answer| answer.status == 503), "{:?}", all[0].status);
    assert_eq!(controls.calls(INTROSPECT).await, 1);
}

#[tokio::test]
async fn a_flood_of_invented_tokens_fills_no_memory_and_keeps_no_program_out() {
    let clock = Clock::manual(Clock::system().now());
    let portal = for_programs().clock(&clock).start().await;
    let controls = Controls::of(&portal.globus);
    let app = OtherApp::register(&portal.globus).await;
    let token = app.own_token(PORTAL_SCOPE).await;
    assert_eq!(bearer(&portal, "programs", &token).await.status, 202);
    controls.count_anew().await;
    let mut refused = 0;
    for number in 0..200 {
        match challenge(&bearer(&portal, "programs", &format!("invented{number}")).await) {
            INVALID => refused += 1,
            (503, None) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, controls.calls(INTROSPECT).await), (60, 60));
    assert_eq!(portal.app.programs.introspections.kept(), (1, 60));
    // From another address, new tokens are still asked about; and programs at work go on from any.
    let forwarded = [("authorization", "Bearer invented-elsewhere"), ("x-forwarded-for", "192.0.2.7")];
    let answer = ask(&portal, &Browser::new(), "/oauth2/auth/programs", &forwarded).await;
    assert_eq!(challenge(&answer), INVALID);
    clock.advance(Duration::seconds(59));
    assert_eq!(bearer(&portal, "programs", "invented-now").await.status, 503);
    assert_eq!(bearer(&portal, "programs", &token).await.status, 202);
    clock.advance(Duration::seconds(2));
    assert_eq!(challenge(&bearer(&portal, "programs", "invented-now").await), INVALID);
    assert_eq!(bearer(&portal, "programs", &token).await.status, 202, "it was asked about again");
}

/// Rows I2 and I3.
#[tokio::test]
async fn groups_are_read_with_a_dependent_token_and_again_before_they_are_too_old() {
    let clock = Clock::manual(Clock::system().now());
    let portal = for_programs().clock(&clock).start().await;
    let controls = Controls::of(&portal.globus);
    let app = OtherApp::register(&portal.globus).await;
    let plain = app.token_of(MIRA, PORTAL_SCOPE).await;
    assert_eq!(challenge(&bearer(&portal, "members", &plain).await), (403, None), "no dependency on Groups");
    let token = app.token_of(MIRA, &format!("{PORTAL_SCOPE}[{}]", scopes::groups::ALL)).await;
    let answer = bearer(&portal, "members", &token).await;
    assert_identity(&answer, MIRA);
    assert!(answer.header("x-auth-request-groups").unwrap().split(',').any(|group| group == GROUP));
    assert_eq!(challenge(&bearer(&portal, "ridgeline", &token).await), (403, None), "she is not in it");
    for fault in [
        json!({"fault": "status", "status": 500, "path": "/v2/groups"}),
        json!({"fault": "html", "path": "/v2/groups"}),
        json!({"fault": "status", "status": 500, "path": "/v2/oauth2/token", "method": "POST"}),
    ] {
        let fresh = app.token_of(MIRA, &format!("{PORTAL_SCOPE}[{}]", scopes::groups::ALL)).await;
        assert_eq!(bearer(&portal, "programs", &fresh).await.status, 202);
        controls.fault(&fault).await;
        assert_eq!(challenge(&bearer(&portal, "members", &fresh).await), (503, None), "{fault}");
        controls.no_faults().await;
        assert_eq!(bearer(&portal, "members", &fresh).await.status, 202, "{fault}");
    }
    let consent = json!({"error": "dependent_consent_required", "errors": [{"unapproved_scopes": [GROUPS]}]});
    let fresh = app.token_of(MIRA, PORTAL_SCOPE).await;
    assert_eq!(bearer(&portal, "programs", &fresh).await.status, 202);
    controls.fault(&json!({"fault": "status", "status": 403, "body": consent, "path": "/v2/oauth2/token"})).await;
    assert_eq!(challenge(&bearer(&portal, "members", &fresh).await), (403, None));
    controls.no_faults().await;

    leave(&portal, &app).await;
    clock.advance(Duration::seconds(299));
    assert_eq!(bearer(&portal, "members", &token).await.status, 202);
    clock.advance(Duration::seconds(2));
    assert_eq!(challenge(&bearer(&portal, "members", &token).await), (403, None));
}

/// Rows D1 and K2.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_who_it_is_and_holds_no_token() {
    let (folder, globus) = (TempDir::new().unwrap(), start_sandbox().await);
    let policy = format!("[policies.members]\ngroups = ['{GROUP}']\nprogram_scope = '{PORTAL_SCOPE}'\n");
    fs::write(folder.path().join("app.conf"), policy).unwrap();
    let (mut command, base) = portal_at(folder.path(), &globus);
    command.env("GLOBUS_PORTAL_CONFIG", "app.conf").env("GLOBUS_PORTAL_LOG_FORMAT", "json").env("RUST_LOG", "trace");
    let mut process = Process::start(&mut command, &folder.path().join("log"));
    process.says("Listening on").await;
    let app = OtherApp::register(&globus).await;
    let good = app.token_of(MIRA, &format!("{PORTAL_SCOPE}[{GROUPS}]")).await;
    let denied = app.token_of(JONAS, PORTAL_SCOPE).await;
    let url = format!("{base}/oauth2/auth/members");
    for (authorization, status) in [
        (format!("Bearer {good}"), 202),
        (format!("Bearer {denied}"), 403),
        ("Bearer SENTINEL-invented".to_owned(), 401),
        ("Bearer SENTINEL malformed".to_owned(), 401),
    ] {
        let headers = [("authorization", &*authorization)];
        let answer = Browser::new().send(Method::GET, &url, &headers, None).await;
        assert_eq!(answer.status, status);
        assert!(!format!("{:?}", answer.headers).contains("SENTINEL"));
    }
    process.signal("TERM");
    process.ended().await;
    let log = process.printed();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("\"status\":202")).collect();
    assert!(lines.iter().any(|line| line.contains(&format!("\"sub\":\"{MIRA_ID}\""))), "{lines:?}");
    assert!(
        log.contains("TRACE") && log.contains("the gate denies a program") && log.contains("is not active"),
        "{log}"
    );
    for token in [&*good, &denied, "SENTINEL"] {
        assert!(!log.contains(token), "{token}");
    }
}

/// Mira leaves the group.
async fn leave(portal: &Portal, app: &OtherApp) {
    let token = app.token_of(MIRA, scopes::groups::ALL).await;
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let leave = json!({"leave": [{"identity_id": MIRA_ID}]});
    let url = format!("{}/v2/groups/{GROUP}", portal.globus);
    let answer = http.post(url).bearer_auth(token).json(&leave).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// A portal whose Globus says of the token what stands in the token: base64url of the changed members.
async fn with_provider(clock: &Clock) -> (Provider, Portal) {
    let provider = Provider::start().await;
    let portal = for_programs().provider(&provider).clock(clock).start().await;
    (provider, portal)
}

#[tokio::test]
async fn what_introspection_says_must_fit_the_portal() {
    let clock = Clock::manual(Clock::system().now());
    let (provider, portal) = with_provider(&clock).await;
    let now = clock.now().unix_timestamp();
    let good = json!({
        "active": true, "scope": PORTAL_SCOPE, "client_id": "other", "sub": "s", "username": "s@uni.edu", "exp": now + 60,
        "nbf": now, "aud": [CLIENT_ID, "other"], "iss": provider.base,
    });
    let prefix = &PORTAL_SCOPE[..PORTAL_SCOPE.len() - 1];
    let insufficient = format!("error=\"insufficient_scope\", scope=\"{PORTAL_SCOPE}\"");
    let (yes, unknown, scope) = ((202, None), (503, None), (403, Some(&*insufficient)));
    let rows = vec![
        ("scope", json!(PORTAL_SCOPE), yes),
        ("scope", json!(format!("openid {PORTAL_SCOPE} email")), yes),
        ("scope", json!(format!("{PORTAL_SCOPE}x")), scope),
        ("scope", json!(format!("x{PORTAL_SCOPE}")), scope),
        ("scope", json!(prefix), scope),
        ("scope", json!(format!("{PORTAL_SCOPE}-admin")), scope),
        ("scope", json!(PORTAL_SCOPE.to_uppercase()), scope),
        ("scope", json!(""), scope),
        ("scope", json!(7), unknown),
        ("aud", json!(["transfer.api.globus.org", "other"]), INVALID),
        ("aud", json!([format!("{CLIENT_ID}x")]), INVALID),
        ("aud", json!([]), INVALID),
        ("aud", json!({}), INVALID),
        ("client_id", json!(CLIENT_ID), INVALID),
        ("client_id", json!(null), unknown),
        ("exp", json!(now), INVALID),
        ("exp", json!(now - 1), INVALID),
        ("exp", json!(1e300), unknown),
        ("exp", json!(null), unknown),
        ("nbf", json!(now + 3600), INVALID),
        ("iss", json!("https://evil.example"), unknown),
        ("iss", json!(null), unknown),
        ("sub", json!(""), unknown),
        ("sub", json!(["s"]), unknown),
        ("active", json!(false), INVALID),
        ("active", json!(null), unknown),
    ];
    for (number, (name, value, expected)) in rows.into_iter().enumerate() {
        let mut document = good.clone();
        document[name] = value.clone();
        provider.on_other(move |_: &Request| axum::response::IntoResponse::into_response(Json(document.clone())));
        let answer = bearer(&portal, "programs", &format!("token{number}")).await;
        match answer.status.as_u16() {
            202 => assert_eq!(expected, yes, "{name} {value}"),
            _ => assert_eq!(challenge(&answer), expected, "{name} {value}"),
        }
    }
    let asked = provider.other_calls().pop().unwrap();
    assert_eq!(
        (asked.uri.path(), asked.field("include")),
        ("/v2/oauth2/token/introspect", Some("identity_set_detail"))
    );
    assert!(asked.header("authorization").unwrap().starts_with("Basic "));
    provider.on_other(|_: &Request| Step::Endless {
        head: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".to_vec(),
        more: vec![b' '; 1 << 16],
        pause: std::time::Duration::ZERO,
    });
    assert_eq!(challenge(&bearer(&portal, "programs", "endless").await), unknown);
}
