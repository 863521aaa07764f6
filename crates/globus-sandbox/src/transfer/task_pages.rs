//! Managing tasks: lists, single tasks, updates, cancelling, events, and transferred and skipped files ("Globus Transfer
//! documentation", Task Management).

use crate::answer::reply::Document;
use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::ground::moment::now_millis;
use crate::memory::task::Task;
use crate::memory::work::Work;
use crate::transfer::access::{Outcome, Problem};
use crate::transfer::call::Call;
use crate::transfer::listing::{Fields, Filter, Order, Page};
use crate::transfer::{listing, submit};

const DEFAULT_PAGE: usize = 10;
const MAX_PAGE: usize = 1000;
/// The page size of lists with markers.
const MARKED_PAGE: usize = 100;

const TASK_FIELDS: Fields = Fields {
    names: &["task_id", "type", "status", "label", "request_time", "completion_time", "deadline", "is_paused"],
    dates: &["request_time", "completion_time", "deadline"],
};
const EVENT_FIELDS: Fields = Fields { names: &["is_error", "code"], dates: &[] };

/// `GET /v0.10/task_list`
pub(crate) async fn task_list(call: Call) -> Outcome<Document<Value>> {
    let app = &call.app;
    let params = call.params()?;
    let page = Page::read(&params, DEFAULT_PAGE, MAX_PAGE)?;
    let mut filter = Filter::default();
    filter.add(params.get("filter").unwrap_or_default(), &TASK_FIELDS)?;
    let order = Order::read(params.get("orderby").unwrap_or_default(), &TASK_FIELDS)?;
    let now = now_millis();
    let mut documents: Vec<Map<String, Value>> = app
        .transfer()
        .tasks_of(&call.caller.person().primary.id)
        .map(|task| task.document(&app.catalogue, now))
        .filter(|document| filter.admits(document))
        .collect();
    order.sort(&mut documents);
    Ok(Document(listed("task_list", documents, &page)))
}

/// `GET /v0.10/task/{id}`
pub(crate) async fn task(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    with_task(&call, &id, |task| Ok(task.document(&call.app.catalogue, now_millis()).into()))
}

/// `POST /v0.10/task/{id}/cancel`
pub(crate) async fn cancel(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    with_task(&call, &id, |task| {
        let (code, message) = if task.cancel(now_millis()) {
            ("Canceled", "The task has been cancelled successfully.")
        } else {
            ("TaskComplete", "The task completed before the cancel request was processed.")
        };
        Ok(call.result("result", code, message))
    })
}

/// `GET /v0.10/task/{id}/event_list`
pub(crate) async fn event_list(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let params = call.params()?;
    let page = Page::read(&params, DEFAULT_PAGE, MAX_PAGE)?;
    let mut filter = Filter::default();
    // Flags are 0 and 1 in filters, false and true in documents.
    let wanted = params.get("filter").unwrap_or_default().replace("is_error:1", "is_error:true");
    filter.add(&wanted.replace("is_error:0", "is_error:false"), &EVENT_FIELDS)?;
    with_task(&call, &id, |task| {
        let events = task.events.documents().into_iter().filter(|event| filter.admits(event)).collect();
        Ok(listed("event_list", events, &page))
    })
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

/// Runs `work` on one of the caller's tasks.
pub(crate) fn with_task(
    call: &Call,
    id: &str,
    work: impl FnOnce(&mut Task) -> Outcome<Value>,
) -> Outcome<Document<Value>> {
    let mut state = call.app.transfer();
    let task = state.task_mut(&call.caller.person().primary.id, id).ok_or_else(|| not_found(id))?;
    work(task).map(Document)
}

/// `PUT /v0.10/task/{id}` with a new `label` or `deadline`, while the task runs.
pub(crate) async fn change(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    with_task(&call, &id, |task| {
        let document = call.document("task")?;
        if !task.is_under_way() {
            let message = format!("Task '{id}' is complete and cannot be updated");
            return Err(Problem::new(StatusCode::CONFLICT, "Conflict", message));
        }
        let (label, deadline) = (submit::label(&document)?, &document["deadline"]);
        if !(deadline.is_null() || deadline.is_string()) {
            return Err(Problem::bad_request("'deadline' must be a string"));
        }
        if document.get("label").is_some() {
            task.label = label;
        }
        if deadline.is_string() {
            task.settings.insert("deadline".into(), deadline.clone());
        }
        Ok(call.result("result", "Updated", format!("Updated task '{id}' successfully")))
    })
}

/// `GET /v0.10/task/{id}/successful_transfers`
pub(crate) async fn successful_transfers(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    with_task(&call, &id, |task| {
        if matches!(task.work, Work::Delete { .. }) {
            return Err(Problem::bad_request(format!("Task '{id}' is not a transfer")));
        }
        marked(&call, "successful_transfers", task.log.moved_documents())
    })
}

/// `GET /v0.10/task/{id}/skipped_errors`
pub(crate) async fn skipped_errors(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    with_task(&call, &id, |task| marked(&call, "skipped_errors", task.log.skipped_documents()))
}

/// A page of a list; it names the marker of the next page.
fn marked(call: &Call, data_type: &str, all: Vec<Value>) -> Outcome<Value> {
    let marker = listing::number(&call.params()?, "marker", 0)?;
    let end = marker.saturating_add(MARKED_PAGE);
    let next = (end < all.len()).then_some(end);
    let page: Vec<Value> = all.into_iter().skip(marker).take(MARKED_PAGE).collect();
    Ok(json!({"DATA_TYPE": data_type, "DATA": page, "marker": marker, "next_marker": next}))
}
