//! The sandbox's Transfer: endpoints, files, tasks, and collections that fail.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::fixture;
use crate::sandbox::user::*;
use crate::sandbox::visit::*;

#[tokio::test]
async fn fifty_seven_endpoints_come_on_three_pages() {
    let visit = Visit::start().await;
    let answer = visit.log_in(JONAS, &request(TRANSFER, &[])).await;
    let token = answer["access_token"].as_str().unwrap();
    let mut seen = BTreeSet::new();
    for (offset, count, more) in [(0, 25, true), (25, 25, true), (50, 7, false)] {
        let page = visit.my_endpoints(token, &format!("&offset={offset}")).await;
        assert_eq!(members(&page), ["DATA", "DATA_TYPE", "has_next_page", "limit", "offset"]);
        let endpoints = page["DATA"].as_array().unwrap();
        assert_eq!((endpoints.len(), &page["has_next_page"]), (count, &more.into()));
        assert_eq!((&page["limit"], &page["offset"]), (&25.into(), &offset.into()));
        seen.extend(endpoints.iter().map(|e| e["id"].to_string()));
    }
    assert_eq!(seen.len(), 57);
    assert_eq!(visit.my_endpoints(token, "&limit=5000").await["limit"], 100);
}

#[tokio::test]
async fn everybody_has_endpoints_of_their_own() {
    let visit = Visit::start().await;
    let everybody = [
        (MIRA, 4),
        (JONAS, 57),
        ("amara@globusid.org", 0),
        ("0009-0004-7312-5580@scholar-id.example", 1),
        (PRIYA, 3),
        (QUIRK, 4),
    ];
    let mut seen = BTreeSet::new();
    let mut unnamed = 0;
    for (who, count) in everybody {
        let answer = visit.log_in(who, &request(TRANSFER, &[("prompt", "login")])).await;
        let page = visit.my_endpoints(answer["access_token"].as_str().unwrap(), "&limit=100").await;
        let endpoints = page["DATA"].as_array().unwrap();
        assert_eq!(endpoints.len(), count, "{who}");
        for endpoint in endpoints {
            assert!(seen.insert(endpoint["id"].to_string()));
            unnamed += usize::from(endpoint["display_name"].is_null());
        }
    }
    assert_eq!(unnamed, 1);
}

#[tokio::test]
async fn a_search_finds_by_words_kind_and_sharing() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request(TRANSFER, &[])).await;
    let token = answer["access_token"].as_str().unwrap();
    for (query, count) in [
        ("filter_fulltext=beamline+run+05", 4),
        ("filter_fulltext=cryo", 1),
        ("filter_fulltext=cryo+nonsense", 0),
        ("filter_scope=shared-with-me", 1),
        ("filter_scope=shared-by-me", 1),
        ("filter_scope=recently-used", 2),
        ("filter_scope=my-gcp-endpoints", 1),
        ("filter_scope=in-use", 0),
        ("filter_scope=my-endpoints&filter_entity_type=GCSv5_mapped_collection", 2),
        ("filter_scope=my-endpoints&filter_fulltext=SCRATCH", 1),
    ] {
        let answer = visit.bearer(&format!("/v0.10/endpoint_search?{query}"), token).await;
        let page: Value = answer.json().await.unwrap();
        assert_eq!(page["DATA"].as_array().unwrap().len(), count, "{query}");
    }
    for query in
        ["", "filter_scope=nonsense", "filter_scope=my-endpoints&limit=0", "filter_scope=my-endpoints&offset=-1"]
    {
        let answer = visit.bearer(&format!("/v0.10/endpoint_search?{query}"), token).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    let short = visit.my_endpoints(token, "&fields=id,display_name").await;
    assert_eq!(members(&short["DATA"][0]), ["DATA_TYPE", "display_name", "id"]);
}

