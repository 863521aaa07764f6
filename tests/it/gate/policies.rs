//! Who may pass. Rows I.

use std::sync::Arc;

use globus_portal::{
    clock::Clock,
    globus::{authorizer::AccessTokenAuthorizer, groups::GroupsClient, scopes},
    session::store::{MemoryStore, Store},
};
use serde_json::json;
use time::Duration;

use super::{BEAMLINE, GROUP, JONAS, MIRA, RIDGELINE, ask, signed_in, with};
use crate::harness::{AMARA, Portal, steps::key_of};

/// The identity provider of Mira's home, and of Globus ID.
const NORTHFIELD: &str = "0ec34ecc-ad7d-4d51-94e5-dc387441a4d6";
const GLOBUS_ID: &str = "41143743-f3c8-4d60-bbdb-eeecaba85bd9";
const MIRA_ID: &str = "f8907a41-b87f-4770-b2b4-cabdd1f151d5";

async fn status(portal: &Portal, browser: &crate::harness::Browser, policy: &str) -> u16 {
    ask(portal, browser, &format!("/oauth2/auth/{policy}"), &[]).await.status.as_u16()
}

/// Row I5: conditions combine with AND.
#[tokio::test]
async fn all_conditions_of_a_policy_must_hold() {
    let portal = with(&format!(
        "[policies.provider]\nidentity_providers = ['{}', '{GLOBUS_ID}']\n\
         [policies.named]\nidentities = ['{MIRA_ID}']\n\
         [policies.both]\nsigned_in = true\nidentities = ['{MIRA_ID}']\ndomains = ['ridgeline.example']\n\
         [policies.domain]\ndomains = ['NORTHFIELD.example']\n",
        NORTHFIELD.to_uppercase()
    ))
    .start()
    .await;
    let (mira, jonas, amara) =
        (signed_in(&portal, MIRA).await, signed_in(&portal, JONAS).await, signed_in(&portal, AMARA).await);
    for (policy, expected) in [("provider", [202, 403, 202]), ("named", [202, 403, 403]), ("both", [403, 403, 403])] {
        let found = [
            status(&portal, &mira, policy).await,
            status(&portal, &jonas, policy).await,
            status(&portal, &amara, policy).await,
        ];
        assert_eq!(found, expected, "{policy}");
    }
    assert_eq!((status(&portal, &mira, "domain").await, status(&portal, &jonas, "domain").await), (202, 403));
}

/// Rows I2 and I3: active memberships only, and access ends with them without a new login.
#[tokio::test]
async fn a_group_counts_while_the_membership_is_active() {
    let clock = Clock::manual(Clock::system().now());
    let portal = with(&format!(
        "[policies.users]\ngroups = ['{GROUP}', '{RIDGELINE}']\n[policies.beamline]\ngroups = ['{BEAMLINE}']\n"
    ))
    .clock(&clock)
    .set("SCOPES", &format!("openid profile email {} {}", scopes::transfer::ALL, scopes::groups::ALL))
    .start()
    .await;
    let mira = signed_in(&portal, MIRA).await;
    let answer = ask(&portal, &mira, "/oauth2/auth/users", &[]).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert!(answer.header("x-auth-request-groups").unwrap().split(',').any(|group| group == GROUP));
    assert_eq!(answer.headers.get_all("x-auth-request-groups").iter().count(), 1);
    assert_eq!(status(&portal, &mira, "beamline").await, 403, "she has declined");

    let token = portal.app.tokens.fresh(key_of(&portal, &mira), scopes::groups::RESOURCE_SERVER).await.unwrap();
    let base = portal.app.settings.environment.groups.clone();
    let groups = GroupsClient::new(base, portal.app.http.clone(), AccessTokenAuthorizer::new(token));
    let leave = json!({"leave": [{"identity_id": MIRA_ID}]});
    groups.post(&format!("v2/groups/{GROUP}"), &[], &leave).await.unwrap();
    assert_eq!(status(&portal, &mira, "users").await, 202, "what Globus said a moment ago still counts");
    clock.advance(Duration::seconds(299));
    assert_eq!(status(&portal, &mira, "users").await, 202);
    clock.advance(Duration::seconds(2));
    assert_eq!(status(&portal, &mira, "users").await, 403, "five minutes later it does not");
}

