//! Every request goes out as the Python SDK's was measured: method, path, query, form or JSON document byte for byte,
//! and the headers that matter. Two differences are intended:
//!
//! - a secret that is not base64 text is form-encoded in the Basic header, as RFC 6749 section 2.3.1 requires;
//! - `User-Agent` and `X-Globus-Client-Info` name this SDK.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use globus_portal::{
    clock::Clock,
    globus::{
        auth::{
            AuthClient, ConfidentialAppAuthClient, DependentTokenOptions, IdentitiesQuery, NativeAppAuthClient,
            ProvidersQuery,
        },
        flow::{AuthorizationCodeFlowManager, FlowManager as _, NativeAppFlowManager},
        groups::GroupsClient,
        transfer::{
            DeleteData, EndpointSearch, EventQuery, Filter, LsQuery, SyncLevel, TaskQuery, TransferData, TransferItem,
        },
    },
    secret::{AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, RefreshToken},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client::clients::{http, token, transfer_client},
    harness::{Provider, fixture, globus_at, provider::Request},
};

const CLIENT_ID: &str = "6f0a8e0c-1111-4222-8333-444455556666";
const SECRET: &str = "s3:cr%t é";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const SCOPES: &str = "urn:globus:auth:scope:transfer.api.globus.org:all openid";
const ENDPOINT: &str = "aa752cea-8222-5bc8-acd9-555b090c0ccb";
const TASK: &str = "0b003fff-db73-4c2e-acf0-65d28cf4e1e1";

/// A measured request.
#[derive(Deserialize)]
struct Case {
    name: String,
    method: String,
    path: String,
    query_raw: String,
    headers: std::collections::BTreeMap<String, String>,
    form_raw: Option<String>,
    json: Option<Value>,
}

/// Makes the call of a case. The answer does not matter: it is the same for all.
async fn call(server: &Provider, case: &str) {
    match case {
        name if name.contains("identit") || matches!(name, "userinfo" | "openid_configuration") => {
            auth_call(server, case).await;
        }
        name if name.contains("group") => groups_call(server, case).await,
        name if name.starts_with("code_exchange") => exchange(server, case).await,
        name if name.ends_with("_native") => native_call(server, case).await,
        name if TRANSFER.contains(&name) => files_call(server, case).await,
        name if name.contains("task") || name.starts_with("submi") => tasks_call(server, case).await,
        _ => app_call(server, case).await,
    }
}

fn app(server: &Provider) -> ConfidentialAppAuthClient {
    globus_at(&server.url, http(), &Clock::system()).confidential_app(CLIENT_ID, &ClientSecret::new(SECRET))
}

fn native(server: &Provider) -> NativeAppAuthClient {
    globus_at(&server.url, http(), &Clock::system()).native_app(CLIENT_ID).unwrap()
}

async fn exchange(server: &Provider, case: &str) {
    let (code, verifier) = (AuthorizationCode::new("CODE"), CodeVerifier::new(VERIFIER));
    if case == "code_exchange_native" {
        let flow = NativeAppFlowManager::new(&native(server), [SCOPES]).unwrap().with_verifier(verifier).unwrap();
        let _ = flow.exchange_code_for_tokens(code).await;
        return;
    }
    let mut flow = AuthorizationCodeFlowManager::new(&app(server), "http://localhost:5000/login", [SCOPES]).unwrap();
    if case == "code_exchange_confidential_with_code_verifier" {
        flow = flow.with_verifier(verifier).unwrap();
    }
    let _ = flow.exchange_code_for_tokens(code).await;
}

async fn native_call(server: &Provider, case: &str) {
    match case {
        "refresh_native" => drop(native(server).oauth2_refresh_token(&RefreshToken::new("RT")).await),
        "revoke_native" => drop(native(server).oauth2_revoke_token("TOK", None).await),
        _ => panic!("no call for {case}"),
    }
}

async fn app_call(server: &Provider, case: &str) {
    let (app, token) = (app(server), AccessToken::new("AT"));
    match case {
        "refresh_confidential" => drop(app.oauth2_refresh_token(&RefreshToken::new("RT")).await),
        "client_credentials" => drop(app.oauth2_client_credentials_tokens(SCOPES).await),
        "dependent" => drop(app.oauth2_get_dependent_tokens(&token, &DependentTokenOptions::new()).await),
        "dependent_offline_scoped" => {
            let options = DependentTokenOptions::new().with_refresh_tokens().with_scopes(SCOPES);
            drop(app.oauth2_get_dependent_tokens(&token, &options).await);
        }
        "revoke_confidential" => drop(app.oauth2_revoke_token("TOK", None).await),
        "introspect" => drop(app.oauth2_token_introspect("TOK", &[]).await),
        "introspect_include" => drop(app.oauth2_token_introspect("TOK", &["identity_set", "session_info"]).await),
        _ => panic!("no call for {case}"),
    }
}

