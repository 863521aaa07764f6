//! The sandbox's Groups, identity providers, provisioned identities, consents and policies.

use globus_portal::sandbox::{CLIENT_ID, CLIENT_SECRET};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::fixture;
use crate::sandbox::visit::*;

const VIEW_GROUPS: &str = "urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships";
const ALL_GROUPS: &str = "urn:globus:auth:scope:groups.api.globus.org:all";
const VIEW_CONSENTS: &str = "urn:globus:auth:scope:auth.globus.org:view_consents";
const PORTAL_USERS: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0002";
const RIDGELINE: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0003";
const SENSITIVE: &str = "c1a5be11-7d3a-4f0e-8a52-9b6f4e2d0001";

async fn groups_of(visit: &Visit, who: &str, query: &str) -> Value {
    let answer = visit.log_in(who, &request(VIEW_GROUPS, &[("prompt", "login")])).await;
    let token = answer["access_token"].as_str().unwrap();
    visit.bearer(&format!("/v2/groups/my_groups{query}"), token).await.json().await.unwrap()
}

fn names(groups: &Value) -> Vec<&str> {
    groups.as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn my_groups_are_a_bare_array_of_active_memberships() {
    let visit = Visit::start().await;
    assert_eq!(names(&groups_of(&visit, MIRA, "").await), ["Cryo-EM users", "Portal users"]);
    assert_eq!(names(&groups_of(&visit, JONAS, "").await), ["Portal users", "Ridgeline", "Beamline 7"]);
    assert_eq!(groups_of(&visit, "amara@globusid.org", "").await, json!([]));
}

#[tokio::test]
async fn memberships_come_by_status_and_over_linked_identities() {
    let visit = Visit::start().await;
    let cases = [
        (JONAS, "invited", "Cryo-EM users"),
        ("amara@globusid.org", "pending", "Cryo-EM users"),
        ("0009-0004-7312-5580@scholar-id.example", "rejected", "Cryo-EM users"),
        ("amara@globusid.org", "removed", "Portal users"),
        ("0009-0004-7312-5580@scholar-id.example", "left", "Portal users"),
        (MIRA, "declined", "Beamline 7"),
    ];
    for (who, status, group) in cases {
        let groups = groups_of(&visit, who, &format!("?statuses={status}")).await;
        assert_eq!(names(&groups), [group], "{who} {status}");
        assert_eq!(groups[0]["my_memberships"][0]["status"], status);
    }
    let groups = groups_of(&visit, PRIYA, "").await;
    let portal = groups.as_array().unwrap().iter().find(|group| group["id"] == PORTAL_USERS).unwrap();
    let mine: Vec<_> =
        portal["my_memberships"].as_array().unwrap().iter().map(|m| (&m["username"], &m["role"])).collect();
    assert_eq!(mine, [(&json!(PRIYA), &json!("admin")), (&json!("praman@northfield.example"), &json!("member"))]);
}

#[tokio::test]
async fn groups_have_the_members_that_globus_sends() {
    let test = "groups_have_the_members_that_globus_sends";
    let (Some(list), Some(one)) = (fixture(test, "my_groups.json"), fixture(test, "get_group.json")) else {
        return;
    };
    let visit = Visit::start().await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let mine = groups_of(&visit, MIRA, "").await;
    assert_eq!(members(&mine[0]), members(&list[0]));
    assert_eq!(members(&mine[0]["my_memberships"][0]), members(&list[0]["my_memberships"][0]));
    let one: Value = serde_json::from_str(&one).unwrap();
    let answer = visit.log_in(MIRA, &request(ALL_GROUPS, &[])).await;
    let token = answer["access_token"].as_str().unwrap();
    let group: Value = visit.bearer(&format!("/v2/groups/{PORTAL_USERS}"), token).await.json().await.unwrap();
    // The CLI updates a group from these members.
    let more = ["subscription_admin_verified_id", "terms_and_conditions"];
    let known: Vec<&str> = members(&group).into_iter().filter(|name| !more.contains(name)).collect();
    assert_eq!(known, members(&one));
}

#[tokio::test]
async fn a_group_tells_its_members_to_whom_its_policy_allows() {
    let visit = Visit::start().await;
    for (who, path, count) in [
        // A member who may not see the others sees themselves; a non-member sees no one.
        (MIRA, format!("{PORTAL_USERS}?include=memberships"), 1),
        (MIRA, format!("{RIDGELINE}?include=memberships"), 0),
        (PRIYA, format!("{PORTAL_USERS}?include=memberships,policies,allowed_actions,child_ids"), 6),
    ] {
        let answer = visit.log_in(who, &request(VIEW_GROUPS, &[("prompt", "login")])).await;
        let token = answer["access_token"].as_str().unwrap();
        let group: Value = visit.bearer(&format!("/v2/groups/{path}"), token).await.json().await.unwrap();
        assert_eq!(group["memberships"].as_array().unwrap().len(), count, "{who}");
    }
}

#[tokio::test]
async fn groups_refuse_in_their_own_form() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request(&format!("openid {VIEW_GROUPS}"), &[])).await;
    let (auth, groups) = (token_of(&answer, "auth.globus.org"), token_of(&answer, "groups.api.globus.org"));
    let board = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0006";
    for (path, token, status, code) in [
        ("my_groups", None, 401, "AUTHENTICATION_ERROR"),
        ("my_groups", Some("Agdead"), 401, "INVALID_TOKEN"),
        ("my_groups", Some(auth), 403, "FORBIDDEN"),
        ("my_groups?statuses=nonsense", Some(groups), 400, "BAD_REQUEST"),
        ("nonsense", Some(groups), 404, "GROUP_NOT_FOUND"),
        (board, Some(groups), 404, "GROUP_NOT_FOUND"),
    ] {
        let request = visit.http.get(visit.url(&format!("/v2/groups/{path}")));
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let document: Value = answer.json().await.unwrap();
        assert_eq!(document["errors"][0]["code"], code);
    }
}

