//! The access token that a policy gives to its app.

use std::{fs, sync::Arc};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use globus_portal::{clock::Clock, globus::scopes::transfer::RESOURCE_SERVER};
use serde_json::json;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use super::{MIRA, ask, assert_identity, assertions::ASSERTION, forwarded, signed_in, with};
use crate::harness::{
    Browser, FailingStore, Portal, Process, Provider, decide, portal_at, start_sandbox,
    steps::{key_of, let_in},
};

const ACCESS_TOKEN: &str = "x-auth-request-access-token";
const POLICIES: &str = "\
[policies.transfer]\nsigned_in = true\naccess_token = 'transfer.api.globus.org'\n\
[policies.search]\nsigned_in = true\naccess_token = 'search.api.globus.org'\n";

#[tokio::test]
async fn a_yes_of_such_a_policy_has_it_and_every_other_yes_has_none() {
    let portal = with(POLICIES).start().await;
    let mira = signed_in(&portal, MIRA).await;
    let token = portal.app.tokens.fresh(key_of(&portal, &mira), RESOURCE_SERVER).await.unwrap();
    let forged = (ACCESS_TOKEN, "stolen");
    let forward = [&forwarded(&portal, "GET", "/app/")[..], &[forged]].concat();
    for (gate, headers) in [("auth", &[forged][..]), ("authz", &[forged]), ("forward", &forward)] {
        let answer = ask(&portal, &mira, &format!("/oauth2/{gate}/transfer"), headers).await;
        assert_identity(&answer, MIRA);
        assert_eq!(answer.header(ACCESS_TOKEN), Some(token.expose_secret()), "{gate}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let answer = ask(&portal, &mira, &format!("/oauth2/{gate}/default"), headers).await;
        assert_identity(&answer, MIRA);
        assert_eq!(answer.header(ACCESS_TOKEN), Some(""), "{gate}");
    }
}

#[tokio::test]
async fn without_one_people_sign_in_again_and_right_after_that_the_page_says_why() {
    let clock = Clock::manual(Clock::system().now());
    let portal = with(POLICIES).clock(&clock).start().await;
    let warnings = &portal.app.settings.warnings;
    assert!(warnings.iter().any(|text| text.contains("policies.search") && text.contains("SCOPES")), "{warnings:?}");
    assert!(!warnings.iter().any(|text| text.contains("policies.transfer")), "{warnings:?}");
    let mira = signed_in(&portal, MIRA).await;
    let forward = forwarded(&portal, "GET", "/app/");
    let answer = ask(&portal, &mira, "/oauth2/auth/search", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header(ACCESS_TOKEN)), (403, None));
    let page = ask(&portal, &mira, "/oauth2/forward/search", &forward).await;
    assert!(
        page.status == 403 && page.body.contains("a permission of yours that this site does not request"),
        "{}",
        page.body
    );
    clock.advance(Duration::minutes(2));
    assert_eq!(ask(&portal, &mira, "/oauth2/auth/search", &[]).await.status, 401);
    assert_eq!(ask(&portal, &mira, "/oauth2/auth/transfer", &[]).await.status, 202);
}

