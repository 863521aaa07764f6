//! `/tasks/{id}`: how far a task is, what went wrong, and what happened. The page asks for itself again while the task runs,
//! by a header: it needs no script.

use askama::Template as _;
use axum::{
    extract::{Path, Query, State},
    http::{HeaderName, HeaderValue},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::words::{is_deletion, moment_of, share, state, time_left, title, trouble};
use crate::{
    error::AppError,
    globus::transfer::{EventQuery, Task, TaskEvent},
    pages::{EventView, ProgressView, TaskPage, TroubleView, bytes_words},
    routes::logged_in::LoggedIn,
    state::AppState,
};

/// Asks a browser to load the page again after so many seconds.
const REFRESH: (HeaderName, HeaderValue) = (HeaderName::from_static("refresh"), HeaderValue::from_static("5"));
/// How many events a page shows.
const EVENTS: u32 = 25;
/// Globus keeps fewer events of one task.
const MOST: u32 = 4_000;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    refresh: Option<String>,
    events: Option<String>,
}

impl Asked {
    /// The page of events.
    fn number(&self) -> Result<u32, AppError> {
        let number = self.events.as_deref().map_or(Ok(1), str::parse).map_err(|_| AppError::NotFound)?;
        if (1..=MOST).contains(&number) { Ok(number) } else { Err(AppError::NotFound) }
    }
}

pub(crate) async fn task(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, AppError> {
    let id = task_id(&id)?;
    let number = asked.number()?;
    let transfer = user.transfer().await?;
    let query = EventQuery::new().with_limit(EVENTS).with_offset((number - 1) * EVENTS);
    let (task, events) = tokio::join!(transfer.get_task(&id), transfer.task_event_list(&id, &query));
    let (task, events) = (task?, events?);
    let here = format!("{}/tasks/{id}", app.settings.root);
    let is_there = |number: u32| events.total.is_some_and(|total| u64::from((number - 1) * EVENTS) < total);
    let (state, is_bad) = state(&task);
    let refreshes = task.is_active() && asked.refresh.as_deref() != Some("off") && number == 1;
    let page = TaskPage {
        site: &app.site,
        user: &user.view(),
        id: &id,
        title: title(&task),
        kind: if is_deletion(&task) { "Deletion" } else { "Transfer" },
        state,
        is_bad,
        is_over: !matches!(task.status.as_deref(), Some("ACTIVE" | "INACTIVE")),
        refreshes,
        is_active: task.is_active(),
        progress: progress(&task, app.clock.now()),
        troubles: troubles(&task),
        source: task.source_endpoint_display_name.as_deref().or(task.source_endpoint_id.as_deref()),
        destination: task
            .destination_endpoint_display_name
            .as_deref()
            .or(task.destination_endpoint_id.as_deref())
            .filter(|_| !is_deletion(&task)),
        requested: moment_of(task.request_time.as_deref()),
        completed: moment_of(task.completion_time.as_deref()),
        deadline: moment_of(task.deadline.as_deref()).filter(|_| task.completion_time.is_none()),
        events: events.events.iter().map(event).collect(),
        newer: (number > 1).then(|| format!("{here}?events={}", number - 1)),
        older: (number < MOST && is_there(number + 1)).then(|| format!("{here}?events={}", number + 1)),
        here: &here,
    };
    let mut response = Html(page.render()?).into_response();
    if refreshes {
        response.headers_mut().insert(REFRESH.0, REFRESH.1);
    }
    Ok(response)
}

/// `POST /tasks/{id}/cancel`: a task that is over stays as it is.
pub(crate) async fn cancel(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
) -> Result<Redirect, AppError> {
    let id = task_id(&id)?;
    user.transfer().await?.cancel_task(&id).await?;
    Ok(Redirect::to(&format!("{}/tasks/{id}", app.settings.root)))
}

fn task_id(text: &str) -> Result<String, AppError> {
    let id = uuid::Uuid::parse_str(text).map_err(|_| AppError::NotFound)?;
    Ok(id.hyphenated().to_string())
}

fn progress(task: &Task, now: time::OffsetDateTime) -> ProgressView {
    ProgressView {
        thousandths: share(task),
        bytes: task.bytes_transferred.map(bytes_words),
        files_done: task.files_transferred,
        files: task.files.filter(|files| *files > 0),
        files_skipped: task.files_skipped.filter(|skipped| *skipped > 0),
        rate: task
            .effective_bytes_per_second
            .filter(|rate| *rate > 0)
            .map(|rate| format!("{} a second", bytes_words(rate))),
        left: time_left(task, now),
        faults: task.faults.filter(|faults| *faults > 0),
    }
}

/// What is wrong: why it failed, or what an active task meets.
fn troubles(task: &Task) -> Vec<TroubleView> {
    let mut troubles = Vec::new();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    if let Some(error) = task.fatal_error.as_ref().filter(|error| error.is_object()) {
        let code = text(error, "code").unwrap_or_default();
        let words = match code.as_str() {
            "CANCELED" => "It was cancelled.",
            code => trouble(code).unwrap_or("Globus has given up."),
        };
        troubles.push(TroubleView { words, said: text(error, "description") });
    }
    if let Some(words) = task.nice_status.as_deref().filter(|_| task.is_active()).and_then(trouble) {
        let said = [&task.nice_status_details, &task.nice_status_short_description];
        troubles.push(TroubleView { words, said: said.into_iter().flatten().next().cloned() });
    }
    if task.status.as_deref() == Some("INACTIVE") {
        let words = "Globus needs you before it goes on: open both collections once, and meet what they ask for.";
        troubles.push(TroubleView { words, said: None });
    }
    troubles
}

fn event(event: &TaskEvent) -> EventView {
    EventView {
        time: moment_of(event.time.as_deref()),
        is_error: event.is_error == Some(true),
        description: event.description.clone().or_else(|| event.code.clone()).unwrap_or_default(),
    }
}
