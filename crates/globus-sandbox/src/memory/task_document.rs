//! The document of a task.

use serde_json::{Map, Value, json};

use crate::ground::moment;
use crate::memory::mishaps::Mishap;
use crate::memory::task::Task;
use crate::memory::work::Work;
use crate::world::catalogue::Catalogue;
use crate::world::collections::{Collection, Trouble};

const DAY: i64 = 24 * 60 * 60;

impl Task {
    fn status(&self) -> &'static str {
        match (&self.end, self.trouble) {
            (Some(end), _) if end.succeeded => "SUCCEEDED",
            (Some(_), _) => "FAILED",
            (None, Some(Trouble::Inactive)) => "INACTIVE",
            (None, _) => "ACTIVE",
        }
    }

    /// The task document.
    pub(crate) fn document(&self, catalogue: &Catalogue, now: i64) -> Map<String, Value> {
        let mut document = self.settings.clone();
        document.extend(self.facts(now));
        document.extend(self.counts(now));
        document.extend(self.health(now));
        let (source, destination) = match &self.work {
            Work::Transfer { source, destination, .. } => (Some(source), Some(destination)),
            Work::Delete { collection, .. } => (Some(collection), None),
        };
        for (side, id) in [("source", source), ("destination", destination)] {
            let collection = id.and_then(|id| catalogue.find(id));
            document.insert(format!("{side}_endpoint"), json!(collection.map(Collection::canonical_name)));
            document.insert(format!("{side}_endpoint_display_name"), json!(collection.map(Collection::shown_name)));
            document.insert(format!("{side}_endpoint_id"), json!(id));
        }
        document
    }

    fn facts(&self, now: i64) -> Map<String, Value> {
        let kind = if matches!(self.work, Work::Transfer { .. }) { "TRANSFER" } else { "DELETE" };
        let fatal = self.end.as_ref().and_then(|end| end.fatal);
        let deadline = self.settings.get("deadline").cloned();
        members([
            ("DATA_TYPE", json!("task")),
            ("task_id", json!(self.id)),
            ("type", json!(kind)),
            ("status", json!(self.status())),
            ("label", json!(self.label)),
            ("owner_id", json!(self.owner)),
            ("username", json!(format!("u_{}", self.owner.replace('-', "")))),
            ("command", json!("API 0.10")),
            ("request_time", json!(moment::iso(self.requested / 1000))),
            ("completion_time", json!(self.end.as_ref().map(|end| moment::iso(end.at / 1000)))),
            ("deadline", deadline.unwrap_or_else(|| json!(moment::iso(self.requested / 1000 + DAY)))),
            (
                "fatal_error",
                json!(fatal.map(|Mishap { code, description }| json!({"code": code, "description": description}))),
            ),
            ("effective_bytes_per_second", json!(self.speed(now))),
            ("filter_rules", Value::Null),
            ("recursive_symlinks", json!("ignore")),
            ("history_deleted", json!(false)),
            ("canceled_by_admin", Value::Null),
            ("canceled_by_admin_message", Value::Null),
        ])
    }

    fn speed(&self, now: i64) -> u64 {
        let until = self.end.as_ref().map_or(now, |end| end.at);
        let elapsed = u64::try_from(until - self.requested).unwrap_or(0).max(1);
        self.progress(now).bytes.saturating_mul(1000) / elapsed
    }

    fn counts(&self, now: i64) -> Map<String, Value> {
        let moved = self.progress(now);
        let total = self.expected.files.max(moved.files) + self.expected.folders.max(moved.folders) + 1;
        let (succeeded, failed, pending) = match self.status() {
            "SUCCEEDED" => (total, 0, 0),
            "FAILED" => (total - 1, 1, 0),
            _ => (moved.files + 1, 0, total.saturating_sub(moved.files + 1)),
        };
        let transfer = matches!(self.work, Work::Transfer { .. });
        members([
            ("bytes_checksummed", json!(0)),
            ("bytes_transferred", json!(if transfer { moved.bytes } else { 0 })),
            ("directories", json!(self.expected.folders.max(moved.folders))),
            ("faults", json!(self.events.errors())),
            ("files", json!(self.expected.files.max(moved.files))),
            ("files_skipped", json!(self.log.skipped.len())),
            ("files_transferred", json!(transfer.then_some(moved.files))),
            ("subtasks_canceled", json!(0)),
            ("subtasks_expired", json!(0)),
            ("subtasks_failed", json!(failed)),
            ("subtasks_pending", json!(pending)),
            ("subtasks_retrying", json!(u8::from(self.end.is_none() && self.hitch(now).is_some()))),
            ("subtasks_skipped_errors", json!(self.log.skipped.len())),
            ("subtasks_succeeded", json!(succeeded)),
            ("subtasks_total", json!(total)),
            ("symlinks", json!(0)),
            ("is_paused", json!(self.is_paused())),
        ])
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.end.is_none() && self.trouble == Some(Trouble::Paused)
    }

    /// The `nice_status` members: null once the task has ended; the reason if it cannot continue.
    fn health(&self, now: i64) -> Map<String, Value> {
        let hitch = self.hitch(now).map(|mishap| (mishap.code, mishap.description));
        let nice = match (&self.end, self.trouble) {
            (Some(_), _) => None,
            (None, Some(Trouble::OffLine)) => Some(("GC_NOT_CONNECTED", "not connected")),
            (None, Some(Trouble::Inactive)) => Some(("AUTH", "credentials needed")),
            (None, Some(Trouble::Paused)) => Some(("PAUSED_BY_ADMIN", "paused by an administrator")),
            (None, _) => hitch.or(Some(("OK", "OK"))),
        };
        let details = self.hitch(now).filter(|_| nice.is_some()).map(Mishap::details);
        members([
            ("is_ok", json!(nice.map(|(status, _)| status == "OK"))),
            ("nice_status", json!(nice.map(|(status, _)| status))),
            ("nice_status_details", json!(details)),
            ("nice_status_expires_in", json!(nice.map(|_| -1))),
            ("nice_status_short_description", json!(nice.map(|(_, words)| words))),
        ])
    }
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}
