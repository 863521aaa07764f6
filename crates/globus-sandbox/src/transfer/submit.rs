//! Submitting tasks: `submission_id`, `transfer`, `delete` ("Globus Transfer documentation", Task Submission).

use crate::answer::reply::Document;
use crate::transfer::call::Call;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::ground::moment::now_millis;
use crate::ground::random;
use crate::memory::app::App;
use crate::memory::paths::absolute;
use crate::memory::task::Task;
use crate::memory::work::{Item, Work};
use crate::transfer::access::{Caller, Outcome, Problem, Wish};
use crate::transfer::operations::text;

const MAX_LABEL: usize = 128;

/// Settings that the task document repeats, and their defaults.
const SETTINGS: [(&str, Value); 7] = [
    ("delete_destination_extra", Value::Bool(false)),
    ("encrypt_data", Value::Bool(false)),
    ("fail_on_quota_errors", Value::Bool(false)),
    ("preserve_timestamp", Value::Bool(false)),
    ("skip_source_errors", Value::Bool(false)),
    ("sync_level", Value::Null),
    ("verify_checksum", Value::Bool(true)),
];

/// `GET /v0.10/submission_id`: an id that makes submitting a task idempotent.
pub(crate) async fn submission_id(_caller: Caller) -> Document<Value> {
    Document(json!({"value": random::uuid()}))
}

/// `POST /v0.10/transfer`
pub(crate) async fn transfer(call: Call) -> Outcome<Document<Value>> {
    submit(&call, "transfer", transfer_of).map(Document)
}

/// `POST /v0.10/delete`
pub(crate) async fn delete(call: Call) -> Outcome<Document<Value>> {
    submit(&call, "delete", delete_of).map(Document)
}

fn submit(call: &Call, kind: &str, work_of: fn(&Value) -> Outcome<Work>) -> Outcome<Value> {
    let (app, caller) = (&call.app, &call.caller);
    let body = call.typed_document(kind)?;
    let submission_id = text(&body, "submission_id")?;
    if submission_id.parse::<uuid::Uuid>().is_err() {
        return Err(Problem::bad_request("'submission_id' must be a UUID"));
    }
    let owner = &caller.person().primary.id;
    let work = work_of(&body)?;
    for id in work.collections() {
        caller.open(app, id, Wish::Submit)?;
    }
    check_paths(app, caller, &work)?;
    let mut task = Task::new(random::uuid(), submission_id.to_owned(), owner.clone(), work);
    task.label = label(&body)?;
    task.settings = settings(&body);
    task.skip_source_errors = body["skip_source_errors"] == true;
    let id = task.id.clone();
    let mut state = app.transfer();
    // Under the same lock as `accept`, so that of two requests with one id only one is accepted.
    let known = state.tasks_of(owner).find(|task| task.submission_id == submission_id).map(|task| task.id.clone());
    if let Some(id) = known {
        return Ok(result(call.path(), kind, "Duplicate", &id, submission_id));
    }
    state.accept(task, &app.catalogue, now_millis());
    drop(state);
    tracing::info!(task = id, kind, "sandbox: Transfer accepted a task");
    Ok(result(call.path(), kind, "Accepted", &id, submission_id))
}

fn result(path: &str, kind: &str, code: &str, task_id: &str, submission_id: &str) -> Value {
    let message = if code == "Accepted" {
        format!("The {kind} has been accepted and a task has been created and queued for execution")
    } else {
        format!("A {kind} with this submission id has been accepted before")
    };
    json!({
        "DATA_TYPE": format!("{kind}_result"),
        "code": code,
        "message": message,
        "request_id": random::request_id(),
        "resource": path,
        "submission_id": submission_id,
        "task_id": task_id,
        "task_link": {
            "DATA_TYPE": "link",
            "href": format!("/v0.10/task/{task_id}?format=json"),
            "rel": "related",
            "resource": "task",
            "title": "related task",
        },
    })
}

fn transfer_of(body: &Value) -> Outcome<Work> {
    let item = |item: &Value| {
        Ok(Item {
            from: text(item, "source_path")?.to_owned(),
            to: text(item, "destination_path")?.to_owned(),
            recursive: item["recursive"] == true,
        })
    };
    Ok(Work::Transfer {
        source: text(body, "source_endpoint")?.to_owned(),
        destination: text(body, "destination_endpoint")?.to_owned(),
        items: items(body, "transfer", "Transfer")?.iter().map(item).collect::<Outcome<_>>()?,
    })
}

fn delete_of(body: &Value) -> Outcome<Work> {
    let paths = items(body, "delete", "Delete")?.iter().map(|item| text(item, "path").map(str::to_owned));
    Ok(Work::Delete {
        collection: text(body, "endpoint")?.to_owned(),
        paths: paths.collect::<Outcome<_>>()?,
        recursive: body["recursive"] == true,
        ignore_missing: body["ignore_missing"] == true,
        globs: body["interpret_globs"] == true,
    })
}

/// Refuses a task that no access rule allows.
fn check_paths(app: &App, caller: &Caller, work: &Work) -> Outcome<()> {
    let check = |id: &str, text: &str, write: bool| {
        let collection = caller.look_at(app, id)?;
        let path = absolute(collection, text).ok_or_else(|| Problem::bad_request("Invalid path"))?;
        caller.reach(app, collection, &path, write)
    };
    match work {
        Work::Transfer { source, destination, items } => items.iter().try_for_each(|item| {
            check(source, &item.from, false)?;
            check(destination, &item.to, true)
        }),
        Work::Delete { collection, paths, .. } => paths.iter().try_for_each(|path| check(collection, path, true)),
    }
}

/// The items of a task: at least one, and all of the right type.
fn items<'a>(body: &'a Value, kind: &str, name: &str) -> Outcome<&'a Vec<Value>> {
    let items = body["DATA"].as_array().filter(|items| !items.is_empty()).ok_or_else(|| {
        let code = format!("ClientError.BadRequest.No{name}Items");
        Problem::new(StatusCode::BAD_REQUEST, code, format!("A {kind} requires at least one item"))
    })?;
    let data_type = format!("{kind}_item");
    if items.iter().all(|item| item["DATA_TYPE"] == *data_type) {
        return Ok(items);
    }
    Err(Problem::bad_request(format!("Every DATA_TYPE in DATA must be '{data_type}'")))
}

pub(crate) fn label(body: &Value) -> Outcome<Option<String>> {
    match &body["label"] {
        Value::Null => Ok(None),
        Value::String(label) if label.chars().count() <= MAX_LABEL => Ok(Some(label.clone())),
        _ => Err(Problem::bad_request(format!("'label' must be a string of at most {MAX_LABEL} characters"))),
    }
}

fn settings(body: &Value) -> Map<String, Value> {
    let sent = |name: &str| body.get(name).filter(|value| !value.is_array() && !value.is_object()).cloned();
    let mut settings: Map<String, Value> =
        SETTINGS.map(|(name, default)| (name.to_owned(), sent(name).unwrap_or(default))).into_iter().collect();
    if let Some(deadline) = sent("deadline").filter(Value::is_string) {
        settings.insert("deadline".into(), deadline);
    }
    settings
}
