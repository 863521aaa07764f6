//! The client of Transfer: documents as Globus sends them, whole lists, tasks submitted once and waited for.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use globus_portal::globus::{
    error::CallError,
    fault::Fault,
    http::{HttpClient, Limits, Pause},
    transfer::{
        BookmarkList, DeleteData, Endpoint, EndpointPage, EndpointSearch, EventQuery, FileEntry, FileList, LsQuery,
        OperationResult, SubmitResult, Task, TaskEventPage, TaskPage, TaskQuery, TransferClient, TransferData,
        TransferItem,
    },
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    client::clients::{http, token, transfer_client},
    harness::{Provider, Step, fixture, provider::Request},
};

/// A document of the fixtures; `None` where there are none.
fn read<T: DeserializeOwned>(name: &str) -> Option<T> {
    let text = fixture("documents of Transfer", &format!("{name}.json"))?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
}

#[test]
fn endpoints_are_read_as_globus_sends_them() {
    let Some(page) = read::<EndpointPage>("endpoint_search") else { return };
    let found = &page.endpoints[0];
    assert_eq!((page.endpoints.len(), page.has_next_page, page.limit, page.offset), (1, false, Some(25), Some(0)));
    assert_eq!(found.id, "6c54cade-bde5-45c1-bdea-f4bd71dba2cc");
    assert_eq!(found.display_name.as_deref(), Some("dummy result"));
    assert_eq!((found.public, found.non_functional, found.gcp_connected), (Some(true), Some(false), None));
    assert_eq!(found.more["_rank"], 6.1);
    assert!(!found.more.contains_key("display_name"));

    assert!(read::<EndpointPage>("endpoint_search_empty").unwrap().endpoints.is_empty());
    let full: Endpoint = read("get_endpoint_gcsv5").unwrap();
    assert_eq!(full.my_effective_roles, ["administrator", "activity_manager", "activity_monitor"]);
    assert_eq!(full.more["DATA"][0]["hostname"], "abc.xyz.data.globus.org");
    let old: Endpoint = read("get_endpoint").unwrap();
    assert_eq!((old.entity_type.as_deref(), old.owner_string), (Some("GCSv4_host"), None));
}

#[test]
fn files_and_results_are_read_as_globus_sends_them() {
    let Some(list) = read::<FileList>("operation_ls") else { return };
    let first = &list.files[0];
    assert_eq!((list.files.len(), list.total, list.rename_supported), (4, Some(4), Some(true)));
    assert_eq!((&*first.name, first.file_type.as_deref(), first.size), ("home", Some("dir"), Some(24_576)));
    let stat: FileEntry = read("operation_stat").unwrap();
    assert_eq!((&*stat.name, stat.permissions.as_deref()), ("file1.txt", Some("0644")));
    let code = |name: &str| read::<OperationResult>(name).unwrap().code.unwrap();
    let codes = ["operation_mkdir", "operation_rename", "cancel_task"].map(code);
    assert_eq!(codes, ["DirectoryCreated", "FileRenamed", "Canceled"]);
    let bookmarks: BookmarkList = read("bookmark_list").unwrap();
    assert_eq!(bookmarks.bookmarks.len(), 3);
    assert_eq!(bookmarks.bookmarks[1].path.as_deref(), Some("/scratch/projects/foo"));
}

#[test]
fn tasks_are_read_as_globus_sends_them() {
    for name in ["submit_transfer", "submit_delete"] {
        let Some(result) = read::<SubmitResult>(name) else { return };
        assert!(result.is_accepted() && !result.is_duplicate());
        assert_eq!(result.task_id, "00000000-0000-0000-0000-0000699934d5");
        assert!(result.submission_id.is_some() && result.more.contains_key("task_link"));
    }
    let (active, done): (Task, Task) = (read("task_active").unwrap(), read("task_succeeded").unwrap());
    assert!(active.is_active() && !done.is_active());
    assert_eq!((active.completion_time, active.subtasks_total), (None, Some(2)));
    assert_eq!((done.status.as_deref(), done.task_type.as_deref()), (Some("SUCCEEDED"), Some("TRANSFER")));
    let list: TaskPage = read("task_list").unwrap();
    assert_eq!((list.tasks.len(), list.total, list.tasks[0].bytes_transferred), (1, Some(1), Some(4)));
    let events: TaskEventPage = read("task_event_list").unwrap();
    assert_eq!((events.events.len(), events.total, events.events[2].is_error), (3, Some(3), Some(false)));
}

