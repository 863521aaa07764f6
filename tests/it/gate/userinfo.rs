//! `/oauth2/userinfo`: who is signed in, with their groups where a policy asks for groups.

use std::sync::Arc;

use globus_portal::{
    clock::Clock,
    session::store::{MemoryStore, Store},
};
use serde_json::{Value, json};
use time::Duration;

use super::{GROUP, MIRA, ask, signed_in, with};
use crate::harness::{Browser, Portal};

const USERINFO: &str = "/oauth2/userinfo";

async fn groups(portal: &Portal, browser: &Browser) -> Vec<String> {
    let answer = ask(portal, browser, USERINFO, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let user: Value = serde_json::from_str(&answer.body).unwrap();
    serde_json::from_value(user["groups"].clone()).unwrap()
}

#[tokio::test]
async fn groups_are_those_of_the_person_and_being_unknown_is_503() {
    let portal = with(&format!("[policies.users]\ngroups = ['{GROUP}']\n")).start().await;
    let mira = signed_in(&portal, MIRA).await;
    let faults = format!("{}/sandbox/faults", portal.globus);
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let fault = json!({"fault": "status", "status": 500, "path": "/v2/groups"});
    assert!(client.post(&faults).json(&fault).send().await.unwrap().status().is_success());
    let answer = ask(&portal, &mira, USERINFO, &[]).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (503, ""));
    client.delete(&faults).send().await.unwrap();
    let all = groups(&portal, &mira).await;
    assert!(all.len() > 1 && all.iter().any(|group| group == GROUP), "{all:?}");
    assert_eq!(ask(&portal, &Browser::new(), USERINFO, &[("accept", "application/json")]).await.status, 401);
}

#[tokio::test]
async fn groups_are_left_out_if_no_policy_asks_for_any_and_need_a_login_that_did() {
    let clock = Clock::manual(Clock::system().now());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let before = with("").clock(&clock).store(store.clone()).start().await;
    let mira = signed_in(&before, MIRA).await;
    assert_eq!(groups(&before, &mira).await, [""; 0]);
    let users = format!("[policies.users]\ngroups = ['{GROUP}']\n");
    let portal = with(&users).clock(&clock).store(store).globus_at(&before.globus).start().await;
    assert_eq!(ask(&portal, &mira, USERINFO, &[]).await.status, 503, "it has just been through a login");
    clock.advance(Duration::minutes(2));
    assert_eq!(ask(&portal, &mira, USERINFO, &[]).await.status, 401);
    let again = signed_in(&portal, MIRA).await;
    assert!(groups(&portal, &again).await.iter().any(|group| group == GROUP));
}