#[tokio::test]
async fn transfer_tells_missing_dead_and_unfit_tokens_apart() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request("openid", &[])).await;
    let unfit = answer["access_token"].as_str().unwrap();
    let path = "/v0.10/endpoint/542f1a4c-1145-4604-b926-dd8c9916ae01";
    let missing = visit.get(path).await;
    assert_eq!(missing.status(), StatusCode::BAD_REQUEST);
    let document: Value = missing.json().await.unwrap();
    assert_eq!(document["code"], "ClientError.AuthenticationFailed");
    assert_eq!(document["message"], "No credentials supplied");
    assert_eq!(visit.bearer(path, "Agdead").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(visit.bearer(path, unfit).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn one_endpoint_is_a_full_document() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request(TRANSFER, &[])).await;
    let token = answer["access_token"].as_str().unwrap();
    let path = "/v0.10/endpoint/542f1a4c-1145-4604-b926-dd8c9916ae01";
    let document: Value = visit.bearer(path, token).await.json().await.unwrap();
    assert_eq!(document["display_name"], "Northfield Cryo-EM Instrument");
    assert_eq!(document["entity_type"], "GCSv5_mapped_collection");
    assert_eq!(document["owner_string"], MIRA);
    assert!(members(&document).len() > 60);
    let unknown = visit.bearer("/v0.10/endpoint/nonsense", token).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let document: Value = unknown.json().await.unwrap();
    assert_eq!(document["code"], "EndpointNotFound");
    assert_eq!(document["message"], "No such endpoint 'nonsense'");
}

#[tokio::test]
async fn data_access_exists_for_mapped_collections() {
    let visit = Visit::start().await;
    let scope = format!("{TRANSFER}[*https://auth.globus.org/scopes/542f1a4c-1145-4604-b926-dd8c9916ae01/data_access]");
    let page = visit.authorize(&request(&scope, &[])).await;
    assert_eq!(page.status(), StatusCode::OK);
    let answer = visit.log_in(MIRA, &request(&scope, &[])).await;
    assert_eq!(answer["scope"], TRANSFER);
    assert_eq!(answer["other_tokens"], Value::Array(vec![]));
}