/// Row I1: Groups being down is neither yes nor no, and is not remembered as either.
#[tokio::test]
async fn groups_being_down_is_503_and_not_remembered() {
    let portal = with(&format!("[policies.users]\ngroups = ['{GROUP}']\n")).start().await;
    assert!(portal.app.settings.scopes.iter().any(|scope| scope == scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS));
    let mira = signed_in(&portal, MIRA).await;
    let faults = format!("{}/sandbox/faults", portal.globus);
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    for fault in [
        json!({"fault": "status", "status": 500, "path": "/v2/groups"}),
        json!({"fault": "html", "path": "/v2/groups"}),
        json!({"fault": "cut", "path": "/v2/groups"}),
        json!({"fault": "status", "status": 429, "path": "/v2/groups"}),
    ] {
        let answer = client.post(&faults).json(&fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{fault}: {}", answer.text().await.unwrap());
        assert_eq!(status(&portal, &mira, "users").await, 503, "{fault}");
        client.delete(&faults).send().await.unwrap();
    }
    assert_eq!(status(&portal, &mira, "users").await, 202);
    // Many requests of one page make one call, and wait for a failure no longer than one does.
    let seen = format!("{}/sandbox/seen", portal.globus);
    let amara = signed_in(&portal, AMARA).await;
    let slow = json!({"fault": "slow", "ms": 300, "path": "/v2/groups"});
    for fault in [slow, json!({"fault": "status", "status": 500, "path": "/v2/groups"})] {
        let answer = client.post(&faults).json(&fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{fault}: {}", answer.text().await.unwrap());
    }
    client.delete(&seen).send().await.unwrap();
    let all = futures_util::future::join_all((0..20).map(|_| status(&portal, &amara, "users"))).await;
    assert!(all.iter().all(|status| *status == 503), "{all:?}");
    let calls: serde_json::Value = client.get(&seen).send().await.unwrap().json().await.unwrap();
    let made = calls.to_string().matches("/v2/groups/my_groups").count();
    client.delete(&faults).send().await.unwrap();
    assert!((1..=5).contains(&made), "one call with its repetitions: {made}");
    assert_eq!(status(&portal, &amara, "users").await, 403, "she was removed from the group");
    client.delete(&seen).send().await.unwrap();
    let jonas = signed_in(&portal, JONAS).await;
    let all = (0..20).map(|_| status(&portal, &jonas, "users"));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|status| *status == 202), "{all:?}");
    let calls: serde_json::Value = client.get(&seen).send().await.unwrap().json().await.unwrap();
    assert_eq!(calls.to_string().matches("/v2/groups/my_groups").count(), 1, "{calls}");
}

/// A session that began before a policy asked for groups has no token for them: another login gives one, unless it has just
/// been through one.
#[tokio::test]
async fn a_session_without_a_token_for_groups_signs_in_again_but_not_in_circles() {
    let clock = Clock::manual(Clock::system().now());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let before = Portal::with().clock(&clock).store(store.clone()).start().await;
    let mira = signed_in(&before, MIRA).await;
    let tokens = store.tokens(key_of(&before, &mira)).await.unwrap();
    assert!(!tokens.iter().any(|row| row.resource_server == scopes::groups::RESOURCE_SERVER));
    let portal = with(&format!("[policies.users]\ngroups = ['{GROUP}']\n"))
        .clock(&clock)
        .store(store)
        .globus_at(&before.globus)
        .start()
        .await;
    assert_eq!(status(&portal, &mira, "users").await, 403, "it has just been through a login");
    clock.advance(Duration::minutes(2));
    assert_eq!(status(&portal, &mira, "users").await, 401);
    let again = signed_in(&portal, MIRA).await;
    assert_eq!(status(&portal, &again, "users").await, 202);
}
