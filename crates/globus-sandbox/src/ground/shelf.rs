//! A bounded map in memory: entries expire, and a new entry evicts the oldest when the map is full.

use std::collections::{HashMap, VecDeque};

/// Entries under random names, each with the time (Unix seconds) at which it expires.
pub(crate) struct Shelf<V> {
    room: usize,
    serial: u64,
    entries: HashMap<String, Entry<V>>,
    /// Names in insertion order. The serial number tells a name's current entry from one that it replaced.
    arrivals: VecDeque<(String, u64)>,
}

struct Entry<V> {
    serial: u64,
    expires: i64,
    value: V,
}

impl<V> Shelf<V> {
    pub(crate) fn with_room_for(room: usize) -> Self {
        Self { room, serial: 0, entries: HashMap::new(), arrivals: VecDeque::new() }
    }

    pub(crate) fn put(&mut self, name: String, value: V, expires: i64) {
        while self.entries.len() >= self.room {
            self.drop_oldest();
        }
        if self.arrivals.len() >= 2 * self.room {
            self.forget_departed();
        }
        self.serial += 1;
        let serial = self.serial;
        self.arrivals.push_back((name.clone(), serial));
        let entry = Entry { serial, expires, value };
        self.entries.insert(name, entry);
    }

    pub(crate) fn get(&self, name: &str, now: i64) -> Option<&V> {
        self.entries.get(name).filter(|entry| now < entry.expires).map(|entry| &entry.value)
    }

    pub(crate) fn get_mut(&mut self, name: &str, now: i64) -> Option<&mut V> {
        self.entries.get_mut(name).filter(|entry| now < entry.expires).map(|entry| &mut entry.value)
    }

    pub(crate) fn take(&mut self, name: &str, now: i64) -> Option<V> {
        self.entries.remove(name).filter(|entry| now < entry.expires).map(|entry| entry.value)
    }

    /// Gives an entry another expiry.
    pub(crate) fn prolong(&mut self, name: &str, expires: i64) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.expires = expires;
        }
    }

    /// All entries that have not expired, in no order.
    pub(crate) fn living(&self, now: i64) -> impl Iterator<Item = (&str, &V)> {
        let living = self.entries.iter().filter(move |(_, entry)| now < entry.expires);
        living.map(|(name, entry)| (name.as_str(), &entry.value))
    }

    pub(crate) fn keep_only(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.entries.retain(|_, entry| keep(&entry.value));
    }

    fn drop_oldest(&mut self) {
        let Some((name, serial)) = self.arrivals.pop_front() else {
            // Cannot happen, since every entry has an arrival; but a loop without end would be worse.
            self.entries.clear();
            return;
        };
        if self.entries.get(&name).is_some_and(|e| e.serial == serial) {
            self.entries.remove(&name);
        }
    }

    fn forget_departed(&mut self) {
        let entries = &self.entries;
        self.arrivals.retain(|(name, serial)| entries.get(name).is_some_and(|e| e.serial == *serial));
    }
}

#[cfg(test)]
mod tests {
    use super::Shelf;

    #[test]
    fn the_oldest_entry_makes_room() {
        let mut shelf = Shelf::with_room_for(2);
        for name in ["a", "b", "a", "c"] {
            shelf.put(name.into(), name, 10);
        }
        let held: Vec<_> = ["a", "b", "c"].map(|n| shelf.get(n, 0).is_some()).into();
        assert_eq!(held, [true, false, true]);
    }

    #[test]
    fn an_entry_is_gone_at_its_last_second() {
        let mut shelf = Shelf::with_room_for(1);
        shelf.put("a".into(), (), 10);
        assert!(shelf.get("a", 9).is_some());
        assert!(shelf.get("a", 10).is_none());
        assert!(shelf.take("a", 10).is_none());
    }

    #[test]
    fn arrivals_are_forgotten_with_their_entries() {
        let mut shelf = Shelf::with_room_for(3);
        for number in 0..100 {
            shelf.put(number.to_string(), number, 10);
            shelf.take(&number.to_string(), 0);
        }
        assert!(shelf.arrivals.len() <= 6);
    }
}
