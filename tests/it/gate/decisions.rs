//! What the gate decides is counted, by policy and reason.

use std::sync::Arc;

use super::{MIRA, ask, forwarded, signed_in, with};
use crate::harness::{Browser, FailingStore, free_port};

const FAMILY: &str = "globus_portal_gate_decisions_total";

async fn printed(url: &str) -> Vec<String> {
    let answer = Browser::new().get(url).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body.lines().filter(|line| line.starts_with(FAMILY)).map(ToOwned::to_owned).collect()
}

#[track_caller]
fn assert_counted(lines: &[String], policy: &str, decision: &str, reason: &str, count: usize) {
    let line = format!("{FAMILY}{{policy=\"{policy}\",decision=\"{decision}\",reason=\"{reason}\"}} {count}");
    assert!(lines.contains(&line), "{line}: {lines:#?}");
}

#[tokio::test]
async fn decisions_are_counted_by_policy_and_reason_and_no_visitor_adds_a_label() {
    let store = Arc::new(FailingStore::default());
    let address = format!("127.0.0.1:{}", free_port());
    let more = "[policies.search]\nsigned_in = true\naccess_token = 'search.api.globus.org'\n\
                [policies.programs]\nsigned_in = true\nprogram_scope = 'https://auth.globus.org/scopes/a/all'\n";
    let portal = with(more).store(store.clone()).set("METRICS_LISTEN", &address).start().await;
    let url = format!("http://{address}/metrics");
    let before = printed(&url).await;
    for policy in ["default", "closed", "jonas", "search"] {
        assert_counted(&before, policy, "allowed", "none", 0);
        assert_counted(&before, policy, "unknown", "none", 0);
    }
    let (mira, nobody) = (signed_in(&portal, MIRA).await, Browser::new());
    let forward = forwarded(&portal, "GET", "/app/");
    for (browser, path, headers) in [
        (&mira, "/oauth2/auth", &[][..]),
        (&mira, "/oauth2/auth/default", &[]),
        (&mira, "/oauth2/authz/default/x", &[]),
        (&mira, "/oauth2/forward", &forward),
        (&mira, "/oauth2/auth/closed", &[]),
        (&mira, "/oauth2/forward/jonas", &forward),
        (&mira, "/oauth2/auth/search", &[]),
        // The page of a no is none.
        (&mira, "/oauth2/denied/jonas", &[]),
        (&nobody, "/oauth2/auth/jonas", &[]),
        (&nobody, "/oauth2/forward", &forward),
        (&mira, "/oauth2/auth/jonas?x", &[]),
        (&mira, "/oauth2/forward/jonas", &[]),
        (&mira, "/oauth2/auth/programs", &[("authorization", "Bearer two words")]),
    ] {
        ask(&portal, browser, path, headers).await;
    }
    for number in 0..50 {
        assert_eq!(ask(&portal, &mira, &format!("/oauth2/auth/policy-{number}"), &[]).await.status, 403);
    }
    store.fail(true);
    let stranger = Browser::new();
    stranger.set_cookie("localhost", "session", "AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(ask(&portal, &stranger, "/oauth2/auth", &[]).await.status, 503);
    let after = printed(&url).await;
    for (policy, decision, reason, count) in [
        ("default", "allowed", "none", 4),
        ("default", "sign_in", "none", 1),
        ("default", "unknown", "none", 1),
        ("closed", "denied", "closed", 1),
        ("jonas", "denied", "domains", 1),
        ("jonas", "denied", "query", 1),
        ("jonas", "denied", "forwarded_headers", 1),
        ("jonas", "sign_in", "none", 1),
        ("search", "denied", "access_token", 1),
        ("programs", "denied", "invalid_request", 1),
        ("(unknown)", "denied", "closed", 50),
    ] {
        assert_counted(&after, policy, decision, reason, count);
    }
    assert_eq!(after.iter().filter(|line| line.contains("(unknown)")).count(), 1, "{after:#?}");
    assert!(after.iter().all(|line| !line.contains("policy-")), "{after:#?}");
}