#[tokio::test]
async fn providers_are_found_by_domain_or_by_id_but_not_by_both() {
    let visit = Visit::start().await;
    let get = |query: &str| {
        let url = visit.url(&format!("/v2/api/identity_providers?{query}"));
        visit.http.get(url).basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send()
    };
    let globus_id = "41143743-f3c8-4d60-bbdb-eeecaba85bd9";
    for (query, count) in [
        ("domains=globusid.org,coastal.example", 2),
        ("ids=41143743-f3c8-4d60-bbdb-eeecaba85bd9", 1),
        ("domains=nowhere.example", 0),
    ] {
        let found: Value = get(query).await.unwrap().json().await.unwrap();
        assert_eq!(found["identity_providers"].as_array().unwrap().len(), count, "{query}");
    }
    let found: Value = get("domains=globusid.org").await.unwrap().json().await.unwrap();
    let globus = json!({"short_name": "globusid", "id": globus_id, "alternative_names": [], "domains": ["globusid.org"],
        "name": "Globus ID"});
    assert_eq!(found["identity_providers"][0], globus);
    for query in ["", "domains=globusid.org&ids=x"] {
        assert_eq!(get(query).await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn provisioning_makes_an_unused_identity_of_a_known_provider() {
    let visit = Visit::start().await;
    let find = async |query: &str| -> Value {
        let url = visit.url(&format!("/v2/api/identities?{query}"));
        let answer = visit.http.get(url).basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["identities"].clone()
    };
    assert_eq!(find("usernames=new@northfield.example&provision=false").await, json!([]));
    let made = find("usernames=new@northfield.example,new@nowhere.example&provision=true").await;
    assert_eq!(made.as_array().unwrap().len(), 1);
    assert_eq!(made[0]["status"], "unused");
    assert_eq!(find(&format!("ids={}", made[0]["id"].as_str().unwrap())).await, made);
    assert_eq!(find("usernames=NEW@northfield.example&provision=true").await, made);
}

#[tokio::test]
async fn consents_are_a_tree_and_go_when_they_are_rescinded() {
    let visit = Visit::start().await;
    let collection = "542f1a4c-1145-4604-b926-dd8c9916ae01";
    let data_access = format!("https://auth.globus.org/scopes/{collection}/data_access");
    let scope = format!("openid {TRANSFER}[*{data_access}]");
    let answer = visit.log_in(MIRA, &request(&scope, &[("access_type", "offline")])).await;
    let token = token_of(&answer, "auth.globus.org");
    let mira = "f8907a41-b87f-4770-b2b4-cabdd1f151d5";
    let path = format!("/v2/api/identities/{mira}/consents");
    let document: Value = visit.bearer(&path, token).await.json().await.unwrap();
    let consents = document["consents"].as_array().unwrap();
    let named = |name: &str| consents.iter().find(|consent| consent["scope_name"] == name).unwrap();
    let (parent, child) = (named(TRANSFER), named(&data_access));
    assert_eq!(child["dependency_path"], json!([parent["id"], child["id"]]));
    assert_eq!((&child["atomically_revocable"], &parent["atomically_revocable"]), (&json!(true), &json!(false)));
    assert_eq!((&parent["client"], &parent["allows_refresh"]), (&json!(CLIENT_ID), &json!(true)));
    assert_eq!(child["client"], "2fbdda78-a599-4cb5-ac3d-1fbcfbc6a754");
    if let Some(text) = fixture("consents_are_a_tree", "get_consents.json") {
        let known: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(members(parent), members(&known["consents"][0]));
    }
    let other = visit.bearer("/v2/api/identities/87c4309c-3bb8-4ada-8ad9-d8657eed2d2f/consents", token).await;
    assert_eq!(other.status(), StatusCode::FORBIDDEN);
    assert_eq!(visit.bearer(&format!("{path}?all=true"), token).await.status(), StatusCode::FORBIDDEN);

    let page = visit.get("/v2/web/consents").await.text().await.unwrap();
    visit.submit("/v2/web/consents", &[("consent", &hidden(&page, "consent"))]).await;
    assert_eq!(visit.bearer(&path, token).await.status(), StatusCode::UNAUTHORIZED);
    let answer = visit.log_in(MIRA, &request(VIEW_CONSENTS, &[])).await;
    let all = visit.bearer(&format!("{path}?all=true"), token_of(&answer, "auth.globus.org")).await;
    let document: Value = all.json().await.unwrap();
    assert_eq!(document["consents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_policy_is_met_by_a_sign_in_that_was_asked_for_it() {
    let visit = Visit::start().await;
    let evaluate = async |answer: &Value| -> Value {
        let form = [
            ("token", token_of(answer, "auth.globus.org")),
            ("authentication_policies", SENSITIVE),
            ("include", "session_info"),
        ];
        visit.as_app("/v2/oauth2/token/introspect", &form).await.json().await.unwrap()
    };
    let first = visit.log_in(MIRA, &request("openid", &[])).await;
    let document = evaluate(&first).await;
    assert_eq!(document["policy_evaluations"], json!({SENSITIVE: {"evaluation": false}}));
    let needs = [("session_required_policies", SENSITIVE), ("session_required_mfa", "True")];
    let page = visit.authorize(&request("openid", &needs)).await;
    let name = hidden(&page.text().await.unwrap(), "request");
    visit.submit("/v2/web/choose", &[("request", &name), ("identity", MIRA)]).await;
    let back = visit.get(&format!("/v2/web/consent?request={name}")).await;
    let code = parameter(&location(&back), "code").unwrap();
    let second: Value = visit.exchange(&code).await.json().await.unwrap();
    let document = evaluate(&second).await;
    assert_eq!(document["policy_evaluations"], json!({SENSITIVE: {"evaluation": true}}));
    let mira = &document["session_info"]["authentications"][document["sub"].as_str().unwrap()];
    assert!(mira["amr"].as_array().unwrap().contains(&json!("mfa")));
}

#[tokio::test]
async fn linked_identities_have_a_page() {
    let visit = Visit::start().await;
    let page = visit.get("/v2/web/identities").await.text().await.unwrap();
    assert!(page.contains("see their linked identities"));
    let fields = [("identity", MIRA), ("next", &hidden(&page, "next"))];
    let chosen = visit.submit("/v2/web/choose", &fields).await;
    assert_eq!(chosen.headers()["location"], "/v2/web/identities");
    let query = "redirect_uri=http://localhost:5000/&redirect_name=A+portal";
    let page = visit.get(&format!("/v2/web/identities?{query}")).await.text().await.unwrap();
    assert!(page.contains("msolano@globusid.org") && page.contains("Return to <bdi>A portal</bdi>"));
}
