//! The files of one collection.

use std::collections::BTreeMap;

use crate::ground::patterns::fits;
use crate::memory::crowd::Crowd;
use crate::memory::entry::{Amount, Entry, HOUR, Refusal, WRITTEN};
use crate::memory::paths::{MAX_PATH, inside, is_denied, name, parent};

/// The most entries that visitors add to one tree.
const MAX_ADDED: usize = 2_000;
/// The most folders with crowds of files in one tree.
const MAX_CROWDS: usize = 20;

/// The files of one collection, by path.
pub(crate) struct Tree {
    entries: BTreeMap<String, Entry>,
    /// What else is in some folders, by their paths. No name is both here and among the entries.
    crowds: BTreeMap<String, Crowd>,
    /// How many entries it began with.
    built_in: usize,
}

/// Files and folders that are copied or removed: paths relative to one of them, each folder before its contents.
#[derive(Default)]
pub(crate) struct Load {
    entries: Vec<(String, Entry)>,
    crowds: Vec<(String, Crowd)>,
}

impl Load {
    pub(crate) fn amount(&self) -> Amount {
        let mut amount = Amount::default();
        self.entries.iter().for_each(|(_, entry)| amount.count(entry));
        self.crowds.iter().for_each(|(_, crowd)| amount.add(crowd.amount()));
        amount
    }

    /// Paths and sizes of its files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (String, u64)> {
        let single = self.entries.iter().filter(|(_, entry)| !entry.folder);
        let crowded = self.crowds.iter().flat_map(|(folder, crowd)| {
            crowd.files().map(move |(name, entry)| (format!("{folder}/{name}"), entry.size))
        });
        single.map(|(path, entry)| (path.clone(), entry.size)).chain(crowded)
    }
}

impl Tree {
    /// A tree with nothing in it.
    pub(crate) fn empty() -> Self {
        let entries = BTreeMap::from([("/".into(), Entry::folder(WRITTEN))]);
        Self { entries, crowds: BTreeMap::new(), built_in: 0 }
    }

    /// From now on entries count as added.
    pub(crate) fn finished(mut self) -> Self {
        self.built_in = self.entries.len();
        self
    }

    /// Adds a file, and the folders above it. Each file is an hour older than the one before it.
    pub(crate) fn build(&mut self, path: &str, size: u64) {
        let age = self.build_folders(path);
        self.entries.insert(path.to_owned(), Entry::file(size, WRITTEN - age));
    }

    /// Adds a folder, and the folders above it.
    pub(crate) fn build_folder(&mut self, path: &str) {
        let age = self.build_folders(path);
        self.entries.insert(path.to_owned(), Entry::folder(WRITTEN - age));
    }

    fn build_folders(&mut self, path: &str) -> i64 {
        let age = i64::try_from(self.entries.len()).unwrap_or_default() * HOUR;
        for (end, _) in path.match_indices('/').skip(1) {
            self.entries.entry(path[..end].to_owned()).or_insert(Entry::folder(WRITTEN - age));
        }
        age
    }

    /// Adds a folder with very many files.
    pub(crate) fn build_crowd(&mut self, path: &str, count: u32) {
        self.build_folder(path);
        self.crowds.insert(path.to_owned(), Crowd::new(count));
    }

    /// Changes an entry that has been built.
    pub(crate) fn adjust(&mut self, path: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(path) {
            change(entry);
        }
    }

    /// Adds a link beside the file that it leads to.
    pub(crate) fn build_link(&mut self, path: &str, target: &'static str) {
        let file = parent(path).and_then(|folder| self.entries.get(&format!("{}{target}", inside(folder))));
        if let Some(entry) = file.copied() {
            self.entries.insert(path.to_owned(), Entry { link: Some(target), ..entry });
        }
    }

    /// One entry. The denied folder itself is visible.
    pub(crate) fn get(&self, path: &str) -> Result<Entry, Refusal> {
        if parent(path).is_some_and(is_denied) {
            return Err(Refusal::Denied);
        }
        self.find(path).ok_or(Refusal::NotFound)
    }

    fn find(&self, path: &str) -> Option<Entry> {
        let crowded = || self.crowds.get(parent(path)?)?.get(name(path));
        self.entries.get(path).copied().or_else(crowded)
    }

