//! Files and folders, how many there are, and why an operation on them fails.

/// 2026-02-17T08:30:00Z: when most files were last written.
pub(crate) const WRITTEN: i64 = 1_771_317_000;
pub(crate) const HOUR: i64 = 3600;

/// A file, a folder or a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) folder: bool,
    pub(crate) size: u64,
    pub(crate) modified: i64,
    pub(crate) permissions: &'static str,
    /// Where a symbolic link leads.
    pub(crate) link: Option<&'static str>,
}

impl Entry {
    pub(crate) fn file(size: u64, modified: i64) -> Self {
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
        self.bytes = self.bytes.saturating_add(more.bytes);
    }

    pub(crate) fn count(&mut self, entry: &Entry) {
        if entry.folder {
            self.folders += 1;
        } else {
            self.files += 1;
            self.bytes = self.bytes.saturating_add(entry.size);
        }
    }
}