#[tokio::test]
async fn an_odd_member_spoils_nothing_else_and_an_answer_without_its_list_is_no_empty_list() {
    let odd = r#"{"DATA": [{"id": "a", "public": "yes", "display_name": 7}, {}], "has_next_page": null}"#;
    let server = Provider::with(odd).await;
    let page = transfer_client(&server).endpoint_search(&EndpointSearch::default()).await.unwrap();
    assert_eq!((page.endpoints.len(), &*page.endpoints[0].id, page.has_next_page), (2, "a", false));
    assert_eq!((page.endpoints[0].public, page.endpoints[0].display_name.as_deref()), (None, None));

    let server = Provider::with("{}").await;
    let client = transfer_client(&server);
    let malformed = |error: CallError| assert!(matches!(error, CallError::Malformed { .. }), "{error:?}");
    malformed(client.endpoint_search(&EndpointSearch::default()).await.unwrap_err());
    malformed(client.get_endpoint("e").await.unwrap_err());
    malformed(client.task_list(&TaskQuery::default()).await.unwrap_err());
    malformed(client.get_task("t").await.unwrap_err());
    malformed(client.submit_delete(&mut DeleteData::new("e").with_submission_id("s")).await.unwrap_err());
}

/// A page of `all` things, as asked for: those from `offset` on, no more than `limit`.
fn page(request: &Request, all: usize) -> Vec<Value> {
    let (offset, limit) = (request.number("offset").unwrap_or(0), request.number("limit").unwrap());
    (offset..all.min(offset + limit))
        .map(|n| json!({"id": n.to_string(), "name": n.to_string(), "task_id": "t"}))
        .collect()
}

/// A server with `all` endpoints.
async fn endpoints(all: usize) -> Provider {
    Provider::answering(move |request| {
        let items = page(request, all);
        let more = request.number("offset").unwrap_or(0) + items.len() < all;
        Step::text(200, json!({"DATA": items, "has_next_page": more}).to_string())
    })
    .await
}

/// A server with `all` things, which reports the total.
async fn with_total(all: usize) -> Provider {
    Provider::answering(move |request| Step::text(200, json!({"DATA": page(request, all), "total": all}).to_string()))
        .await
}

fn queries(server: &Provider) -> Vec<String> {
    server.take().iter().map(|request| request.query().to_owned()).collect()
}

#[tokio::test]
async fn a_search_goes_on_page_by_page_until_there_is_no_next_page() {
    let server = endpoints(250).await;
    let search = EndpointSearch::new().with_filter_scope("my-endpoints");
    let mut found = transfer_client(&server).paginated().endpoint_search(&search);
    assert!(server.take().is_empty(), "nothing is asked before it is needed");
    let mut ids = Vec::new();
    while let Some(endpoint) = found.next().await.unwrap() {
        ids.push(endpoint.id);
    }
    assert_eq!(ids, (0..250).map(|n| n.to_string()).collect::<Vec<_>>());
    let scope = "filter_scope=my-endpoints";
    let pages = ["limit=100", "limit=100&offset=100", "limit=100&offset=200"].map(|page| format!("{scope}&{page}"));
    assert_eq!(queries(&server), pages);
    assert!(found.next().await.unwrap().is_none() && server.take().is_empty());
}

