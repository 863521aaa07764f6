//! Assertions through real proxies, for somebody with many groups.

use globus_portal::{
    globus::{authorizer::AccessTokenAuthorizer, groups::GroupsClient, scopes},
    session::store::{MemoryStore, Store},
};
use serde_json::json;
use std::sync::Arc;

use super::{Gate, Proxy};
use crate::{
    gate::{
        app::Shown,
        assertions::{ASSERTION, key_set, verified},
        signed_in,
    },
    harness::{Browser, MIRA, Portal, steps::key_of},
};

/// Makes somebody an admin of so many groups, and gives their ids.
async fn many_groups(portal: &Portal, browser: &Browser, count: usize) -> Vec<String> {
    let token = portal.app.tokens.fresh(key_of(portal, browser), scopes::groups::RESOURCE_SERVER).await.unwrap();
    let base = portal.app.settings.environment.groups.clone();
    let groups = GroupsClient::new(base, portal.app.http.clone(), AccessTokenAuthorizer::new(token));
    let mut ids = Vec::new();
    for number in 0..count {
        let group = json!({"name": format!("Group {number}"), "description": ""});
        let made: serde_json::Value = groups.post("v2/groups", &[], &group).await.unwrap().json().unwrap();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    ids
}

pub async fn verify(proxy: &Proxy) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let scopes = format!("openid profile email {} {}", scopes::transfer::ALL, scopes::groups::ALL);
    let first = Portal::with().store(store.clone()).set("SCOPES", &scopes).start().await;
    let mira = signed_in(&first, MIRA).await;
    let groups = many_groups(&first, &mira, 60).await;
    let policies = format!(
        "[policies.default]\nsigned_in = true\n[policies.staff]\ngroups = {groups:?}\n[policies.members]\nsigned_in = true\n"
    );
    let gate = Gate::start_with(proxy, |portal| {
        let portal = portal.file(&policies).store(store).globus_at(&first.globus);
        portal.set("TRUSTED_PROXIES", "127.0.0.1").set("SCOPES", &scopes)
    })
    .await;
    let portal = gate.portal();
    assert!(portal.app.settings.warnings.iter().any(|text| text.contains("at most 50 groups")));
    let forged = [(ASSERTION, "forged"), ("x-auth-request-access-token", "forged")];
    let shown = Shown::by("app", &mira.get_with(&gate.url("/app/"), &forged).await);
    assert!(!shown.text().contains("forged"), "{}", shown.text());
    let assertion = shown.header(ASSERTION).unwrap();
    let claims = verified(assertion, &key_set(portal).await).unwrap();
    assert_eq!(claims["aud"], format!("{}/oauth2/auth/staff", gate.base));
    assert_eq!(claims["preferred_username"], MIRA);
    let listed = shown.header("x-auth-request-groups").unwrap();
    assert_eq!(listed.split(',').collect::<Vec<_>>(), groups[..50]);
    assert_eq!(claims["groups"], json!(groups[..50]));
    assert!(assertion.len() < 4 << 10, "{} bytes", assertion.len());
    // The other app's, for another policy.
    let other = Shown::by("lab", &mira.get(&gate.url("/lab/")).await);
    let claims = verified(other.header(ASSERTION).unwrap(), &key_set(portal).await).unwrap();
    assert_eq!((&claims["aud"], claims.get("groups")), (&json!(format!("{}/oauth2/auth/members", gate.base)), None));
}
