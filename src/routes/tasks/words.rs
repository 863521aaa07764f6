//! What Globus says about a task, in plain words.

use serde_json::Value;

use crate::{globus::transfer::Task, pages::ReasonView};

/// The most characters of a text of Globus that a page shows.
const MOST: usize = 1_000;

/// Globus's codes of faults and events, in plain words.
const CODES: [(&str, &str); 27] = [
    ("STARTED", "Started."),
    ("PROGRESS", "Made progress."),
    ("SUCCEEDED", "Everything was moved."),
    ("CANCELED", "It was cancelled."),
    ("CANCELED_BY_ADMIN", "An administrator of a collection cancelled it."),
    ("PAUSED", "It was paused."),
    ("PAUSED_BY_ADMIN", "An administrator of a collection has paused it. It goes on when they allow it."),
    ("UNPAUSED", "It goes on after a pause."),
    ("DEADLINE", "It was not done before its deadline, so Globus gave it up."),
    ("EXPIRED", "A permission that it needs has expired. Sign in to the collection again."),
    ("AUTH", "It needs a new permission from you. Sign in to the collection again."),
    ("CREDENTIALS_EXPIRED", "A permission that it needs has expired. Sign in to the collection again."),
    ("LOGIN_DENIED", "A collection does not accept your account. Ask its owner, or use another of your identities."),
    ("PERMISSION_DENIED", "You are not allowed to read or write one of the files. Ask the owner of the collection."),
    ("FILE_NOT_FOUND", "A file or folder does not exist (any more). Check its name and choose again."),
    ("EXISTS", "Something of the same name is already there."),
    ("NOT_A_DIRECTORY", "Where a folder was expected, there is a file."),
    ("IS_A_DIRECTORY", "Where a file was expected, there is a folder."),
    ("NO_SPACE_LEFT", "The destination is full. Free some space there, or choose another destination."),
    (
        "QUOTA_EXCEEDED",
        "Your quota at the destination is used up. Free some space there, or choose another destination.",
    ),
    ("VERIFY_CHECKSUM", "A copy differed from its original, so it is made again."),
    ("GC_NOT_CONNECTED", "A personal computer is switched off or not connected. It goes on when the computer is back."),
    ("GC_PAUSED", "Globus Connect Personal is paused on a computer. It goes on when its owner resumes it."),
    ("CONNECT_FAILED", "A collection's server could not be reached. Globus tries again."),
    ("CONNECTION_BROKEN", "A connection broke. Globus tries again."),
    ("CONNECTION_RESET", "A connection broke. Globus tries again."),
    ("TIMEOUT", "A collection's server did not answer in time. Globus tries again."),
];

/// A code in plain words, if it is a known one.
pub(super) fn plain(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, words)| *words)
}

/// A text of Globus of at most [`MOST`] characters, trimmed.
pub(super) fn bounded(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A task's state, and whether it is a bad one.
pub(super) fn state(task: &Task) -> (&'static str, bool) {
    match task.status.as_deref() {
        Some("ACTIVE") if task.is_paused == Some(true) => ("Paused", true),
        Some("ACTIVE") if task.is_ok == Some(false) => ("Running, with faults", true),
        Some("ACTIVE") => ("Running", false),
        Some("INACTIVE") => ("Waiting for you", true),
        Some("SUCCEEDED") => ("Done", false),
        Some("FAILED") if fatal(task, "code").is_some_and(|code| code.starts_with("CANCELED")) => ("Cancelled", true),
        Some("FAILED") => ("Failed", true),
        _ => ("Not known", true),
    }
}

/// A member of the error that ended a task.
fn fatal<'a>(task: &'a Task, member: &str) -> Option<&'a str> {
    task.fatal_error.as_ref()?.get(member).and_then(Value::as_str)
}

/// Why a task does not go on, or failed.
pub(super) fn reason(task: &Task) -> Option<ReasonView> {
    let is_good = |code: &&str| !code.is_empty() && !matches!(*code, "OK" | "Queued");
    let code = fatal(task, "code").or(task.nice_status.as_deref().filter(is_good));
    let is_paused = task.is_paused == Some(true);
    if code.is_none() && !is_paused && !state(task).1 {
        return None;
    }
    let unknown = if task.completion_time.is_some() {
        "It failed, and Globus gives a reason that this site does not know."
    } else if is_paused {
        "It is paused. It goes on when an administrator of a collection allows it."
    } else {
        "It does not go on at the moment."
    };
    let said = [
        fatal(task, "description"),
        task.nice_status_short_description.as_deref(),
        task.nice_status_details.as_deref(),
    ];
    let said = said.into_iter().flatten().filter(|text| !text.trim().is_empty() && *text != "OK");
    Some(ReasonView { words: code.and_then(plain).unwrap_or(unknown), quotes: said.map(bounded).collect() })
}
