//! `/tasks`: the tasks of the last 30 days, which is how long Globus keeps them.

use askama::Template as _;
use axum::{
    extract::{Query, State},
    response::Html,
};
use serde::Deserialize;

use super::words::{is_deletion, moment_of, state, title};
use crate::{
    error::AppError,
    globus::transfer::{Filter, Task, TaskQuery},
    pages::{TabView, TaskRowView, TasksPage},
    routes::logged_in::LoggedIn,
    state::AppState,
};

/// How many tasks a page shows.
const PAGE: u32 = 25;
/// No person has more pages.
const MOST: u32 = 4_000;

/// The lists: their name in the address, what the tab says, and the statuses in them.
const LISTS: [(&str, &str, &[&str]); 4] = [
    ("all", "All", &[]),
    ("running", "Running", &["ACTIVE", "INACTIVE"]),
    ("done", "Done", &["SUCCEEDED"]),
    ("failed", "Failed", &["FAILED"]),
];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    show: Option<String>,
    page: Option<String>,
}

pub(crate) async fn tasks(
    State(app): State<AppState>,
    user: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, AppError> {
    let show = asked.show.as_deref().unwrap_or("all");
    let (show, _, statuses) = LISTS.iter().find(|(name, ..)| *name == show).ok_or(AppError::NotFound)?;
    let number: u32 = asked.page.as_deref().map_or(Ok(1), str::parse).map_err(|_| AppError::NotFound)?;
    if !(1..=MOST).contains(&number) {
        return Err(AppError::NotFound);
    }
    let mut query =
        TaskQuery::new().with_limit(PAGE).with_offset((number - 1) * PAGE).with_orderby(&["request_time DESC"]);
    query.filter = (!statuses.is_empty()).then(|| Filter::new().with("status", statuses));
    let found = user.transfer().await?.task_list(&query).await?;
    let root = &app.settings.root;
    let href = |number: u32| format!("{root}/tasks?show={show}&page={number}");
    let is_there = |number: u32| found.total.is_some_and(|total| u64::from((number - 1) * PAGE) < total);
    let page = TasksPage {
        site: &app.site,
        user: &user.view(),
        tabs: tabs(root, show),
        first: ((number - 1) * PAGE + 1) as usize,
        total: found.total,
        previous: (number > 1).then(|| href(number - 1)),
        next: (number < MOST && is_there(number + 1)).then(|| href(number + 1)),
        tasks: found.tasks.iter().map(|task| row(root, task)).collect(),
    };
    Ok(Html(page.render()?))
}

fn tabs(root: &str, current: &str) -> Vec<TabView> {
    let tab = |(name, label, _): &(&str, &'static str, _)| TabView {
        label,
        href: format!("{root}/tasks?show={name}"),
        current: *name == current,
    };
    LISTS.iter().map(tab).collect()
}

fn row(root: &str, task: &Task) -> TaskRowView {
    let (state, is_bad) = state(task);
    TaskRowView {
        title: title(task),
        href: format!("{root}/tasks/{}", task.task_id),
        state,
        is_bad,
        source: task.source_endpoint_display_name.clone().or_else(|| task.source_endpoint_id.clone()),
        destination: task
            .destination_endpoint_display_name
            .clone()
            .or_else(|| task.destination_endpoint_id.clone())
            .filter(|_| !is_deletion(task)),
        requested: moment_of(task.request_time.as_deref()),
        bytes: task.bytes_transferred,
        files: task.files,
    }
}
