//! The client of Groups, and who counts as a member.

use globus_portal::globus::{
    error::CallError,
    groups::{Group, GroupsClient, is_active_member},
};
use serde_json::{Value, json};

use crate::{
    client::clients::{http, token},
    harness::{Provider, Step, fixture},
};

const GROUP: &str = "d3974728-6458-11e4-b72d-123139141556";

fn client(server: &Provider) -> GroupsClient {
    GroupsClient::new(server.url.clone(), http(), token())
}

#[tokio::test]
async fn groups_are_read_as_globus_sends_them() {
    let Some(text) = fixture("documents of Groups", "my_groups.json") else { return };
    let server = Provider::with(text).await;
    let groups = client(&server).get_my_groups(&[]).await.unwrap();
    assert_eq!(groups.len(), 7);
    assert_eq!((&*groups[0].id, groups[0].name.as_deref()), (GROUP, Some("Claptrap's Rough Riders")));
    assert_eq!(groups[4].my_memberships[0].role.as_deref(), Some("admin"));
    assert_eq!(groups[0].policies.as_ref().unwrap().group_visibility.as_deref(), Some("private"));
    assert!(is_active_member(&groups, GROUP));
    assert!(is_active_member(&groups, &GROUP.to_uppercase()));
    assert!(!is_active_member(&groups, "6ef39cf3-2294-4c0d-a431-d686c906c46e"));
    assert!(!is_active_member(&groups, ""));

    let server = Provider::with(fixture("documents of Groups", "get_group.json").unwrap()).await;
    let group = client(&server).get_group("6ef39cf3-2294-4c0d-a431-d686c906c46e", &[]).await.unwrap();
    assert_eq!((group.description.as_deref(), group.session_limit), (Some("No stairs allowed."), Some(28_800)));
    assert!(group.is_active_member());
}

fn group(memberships: &Value) -> Vec<Group> {
    vec![serde_json::from_value(json!({"id": GROUP, "name": "G", "my_memberships": memberships})).unwrap()]
}

#[test]
fn only_an_active_membership_of_that_group_counts() {
    let with_status = |status: &str| group(&json!([{"group_id": GROUP, "status": status, "role": "admin"}]));
    for status in ["invited", "pending", "rejected", "removed", "left", "declined", "", "Active", "suspended"] {
        assert!(!is_active_member(&with_status(status), GROUP), "{status}");
    }
    assert!(is_active_member(&with_status("active"), GROUP));
    let two = json!([{"group_id": GROUP, "status": "left"}, {"group_id": GROUP, "status": "active"}]);
    assert!(is_active_member(&group(&two), GROUP), "each identity has a membership of its own");
    assert!(!is_active_member(&group(&json!([{"group_id": "another", "status": "active"}])), GROUP));
    for odd in [json!([]), json!(null), json!("active"), json!([{}]), json!([{"status": true}]), json!(["active"])] {
        assert!(!is_active_member(&group(&odd), GROUP), "{odd}");
    }
    let nameless: Group = serde_json::from_value(json!({"my_memberships": [{"status": "active"}]})).unwrap();
    assert!(!is_active_member(&[nameless], ""));
}

#[tokio::test]
async fn an_id_is_one_segment_of_the_path_and_an_answer_that_is_no_list_is_an_error() {
    let server = Provider::with("{}").await;
    let client = client(&server);
    drop(client.get_group("a/b", &[]).await);
    assert_eq!(server.the_only().uri.to_string(), "/v2/groups/a%2Fb");
    assert!(matches!(client.get_group("..", &[]).await, Err(CallError::Usage(_))));
    assert!(server.take().is_empty());
    assert!(matches!(client.get_my_groups(&[]).await, Err(CallError::Malformed { .. })));
}

#[tokio::test]
async fn an_error_of_groups_comes_with_its_code() {
    let document = r#"{"errors": [{"id": "x", "status": "401", "code": "INVALID_TOKEN", "detail": "no"}]}"#;
    let server = Provider::answering(move |_| Step::text(401, document)).await;
    let Err(CallError::Api(error)) = client(&server).get_my_groups(&["active"]).await else { panic!("no error") };
    assert_eq!((error.http_status(), error.code()), (401, Some("INVALID_TOKEN")));
}
