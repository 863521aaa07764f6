//! Names that are remembered until a given time, up to a bounded number.

use std::collections::{BTreeSet, HashMap, hash_map::Entry};

/// Names, each with the time until which it is remembered.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    until: HashMap<[u8; 32], i64>,
    by_time: BTreeSet<(i64, [u8; 32])>,
}

impl Remembered {
    pub(super) fn until(&self, name: [u8; 32]) -> Option<i64> {
        self.until.get(&name).copied()
    }

    /// Whether it was not there before.
    pub(super) fn insert(&mut self, name: [u8; 32], until: i64) -> bool {
        let Entry::Vacant(entry) = self.until.entry(name) else { return false };
        entry.insert(until);
        self.by_time.insert((until, name))
    }

    pub(super) fn remove(&mut self, name: [u8; 32]) {
        if let Some(until) = self.until.remove(&name) {
            self.by_time.remove(&(until, name));
        }
    }

    pub(super) fn forget_until(&mut self, time: i64) {
        while let Some((until, name)) = self.by_time.first().copied()
            && until <= time
        {
            self.remove(name);
        }
    }

    /// Forgets the oldest names if there are more than `bound`, and returns the time of the last one forgotten.
    pub(super) fn trim(&mut self, bound: u32) -> Option<i64> {
        let mut last = None;
        while self.until.len() > bound as usize
            && let Some((until, name)) = self.by_time.first().copied()
        {
            self.remove(name);
            last = Some(until);
        }
        last
    }
}
