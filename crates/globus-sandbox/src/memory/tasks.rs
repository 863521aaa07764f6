//! Tasks: transfers and deletions that run for a set time and then take effect at once ("Globus Transfer documentation",
//! Task Submission and Task Management).
//!
//! Nothing runs in the background. Each call of Transfer first brings all tasks up to date.

use crate::memory::task::NEVER;
use std::collections::VecDeque;

use crate::memory::disk::Disks;
use crate::memory::entry::Amount;
use crate::memory::mishaps::Mishap;
use crate::memory::pace::Pace;
use crate::memory::paths::absolute;
use crate::memory::task::Task;
use crate::memory::work::Work;
use crate::world::catalogue::Catalogue;
use crate::world::collections::Trouble;

/// How long tasks of a slow collection take, in milliseconds.
const SLOW_TIME: i64 = 3_600_000;
/// The most tasks; a new one removes the oldest.
const MAX_TASKS: usize = 500;

/// The state of Transfer: files and tasks.
#[derive(Default)]
pub(crate) struct TransferState {
    pub(crate) disks: Disks,
    tasks: VecDeque<Task>,
    /// How long tasks take that are accepted from now on.
    pub(crate) pace: Pace,
}

impl TransferState {
    /// Accepts a task. `now` is in Unix milliseconds.
    pub(crate) fn accept(&mut self, mut task: Task, catalogue: &Catalogue, now: i64) {
        let troubles: Vec<Trouble> =
            task.work.collections().iter().filter_map(|id| catalogue.find(id)?.trouble).collect();
        let is = |trouble| troubles.contains(&trouble);
        task.trouble = troubles.first().copied();
        task.expected = expected(&task.work, &mut self.disks, catalogue);
        let due = match task.work {
            _ if is(Trouble::Inactive) || is(Trouble::OffLine) || is(Trouble::Paused) => NEVER,
            _ if is(Trouble::Slow) => now + SLOW_TIME,
            _ => now + self.pace.of(&task.work, task.expected),
        };
        task.start(now, due);
        if self.tasks.len() >= MAX_TASKS {
            self.tasks.pop_front();
        }
        self.tasks.push_back(task);
    }

    /// Runs all tasks that are due.
    pub(crate) fn advance(&mut self, catalogue: &Catalogue, now: i64) {
        for task in &mut self.tasks {
            task.catch_up(now);
            if task.end.is_none() && task.due <= now {
                let at = task.due;
                task.run(&mut self.disks, catalogue, at);
            }
        }
    }

    /// Runs all tasks that are in progress; returns how many there were.
    pub(crate) fn finish(&mut self, catalogue: &Catalogue, now: i64) -> usize {
        let mut count = 0;
        for task in &mut self.tasks {
            if task.end.is_none() && task.due != NEVER {
                task.catch_up(now);
                task.due = now;
                count += 1;
            }
        }
        self.advance(catalogue, now);
        count
    }

    /// Lets something go wrong with a running task, or with all of them; returns with how many.
    pub(crate) fn suffer(&mut self, id: Option<&str>, mishap: Mishap, fatal: bool, now: i64) -> usize {
        let chosen = |task: &&mut Task| task.end.is_none() && id.is_none_or(|id| task.id == id);
        self.tasks.iter_mut().filter(chosen).map(|task| task.suffer(mishap, fatal, now)).count()
    }

    /// The tasks of a person, the latest first.
    pub(crate) fn tasks_of(&self, owner: &str) -> impl Iterator<Item = &Task> {
        self.tasks.iter().rev().filter(move |task| task.owner == owner)
    }

    pub(crate) fn task_mut(&mut self, owner: &str, id: &str) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.owner == owner && task.id == id)
    }
}

/// How much a task is to move or delete.
fn expected(work: &Work, disks: &mut Disks, catalogue: &Catalogue) -> Amount {
    let mut amount = Amount::default();
    match work {
        Work::Transfer { source, items, .. } => {
            let Some(source) = catalogue.find(source) else { return amount };
            for item in items {
                let path = absolute(source, &item.from);
                let found = path.and_then(|path| disks.of(source).read(&path, item.recursive).ok());
                amount.add(found.unwrap_or_default().amount());
            }
        }
        Work::Delete { collection, paths, recursive, globs: false, .. } => {
            let Some(collection) = catalogue.find(collection) else { return amount };
            for path in paths.iter().filter_map(|path| absolute(collection, path)) {
                amount.add(disks.of(collection).read(&path, *recursive).unwrap_or_default().amount());
            }
        }
        Work::Delete { .. } => {}
    }
    amount
}