/// Row H5: what cannot be found out is neither yes nor no.
#[tokio::test]
async fn it_is_renewed_near_its_end_and_a_failing_globus_or_store_is_503() {
    let (provider, store) = (Provider::start().await, Arc::new(FailingStore::default()));
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let builder = with(POLICIES).provider(&provider).clock(&clock).store(store.clone());
    // The session is cached, its tokens are not.
    let portal = builder.set("REFRESH_TOKENS", "true").set("SESSION_CACHE_SECONDS", "30").start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let token = |name: &str| {
        json!({
            "access_token": format!("{name}-access"), "refresh_token": format!("{name}-refresh"), "scope": "all",
            "expires_in": 3600, "token_type": "Bearer", "resource_server": RESOURCE_SERVER,
        })
    };
    let mut response = let_in(&portal, &provider, &authorize, "person-1");
    response["other_tokens"] = json!([token("first")]);
    provider.on_token(move |_| Json(response.clone()).into_response());
    assert_eq!(browser.get(&portal.callback(&authorize, "a-code")).await.status, 303);
    let given = async |policy: &str| {
        let answer = ask(&portal, &browser, &format!("/oauth2/auth/{policy}"), &[]).await;
        (answer.status.as_u16(), answer.header(ACCESS_TOKEN).map(ToOwned::to_owned))
    };
    let yes = |token: &str| (202, Some(token.to_owned()));
    assert_eq!(given("transfer").await, yes("first-access"));
    store.fail(true);
    assert_eq!(given("transfer").await, (503, None), "the token is in the store");
    assert_eq!(given("default").await, yes(""));
    store.fail(false);

    provider.on_token(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    clock.advance(Duration::hours(1));
    assert_eq!(given("transfer").await, (503, None), "it has ended, and Globus does not renew it");
    assert_eq!(given("default").await, yes(""));
    let mut second = token("second");
    second["other_tokens"] = json!([]);
    provider.on_token(move |_| Json(second.clone()).into_response());
    assert_eq!(given("transfer").await, yes("second-access"));
    clock.advance(Duration::minutes(59) + Duration::seconds(50));
    let mut third = token("third");
    third["other_tokens"] = json!([]);
    provider.on_token(move |_| Json(third.clone()).into_response());
    assert_eq!(given("transfer").await, yes("third-access"), "before its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_it_nor_an_assertion_gets_into_the_log_at_any_level() {
    let folder = TempDir::new().unwrap();
    let globus = start_sandbox().await;
    fs::write(folder.path().join("example_app.conf"), POLICIES).unwrap();
    let (mut command, base) = portal_at(folder.path(), &globus);
    let mut process = Process::start(command.env("RUST_LOG", "trace"), &folder.path().join("printed"));
    process.says("Listening on").await;
    let browser = Browser::new();
    let authorize = browser.get(&format!("{base}/login")).await.location();
    let back = decide(&globus, &browser, &authorize, MIRA, "allow").await;
    browser.follow(back.as_str()).await;
    let answer = browser.get(&format!("{base}/oauth2/auth/transfer")).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let secrets = [ACCESS_TOKEN, ASSERTION].map(|name| answer.header(name).unwrap().to_owned());
    browser.get(&format!("{base}/the-end")).await;
    process.says("the-end").await;
    let printed = process.printed();
    assert!(printed.contains("/oauth2/auth/"), "{printed}");
    for secret in &secrets {
        assert!(secret.len() > 20 && !printed.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn settings_warn_where_no_scope_can_give_one() {
    for (server, scopes, warns) in [
        ("transfer.api.globus.org", "openid email urn:globus:auth:scope:groups.api.globus.org:all", true),
        ("transfer.api.globus.org", "openid urn:globus:auth:scope:transfer.api.globus.org:all", false),
        (
            "transfer.api.globus.org",
            "urn:globus:auth:scope:groups.api.globus.org:all[urn:globus:auth:scope:transfer.api.globus.org:all]",
            true,
        ),
        ("auth.globus.org", "openid", false),
        ("flows.globus.org", "openid https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/all", false),
        ("flows.globus.org", "openid email profile", true),
        (
            "7e57ab1e-0000-4000-8000-000000000001",
            "https://auth.globus.org/scopes/7e57ab1e-0000-4000-8000-000000000001/https",
            false,
        ),
        (
            "7e57ab1e-0000-4000-8000-000000000001",
            "https://auth.globus.org/scopes/7e57ab1e-0000-4000-8000-000000000002/https",
            true,
        ),
    ] {
        let policy = format!("[policies.one]\nsigned_in = true\naccess_token = '{server}'\n");
        let portal = Portal::with().file(&policy).set("SCOPES", scopes).globus_at("http://127.0.0.1:9").start().await;
        let warnings = &portal.app.settings.warnings;
        assert_eq!(warnings.iter().any(|text| text.contains("policies.one")), warns, "{server} {scopes}: {warnings:?}");
    }
}
