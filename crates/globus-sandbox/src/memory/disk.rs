//! The files of collections: a small, realistic tree for each, in memory, created on first access.

use std::collections::{BTreeMap, HashMap};

use crate::ground::patterns::fits;
use crate::world::collections::{Collection, Kind};

/// The most entries of one tree.
const MAX_ENTRIES: usize = 2_000;
const MAX_PATH: usize = 1_000;
/// What most file systems allow for one name.
const MAX_NAME: usize = 255;

/// 2026-02-17T08:30:00Z: when most files were last written.
const WRITTEN: i64 = 1_771_317_000;
const HOUR: i64 = 3600;

/// A file, a folder or a link.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) folder: bool,
    pub(crate) size: u64,
    pub(crate) modified: i64,
    pub(crate) permissions: &'static str,
    /// Where a symbolic link leads.
    pub(crate) link: Option<&'static str>,
}

impl Entry {
    fn file(size: u64, modified: i64) -> Self {
        Self { folder: false, size, modified, permissions: "0644", link: None }
    }

    pub(crate) fn folder(modified: i64) -> Self {
        Self { folder: true, size: 4096, modified, permissions: "0755", link: None }
    }
}

/// Why an operation on a tree fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotFound,
    Exists,
    NotAFolder,
    /// A folder where a file is required, or the root.
    IsAFolder,
    Denied,
    Full,
}

/// How much was copied or deleted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount {
    pub(crate) files: u64,
    pub(crate) folders: u64,
    pub(crate) bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, more: Self) {
        self.files += more.files;
        self.folders += more.folders;
        self.bytes += more.bytes;
    }

    pub(crate) fn count(&mut self, entry: &Entry) {
        if entry.folder {
            self.folders += 1;
        } else {
            self.files += 1;
            self.bytes += entry.size;
        }
    }
}

/// The files of one collection, by absolute path without a trailing slash; the root is `/`.
#[derive(Clone)]
pub(crate) struct Tree(BTreeMap<String, Entry>);

/// The trees that have been accessed: at most one for each collection.
#[derive(Default)]
pub(crate) struct Disks(HashMap<String, Tree>);

impl Disks {
    pub(crate) fn of(&mut self, collection: &Collection) -> &mut Tree {
        self.0.entry(collection.id.clone()).or_insert_with(|| Tree::usual(collection))
    }
}

/// The folder that `~` and `{server_default}` mean.
pub(crate) fn home(collection: &Collection) -> &'static str {
    if collection.kind.is_guest() { "/" } else { "/home/researcher" }
}

/// A path in the form of the tree; `None` if it is invalid.
pub(crate) fn absolute(collection: &Collection, text: &str) -> Option<String> {
    if text.len() > MAX_PATH || text.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    let relative = match text {
        _ if text.starts_with("/~/") || text == "/~" => &text[2..],
        _ if text.starts_with("~/") || text == "~" => &text[1..],
        _ => text.strip_prefix("/{server_default}").unwrap_or(text),
    };
    if relative.len() < text.len() || !text.starts_with('/') {
        parts.extend(home(collection).split('/'));
    }
    for part in relative.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            _ if part.len() > MAX_NAME => return None,
            _ => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    Some(format!("/{}", parts.join("/")))
}

/// The folder above a path; none above the root.
fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        _ if path == "/" => None,
        Some(("", _)) => Some("/"),
        Some((above, _)) => Some(above),
        None => None,
    }
}

/// The last part of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The prefix of all paths inside a folder.
fn inside(folder: &str) -> String {
    if folder == "/" { "/".into() } else { format!("{folder}/") }
}

/// Whether a path is the denied folder, or inside it.
fn is_denied(path: &str) -> bool {
    path.split('/').any(|part| part == "restricted")
}

impl Tree {
    /// The tree that every collection starts with.
    fn usual(collection: &Collection) -> Self {
        let mut tree = Self(BTreeMap::from([("/".into(), Entry::folder(WRITTEN))]));
        let home = home(collection);
        for (name, size) in [
            ("README.txt", 1_204),
            (".hidden-settings", 310),
            ("file with spaces & umlauts äöü.txt", 77),
            ("<img src=x onerror=alert(1)>.txt", 12),
            ("data/frames.h5", 2_147_483_648),
            ("data/notes.txt", 2_048),
            ("data/raw/run-1.dat", 734_003_200),
            ("data/raw/run-2.dat", 734_003_201),
            ("results/summary.csv", 48_230),
            ("results/figures/overview.png", 912_044),
            ("restricted/secret.txt", 9),
        ] {
            tree.add_with_folders(&format!("{}{name}", inside(home)), size);
        }
        for number in 1..=250 {
            tree.add_with_folders(&format!("{}many/frame-{number:04}.tif", inside(home)), 8_388_608 + number);
        }
        if let Some(readme) = tree.0.get(&format!("{}README.txt", inside(home))).cloned() {
            let link = Entry { link: Some("README.txt"), ..readme };
            tree.0.insert(format!("{}latest", inside(home)), link);
        }
        if let Some(entry) = tree.0.get_mut(&format!("{}restricted", inside(home))) {
            entry.permissions = "0700";
        }
        if collection.kind != Kind::Personal && !collection.kind.is_guest() {
            tree.add_with_folders("/scratch/tmp.dat", 1_048_576);
        }
        tree
    }

