use serde_json::{Map, Value, json};

use crate::ground::moment;
use crate::memory::disk::Disks;
use crate::memory::entry::{Amount, Refusal};
use crate::memory::paths::absolute;
use crate::memory::task_log::Log;
use crate::memory::work::Work;
use crate::world::catalogue::Catalogue;
use crate::world::collections::{Collection, Trouble};

/// A task that waits for its owner is never due.
pub(crate) const NEVER: i64 = i64::MAX;

const DAY: i64 = 24 * 60 * 60;

/// One task.
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) submission_id: String,
    /// The primary identity of the person who submitted it.
    pub(crate) owner: String,
    pub(crate) work: Work,
    pub(crate) label: Option<String>,
    /// Settings that the document merely repeats.
    pub(crate) settings: Map<String, Value>,
    pub(crate) skip_source_errors: bool,
    pub(crate) requested: i64,
    pub(crate) due: i64,
    pub(crate) trouble: Option<Trouble>,
    /// How much it is expected to move.
    pub(crate) expected: Amount,
    moved: Amount,
    pub(crate) end: Option<End>,
    events: Vec<Event>,
    log: Log,
}

/// How a task ended.
pub(crate) struct End {
    at: i64,
    succeeded: bool,
    /// Code and description of the fatal error.
    fatal: Option<(&'static str, &'static str)>,
}

/// Something that happened to a task.
struct Event {
    at: i64,
    code: &'static str,
    description: &'static str,
    details: String,
    is_error: bool,
}

/// Code and description of a refusal, as in events.
fn code_and_description(refusal: Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::NotFound => ("FILE_NOT_FOUND", "file not found"),
        Refusal::Denied => ("PERMISSION_DENIED", "permission denied"),
        Refusal::Exists => ("EXISTS", "already exists"),
        Refusal::NotAFolder => ("NOT_A_DIRECTORY", "not a directory"),
        Refusal::IsAFolder => ("IS_A_DIRECTORY", "is a directory"),
        Refusal::Full => ("NO_SPACE_LEFT", "no space left"),
    }
}

impl Task {
    /// A task that has not been accepted yet.
    pub(crate) fn new(id: String, submission_id: String, owner: String, work: Work) -> Self {
        Self {
            id,
            submission_id,
            owner,
            work,
            label: None,
            settings: Map::new(),
            skip_source_errors: false,
            requested: 0,
            due: NEVER,
            trouble: None,
            expected: Amount::default(),
            moved: Amount::default(),
            end: None,
            events: vec![],
            log: Log::default(),
        }
    }