async fn auth_call(server: &Provider, case: &str) {
    let client = AuthClient::new(server.url.clone(), http(), token());
    let names = |usernames, provision| IdentitiesQuery::Usernames { usernames, provision };
    match case {
        "userinfo" => drop(client.userinfo().await),
        "identities_by_name" => drop(client.get_identities(&names(&["a@x.org", "b@y.org"], false)).await),
        "identities_provision" => drop(client.get_identities(&names(&["a@x.org"], true)).await),
        "identities_by_id" => {
            drop(client.get_identities(&IdentitiesQuery::Ids(&["c8aad43e-d274-11e5-bf98-8b02896cf782"])).await);
        }
        "identity_providers_by_domain" => {
            drop(client.get_identity_providers(&ProvidersQuery::Domains(&["globus.org"])).await);
        }
        "openid_configuration" => drop(client.get_openid_configuration().await),
        _ => panic!("no call for {case}"),
    }
}

async fn groups_call(server: &Provider, case: &str) {
    let client = GroupsClient::new(server.url.clone(), http(), token());
    match case {
        "my_groups" => drop(client.get_my_groups(&[]).await),
        "my_groups_statuses" => drop(client.get_my_groups(&["active", "invited"]).await),
        "get_group" => {
            drop(client.get_group("8bdfe114-aa0e-47f3-bbbb-9251f264cc1c", &["memberships", "policies"]).await);
        }
        _ => panic!("no call for {case}"),
    }
}

const TRANSFER: &[&str] = &[
    "endpoint_search_scope",
    "endpoint_search_text",
    "endpoint_search_fields",
    "get_endpoint",
    "operation_ls",
    "operation_ls_filter_list",
    "operation_stat",
    "operation_mkdir",
    "operation_rename",
];

async fn files_call(server: &Provider, case: &str) {
    let client = transfer_client(server);
    let mine = EndpointSearch::new().with_filter_scope("my-endpoints");
    match case {
        "endpoint_search_scope" => drop(client.endpoint_search(&mine).await),
        "endpoint_search_fields" => {
            let search = mine.with_query_params(&[("fields", "id,display_name")]);
            drop(client.endpoint_search(&search).await);
        }
        "endpoint_search_text" => drop(client.endpoint_search(&search_by_text()).await),
        "get_endpoint" => drop(client.get_endpoint(ENDPOINT).await),
        "operation_ls" => drop(client.operation_ls(ENDPOINT, &listing()).await),
        "operation_ls_filter_list" => {
            let filter = vec![Filter::from("name:~a*"), Filter::new().with("type", &["file"])];
            drop(client.operation_ls(ENDPOINT, &LsQuery::new().with_filter(filter)).await);
        }
        "operation_stat" => drop(client.operation_stat(ENDPOINT, "/x", None).await),
        "operation_mkdir" => drop(client.operation_mkdir(ENDPOINT, "/x", None).await),
        "operation_rename" => drop(client.operation_rename(ENDPOINT, "/a", "/b", None).await),
        _ => panic!("no call for {case}"),
    }
}

fn search_by_text() -> EndpointSearch<'static> {
    EndpointSearch::new()
        .with_filter_fulltext("String to search for!")
        .with_filter_non_functional(false)
        .with_filter_entity_type("GCP_guest_collection")
        .with_limit(5)
        .with_offset(10)
}

fn listing() -> LsQuery<'static> {
    LsQuery::new()
        .with_path("/~/a b/é")
        .with_limit(10)
        .with_offset(0)
        .with_show_hidden(false)
        .with_orderby(&["type", "name DESC"])
        .with_filter(vec![Filter::new().with("name", &["~*.txt", "!x"]).with("type", &["file"])])
}