    /// What is in a folder: crowds after all else.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<(&str, Entry)>, Refusal> {
        let entry = self.get(path)?;
        if is_denied(path) {
            return Err(Refusal::Denied);
        }
        if !entry.folder {
            return Err(Refusal::NotAFolder);
        }
        let start = inside(path);
        let direct = |rest: &&str| !rest.is_empty() && !rest.contains('/');
        let mut all: Vec<(&str, Entry)> = below(&self.entries, &start)
            .filter_map(|(known, entry)| known.strip_prefix(start.as_str()).filter(direct).map(|name| (name, *entry)))
            .collect();
        if let Some(crowd) = self.crowds.get(path) {
            for (name, entry) in crowd.files() {
                all.push((name, entry));
            }
        }
        Ok(all)
    }

    /// The paths that match a path with `*` or `?` in its last part; the path itself if it has neither.
    pub(crate) fn matches(&self, path: &str) -> Result<Vec<String>, Refusal> {
        let (pattern, Some(folder)) = (name(path), parent(path)) else {
            return Ok(vec![path.to_owned()]);
        };
        if !pattern.contains(['*', '?']) {
            return Ok(vec![path.to_owned()]);
        }
        match self.list(folder) {
            Err(Refusal::NotFound) => Ok(vec![]),
            // As in a shell, a star does not match hidden files.
            found => {
                let fit = |name: &str| fits(name, pattern) && (pattern.starts_with('.') || !name.starts_with('.'));
                let names = found?.into_iter().map(|(name, _)| name).filter(|name| fit(name));
                Ok(names.map(|name| format!("{}{name}", inside(folder))).collect())
            }
        }
    }

    pub(crate) fn make_folder(&mut self, path: &str, now: i64) -> Result<(), Refusal> {
        self.check_new(path)?;
        self.put(path, Entry::folder(now))
    }

    /// The path must be free, and its folder must exist.
    fn check_new(&self, path: &str) -> Result<(), Refusal> {
        match self.get(path) {
            Ok(_) => return Err(Refusal::Exists),
            Err(Refusal::NotFound) => {}
            Err(refusal) => return Err(refusal),
        }
        let above = self.get(parent(path).ok_or(Refusal::Exists)?)?;
        if above.folder { Ok(()) } else { Err(Refusal::NotAFolder) }
    }

    /// Adds or replaces an entry.
    fn put(&mut self, path: &str, entry: Entry) -> Result<(), Refusal> {
        let is_full = self.entries.len() >= self.built_in + MAX_ADDED;
        if path.len() > MAX_PATH || is_full && !self.entries.contains_key(path) {
            return Err(Refusal::Full);
        }
        if let Some(crowd) = parent(path).and_then(|folder| self.crowds.get_mut(folder)) {
            crowd.remove(name(path));
        }
        self.entries.insert(path.to_owned(), entry);
        Ok(())
    }

    /// Adds a crowd to a folder; what has a name of its own there stays.
    fn put_crowd(&mut self, folder: &str, mut crowd: Crowd) -> Result<(), Refusal> {
        let start = inside(folder);
        for (path, _) in below(&self.entries, &start) {
            crowd.remove(&path[start.len()..]);
        }
        let is_full = self.crowds.len() >= MAX_CROWDS;
        match self.crowds.get_mut(folder) {
            Some(there) => there.merge(&crowd),
            None if is_full => return Err(Refusal::Full),
            None => drop(self.crowds.insert(folder.to_owned(), crowd)),
        }
        Ok(())
    }

    /// Moves a file, or a folder with its contents.
    pub(crate) fn rename(&mut self, old: &str, new: &str) -> Result<(), Refusal> {
        let entry = self.get(old)?;
        if old == "/" || inside(new).starts_with(&inside(old)) {
            return Err(Refusal::IsAFolder);
        }
        self.check_new(new)?;
        if !self.entries.contains_key(old) {
            self.put(new, entry)?;
            self.cut(old);
            return Ok(());
        }
        // Renaming must not make paths grow without limit.
        let longest = below(&self.entries, &inside(old)).map(|(path, _)| path.len()).max().unwrap_or(old.len());
        if new.len() + longest - old.len() > MAX_PATH {
            return Err(Refusal::Full);
        }
        let Load { entries, crowds } = self.cut(old);
        self.entries.extend(entries.into_iter().map(|(path, entry)| (format!("{new}{path}"), entry)));
        self.crowds.extend(crowds.into_iter().map(|(path, crowd)| (format!("{new}{path}"), crowd)));
        Ok(())
    }

    /// Removes an entry with its contents.
    fn cut(&mut self, path: &str) -> Load {
        let mut load = Load::default();
        if let Some(entry) = parent(path).and_then(|folder| self.crowds.get_mut(folder)?.remove(name(path))) {
            load.entries.push((String::new(), entry));
        }
        for path_of_entry in paths_of(&self.entries, path) {
            let entry = self.entries.remove(&path_of_entry);
            load.entries.extend(entry.map(|entry| (path_of_entry[path.len()..].to_owned(), entry)));
        }
        for folder in paths_of(&self.crowds, path) {
            let crowd = self.crowds.remove(&folder);
            load.crowds.extend(crowd.map(|crowd| (folder[path.len()..].to_owned(), crowd)));
        }
        load
    }

    /// Deletes a file, or with `recursive` a folder.
    pub(crate) fn delete(&mut self, path: &str, recursive: bool) -> Result<Amount, Refusal> {
        let entry = self.get(path)?;
        if path == "/" || entry.folder && !recursive {
            return Err(Refusal::IsAFolder);
        }
        if is_denied(path) {
            return Err(Refusal::Denied);
        }
        Ok(self.cut(path).amount())
    }

    /// What a transfer of this path would move.
    pub(crate) fn read(&self, path: &str, recursive: bool) -> Result<Load, Refusal> {
        let entry = self.get(path)?;
        if is_denied(path) {
            return Err(Refusal::Denied);
        }
        if entry.folder && !recursive {
            return Err(Refusal::IsAFolder);
        }
        if !entry.folder && recursive {
            return Err(Refusal::NotAFolder);
        }
        let start = inside(path);
        let readable = |path: &str| path != "/" && !parent(path).is_some_and(is_denied);
        let relative = |known: &str| format!("/{}", &known[start.len()..]);
        let within = below(&self.entries, &start).filter(|(path, _)| readable(path));
        let entries = within.map(|(known, entry)| (relative(known), *entry));
        let own = self.crowds.get(path).map(|crowd| (String::new(), crowd.clone()));
        let deeper = below(&self.crowds, &start).filter(|(path, _)| readable(path) && !is_denied(path));
        let deeper = deeper.map(|(folder, crowd)| (relative(folder), crowd.clone()));
        Ok(Load {
            entries: [(String::new(), entry)].into_iter().chain(entries).collect(),
            crowds: own.into_iter().chain(deeper).collect(),
        })
    }

    /// Writes what was read; creates missing parent folders, as Transfer does.
    pub(crate) fn write(&mut self, path: &str, what: Load, now: i64) -> Result<Amount, Refusal> {
        if is_denied(path) {
            return Err(Refusal::Denied);
        }
        for (end, _) in path.match_indices('/').skip(1) {
            match self.find(&path[..end]) {
                Some(entry) if !entry.folder => return Err(Refusal::NotAFolder),
                Some(_) => {}
                None => self.put(&path[..end], Entry::folder(now))?,
            }
        }
        let amount = what.amount();
        let base = if path == "/" { "" } else { path };
        let target = |relative: &str| match format!("{base}{relative}") {
            target if target.is_empty() => "/".to_owned(),
            target => target,
        };
        for (relative, entry) in what.entries {
            let target = target(&relative);
            if self.find(&target).is_some_and(|known| known.folder != entry.folder) {
                return Err(if entry.folder { Refusal::NotAFolder } else { Refusal::IsAFolder });
            }
            self.put(&target, Entry { modified: now, link: None, ..entry })?;
        }
        what.crowds.into_iter().try_for_each(|(relative, crowd)| self.put_crowd(&target(&relative), crowd))?;
        Ok(amount)
    }
}

/// All whose path has this prefix.
fn below<'a, 's, T>(
    all: &'a BTreeMap<String, T>,
    start: &'s str,
) -> impl Iterator<Item = (&'a String, &'a T)> + use<'a, 's, T> {
    all.range(start.to_owned()..).take_while(move |(path, _)| path.starts_with(start))
}

/// A path and all paths below it, if they are there.
fn paths_of<T>(all: &BTreeMap<String, T>, path: &str) -> Vec<String> {
    let start = inside(path);
    let own = all.contains_key(path).then(|| path.to_owned());
    own.into_iter().chain(below(all, &start).map(|(path, _)| path.clone())).collect()
}