#[tokio::test]
async fn a_folder_is_listed_in_order_and_in_pages() {
    let user = User::new(MIRA).await;
    let (_, listing) = user.ls(OPEN, "path=/").await;
    assert_shape(&listing, "operation_ls.json");
    let test = "a_folder_is_listed_in_order_and_in_pages";
    if let Some(text) = fixture(test, "operation_ls.json") {
        let known: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(members(&listing["DATA"][0]), members(&known["DATA"][0]));
    }
    let (_, page) = user.ls(OPEN, "path=/~/many&limit=100&offset=200").await;
    assert_eq!((&page["length"], &page["total"]), (&json!(50), &json!(250)));
    assert_eq!(page["DATA"][0]["name"], "frame-0201.tif");
    let down = user.names(OPEN, "path=/data&orderby=type,name+DESC").await;
    assert_eq!(down, ["raw", "notes.txt", "frames.h5"]);
    let by_size = user.names(OPEN, "path=/data&orderby=size").await;
    assert_eq!(by_size, ["notes.txt", "raw", "frames.h5"]);
    assert!(user.names(OPEN, "").await.contains(&".hidden-settings".to_owned()));
    assert!(!user.names(OPEN, "show_hidden=0").await.contains(&".hidden-settings".to_owned()));
    for query in ["orderby=nonsense", "limit=0", "limit=x", "filter=nonsense:1", "path=%00"] {
        assert_eq!(user.ls(OPEN, query).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn listings_are_filtered_by_patterns_and_their_contrary() {
    let user = User::new(MIRA).await;
    for (filter, names) in [
        ("filter=name:~*.txt,!README.txt/type:file/size:%3C20", &["<img src=x onerror=alert(1)>.txt"][..]),
        (
            "filter=name:~*.txt&filter=type:dir",
            &[
                "<img src=x onerror=alert(1)>.txt",
                "README.txt",
                "data",
                "empty folder",
                "file with spaces & umlauts äöü.txt",
                "large",
                "many",
                "odd names",
                "restricted",
                "results",
            ],
        ),
        ("filter=name:!~*.txt/type:file", &[".hidden-settings", "latest"]),
        ("filter=name:data,many", &["data", "many"]),
        ("filter=last_modified:,2020-01-01", &[]),
    ] {
        assert_eq!(user.names(OPEN, filter).await, names, "{filter}");
    }
}

#[tokio::test]
async fn a_path_may_be_written_in_many_ways() {
    let user = User::new(MIRA).await;
    let scope = format!("{TRANSFER}[*https://auth.globus.org/scopes/{}/data_access]", trouble("02"));
    let answer = user.visit.log_in(MIRA, &request(&scope, &[])).await;
    let user = User { token: answer["access_token"].as_str().unwrap().into(), ..user };
    for path in
        ["", "~", "/~/", "/{server_default}/", "/home/researcher/", "/home//researcher/./data/..", "../researcher"]
    {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("path", path).finish();
        let (status, listing) = user.ls(&trouble("02"), &query).await;
        assert_eq!((status, &listing["absolute_path"]), (200, &json!("/home/researcher/")), "{path}");
    }
}

#[tokio::test]
async fn files_are_looked_at_made_and_renamed() {
    let user = User::new(MIRA).await;
    let at = |what: &str| format!("operation/endpoint/{OPEN}/{what}");
    let (_, file) = user.get(&at("stat?path=/data/notes.txt")).await;
    assert_shape(&file, "operation_stat.json");
    assert_eq!((&file["name"], &file["size"], &file["type"]), (&json!("notes.txt"), &json!(2048), &json!("file")));
    let (_, link) = user.get(&at("stat?path=/latest")).await;
    assert_eq!(link["link_target"], "README.txt");

    let mkdir = json!({"DATA_TYPE": "mkdir", "path": "/new"});
    let (status, made) = user.post(&at("mkdir"), &mkdir).await;
    assert_eq!((status, &made["code"]), (200, &json!("DirectoryCreated")));
    assert_shape(&made, "operation_mkdir.json");
    let (status, again) = user.post(&at("mkdir"), &mkdir).await;
    assert_eq!((status, &again["code"]), (502, &json!("ExternalError.MkdirFailed.Exists")));

    let rename = json!({"DATA_TYPE": "rename", "old_path": "/data", "new_path": "/new/moved"});
    let (status, moved) = user.post(&at("rename"), &rename).await;
    assert_eq!((status, &moved["code"]), (200, &json!("FileRenamed")));
    assert_shape(&moved, "operation_rename.json");
    assert_eq!(user.names(OPEN, "path=/new/moved/raw").await, ["run-1.dat", "run-2.dat"]);
    let into_itself = json!({"DATA_TYPE": "rename", "old_path": "/new", "new_path": "/new/moved/x"});
    assert_eq!(user.post(&at("rename"), &into_itself).await.0, 502);
    for body in [json!({"DATA_TYPE": "mkdir"}), json!({"DATA_TYPE": "x", "path": "/a"}), json!([])] {
        assert_eq!(user.post(&at("mkdir"), &body).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn paths_fail_in_ways_of_their_own() {
    let user = User::new(MIRA).await;
    for (path, status, code) in [
        ("/nowhere", 404, "NotFound"),
        ("/restricted", 403, "EndpointPermissionDenied"),
        ("/restricted/secret.txt", 403, "EndpointPermissionDenied"),
        ("/README.txt", 502, "ExternalError.DirListingFailed.NotDirectory"),
    ] {
        let (given, document) = user.ls(OPEN, &format!("path={path}")).await;
        assert_eq!((given, &document["code"]), (status, &json!(code)), "{path}");
        assert_eq!(members(&document), ["code", "message", "request_id", "resource"]);
    }
}

#[tokio::test]
async fn collections_in_trouble_fail_each_in_its_own_way() {
    let user = User::new(MIRA).await;
    for (end, status, code) in [
        ("01", 200, Value::Null),
        ("02", 403, json!("ConsentRequired")),
        ("03", 403, json!("ConsentRequired")),
        ("04", 404, json!("EndpointDeleted")),
        ("05", 502, json!("ExternalError.DirListingFailed.GCDisconnected")),
        ("06", 502, json!("ExternalError.DirListingFailed.LoginFailed")),
        ("07", 403, json!("AuthPolicyFailed")),
        ("08", 403, json!("EndpointPermissionDenied")),
        ("09", 403, json!("PermissionDenied")),
        ("0a", 503, json!("ServiceUnavailable")),
        ("0b", 502, json!("ExternalError.DirListingFailed.ConnectFailed")),
        ("0c", 200, Value::Null),
        ("10", 502, json!("ExternalError.DirListingFailed.LoginFailed")),
        ("ff", 404, json!("EndpointNotFound")),
    ] {
        let (given, document) = user.ls(&trouble(end), "").await;
        assert_eq!((given, &document["code"]), (status, &code), "{end}");
    }
    let (status, document) = user.get(&format!("endpoint/{}", trouble("04"))).await;
    assert_eq!((status, &document["code"]), (404, &json!("EndpointDeleted")));
    let (_, off_line) = user.get(&format!("endpoint/{}", trouble("05"))).await;
    assert_eq!(off_line["gcp_connected"], false);
    let (_, found) = user.get("endpoint_search?filter_fulltext=trouble").await;
    assert_eq!(found["DATA"].as_array().unwrap().len(), 15);
    // Another person's collection, and an endpoint, which has no files.
    assert_eq!(user.ls("d3ca888e-1052-4ab5-ba4d-86dc76e90005", "").await.1["code"], "PermissionDenied");
    assert_eq!(user.ls("d3ca888e-1052-4ab5-ba4d-86dc76e90001", "").await.1["code"], "BadRequest");
}

#[tokio::test]
async fn a_missing_consent_is_told_in_both_forms_and_is_cured_by_a_login() {
    let user = User::new(MIRA).await;
    let needed = |end: &str| format!("{TRANSFER}[*https://auth.globus.org/scopes/{}/data_access]", trouble(end));
    let (_, old) = user.ls(&trouble("03"), "").await;
    assert_eq!(old["required_scopes"], json!([needed("03")]));
    assert!(old.get("authorization_parameters").is_none());
    let (_, new) = user.ls(&trouble("02"), "").await;
    assert_eq!(new["required_scopes"], json!([needed("02")]));
    assert_eq!(new["authorization_parameters"]["required_scopes"], json!([needed("02")]));
    assert_eq!(new["authorization_parameters"]["session_message"], new["message"]);
    user.visit.log_in(MIRA, &request(&needed("02"), &[])).await;
    assert_eq!(user.ls(&trouble("02"), "").await.0, 200);
}

#[tokio::test]
async fn session_rules_are_told_and_are_cured_by_a_login_that_meets_them() {
    let user = User::new(MIRA).await;
    let (_, domain) = user.ls(&trouble("06"), "").await;
    let parameters = &domain["authorization_parameters"];
    assert_eq!(parameters["session_required_single_domain"], json!(["globusid.org"]));
    assert_eq!(
        (&parameters["session_required_mfa"], &parameters["session_required_identities"]),
        (&json!(false), &json!([]))
    );
    let (_, policy) = user.ls(&trouble("07"), "").await;
    let policies = policy["authorization_parameters"]["session_required_policies"].as_str().unwrap().to_owned();

    let needs = [("session_required_single_domain", "globusid.org"), ("session_required_policies", policies.as_str())];
    let answer = {
        let page = user.visit.authorize(&request(TRANSFER, &needs)).await;
        let name = hidden(&page.text().await.unwrap(), "request");
        let fields = [("request", name.as_str()), ("identity", "msolano@globusid.org")];
        user.visit.submit("/v2/web/choose", &fields).await;
        let back = user.visit.get(&format!("/v2/web/consent?request={name}")).await;
        let code = parameter(&location(&back), "code").unwrap();
        user.visit.exchange(&code).await.json::<Value>().await.unwrap()
    };
    let user = User { token: answer["access_token"].as_str().unwrap().into(), ..user };
    assert_eq!(user.ls(&trouble("06"), "").await.0, 200);
    assert_eq!(user.ls(&trouble("07"), "").await.0, 200);
}

#[tokio::test]
async fn a_transfer_runs_and_has_happened() {
    let user = User::new(MIRA).await;
    let answer = user.transfer(OPEN, &trouble("0c"), &item("/nowhere", "/x", false)).await;
    assert_shape(&answer, "submit_transfer.json");
    let slow = user.task(&answer).await;
    assert_eq!(slow["status"], "ACTIVE");
    assert_shape(&slow, "task_active.json");

    let answer = user.transfer(OPEN, OPEN, &item("/data/", "/copy/deep/", true)).await;
    let task = user.task(&answer).await;
    assert_eq!((&task["type"], &task["label"]), (&json!("TRANSFER"), &json!("L")));
    let (_, busy) = user.get("endpoint_search?filter_scope=in-use").await;
    assert_eq!(busy["DATA"].as_array().unwrap().len(), 2);
    let task = user.ended(&answer).await;
    assert_eq!(
        (&task["status"], &task["files"], &task["files_transferred"]),
        (&json!("SUCCEEDED"), &json!(4), &json!(4))
    );
    assert_eq!((&task["is_ok"], &task["nice_status"]), (&Value::Null, &Value::Null));
    assert_shape(&task, "task_succeeded.json");
    assert_eq!(user.names(OPEN, "path=/copy/deep").await, ["frames.h5", "notes.txt", "raw"]);
    assert_eq!(user.task(&json!({"task_id": slow["task_id"]})).await["status"], "ACTIVE");
    assert_eq!(user.finish().await["finished"], 1);
    let failed = user.task(&slow).await;
    assert_eq!((&failed["status"], &failed["fatal_error"]["code"]), (&json!("FAILED"), &json!("FILE_NOT_FOUND")));
}

#[tokio::test]
async fn the_same_submission_id_is_the_same_task() {
    let user = User::new(MIRA).await;
    let body = json!({"DATA_TYPE": "delete", "DATA": [{"DATA_TYPE": "delete_item", "path": "/data"}],
        "endpoint": OPEN, "recursive": true, "submission_id": user.submission_id().await});
    let (_, first) = user.post("delete", &body).await;
    assert_shape(&first, "submit_delete.json");
    let (_, second) = user.post("delete", &body).await;
    assert_eq!((&second["code"], &second["task_id"]), (&json!("Duplicate"), &first["task_id"]));
    user.finish().await;
    let task = user.task(&first).await;
    assert_eq!((&task["status"], &task["type"]), (&json!("SUCCEEDED"), &json!("DELETE")));
    assert_eq!(task["destination_endpoint_id"], Value::Null);
    assert_eq!(user.ls(OPEN, "path=/data").await.0, 404);
}

#[tokio::test]
async fn bad_submissions_are_refused() {
    let user = User::new(MIRA).await;
    let id = user.submission_id().await;
    let base = json!({"DATA_TYPE": "transfer", "DATA": item("/a", "/b", false), "source_endpoint": OPEN,
        "destination_endpoint": OPEN, "submission_id": id});
    for (name, value, status, code) in [
        ("DATA", json!([]), 400, "ClientError.BadRequest.NoTransferItems"),
        ("DATA", json!([{"DATA_TYPE": "x"}]), 400, "BadRequest"),
        ("submission_id", Value::Null, 400, "BadRequest"),
        ("submission_id", json!("x"), 400, "BadRequest"),
        ("label", json!("x".repeat(129)), 400, "BadRequest"),
        ("source_endpoint", json!(trouble("04")), 404, "EndpointDeleted"),
        ("source_endpoint", json!(trouble("02")), 403, "ConsentRequired"),
        ("destination_endpoint", json!(trouble("07")), 403, "AuthPolicyFailed"),
        ("destination_endpoint", json!("x"), 404, "EndpointNotFound"),
    ] {
        let mut body = base.clone();
        body[name] = value;
        let (given, answer) = user.post("transfer", &body).await;
        assert_eq!((given, &answer["code"]), (status, &json!(code)), "{name}");
    }
    assert_eq!(user.get("task_list").await.1["total"], 0);
}

#[tokio::test]
async fn tasks_are_listed_filtered_and_counted() {
    let user = User::new(MIRA).await;
    for number in 0..3 {
        user.transfer(OPEN, OPEN, &item("/README.txt", &format!("/copy {number}"), false)).await;
    }
    user.finish().await;
    let last = user.transfer(OPEN, &trouble("0c"), &item("/README.txt", "/x", false)).await;
    let (_, all) = user.get("task_list?limit=3").await;
    assert_shape(&all, "task_list.json");
    assert_eq!((&all["length"], &all["total"], &all["limit"]), (&json!(3), &json!(4), &json!(3)));
    assert_eq!(all["DATA"][0]["task_id"], last["task_id"]);
    let last_id = last["task_id"].as_str().unwrap();
    for (query, total) in [
        ("filter=status:ACTIVE,INACTIVE/type:TRANSFER".to_owned(), 1),
        ("filter=status:SUCCEEDED".to_owned(), 3),
        ("filter=type:DELETE".to_owned(), 0),
        (format!("filter=task_id:{last_id}"), 1),
        ("orderby=request_time+DESC,label&offset=1".to_owned(), 4),
    ] {
        assert_eq!(user.get(&format!("task_list?{query}")).await.1["total"], total, "{query}");
    }
    let other = user.visit.log_in(JONAS, &request(TRANSFER, &[("prompt", "login")])).await;
    let user = User { token: other["access_token"].as_str().unwrap().into(), ..user };
    assert_eq!(user.get("task_list").await.1["total"], 0);
    let (status, document) = user.get(&format!("task/{last_id}")).await;
    assert_eq!((status, &document["code"]), (404, &json!("TaskNotFound")));
}

#[tokio::test]
async fn a_task_is_cancelled_once_and_its_events_tell_so() {
    let user = User::new(MIRA).await;
    let answer = user.transfer(OPEN, &trouble("0d"), &item("/README.txt", "/x", false)).await;
    let id = answer["task_id"].as_str().unwrap();
    let waiting = user.task(&answer).await;
    assert_eq!((&waiting["status"], &waiting["is_ok"]), (&json!("INACTIVE"), &json!(false)));
    assert_eq!(user.finish().await["finished"], 0);
    let (_, canceled) = user.post(&format!("task/{id}/cancel"), &Value::Null).await;
    assert_eq!(canceled["code"], "Canceled");
    assert_shape(&canceled, "cancel_task.json");
    assert_eq!(user.post(&format!("task/{id}/cancel"), &Value::Null).await.1["code"], "TaskComplete");
    assert_eq!(user.task(&answer).await["status"], "FAILED");
    let (_, events) = user.get(&format!("task/{id}/event_list")).await;
    assert_shape(&events, "task_event_list.json");
    let codes: Vec<_> = events["DATA"].as_array().unwrap().iter().map(|event| &event["code"]).collect();
    assert_eq!(codes, ["CANCELED", "STARTED"]);
    let (_, errors) = user.get(&format!("task/{id}/event_list?filter=is_error:1&limit=1")).await;
    assert_eq!((&errors["total"], &errors["limit"]), (&json!(1), &json!(1)));
    let (_, bookmarks) = user.get("bookmark_list").await;
    assert_eq!(members(&bookmarks["DATA"][0]), ["DATA_TYPE", "endpoint_id", "id", "name", "path", "pinned"]);
}
