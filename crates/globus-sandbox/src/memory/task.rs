//! One task: what it does, and how it gets on.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::memory::disk::Disks;
use crate::memory::entry::{Amount, Refusal};
use crate::memory::events::Events;
use crate::memory::mishaps::{self, Mishap};
use crate::memory::paths::absolute;
use crate::memory::task_log::Log;
use crate::memory::work::Work;
use crate::world::catalogue::Catalogue;
use crate::world::collections::Trouble;

/// A task that waits for its owner is never due.
pub(crate) const NEVER: i64 = i64::MAX;

/// How often a task reports progress on its way, but at least every minute.
const STEPS: i64 = 10;
const MINUTE: i64 = 60_000;
/// At which of them a bad connection breaks.
const BREAKS_AT: i64 = 3;

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
    pub(crate) moved: Amount,
    pub(crate) end: Option<End>,
    pub(crate) events: Events,
    pub(crate) log: Log,
    /// How often it reports progress, and how often it has done so.
    interval: i64,
    steps: i64,
    hitch: Option<Hitch>,
}

/// How a task ended.
pub(crate) struct End {
    pub(crate) at: i64,
    pub(crate) succeeded: bool,
    pub(crate) fatal: Option<Mishap>,
}

/// A fault that passes.
struct Hitch {
    mishap: Mishap,
    until: i64,
}

fn mishap_of(refusal: Refusal) -> Mishap {
    match refusal {
        Refusal::NotFound => mishaps::FILE_NOT_FOUND,
        Refusal::Denied => mishaps::PERMISSION_DENIED,
        Refusal::Exists => mishaps::EXISTS,
        Refusal::NotAFolder => mishaps::NOT_A_DIRECTORY,
        Refusal::IsAFolder => mishaps::IS_A_DIRECTORY,
        Refusal::Full => mishaps::NO_SPACE_LEFT,
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
            events: Events::default(),
            log: Log::default(),
            interval: MINUTE,
            steps: 0,
            hitch: None,
        }
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.end.is_none()
    }

    /// Begins; `due` is when it ends.
    pub(crate) fn start(&mut self, now: i64, due: i64) {
        (self.requested, self.due) = (now, due);
        self.interval = (due.saturating_sub(now) / STEPS).clamp(1, MINUTE);
        let details = "{\"concurrency\": 2, \"parallelism\": 4, \"pipelining\": 20}";
        self.events.note(now, "STARTED", "started", details);
    }

    /// Cancels it for its owner; false if it has already ended.
    pub(crate) fn cancel(&mut self, now: i64) -> bool {
        let under_way = self.is_under_way();
        if under_way {
            self.events.note_mishap(now, mishaps::CANCELED, "Canceled by the task owner");
            self.end = Some(End { at: now, succeeded: false, fatal: Some(mishaps::CANCELED) });
        }
        under_way
    }

    /// Something goes wrong: it ends, or tries again and says so until its next progress.
    pub(crate) fn suffer(&mut self, mishap: Mishap, fatal: bool, now: i64) {
        self.events.note_mishap(now, mishap, &mishap.details());
        if fatal {
            self.end = Some(End { at: now, succeeded: false, fatal: Some(mishap) });
        } else {
            let until = if self.due == NEVER { NEVER } else { self.time_of(self.steps + 1) };
            self.hitch = Some(Hitch { mishap, until });
        }
    }

    /// What keeps it from going on at the moment.
    pub(crate) fn hitch(&self, now: i64) -> Option<Mishap> {
        self.hitch.as_ref().filter(|hitch| now < hitch.until).map(|hitch| hitch.mishap)
    }

    fn time_of(&self, step: i64) -> i64 {
        self.requested.saturating_add(step.saturating_mul(self.interval))
    }

    /// Notes what happened on the way until now.
    pub(crate) fn catch_up(&mut self, now: i64) {
        while self.end.is_none() && self.due != NEVER {
            let next = self.time_of(self.steps + 1);
            if next > now || next >= self.due {
                return;
            }
            self.steps += 1;
            if self.steps == BREAKS_AT && self.is_to_break() {
                self.suffer(mishaps::CONNECTION_RESET, false, next);
            } else if matches!(self.work, Work::Transfer { .. }) {
                self.report(next);
            }
        }
    }

    /// Whether its connection has yet to break.
    fn is_to_break(&self) -> bool {
        self.trouble == Some(Trouble::Flaky) && self.events.errors() == 0
    }

    fn report(&mut self, at: i64) {
        let bytes = self.progress(at).bytes - self.progress(at - self.interval).bytes;
        let (bits, milliseconds) = (bytes.saturating_mul(8), u64::try_from(self.interval).unwrap_or(1));
        let details = json!({
            "bytes_transferred": bytes,
            "duration": Duration::from_millis(milliseconds).as_secs_f64(),
            "mbps": bits / milliseconds / 1_000,
        });
        self.events.note(at, "PROGRESS", "progress", &details.to_string());
    }

    pub(crate) fn run(&mut self, disks: &mut Disks, catalogue: &Catalogue, now: i64) {
        if self.is_to_break() {
            self.suffer(mishaps::CONNECTION_RESET, false, now);
        }
        let outcome = match self.trouble {
            Some(Trouble::EndpointDenied) => Err(mishaps::PERMISSION_DENIED),
            Some(Trouble::Domain | Trouble::Mfa) => Err(mishaps::LOGIN_DENIED),
            Some(Trouble::Unreachable) => Err(mishaps::CONNECT_FAILED),
            _ => self.move_files(disks, catalogue, now / 1000).map_err(mishap_of),
        };
        match outcome {
            Err(mishap) => self.suffer(mishap, true, now),
            Ok(()) => {
                self.events.note(now, "SUCCEEDED", "succeeded", "");
                self.end = Some(End { at: now, succeeded: true, fatal: None });
            }
        }
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
                            self.log.skip(item, mishap_of(why).code, now);
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

    /// How much has been moved at a time, with linear progress.
    pub(crate) fn progress(&self, now: i64) -> Amount {
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
}