    /// Each file is an hour older than the one before it.
    fn add_with_folders(&mut self, path: &str, size: u64) {
        let age = i64::try_from(self.0.len()).unwrap_or_default() * HOUR;
        for (end, _) in path.match_indices('/').skip(1) {
            self.0.entry(path[..end].to_owned()).or_insert(Entry::folder(WRITTEN - age));
        }
        self.0.insert(path.to_owned(), Entry::file(size, WRITTEN - age));
    }

    /// One entry. The denied folder itself is visible.
    pub(crate) fn get(&self, path: &str) -> Result<&Entry, Refusal> {
        if parent(path).is_some_and(is_denied) {
            return Err(Refusal::Denied);
        }
        self.0.get(path).ok_or(Refusal::NotFound)
    }

    /// What is in a folder, by name.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<(&str, &Entry)>, Refusal> {
        let entry = self.get(path)?;
        if is_denied(path) {
            return Err(Refusal::Denied);
        }
        if !entry.folder {
            return Err(Refusal::NotAFolder);
        }
        let start = inside(path);
        let direct = |rest: &&str| !rest.is_empty() && !rest.contains('/');
        Ok(self
            .below(&start)
            .filter_map(|(known, entry)| known.strip_prefix(start.as_str()).filter(direct).map(|name| (name, entry)))
            .collect())
    }

    /// All entries whose path has this prefix.
    fn below<'a, 's>(&'a self, start: &'s str) -> impl Iterator<Item = (&'a String, &'a Entry)> + use<'a, 's> {
        self.0.range(start.to_owned()..).take_while(move |(path, _)| path.starts_with(start))
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

    fn put(&mut self, path: &str, entry: Entry) -> Result<(), Refusal> {
        if path.len() > MAX_PATH || self.0.len() >= MAX_ENTRIES && !self.0.contains_key(path) {
            return Err(Refusal::Full);
        }
        self.0.insert(path.to_owned(), entry);
        Ok(())
    }

    /// Moves a file, or a folder with its contents.
    pub(crate) fn rename(&mut self, old: &str, new: &str) -> Result<(), Refusal> {
        self.get(old)?;
        if old == "/" || inside(new).starts_with(&inside(old)) {
            return Err(Refusal::IsAFolder);
        }
        self.check_new(new)?;
        // Renaming must not make paths grow without limit.
        let longest = self.below(&inside(old)).map(|(path, _)| path.len()).max().unwrap_or(old.len());
        if new.len() + longest - old.len() > MAX_PATH {
            return Err(Refusal::Full);
        }
        for (path, entry) in self.cut(old) {
            self.0.insert(format!("{new}{}", &path[old.len()..]), entry);
        }
        Ok(())
    }

    /// Removes an entry with its contents.
    fn cut(&mut self, path: &str) -> Vec<(String, Entry)> {
        let start = inside(path);
        let gone: Vec<String> = self.below(&start).map(|(path, _)| path.clone()).chain([path.to_owned()]).collect();
        gone.into_iter().filter_map(|path| self.0.remove_entry(&path)).collect()
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
        let mut amount = Amount::default();
        self.cut(path).iter().for_each(|(_, entry)| amount.count(entry));
        Ok(amount)
    }

    /// What a transfer of this path would move: paths relative to it, each folder before its contents.
    pub(crate) fn read(&self, path: &str, recursive: bool) -> Result<Vec<(String, Entry)>, Refusal> {
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
        let all = self.below(&start).filter(|(path, _)| path.as_str() != "/" && !parent(path).is_some_and(is_denied));
        let within = all.map(|(known, entry)| (format!("/{}", &known[start.len()..]), entry.clone()));
        Ok([(String::new(), entry.clone())].into_iter().chain(within).collect())
    }

    /// Writes what was read; creates missing parent folders, as Transfer does.
    pub(crate) fn write(&mut self, path: &str, what: Vec<(String, Entry)>, now: i64) -> Result<Amount, Refusal> {
        if is_denied(path) {
            return Err(Refusal::Denied);
        }
        for (end, _) in path.match_indices('/').skip(1) {
            match self.0.get(&path[..end]) {
                Some(entry) if !entry.folder => return Err(Refusal::NotAFolder),
                Some(_) => {}
                None => self.put(&path[..end], Entry::folder(now))?,
            }
        }
        let mut amount = Amount::default();
        let base = if path == "/" { "" } else { path };
        for (relative, entry) in what {
            let target = format!("{base}{relative}");
            let target = if target.is_empty() { "/" } else { &target };
            if self.0.get(target).is_some_and(|known| known.folder != entry.folder) {
                return Err(if entry.folder { Refusal::NotAFolder } else { Refusal::IsAFolder });
            }
            amount.count(&entry);
            self.put(target, Entry { modified: now, link: None, ..entry })?;
        }
        Ok(amount)
    }
}
