//! A task in a few words.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{amounts, words};
use crate::{
    globus::transfer::Task,
    pages::{TaskRow, bytes_words},
};

/// A time of Globus, if it is one.
pub(super) fn moment_of(text: Option<&str>) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&text?.replacen(' ', "T", 1), &Rfc3339).ok()
}

/// How many files are done, and of how many.
pub(super) fn files(task: &Task) -> (u64, u64) {
    let done = task.files_transferred.unwrap_or_default().saturating_add(task.files_skipped.unwrap_or_default());
    (done, task.files.unwrap_or_default().max(done))
}

pub(super) fn row(task: &Task, root: &str) -> TaskRow {
    let (state, is_bad) = words::state(task);
    let text = |text: &Option<String>| text.as_deref().filter(|text| !text.trim().is_empty()).map(words::bounded);
    let name = |name, id: &Option<String>| text(name).or_else(|| text(id));
    let (done, all) = files(task);
    let is_transfer = task.task_type.as_deref() != Some("DELETE");
    TaskRow {
        href: format!("{root}/tasks/{}", task.task_id),
        kind: if is_transfer { "Transfer" } else { "Deletion" },
        label: text(&task.label),
        state,
        is_bad,
        from: name(&task.source_endpoint_display_name, &task.source_endpoint_id),
        to: name(&task.destination_endpoint_display_name, &task.destination_endpoint_id),
        asked: moment_of(task.request_time.as_deref()),
        bytes: bytes_words(task.bytes_transferred.unwrap_or_default()),
        files: if is_transfer && done < all {
            format!("{done} of {}", amounts::count(all, "file"))
        } else {
            amounts::count(all, "file")
        },
    }
}
