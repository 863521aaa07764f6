//! How long tasks take, what goes wrong with them, and ending them at once.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::answer::reply;
use crate::ground::moment::now_millis;
use crate::memory::app::AppState;
use crate::memory::mishaps::{KNOWN, Mishap};
use crate::memory::pace::Pace;

fn refusal(status: StatusCode, reason: &str) -> Response {
    reply::json(status, &json!({ "error": reason }))
}

/// `POST /sandbox/tasks/finish`: ends all running tasks, except those that wait for their owner or are paused.
pub(crate) async fn finish(State(app): State<AppState>) -> Response {
    let finished = app.transfer().finish(&app.catalogue, now_millis());
    reply::json(StatusCode::OK, &json!({ "finished": finished }))
}

/// `GET /sandbox/pace`
pub(crate) async fn pace(State(app): State<AppState>) -> Response {
    reply::json(StatusCode::OK, &app.transfer().pace.document())
}

/// `POST /sandbox/pace` with any of `transfer_ms`, `delete_ms`, `ms_per_file` and `ms_per_gigabyte`: 200 and the pace of
/// the tasks that are submitted from now on; 400 and the reason.
pub(crate) async fn set_pace(State(app): State<AppState>, body: Result<Json<Value>, JsonRejection>) -> Response {
    let read = match body {
        Ok(Json(document)) => Pace::read(&document),
        Err(rejection) => Err(rejection.body_text()),
    };
    match read {
        Err(reason) => refusal(StatusCode::BAD_REQUEST, &reason),
        Ok(pace) => {
            let document = pace.document();
            app.transfer().pace = pace;
            reply::json(StatusCode::OK, &document)
        }
    }
}

/// `DELETE /sandbox/pace`: the usual pace again.
pub(crate) async fn reset_pace(State(app): State<AppState>) -> Response {
    app.transfer().pace = Pace::default();
    StatusCode::NO_CONTENT.into_response()
}

/// `POST /sandbox/tasks/fault` with `code`, and optionally `task_id` (otherwise all running tasks) and `fatal`: 200 and
/// how many tasks met the fault; 400 and the reason; 404 when the task does not run.
pub(crate) async fn fault(State(app): State<AppState>, body: Result<Json<Value>, JsonRejection>) -> Response {
    let asked = match &body {
        Ok(Json(document)) => asked(document),
        Err(rejection) => Err(rejection.body_text()),
    };
    match asked {
        Err(reason) => refusal(StatusCode::BAD_REQUEST, &reason),
        Ok((id, mishap, fatal)) => match app.transfer().suffer(id, mishap, fatal, now_millis()) {
            0 if id.is_some() => refusal(StatusCode::NOT_FOUND, "no running task has this id"),
            tasks => reply::json(StatusCode::OK, &json!({ "tasks": tasks })),
        },
    }
}

fn asked(document: &Value) -> Result<(Option<&str>, Mishap, bool), String> {
    const NAMES: [&str; 3] = ["task_id", "code", "fatal"];
    let members = document.as_object().ok_or("expected a JSON object")?;
    if let Some(unknown) = members.keys().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(format!("there is no member {unknown:?}; there are {}", NAMES.join(", ")));
    }
    let id = match members.get("task_id") {
        None | Some(Value::Null) => None,
        Some(id) => Some(id.as_str().ok_or("task_id must be a string")?),
    };
    let fatal = match members.get("fatal") {
        None => false,
        Some(fatal) => fatal.as_bool().ok_or("fatal must be true or false")?,
    };
    let mishap = members.get("code").and_then(Value::as_str).and_then(Mishap::named).ok_or_else(|| {
        let known: Vec<&str> = KNOWN.iter().map(|mishap| mishap.code).collect();
        format!("code must be one of {}", known.join(", "))
    })?;
    Ok((id, mishap, fatal))
}
