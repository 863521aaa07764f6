//! Looking after tasks: lists, single tasks, cancelling, events; and bookmarks ("Globus Transfer documentation", Task
//! Management, Endpoint Bookmarks).

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::access::{Caller, Outcome, Problem};
use super::collections::Kind;
use super::listing::{self, Fields, Filter, Order, Page};
use super::reply::{self, TransferError};
use super::store::now_millis;
use super::{App, AppState, random};

const DEFAULT_PAGE: usize = 10;
const MAX_PAGE: usize = 1000;

const TASK_FIELDS: Fields = Fields {
    names: &["task_id", "type", "status", "label", "request_time", "completion_time", "deadline", "is_paused"],
    dates: &["request_time", "completion_time", "deadline"],
};
const EVENT_FIELDS: Fields = Fields { names: &["is_error", "code"], dates: &[] };

/// `GET /v0.10/task_list`
pub(super) async fn task_list(
    State(app): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, TransferError> {
    answer(&uri, tasks(&app, &headers, uri.query().unwrap_or_default()))
}

/// `GET /v0.10/task/{id}`
pub(super) async fn task(
    State(app): State<AppState>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, TransferError> {
    answer(&uri, one(&app, &headers, &id))
}

/// `POST /v0.10/task/{id}/cancel`
pub(super) async fn cancel(
    State(app): State<AppState>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, TransferError> {
    answer(&uri, end(&app, &headers, &id, &uri))
}

/// `GET /v0.10/task/{id}/event_list`
pub(super) async fn event_list(
    State(app): State<AppState>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, TransferError> {
    answer(&uri, events(&app, &headers, &id, uri.query().unwrap_or_default()))
}

/// `GET /v0.10/bookmark_list`
pub(super) async fn bookmark_list(
    State(app): State<AppState>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, TransferError> {
    answer(&uri, bookmarks(&app, &headers))
}

fn answer(uri: &Uri, outcome: Outcome<Value>) -> Result<Response, TransferError> {
    outcome.map(|document| reply::json(StatusCode::OK, &document)).map_err(|problem| problem.about(uri))
}

fn tasks(app: &App, headers: &HeaderMap, query: &str) -> Outcome<Value> {
    let caller = Caller::of(app, headers)?;
    let params = listing::params(query)?;
    let page = Page::read(&params, DEFAULT_PAGE, MAX_PAGE)?;
    let mut filter = Filter::default();
    filter.add(params.get("filter").unwrap_or_default(), &TASK_FIELDS)?;
    let order = Order::read(params.get("orderby").unwrap_or_default(), &TASK_FIELDS)?;
    let now = now_millis();
    let mut documents: Vec<Map<String, Value>> = app
        .transfer()
        .tasks_of(&caller.person().primary.id)
        .map(|task| task.document(&app.catalogue, now))
        .filter(|document| filter.admits(document))
        .collect();
    order.sort(&mut documents);
    Ok(listed("task_list", documents, &page))
}

/// A list document with a total.
fn listed(data_type: &str, all: Vec<Map<String, Value>>, page: &Page) -> Value {
    let total = all.len();
    let shown = page.cut(all);
    json!({
        "DATA_TYPE": data_type,
        "length": shown.len(),
        "limit": page.limit,
        "offset": page.offset,
        "total": total,
        "DATA": shown,
    })
}

fn not_found(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "TaskNotFound", format!("No such task '{id}'"))
}

fn one(app: &App, headers: &HeaderMap, id: &str) -> Outcome<Value> {
    let caller = Caller::of(app, headers)?;
    let mut state = app.transfer();
    let task = state.task_mut(&caller.person().primary.id, id).ok_or_else(|| not_found(id))?;
    Ok(task.document(&app.catalogue, now_millis()).into())
}

fn end(app: &App, headers: &HeaderMap, id: &str, uri: &Uri) -> Outcome<Value> {
    let caller = Caller::of(app, headers)?;
    let mut state = app.transfer();
    let task = state.task_mut(&caller.person().primary.id, id).ok_or_else(|| not_found(id))?;
    let (code, message) = if task.cancel(now_millis()) {
        ("Canceled", "The task has been cancelled successfully.")
    } else {
        ("TaskComplete", "The task completed before the cancel request was processed.")
    };
    Ok(json!({
        "DATA_TYPE": "result",
        "code": code,
        "message": message,
        "request_id": random::request_id(),
        "resource": uri.path(),
    }))
}

fn events(app: &App, headers: &HeaderMap, id: &str, query: &str) -> Outcome<Value> {
    let caller = Caller::of(app, headers)?;
    let params = listing::params(query)?;
    let page = Page::read(&params, DEFAULT_PAGE, MAX_PAGE)?;
    let mut filter = Filter::default();
    // Flags are 0 and 1 in filters, false and true in documents.
    let wanted = params.get("filter").unwrap_or_default().replace("is_error:1", "is_error:true");
    filter.add(&wanted.replace("is_error:0", "is_error:false"), &EVENT_FIELDS)?;
    let mut state = app.transfer();
    let task = state.task_mut(&caller.person().primary.id, id).ok_or_else(|| not_found(id))?;
    let events = task.events().into_iter().filter(|event| filter.admits(event)).collect();
    Ok(listed("event_list", events, &page))
}

/// Everybody has a bookmark for each of their first three collections.
fn bookmarks(app: &App, headers: &HeaderMap) -> Outcome<Value> {
    let caller = Caller::of(app, headers)?;
    let collections = app.catalogue.owned_by(caller.person()).filter(|collection| collection.kind != Kind::Endpoint);
    let bookmarks: Vec<Value> = collections
        .take(3)
        .zip(["/~/", "/~/data/", "/"])
        .map(|(collection, path)| {
            json!({
                "DATA_TYPE": "bookmark",
                "endpoint_id": collection.id,
                "id": random::uuid_of(&format!("bookmark of {}", collection.id)),
                "name": format!("{}: {path}", collection.shown_name()),
                "path": path,
                "pinned": false,
            })
        })
        .collect();
    Ok(json!({"DATA": bookmarks, "DATA_TYPE": "bookmark_list"}))
}
