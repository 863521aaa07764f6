//! How far a task is, and how long it may still take.

use time::OffsetDateTime;

use super::{
    amounts::about,
    row::{files, moment_of},
};
use crate::{globus::transfer::Task, pages::ProgressView};

/// `None` for a task that does not run, and one whose files are not known yet.
pub(super) fn progress(task: &Task, now: OffsetDateTime) -> Option<ProgressView> {
    let (done, all) = files(task);
    if !task.is_active() || all == 0 || task.files_transferred.is_none() {
        return None;
    }
    Some(ProgressView { done, all, left: left(task, done, all, now) })
}

/// The time left if it goes on as it went so far.
fn left(task: &Task, done: u64, all: u64, now: OffsetDateTime) -> Option<String> {
    let elapsed = now - moment_of(task.request_time.as_deref())?;
    let elapsed = u128::try_from(elapsed.whole_seconds()).ok()?;
    if done == 0 || done >= all {
        return None;
    }
    let seconds = elapsed * u128::from(all - done) / u128::from(done);
    u64::try_from(seconds).ok().map(about)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{Task, progress};

    fn task(done: u64, all: u64) -> Task {
        let document = serde_json::json!({
            "task_id": "t", "status": "ACTIVE", "files": all, "files_transferred": done,
            "request_time": "2026-11-21T14:00:00+00:00",
        });
        serde_json::from_value(document).unwrap_or_default()
    }

    #[test]
    fn the_time_left_follows_from_the_share_that_is_done() {
        let now = datetime!(2026-11-21 14:10:00 UTC);
        let left = |done, all| progress(&task(done, all), now).and_then(|progress| progress.left);
        assert_eq!(left(25, 100).as_deref(), Some("about 30 minutes"));
        assert_eq!((left(0, 100), left(100, 100)), (None, None), "it is not known");
        assert_eq!(progress(&task(0, 0), now), None);
    }
}
