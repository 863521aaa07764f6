//! What a task is to do.

/// What a task does, by ids of collections.
pub(crate) enum Work {
    Transfer { source: String, destination: String, items: Vec<Item> },
    Delete { collection: String, paths: Vec<String>, recursive: bool, ignore_missing: bool, globs: bool },
}

/// One file or folder to move.
pub(crate) struct Item {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) recursive: bool,
}

impl Work {
    /// The collections that it involves.
    pub(crate) fn collections(&self) -> Vec<&str> {
        match self {
            Self::Transfer { source, destination, .. } => vec![source, destination],
            Self::Delete { collection, .. } => vec![collection],
        }
    }
}
