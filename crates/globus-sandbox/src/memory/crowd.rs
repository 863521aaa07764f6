//! The files of a folder that has very many: `file-000001.dat` and so on. Only which of them are gone is kept; names and
//! sizes follow from their numbers.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::memory::entry::{Amount, Entry, HOUR, WRITTEN};

/// The most files of one crowd: what Transfer lists of one folder.
pub(crate) const MOST: u32 = 100_000;
const NAME: usize = "file-000001.dat".len();
/// So many files were written at the same time.
const BATCH: u32 = 100;

/// All names, one after the other, made on first use.
static NAMES: LazyLock<String> = LazyLock::new(|| {
    let mut names = String::with_capacity(NAME * MOST as usize);
    for number in 1..=MOST {
        names.push_str(&format!("file-{number:06}.dat"));
    }
    names
});

/// Files with the numbers from 1 to `count`, without those that are gone.
#[derive(Clone)]
pub(crate) struct Crowd {
    count: u32,
    bytes: u64,
    gone: BTreeSet<u32>,
}

impl Crowd {
    pub(crate) fn new(count: u32) -> Self {
        let count = count.min(MOST);
        Self { count, bytes: (1..=count).map(size).sum(), gone: BTreeSet::new() }
    }

    /// The number of a file that is there.
    fn number(&self, name: &str) -> Option<u32> {
        let digits = name.strip_prefix("file-")?.strip_suffix(".dat")?;
        let number = digits.parse().ok().filter(|_| name.len() == NAME && !digits.starts_with('+'))?;
        self.has(number).then_some(number)
    }

    fn has(&self, number: u32) -> bool {
        (1..=self.count).contains(&number) && !self.gone.contains(&number)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Entry> {
        self.number(name).map(entry)
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Entry> {
        let number = self.number(name)?;
        self.gone.insert(number);
        self.bytes -= size(number);
        Some(entry(number))
    }

    /// Its files, by name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, Entry)> {
        let none_gone = self.gone.is_empty();
        let there = move |number: &u32| none_gone || !self.gone.contains(number);
        (1..=self.count).filter(there).map(|number| (name(number), entry(number)))
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount { files: u64::from(self.count) - self.gone.len() as u64, folders: 0, bytes: self.bytes }
    }

    /// Puts the files of another one into this one.
    pub(crate) fn merge(&mut self, other: &Self) {
        let (more, fewer) = if other.count > self.count { (other, &*self) } else { (&*self, other) };
        let gone: BTreeSet<u32> = more.gone.iter().copied().filter(|number| !fewer.has(*number)).collect();
        let count = more.count;
        let bytes = (1..=count).filter(|number| !gone.contains(number)).map(size).sum();
        *self = Self { count, bytes, gone };
    }
}

fn name(number: u32) -> &'static str {
    let end = number as usize * NAME;
    NAMES.get(end.saturating_sub(NAME)..end).unwrap_or_default()
}

/// From 1 byte to almost 1 MB, in no order.
fn size(number: u32) -> u64 {
    1 + u64::from(number) * 7_919 % 999_983
}

fn entry(number: u32) -> Entry {
    Entry::file(size(number), WRITTEN - i64::from(number / BATCH) * HOUR)
}

#[cfg(test)]
mod tests {
    use super::Crowd;

    #[test]
    fn files_that_are_gone_are_neither_found_nor_counted() {
        let mut crowd = Crowd::new(3);
        let all = crowd.amount();
        assert!(crowd.get("file-000000.dat").is_none() && crowd.get("file-000004.dat").is_none());
        assert!(crowd.get("file-3.dat").is_none() && crowd.get("file-+00001.dat").is_none());
        let gone = crowd.remove("file-000002.dat").unwrap();
        assert!(crowd.remove("file-000002.dat").is_none());
        assert_eq!(crowd.files().map(|(name, _)| name).collect::<Vec<_>>(), ["file-000001.dat", "file-000003.dat"]);
        assert_eq!((crowd.amount().files, crowd.amount().bytes), (2, all.bytes - gone.size));
    }

    #[test]
    fn a_merged_crowd_has_the_files_of_both() {
        for (here, there) in [(3, 5), (5, 3)] {
            let (mut crowd, mut other) = (Crowd::new(here), Crowd::new(there));
            for both in ["file-000001.dat", "file-000002.dat"] {
                crowd.remove(both);
            }
            other.remove("file-000001.dat");
            crowd.merge(&other);
            assert_eq!(crowd.amount().files, 4);
            assert!(crowd.get("file-000001.dat").is_none() && crowd.get("file-000005.dat").is_some());
        }
    }
}
