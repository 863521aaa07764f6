//! `/tasks?show=running|done|failed|all&page=N`: the person's tasks, newest first.

use askama::Template as _;
use axum::{
    extract::{Query, State},
    response::Html,
};
use serde::Deserialize;

use super::row::row;
use crate::{
    error::AppError,
    globus::transfer::{Filter, TaskPage, TaskQuery},
    pages::{TaskTab, TasksPage},
    routes::logged_in::LoggedIn,
    state::AppState,
};

/// How many tasks a page shows.
const PAGE: u32 = 25;
/// The last page: far more than anyone has.
const LAST: u32 = 4_000;

/// A list: its name in the address, its name for people, Globus's states, and what it says when it is empty.
type List = (&'static str, &'static str, &'static [&'static str], &'static str);

const LISTS: [List; 4] = [
    ("all", "All", &[], "You have no transfers yet"),
    ("running", "Running", &["ACTIVE", "INACTIVE"], "No transfer is running"),
    ("done", "Done", &["SUCCEEDED"], "No transfer is done yet"),
    ("failed", "Failed", &["FAILED"], "No transfer has failed"),
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
    let list = LISTS.iter().find(|(name, ..)| *name == show).ok_or(AppError::NotFound)?;
    let number = asked.page.as_deref().map_or(Ok(1), str::parse).map_err(|_| AppError::NotFound)?;
    if !(1..=LAST).contains(&number) {
        return Err(AppError::NotFound);
    }
    let mut query =
        TaskQuery::new().with_limit(PAGE).with_offset((number - 1) * PAGE).with_orderby(&["request_time DESC"]);
    if !list.2.is_empty() {
        query = query.with_filter(Filter::new().with("status", list.2));
    }
    let found = user.transfer().await?.task_list(&query).await?;
    let view = user.view();
    let page = shown(&app, &view, list, number, &found);
    Ok(Html(page.render()?))
}

fn shown<'a>(
    app: &'a AppState,
    user: &'a crate::pages::UserView,
    list: &List,
    number: u32,
    found: &TaskPage,
) -> TasksPage<'a> {
    let root = &app.settings.root;
    let total = found.total.unwrap_or(found.tasks.len() as u64);
    let first = u64::from((number - 1) * PAGE) + 1;
    let href = |page: u32| format!("{root}/tasks?show={}&page={page}", list.0);
    TasksPage {
        site: &app.site,
        user,
        tabs: LISTS
            .iter()
            .map(|(name, label, ..)| TaskTab {
                label,
                href: format!("{root}/tasks?show={name}"),
                is_current: *name == list.0,
            })
            .collect(),
        empty: list.3,
        tasks: found.tasks.iter().map(|task| row(task, root)).collect(),
        range: range(first, found.tasks.len() as u64),
        total,
        start: href(1),
        previous: (number > 1).then(|| href(number - 1)),
        next: (u64::from(number * PAGE) < total && number < LAST).then(|| href(number + 1)),
    }
}

/// The numbers of the rows of a page: "26–50", or "26" for a single one.
pub(super) fn range(first: u64, rows: u64) -> String {
    match rows {
        0 | 1 => first.to_string(),
        rows => format!("{first}–{}", first + rows - 1),
    }
}