async fn tasks_call(server: &Provider, case: &str) {
    let client = transfer_client(server);
    match case {
        "submission_id" => drop(client.get_submission_id().await),
        "submit_transfer" => drop(client.submit_transfer(&mut transfer()).await),
        "submit_delete" => drop(client.submit_delete(&mut deletion()).await),
        "task_list" => {
            let filter = Filter::new().with("status", &["ACTIVE", "INACTIVE"]).with("type", &["TRANSFER"]);
            let query = TaskQuery::new().with_limit(10).with_offset(5).with_orderby(&["request_time DESC"]);
            let query = query.with_filter(filter);
            drop(client.task_list(&query).await);
        }
        "get_task" => drop(client.get_task(TASK).await),
        "cancel_task" => drop(client.cancel_task(TASK).await),
        "task_event_list" => {
            drop(client.task_event_list(TASK, &EventQuery::new().with_limit(10)).await);
        }
        _ => panic!("no call for {case}"),
    }
}

fn transfer() -> TransferData {
    let ends = ("11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002");
    let mut data = TransferData::new(ends.0, ends.1)
        .with_label("L")
        .with_sync_level(SyncLevel::Checksum)
        .with_submission_id("33333333-0000-4000-8000-000000000003");
    data.add_item(TransferItem::new("/a/", "/b/").with_recursive(true));
    data.add_item(TransferItem::new("/f", "/g"));
    data
}

fn deletion() -> DeleteData {
    let mut data = DeleteData::new("11111111-0000-4000-8000-000000000001")
        .with_recursive(true)
        .with_submission_id("33333333-0000-4000-8000-000000000003");
    data.add_item("/a/");
    data
}

#[tokio::test]
async fn every_measured_request_goes_out_as_it_was_measured() {
    let Some(text) = fixture("the measured requests", "vectors/requests.json") else { return };
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 37, "{} cases", cases.len());
    let compact = without_spaces(&text);
    let server = Provider::with("{}").await;
    for case in cases {
        call(&server, &case.name).await;
        let sent = server.the_only();
        same_target(&case, &sent);
        same_body(&case, &sent, &server, &compact);
        same_headers(&case, &sent);
    }
}

fn same_target(case: &Case, sent: &Request) {
    let target = (sent.method.as_str(), sent.uri.path(), sent.query());
    assert_eq!(target, (&*case.method, &*case.path, &*case.query_raw), "{}", case.name);
}

