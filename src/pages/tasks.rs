//! The pages of tasks: the list, and one task.

use askama::Template;
use time::OffsetDateTime;

use super::{
    filters,
    site::{Site, UserView},
};

/// The reader's tasks, a page at a time.
#[derive(Template)]
#[template(path = "tasks.html")]
pub struct TasksPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// The lists: all, running, done, failed.
    pub tabs: Vec<TaskTab>,
    /// What an empty list says.
    pub empty: &'a str,
    /// The tasks of this page, newest first.
    pub tasks: Vec<TaskRow>,
    /// The numbers of the tasks shown: "26–50".
    pub range: String,
    /// How many tasks the list has.
    pub total: u64,
    /// The first page of the list.
    pub start: String,
    /// Link to the previous page, if there is one.
    pub previous: Option<String>,
    /// Link to the next page, if there is one.
    pub next: Option<String>,
}

/// One list of tasks.
#[derive(Clone, Debug)]
pub struct TaskTab {
    /// Its name.
    pub label: &'static str,
    /// Its address.
    pub href: String,
    /// Whether it is the list shown.
    pub is_current: bool,
}

/// A task in a few words.
#[derive(Clone, Debug)]
pub struct TaskRow {
    /// Its page.
    pub href: String,
    /// "Transfer" or "Deletion".
    pub kind: &'static str,
    /// What the person calls it.
    pub label: Option<String>,
    /// Its state in words.
    pub state: &'static str,
    /// Whether the state is a bad one.
    pub is_bad: bool,
    /// The name of the collection that it reads or deletes from.
    pub from: Option<String>,
    /// The name of the collection that it writes to.
    pub to: Option<String>,
    /// When it was submitted.
    pub asked: Option<OffsetDateTime>,
    /// How many bytes it moved.
    pub bytes: String,
    /// How many files it moved, of how many.
    pub files: String,
}

/// One task.
#[derive(Template)]
#[template(path = "task.html")]
pub struct TaskPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// The task's id, a UUID.
    pub id: &'a str,
    /// The task in a few words.
    pub row: TaskRow,
    /// How far it is, if that is known.
    pub progress: Option<ProgressView>,
    /// When it ended.
    pub ended: Option<OffsetDateTime>,
    /// When Globus gives it up.
    pub deadline: Option<OffsetDateTime>,
    /// Bytes per second over the whole time.
    pub rate: Option<String>,
    /// How many errors occurred and were retried.
    pub faults: u64,
    /// Why it does not go on, or failed.
    pub reason: Option<ReasonView>,
    /// Why it is paused, if its collections' managers say so.
    pub pauses: Vec<PauseView>,
    /// What happened, the latest first.
    pub events: Vec<EventView>,
    /// The numbers of the events shown, and how many there are.
    pub events_range: String,
    /// Link to later events.
    pub later_events: Option<String>,
    /// Link to earlier events.
    pub earlier_events: Option<String>,
    /// Files that were skipped; `None` if Globus did not list them.
    pub skipped: Option<Vec<SkippedView>>,
    /// Whether the list of skipped files goes on.
    pub skipped_more: bool,
    /// Whether it is running, so that it can be cancelled.
    pub can_cancel: bool,
    /// Whether it can be submitted again.
    pub can_repeat: bool,
    /// How the page is refreshed while the task runs.
    pub refresh: RefreshView,
}

/// Whether a page reloads itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshView {
    /// It does; the link turns that off.
    On(String),
    /// It would; the link turns that on.
    Off(String),
    /// There is nothing to wait for.
    Never,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressView {
    /// How many files are done.
    pub done: u64,
    /// Of how many, as far as known.
    pub all: u64,
    /// The time left, in words.
    pub left: Option<String>,
}

/// Why a task does not go on, or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonView {
    /// The reason in plain words.
    pub words: &'static str,
    /// What Globus says.
    pub quotes: Vec<String>,
}

/// A pause, by a manager of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseView {
    /// The collection.
    pub collection: Option<String>,
    /// Since when.
    pub since: Option<OffsetDateTime>,
    /// What the manager says.
    pub message: Option<String>,
}

/// Something that happened in a task.
#[derive(Clone, Debug)]
pub struct EventView {
    /// When.
    pub when: Option<OffsetDateTime>,
    /// What, in plain words; `None` if its code is not known.
    pub words: Option<&'static str>,
    /// What Globus calls it.
    pub description: String,
    /// The details that Globus gives.
    pub details: String,
    /// Whether it is an error.
    pub is_error: bool,
}

/// A file or folder that was skipped.
#[derive(Clone, Debug)]
pub struct SkippedView {
    /// Its path at the source.
    pub path: String,
    /// Why, in plain words; `None` if the code is not known.
    pub words: Option<&'static str>,
    /// Globus's code.
    pub code: String,
}