    /// What it has moved and skipped.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.end.is_none()
    }

    /// Cancels it for its owner; false if it has already ended.
    pub(crate) fn cancel(&mut self, now: i64) -> bool {
        let under_way = self.is_under_way();
        if under_way {
            self.note(now, "CANCELED", "canceled", "Canceled by the task owner", true);
            self.end = Some(End { at: now, succeeded: false, fatal: Some(("CANCELED", "canceled")) });
        }
        under_way
    }

    pub(crate) fn note(
        &mut self,
        at: i64,
        code: &'static str,
        description: &'static str,
        details: &str,
        is_error: bool,
    ) {
        self.events.push(Event { at, code, description, details: details.into(), is_error });
    }

    pub(crate) fn run(&mut self, disks: &mut Disks, catalogue: &Catalogue, now: i64) {
        let outcome = match self.trouble {
            Some(Trouble::EndpointDenied) => Err(("PERMISSION_DENIED", "permission denied")),
            Some(Trouble::Domain) => Err(("LOGIN_DENIED", "login denied")),
            Some(Trouble::Unreachable) => Err(("CONNECT_FAILED", "connect failed")),
            _ => self.move_files(disks, catalogue, now / 1000).map_err(code_and_description),
        };
        let fatal = outcome.err();
        match fatal {
            None => self.note(now, "SUCCEEDED", "succeeded", "", false),
            Some((code, description)) => {
                let details = format!("Error ({description})\nServer: 198.51.100.7:443\nMessage: {description}");
                self.note(now, code, description, &details, true);
            }
        }
        self.end = Some(End { at: now, succeeded: fatal.is_none(), fatal });
    }

    fn move_files(&mut self, disks: &mut Disks, catalogue: &Catalogue, now: i64) -> Result<(), Refusal> {
        let find = |id: &str| catalogue.find(id).ok_or(Refusal::NotFound);
        let path = |collection, text: &str| absolute(collection, text).ok_or(Refusal::NotFound);
        match &self.work {
            Work::Transfer { source, destination, items } => {
                let (source, destination) = (find(source)?, find(destination)?);
                for item in items {
                    let what = match disks.of(source).read(&path(source, &item.from)?, item.recursive) {
                        Err(why @ (Refusal::NotFound | Refusal::Denied)) if self.skip_source_errors => {
                            self.log.skip(item, code_and_description(why).0, now);
                            continue;
                        }
                        read => read?,
                    };
                    let moved: Vec<(String, u64)> = what.files().take(self.log.room()).collect();
                    self.moved.add(disks.of(destination).write(&path(destination, &item.to)?, what, now)?);
                    self.log.moved(item, moved);
                }
            }
            Work::Delete { collection, paths, recursive, ignore_missing, globs } => {
                let collection = find(collection)?;
                for text in paths {
                    let disk = disks.of(collection);
                    let path = path(collection, text)?;
                    let matches = if *globs { disk.matches(&path)? } else { vec![path] };
                    if matches.is_empty() && !ignore_missing {
                        return Err(Refusal::NotFound);
                    }
                    for path in matches {
                        match disk.delete(&path, *recursive) {
                            Err(Refusal::NotFound) if *ignore_missing => {}
                            deleted => self.moved.add(deleted?),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn status(&self) -> &'static str {
        match (&self.end, self.trouble) {
            (Some(end), _) if end.succeeded => "SUCCEEDED",
            (Some(_), _) => "FAILED",
            (None, Some(Trouble::Inactive)) => "INACTIVE",
            (None, _) => "ACTIVE",
        }
    }

    /// How much has been moved at a time, with linear progress.
    fn progress(&self, now: i64) -> Amount {
        if self.end.is_some() || self.due == NEVER {
            return self.moved;
        }
        let (done, all) = ((now - self.requested).max(0), (self.due - self.requested).max(1));
        let part = |number: u64| {
            let done = u128::from(number) * u128::try_from(done).unwrap_or(0) / u128::try_from(all).unwrap_or(1);
            u64::try_from(done).unwrap_or(number)
        };
        let Amount { files, folders, bytes } = self.expected;
        Amount { files: part(files), folders, bytes: part(bytes) }
    }

    /// The task document.
    pub(crate) fn document(&self, catalogue: &Catalogue, now: i64) -> Map<String, Value> {
        let mut document = self.settings.clone();
        document.extend(self.facts(now));
        document.extend(self.counts(now));
        document.extend(self.health());
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
            ("fatal_error", json!(fatal.map(|(code, description)| json!({"code": code, "description": description})))),
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
        let faults = self.events.iter().filter(|event| event.is_error).count();
        members([
            ("bytes_checksummed", json!(0)),
            ("bytes_transferred", json!(moved.bytes)),
            ("directories", json!(self.expected.folders.max(moved.folders))),
            ("faults", json!(faults)),
            ("files", json!(self.expected.files.max(moved.files))),
            ("files_skipped", json!(self.log.skipped.len())),
            ("files_transferred", json!(transfer.then_some(moved.files))),
            ("subtasks_canceled", json!(0)),
            ("subtasks_expired", json!(0)),
            ("subtasks_failed", json!(failed)),
            ("subtasks_pending", json!(pending)),
            ("subtasks_retrying", json!(0)),
            ("subtasks_skipped_errors", json!(self.log.skipped.len())),
            ("subtasks_succeeded", json!(succeeded)),
            ("subtasks_total", json!(total)),
            ("symlinks", json!(0)),
            ("is_paused", json!(false)),
        ])
    }

    /// The `nice_status` members: null once the task has ended; the reason if it cannot continue.
    fn health(&self) -> Map<String, Value> {
        let nice = match (&self.end, self.trouble) {
            (Some(_), _) => None,
            (None, Some(Trouble::OffLine)) => Some(("GC_NOT_CONNECTED", "not connected")),
            (None, Some(Trouble::Inactive)) => Some(("AUTH", "credentials needed")),
            (None, _) => Some(("OK", "OK")),
        };
        members([
            ("is_ok", json!(nice.map(|(status, _)| status == "OK"))),
            ("nice_status", json!(nice.map(|(status, _)| status))),
            ("nice_status_details", Value::Null),
            ("nice_status_expires_in", json!(nice.map(|_| -1))),
            ("nice_status_short_description", json!(nice.map(|(_, words)| words))),
        ])
    }

    /// Its events, the latest first.
    pub(crate) fn events(&self) -> Vec<Map<String, Value>> {
        let document = |event: &Event| {
            members([
                ("DATA_TYPE", json!("event")),
                ("code", json!(event.code)),
                ("description", json!(event.description)),
                ("details", json!(event.details)),
                ("is_error", json!(event.is_error)),
                ("time", json!(moment::iso(event.at / 1000))),
            ])
        };
        self.events.iter().rev().map(document).collect()
    }
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}