fn same_body(case: &Case, sent: &Request, server: &Provider, compact: &str) {
    if let Some(document) = &case.json {
        assert_eq!(&sent.json(), document, "{}", case.name);
        // The file has the measured document with its members in their order.
        let measured = compact.split_once(&format!(r#""name":"{}""#, case.name)).unwrap().1;
        let measured = measured.split(r#"{"name":""#).next().unwrap();
        assert!(measured.contains(&format!(r#""json":{}"#, sent.body)), "{}: {}", case.name, sent.body);
        return;
    }
    // A native app's page for copying the code is on the same server.
    let encoded = |url: &str| url.replace(':', "%3A").replace('/', "%2F");
    let (there, here) = (encoded("https://auth.globus.org/"), encoded(server.url.as_str()));
    let expected = case.form_raw.clone().unwrap_or_default().replace(&there, &here);
    assert_eq!(sent.body, expected, "{}", case.name);
}

fn same_headers(case: &Case, sent: &Request) {
    for name in ["Accept", "Content-Type"] {
        assert_eq!(sent.header(name), case.headers.get(name).map(String::as_str), "{}: {name}", case.name);
    }
    let (measured, authorization) = (case.headers.get("Authorization"), sent.header("Authorization"));
    match measured.and_then(|value| value.strip_prefix("Basic ")) {
        Some(measured) => {
            let (name, secret) = basic(authorization.unwrap().strip_prefix("Basic ").unwrap());
            assert_eq!(secret, "s3%3Acr%25t+%C3%A9", "{}", case.name);
            let decoded = secret.replace('+', " ").replace("%3A", ":").replace("%C3%A9", "é").replace("%25", "%");
            assert_eq!((name, decoded), basic(measured), "{}", case.name);
        }
        None => assert_eq!(authorization, measured.map(String::as_str), "{}", case.name),
    }
    for (name, sdk) in [("User-Agent", "globus-sdk-rust-"), ("X-Globus-Client-Info", "product=rust-sdk,version=")] {
        assert!(sent.header(name).unwrap().starts_with(sdk), "{}: {name}", case.name);
    }
}

fn basic(credentials: &str) -> (String, String) {
    let text = String::from_utf8(STANDARD.decode(credentials).unwrap()).unwrap();
    let (name, secret) = text.split_once(':').unwrap();
    (name.to_owned(), secret.to_owned())
}

/// JSON text without the spaces and line breaks between its parts.
fn without_spaces(json: &str) -> String {
    let (mut within, mut escaped) = (false, false);
    let kept = |&c: &char| {
        within ^= c == '"' && !escaped;
        escaped = within && c == '\\' && !escaped;
        within || !c.is_whitespace()
    };
    json.chars().filter(kept).collect()
}

#[tokio::test]
async fn a_secret_of_base64_text_stands_in_the_basic_header_as_it_is() {
    let server = Provider::with("{}").await;
    let secret = ClientSecret::new("abc+/def==");
    let app = globus_at(&server.url, http(), &Clock::system()).confidential_app(CLIENT_ID, &secret);
    drop(app.oauth2_token_introspect("TOK", &[]).await);
    let sent = server.the_only();
    let (name, secret) = basic(sent.header("Authorization").unwrap().strip_prefix("Basic ").unwrap());
    assert_eq!((&*name, &*secret), (CLIENT_ID, "abc+/def=="));
}

#[tokio::test]
async fn every_option_of_a_transfer_and_of_a_deletion_is_sent_under_its_name() {
    let server = Provider::with(r#"{"task_id": "t", "code": "Accepted"}"#).await;
    let mut data = full_transfer();
    data.add_item(TransferItem::new("/f", "/g").with_external_checksum("abc").with_checksum_algorithm("SHA256"));
    transfer_client(&server).submit_transfer(&mut data).await.unwrap();
    assert_eq!(
        server.the_only().body,
        concat!(
            r#"{"DATA_TYPE":"transfer","DATA":[{"DATA_TYPE":"transfer_item","source_path":"/f","destination_path":"/g","#,
            r#""external_checksum":"abc","checksum_algorithm":"SHA256"}],"source_endpoint":"S","destination_endpoint":"D","#,
            r#""submission_id":"I","deadline":"2030-01-02","source_local_user":"a","destination_local_user":"b","#,
            r#""verify_checksum":true,"preserve_timestamp":true,"encrypt_data":true,"skip_source_errors":true,"#,
            r#""fail_on_quota_errors":true,"delete_destination_extra":true,"notify_on_succeeded":false,"#,
            r#""notify_on_failed":false,"notify_on_inactive":false,"sync_level":0,"filter_rules":[{"DATA_TYPE":"#,
            r#""filter_rule","method":"exclude","name":"*.tmp"},{"DATA_TYPE":"filter_rule","method":"include","#,
            r#""name":"a*","type":"dir"}],"recursive_symlinks":"keep"}"#,
        )
    );

    let mut data = full_deletion();
    data.add_item("/a/");
    transfer_client(&server).submit_delete(&mut data).await.unwrap();
    assert_eq!(
        server.the_only().json(),
        json!({
            "DATA_TYPE": "delete", "DATA": [{"DATA_TYPE": "delete_item", "path": "/a/"}], "endpoint": "E", "label": "L",
            "submission_id": "I", "deadline": "2030-01-02", "local_user": "u", "recursive": true, "ignore_missing": true,
            "interpret_globs": true, "notify_on_succeeded": false, "notify_on_failed": false, "notify_on_inactive": false,
        })
    );
}

fn full_transfer() -> TransferData {
    use globus_portal::globus::transfer::{FilterMethod, FilterRule};
    let mut data = TransferData::new("S", "D")
        .with_submission_id("I")
        .with_deadline("2030-01-02")
        .with_source_local_user("a")
        .with_destination_local_user("b")
        .with_verify_checksum(true)
        .with_preserve_timestamp(true)
        .with_encrypt_data(true)
        .with_skip_source_errors(true)
        .with_fail_on_quota_errors(true)
        .with_delete_destination_extra(true)
        .with_notify_on_succeeded(false)
        .with_notify_on_failed(false)
        .with_notify_on_inactive(false)
        .with_sync_level(SyncLevel::Exists)
        .with_field("recursive_symlinks", "keep")
        .unwrap();
    assert!(data.clone().with_field("label", "twice in one document").is_err());
    data.add_filter_rule(FilterRule::new(FilterMethod::Exclude, "*.tmp", None));
    data.add_filter_rule(FilterRule::new(FilterMethod::Include, "a*", Some("dir")));
    data
}

fn full_deletion() -> DeleteData {
    DeleteData::new("E")
        .with_label("L")
        .with_submission_id("I")
        .with_deadline("2030-01-02")
        .with_local_user("u")
        .with_recursive(true)
        .with_ignore_missing(true)
        .with_interpret_globs(true)
        .with_notify_on_succeeded(false)
        .with_notify_on_failed(false)
        .with_notify_on_inactive(false)
}
