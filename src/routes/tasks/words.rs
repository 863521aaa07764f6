//! A task in words.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::globus::transfer::Task;

/// The state, and whether it is a bad one.
pub(super) fn state(task: &Task) -> (&'static str, bool) {
    match task.status.as_deref() {
        Some("SUCCEEDED") => ("Done", false),
        Some("FAILED") => ("Failed", true),
        Some("INACTIVE") => ("Waits for you", true),
        Some("ACTIVE") if task.is_paused == Some(true) => ("Paused", true),
        Some("ACTIVE") if task.is_ok == Some(false) => ("Has trouble, still trying", true),
        Some("ACTIVE") => ("Running", false),
        _ => ("Unknown", true),
    }
}

/// What the person calls it, or what it is.
pub(super) fn title(task: &Task) -> String {
    let label = task.label.clone().filter(|label| !label.trim().is_empty());
    label.unwrap_or_else(|| if is_deletion(task) { "Deletion" } else { "Transfer" }.to_owned())
}

pub(super) fn is_deletion(task: &Task) -> bool {
    task.task_type.as_deref() == Some("DELETE")
}

/// A time as Transfer writes it in tasks.
pub(super) fn moment_of(text: Option<&str>) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text?, &Rfc3339).ok()
}

/// How much of it is done, in thousandths, as far as Globus knows how much there is.
pub(super) fn share(task: &Task) -> Option<u64> {
    if task.status.as_deref() == Some("SUCCEEDED") {
        return Some(1000);
    }
    let (done, all) = match (task.files, task.subtasks_total) {
        (Some(files), _) if files > 0 => {
            (task.files_transferred.unwrap_or_default().saturating_add(task.files_skipped.unwrap_or_default()), files)
        }
        (_, Some(parts)) if parts > 0 => (task.subtasks_succeeded.unwrap_or_default(), parts),
        _ => return None,
    };
    Some((done.saturating_mul(1000) / all).min(1000))
}

/// How long it may take still, by what it took so far. Nothing while that would be a guess.
pub(super) fn time_left(task: &Task, now: OffsetDateTime) -> Option<String> {
    let share = share(task).filter(|share| (20..1000).contains(share) && task.is_active())?;
    let so_far = u64::try_from((now - moment_of(task.request_time.as_deref())?).whole_seconds()).ok()?;
    let left = so_far.checked_mul(1000 - share)? / share;
    Some(format!("about {}", duration(Duration::from_secs(left))))
}

/// A time in its largest unit.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..=90 => (seconds.max(1), "second"),
        91..=5400 => ((seconds + 30) / 60, "minute"),
        5401..=172_800 => ((seconds + 1800) / 3600, "hour"),
        _ => ((seconds + 43_200) / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What is wrong, by Globus's code (Transfer API, "Task Document", `nice_status`).
pub(super) fn trouble(code: &str) -> Option<&'static str> {
    Some(match code {
        "OK" | "Queued" => return None,
        "AUTH" | "CONSENT_REQUIRED" | "EXPIRED" => {
            "Globus may not act for you there any more: sign in again, and open the collection once."
        }
        "PERMISSION_DENIED" | "PERMISSION DENIED" => {
            "Your account on the storage may not read or write one of the files."
        }
        "FILE_NOT_FOUND" | "FILE NOT FOUND" => "A file or folder is no longer there.",
        "CONNECTION_RESET" | "CONNECTION RESET" | "CONNECT_FAILED" | "CONNECT FAILED" | "TIMEOUT" => {
            "The storage cannot be reached at the moment. Globus keeps trying."
        }
        "DISK_QUOTA" | "QUOTA_EXCEEDED" | "NO_SPACE" | "NO_SPACE_LEFT" => {
            "The destination is full, or your quota there is used up."
        }
        "PAUSED_BY_ADMIN" | "PAUSED BY ADMIN" => "The people who run one of the collections have paused it.",
        "GC_NOT_CONNECTED" | "GC_PAUSED" => {
            "A personal computer is not connected, or its Globus Connect Personal is paused."
        }
        "ENDPOINT_ERROR" | "UNKNOWN" => "The storage reports an error. Globus keeps trying.",
        _ => "Globus reports a trouble with one of the collections.",
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::duration;

    #[test]
    fn times_are_said_in_their_largest_unit() {
        let words = [0, 1, 90, 91, 3600, 5401, 90_000, 200_000].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(
            words,
            ["1 second", "1 second", "90 seconds", "2 minutes", "60 minutes", "2 hours", "25 hours", "2 days"]
        );
    }
}