#[tokio::test]
async fn a_search_stops_at_1000_results_and_at_a_page_with_nothing_on_it() {
    let server = endpoints(5000).await;
    let search = EndpointSearch::new().with_limit(80).with_offset(880);
    let rest = transfer_client(&server).paginated().endpoint_search(&search).collect().await.unwrap();
    assert_eq!((rest.len(), &*rest[0].id, &*rest[119].id), (120, "880", "999"));
    assert_eq!(queries(&server), ["limit=80&offset=880", "limit=40&offset=960"]);

    let server = Provider::with(r#"{"DATA": [], "has_next_page": true}"#).await;
    let found = transfer_client(&server).paginated().endpoint_search(&EndpointSearch::default());
    assert!(found.collect().await.unwrap().is_empty());
    assert_eq!(server.take().len(), 1);
}

#[tokio::test]
async fn lists_with_a_total_end_at_the_total() {
    let server = with_total(2500).await;
    let client = transfer_client(&server);
    let folder = LsQuery::new().with_path("/").with_show_hidden(true);
    let mut pages = client.paginated().operation_ls("e", &folder).unwrap();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next_page().await.unwrap() {
        sizes.push(page.files.len());
    }
    assert_eq!(sizes, [1000, 1000, 500]);
    assert_eq!(queries(&server)[1..], [1000, 2000].map(|at| format!("path=%2F&limit=1000&offset={at}&show_hidden=1")));

    let server = with_total(25).await;
    let query = TaskQuery::new().with_limit(10).with_orderby(&["label"]);
    let tasks = transfer_client(&server).paginated().task_list(&query).collect().await.unwrap();
    assert_eq!(tasks.len(), 25);
    let pages = ["limit=10&", "limit=10&offset=10&", "limit=10&offset=20&"].map(|page| format!("{page}orderby=label"));
    assert_eq!(queries(&server), pages);

    let server = with_total(5000).await;
    let events = transfer_client(&server).paginated().task_event_list("t", &EventQuery::default()).unwrap();
    assert_eq!(events.collect().await.unwrap().len(), 1000);
    assert_eq!(queries(&server), ["limit=1000"]);
}

#[tokio::test]
async fn after_an_error_the_same_page_can_be_asked_for_again() {
    let failed = Mutex::new(false);
    let server = Provider::answering(move |request| {
        let second = request.number("offset") == Some(100);
        if second && !std::mem::replace(&mut *failed.lock().unwrap(), true) {
            return Step::text(502, r#"{"code": "ExternalError.X", "message": "off line"}"#);
        }
        Step::text(200, json!({"DATA": page(request, 150), "has_next_page": !second}).to_string())
    })
    .await;
    let mut found = transfer_client(&server).paginated().endpoint_search(&EndpointSearch::default());
    assert_eq!(found.next_page().await.unwrap().unwrap().endpoints.len(), 100);
    assert!(found.next_page().await.is_err());
    assert_eq!(found.next_page().await.unwrap().unwrap().endpoints.len(), 50);
    assert!(found.next_page().await.unwrap().is_none());
}

/// A server that issues submission ids and recognizes repeats; the first `lost` answers to a submit get lost.
async fn submissions(lost: usize) -> Provider {
    let (given, seen) = (Mutex::new(0), Mutex::new(Vec::<Value>::new()));
    Provider::answering(move |request| -> Step {
        if request.uri.path() == "/v0.10/submission_id" {
            *given.lock().unwrap() += 1;
            return Step::text(200, json!({"value": format!("id-{}", given.lock().unwrap())}).to_string());
        }
        let mut seen = seen.lock().unwrap();
        let id = request.json()["submission_id"].clone();
        let code = if seen.contains(&id) { "Duplicate" } else { "Accepted" };
        seen.push(id);
        if seen.len() <= lost {
            return Step::text(500, "{}");
        }
        Step::text(200, json!({"task_id": "the task", "code": code}).to_string())
    })
    .await
}

#[tokio::test]
async fn a_transfer_handed_in_again_keeps_its_submission_id_and_makes_no_second_task() {
    let server = submissions(1).await;
    let client = transfer_client(&server);
    let mut data = TransferData::new("a", "b");
    data.add_item(TransferItem::new("/x", "/y"));
    assert_eq!(data.submission_id(), None);
    client.submit_transfer(&mut data).await.unwrap_err();
    assert_eq!(data.submission_id(), Some("id-1"));
    let again = client.submit_transfer(&mut data).await.unwrap();
    assert!(again.is_duplicate() && !again.is_accepted());
    let sent = server.take();
    let paths: Vec<_> = sent.iter().map(|request| request.uri.path()).collect();
    assert_eq!(paths, ["/v0.10/submission_id", "/v0.10/transfer", "/v0.10/transfer"]);
    assert_eq!(sent[1].body, sent[2].body);

    let mut other = DeleteData::new("a");
    other.add_item("/x");
    assert!(client.submit_delete(&mut other).await.unwrap().is_accepted());
    assert_eq!(other.submission_id(), Some("id-2"));
}

#[tokio::test]
async fn without_a_submission_id_nothing_is_handed_in() {
    let server = Provider::answering(|_| Step::text(403, r#"{"code": "PermissionDenied", "message": "no"}"#)).await;
    let mut data = DeleteData::new("a");
    let error = transfer_client(&server).submit_delete(&mut data).await.unwrap_err();
    assert_eq!(error.fault(), Fault::NotAllowed);
    assert_eq!((server.the_only().uri.path(), data.submission_id()), ("/v0.10/submission_id", None));
}

/// Records how long it should wait, without waiting.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<u64>>);

#[async_trait]
impl Pause for Noted {
    fn random(&self) -> f64 {
        0.0
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration.as_secs());
    }
}

/// Waits for a task that takes each status in turn and keeps the last; returns the result and the seconds waited.
async fn wait(statuses: &'static [&str], timeout: u64, interval: u64) -> (Result<bool, CallError>, Vec<u64>) {
    let asked = Mutex::new(0);
    let server = Provider::answering(move |_| {
        let mut asked = asked.lock().unwrap();
        let status = statuses[(*asked).min(statuses.len() - 1)];
        *asked += 1;
        Step::text(200, json!({"task_id": "t", "status": status}).to_string())
    })
    .await;
    let noted = Arc::new(Noted::default());
    let client = TransferClient::new(server.url.clone(), http().with_pause(noted.clone()), token());
    let result = client.task_wait("t", Duration::from_secs(timeout), Duration::from_secs(interval)).await;
    let waited = noted.0.lock().unwrap().clone();
    let calls = server.take().len();
    let usage = matches!(result, Err(CallError::Usage(_)));
    assert_eq!(calls, if usage { 0 } else { waited.len() + 1 });
    (result, waited)
}

#[tokio::test]
async fn a_task_is_waited_for_until_it_is_no_longer_active() {
    for end in [&["ACTIVE", "ACTIVE", "SUCCEEDED"], &["ACTIVE", "ACTIVE", "FAILED"], &["ACTIVE", "ACTIVE", "INACTIVE"]]
    {
        let (result, waited) = wait(end, 60, 5).await;
        assert_eq!((result.unwrap(), waited), (true, vec![5, 5]));
    }
    let (result, waited) = wait(&["SUCCEEDED"], 10, 10).await;
    assert_eq!((result.unwrap(), waited), (true, vec![]));
}

#[tokio::test]
async fn waiting_ends_at_the_timeout_and_the_interval_is_never_longer() {
    let (result, waited) = wait(&["ACTIVE"], 10, 3).await;
    assert_eq!((result.unwrap(), waited), (false, vec![3, 3, 3]));
    let (result, waited) = wait(&["ACTIVE"], 4, 60).await;
    assert_eq!((result.unwrap(), waited), (false, vec![4]));
    let (result, waited) = wait(&["ACTIVE", "SUCCEEDED"], 1, 1).await;
    assert_eq!((result.unwrap(), waited), (true, vec![1]));
}

#[tokio::test]
async fn waiting_for_less_than_a_second_is_a_mistake_of_the_caller() {
    for (timeout, interval) in [(0, 10), (10, 0)] {
        let (result, _) = wait(&["ACTIVE"], timeout, interval).await;
        let error = result.unwrap_err();
        assert_eq!(error.fault(), Fault::OurMistake);
        assert!(error.to_string().ends_with("has a minimum of 1"), "{error}");
    }
}

#[tokio::test]
async fn an_id_is_one_segment_of_the_path_whatever_is_in_it() {
    let server = Provider::with("{}").await;
    let client = transfer_client(&server);
    drop(client.get_endpoint("a/../b?c#d é%2e").await);
    assert_eq!(server.the_only().uri.to_string(), "/v0.10/endpoint/a%2F..%2Fb%3Fc%23d%20%C3%A9%252e");
    drop(client.operation_mkdir("../x", "/p", None).await);
    assert_eq!(server.the_only().uri.path(), "/v0.10/operation/endpoint/..%2Fx/mkdir");
    drop(client.cancel_task("a/b").await);
    assert_eq!(server.the_only().uri.path(), "/v0.10/task/a%2Fb/cancel");

    for id in ["", ".", ".."] {
        let refused = [
            client.get_endpoint(id).await.map(drop),
            client.operation_ls(id, &LsQuery::default()).await.map(drop),
            client.cancel_task(id).await.map(drop),
            client.paginated().task_event_list(id, &EventQuery::default()).map(drop),
        ];
        assert!(refused.iter().all(|result| matches!(result, Err(CallError::Usage(_)))), "{refused:?}");
    }
    assert!(server.take().is_empty());
}

#[tokio::test]
async fn retries_of_one_call_carry_the_same_document() {
    let server = submissions(2).await;
    let http = HttpClient::direct(Limits::default()).unwrap().with_pause(Arc::new(Noted::default()));
    let client = TransferClient::new(server.url.clone(), http, token());
    let mut data = DeleteData::new("e");
    data.add_item("/x");
    assert!(client.submit_delete(&mut data).await.unwrap().is_duplicate());
    let bodies: Vec<_> = server.take().into_iter().skip(1).map(|request| request.body).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}
