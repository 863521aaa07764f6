//! The pages of tasks.

use askama::Template;
use time::OffsetDateTime;

use super::{
    collections::{TabView, bytes_words},
    endpoint::range,
    filters,
    site::{Site, UserView},
};

/// A list of tasks.
#[derive(Template)]
#[template(path = "tasks.html")]
pub struct TasksPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// The lists.
    pub tabs: Vec<TabView>,
    /// The tasks.
    pub tasks: Vec<TaskRowView>,
    /// The number of the first one, from 1.
    pub first: usize,
    /// How many there are in all.
    pub total: Option<u64>,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

impl TasksPage<'_> {
    /// The numbers of the tasks shown.
    fn range(&self) -> String {
        range(self.first, self.tasks.len())
    }
}

/// A task in a list.
pub struct TaskRowView {
    /// What the person calls it, or what it is.
    pub title: String,
    /// Its page.
    pub href: String,
    /// Its state, in a word.
    pub state: &'static str,
    /// Whether that is a bad one.
    pub is_bad: bool,
    /// Where files come from, or are deleted.
    pub source: Option<String>,
    /// Where they go to.
    pub destination: Option<String>,
    /// When it was asked for.
    pub requested: Option<OffsetDateTime>,
    /// How many bytes have arrived.
    pub bytes: Option<u64>,
    /// How many files it covers.
    pub files: Option<u64>,
}

impl TaskRowView {
    fn bytes_words(&self) -> String {
        self.bytes.map(bytes_words).unwrap_or_default()
    }
}

/// A task.
#[derive(Template)]
#[template(path = "task.html")]
pub struct TaskPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// Its id.
    pub id: &'a str,
    /// What the person calls it, or what it is.
    pub title: String,
    /// What it is.
    pub kind: &'static str,
    /// Its state, in a word.
    pub state: &'static str,
    /// Whether that is a bad one.
    pub is_bad: bool,
    /// Whether it has ended.
    pub is_over: bool,
    /// Whether it runs.
    pub is_active: bool,
    /// Whether the page asks for itself again.
    pub refreshes: bool,
    /// How far it is.
    pub progress: ProgressView,
    /// What is wrong.
    pub troubles: Vec<TroubleView>,
    /// Where files come from, or are deleted.
    pub source: Option<&'a str>,
    /// Where they go to.
    pub destination: Option<&'a str>,
    /// When it was asked for.
    pub requested: Option<OffsetDateTime>,
    /// When it ended.
    pub completed: Option<OffsetDateTime>,
    /// When Globus gives it up.
    pub deadline: Option<OffsetDateTime>,
    /// What happened, the latest first.
    pub events: Vec<EventView>,
    /// Newer events.
    pub newer: Option<String>,
    /// Older events.
    pub older: Option<String>,
    /// This page.
    pub here: &'a str,
}

/// How far a task is, as far as Globus tells.
pub struct ProgressView {
    /// The share that is done, in thousandths.
    pub thousandths: Option<u64>,
    /// How much has arrived.
    pub bytes: Option<String>,
    /// How many files have arrived.
    pub files_done: Option<u64>,
    /// How many there are.
    pub files: Option<u64>,
    /// How many needed no transfer.
    pub files_skipped: Option<u64>,
    /// How fast.
    pub rate: Option<String>,
    /// How long it may take still.
    pub left: Option<String>,
    /// How many errors were met and tried again.
    pub faults: Option<u64>,
}

/// Something that is wrong with a task.
pub struct TroubleView {
    /// In our words.
    pub words: &'static str,
    /// In Globus's.
    pub said: Option<String>,
}

/// Something that happened in a task.
pub struct EventView {
    /// When.
    pub time: Option<OffsetDateTime>,
    /// Whether it is an error.
    pub is_error: bool,
    /// What.
    pub description: String,
}
