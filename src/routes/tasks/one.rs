//! `/tasks/{id}`: one task. While it runs, the browser reloads the page by itself.

use askama::Template as _;
use axum::{
    extract::{Path, Query, State},
    http::{HeaderValue, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    list::range,
    progress::progress,
    row::{moment_of, row},
    words::{bounded, plain, reason},
};
use crate::{
    error::AppError,
    globus::transfer::{EventQuery, PauseRule, SkippedError, Task, TaskEvent, TaskEventPage, TransferClient},
    pages::{EventView, PauseView, RefreshView, SkippedView, TaskPage, bytes_words},
    routes::logged_in::LoggedIn,
    state::AppState,
};

/// Seconds until the page of a running task is loaded again.
const REFRESH: HeaderValue = HeaderValue::from_static("5");
/// How many events a page shows.
const EVENTS: u32 = 25;
/// The last page of events.
const LAST: u32 = 4_000;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    events: Option<String>,
    refresh: Option<String>,
}

impl Asked {
    fn events(&self) -> Result<u32, AppError> {
        let number = self.events.as_deref().map_or(Ok(1), str::parse).map_err(|_| AppError::NotFound)?;
        if (1..=LAST).contains(&number) { Ok(number) } else { Err(AppError::NotFound) }
    }

    fn is_off(&self) -> bool {
        self.refresh.as_deref() == Some("off")
    }
}

/// Skipped files, and whether there are more of them; `None` if Globus did not list them.
type Skipped = Option<(Vec<SkippedView>, bool)>;

pub(crate) async fn task(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, AppError> {
    let id = task_id(&id)?;
    let number = asked.events()?;
    let transfer = user.transfer().await?;
    let query = EventQuery::new().with_limit(EVENTS).with_offset((number - 1) * EVENTS);
    let (task, events, skipped) =
        tokio::join!(transfer.get_task(&id), transfer.task_event_list(&id, &query), skipped(&transfer, &id));
    let (task, events) = (task?, events?);
    let view = user.view();
    let mut page = page(&app, &view, &id, &task, skipped);
    page.pauses = pause(&transfer, &id, &task).await;
    page.refresh = refresh(&task, &asked, number, &format!("{}/tasks/{id}", app.settings.root));
    show_events(&mut page, &events, number);
    let refreshes = matches!(page.refresh, RefreshView::On(_));
    let mut response = Html(page.render()?).into_response();
    if refreshes {
        response.headers_mut().insert(header::REFRESH, REFRESH);
    }
    Ok(response)
}

/// Cancels the task. One that has ended meanwhile stays as it is; its page says so.
pub(crate) async fn cancel(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
) -> Result<Redirect, AppError> {
    let id = task_id(&id)?;
    user.transfer().await?.cancel_task(&id).await?;
    Ok(Redirect::to(&format!("{}/tasks/{id}", app.settings.root)))
}

/// Any other text is the id of nothing.
fn task_id(text: &str) -> Result<String, AppError> {
    Uuid::parse_str(text).map(|id| id.to_string()).map_err(|_| AppError::NotFound)
}

fn page<'a>(
    app: &'a AppState,
    user: &'a crate::pages::UserView,
    id: &'a str,
    task: &Task,
    skipped: Skipped,
) -> TaskPage<'a> {
    let row = row(task, &app.settings.root);
    let (skipped, skipped_more) = skipped.map_or((None, false), |(files, more)| (Some(files), more));
    TaskPage {
        site: &app.site,
        user,
        id,
        progress: progress(task, app.clock.now()),
        ended: moment_of(task.completion_time.as_deref()),
        deadline: moment_of(task.deadline.as_deref()),
        rate: task.effective_bytes_per_second.filter(|rate| *rate > 0).map(bytes_words),
        faults: task.faults.unwrap_or_default(),
        reason: reason(task),
        pauses: Vec::new(),
        events: Vec::new(),
        events_range: String::new(),
        later_events: None,
        earlier_events: None,
        skipped,
        skipped_more,
        can_cancel: matches!(task.status.as_deref(), Some("ACTIVE" | "INACTIVE")),
        can_repeat: row.kind == "Transfer",
        refresh: RefreshView::Never,
        row,
    }
}

/// Only a running task changes, and earlier events do not.
fn refresh(task: &Task, asked: &Asked, events: u32, here: &str) -> RefreshView {
    match (task.is_active() && events == 1, asked.is_off()) {
        (false, _) => RefreshView::Never,
        (true, false) => RefreshView::On(format!("{here}?refresh=off")),
        (true, true) => RefreshView::Off(here.to_owned()),
    }
}

fn show_events(page: &mut TaskPage<'_>, found: &TaskEventPage, number: u32) {
    let href = |number: u32| format!("{}/tasks/{}?events={number}#events", page.site.root, page.id);
    let total = found.total.unwrap_or(found.events.len() as u64);
    page.later_events = (number > 1).then(|| href(number - 1));
    page.earlier_events = (u64::from(number * EVENTS) < total && number < LAST).then(|| href(number + 1));
    let first = u64::from((number - 1) * EVENTS) + 1;
    page.events_range = format!("{} of {total}", range(first, found.events.len() as u64));
    page.events = found.events.iter().map(event).collect();
}

fn event(event: &TaskEvent) -> EventView {
    let code = event.code.as_deref().unwrap_or_default();
    EventView {
        when: moment_of(event.time.as_deref()),
        words: plain(code),
        description: bounded(event.description.as_deref().unwrap_or(code)),
        details: details(event.details.as_deref().unwrap_or_default()),
        is_error: event.is_error == Some(true),
    }
}

/// Details as Globus gives them. Some are a JSON object: its members are listed.
fn details(text: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return bounded(text) };
    let member = |(name, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        format!("{}: {value}", name.replace('_', " "))
    };
    bounded(&members.iter().map(member).collect::<Vec<_>>().join(", "))
}

/// What the task skipped. The page is worth showing without it.
async fn skipped(transfer: &TransferClient, id: &str) -> Skipped {
    let found = transfer.task_skipped_errors(id, None).await.ok()?;
    let text = |text: &Option<String>| bounded(text.as_deref().unwrap_or_default());
    let view = |file: &SkippedError| {
        let code = text(&file.error_code);
        SkippedView { path: text(&file.source_path), words: plain(&code), code }
    };
    Some((found.errors.iter().map(view).collect(), found.next_marker.is_some()))
}

/// What the managers of its collections say about its pause. The page is worth showing without it.
async fn pause(transfer: &TransferClient, id: &str, task: &Task) -> Vec<PauseView> {
    if task.is_paused != Some(true) {
        return Vec::new();
    }
    let Ok(info) = transfer.task_pause_info(id).await else { return Vec::new() };
    let said = |text: &Option<String>| text.as_deref().map(bounded).filter(|text| !text.is_empty());
    let by_rule = |rule: &PauseRule| PauseView {
        collection: said(&rule.endpoint_display_name).or_else(|| said(&rule.endpoint_id)),
        since: moment_of(rule.start_time.as_deref()),
        message: said(&rule.message),
    };
    let messages = [
        (&info.source_pause_message, &task.source_endpoint_display_name),
        (&info.source_pause_message_share, &task.source_endpoint_display_name),
        (&info.destination_pause_message, &task.destination_endpoint_display_name),
        (&info.destination_pause_message_share, &task.destination_endpoint_display_name),
    ];
    let by_hand = messages.into_iter().filter_map(|(message, collection)| {
        Some(PauseView { collection: said(collection), since: None, message: Some(said(message)?) })
    });
    info.pause_rules.iter().map(by_rule).chain(by_hand).collect()
}
