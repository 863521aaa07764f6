//! The files that a task transferred and skipped.

use serde_json::{Value, json};

use crate::ground::moment;
use crate::memory::work::Item;

/// The most entries of each kind that a task keeps.
const MAX_ENTRIES: usize = 1_000;

/// The files of one task.
#[derive(Default)]
pub(crate) struct Log {
    moved: Vec<Moved>,
    pub(crate) skipped: Vec<Skipped>,
}

struct Moved {
    from: String,
    to: String,
    size: u64,
}

/// An item that the task skipped because its source could not be read.
pub(crate) struct Skipped {
    from: String,
    to: String,
    code: &'static str,
    at: i64,
    folder: bool,
}

impl Log {
    /// Records the transferred files of an item, by their paths below it.
    pub(crate) fn moved(&mut self, item: &Item, files: Vec<(String, u64)>) {
        self.moved.extend(files.into_iter().map(|(path, size)| Moved {
            from: below(&item.from, &path),
            to: below(&item.to, &path),
            size,
        }));
    }

    /// How many more transferred files it keeps.
    pub(crate) fn room(&self) -> usize {
        MAX_ENTRIES.saturating_sub(self.moved.len())
    }

    pub(crate) fn skip(&mut self, item: &Item, code: &'static str, at: i64) {
        if self.skipped.len() < MAX_ENTRIES {
            let (from, to) = (item.from.clone(), item.to.clone());
            self.skipped.push(Skipped { from, to, code, at, folder: item.recursive });
        }
    }

    /// Documents of `successful_transfers`.
    pub(crate) fn moved_documents(&self) -> Vec<Value> {
        let document = |moved: &Moved| {
            json!({
                "DATA_TYPE": "successful_transfer",
                "checksum": null,
                "checksum_algorithm": null,
                "destination_path": moved.to,
                "dynamic": false,
                "size": moved.size,
                "source_path": moved.from,
            })
        };
        self.moved.iter().map(document).collect()
    }

    /// Documents of `skipped_errors`.
    pub(crate) fn skipped_documents(&self) -> Vec<Value> {
        let document = |skipped: &Skipped| {
            json!({
                "DATA_TYPE": "skipped_error",
                "checksum_algorithm": null,
                "destination_path": skipped.to,
                "error_code": skipped.code,
                "error_details": format!("Error ({})", skipped.code.to_lowercase().replace('_', " ")),
                "error_time": moment::iso(skipped.at),
                "external_checksum": null,
                "is_delete_destination_extra": false,
                "is_directory": skipped.folder,
                "is_symlink": false,
                "source_path": skipped.from,
            })
        };
        self.skipped.iter().map(document).collect()
    }
}

fn below(folder: &str, path: &str) -> String {
    if path.is_empty() { folder.to_owned() } else { format!("{}{path}", folder.trim_end_matches('/')) }
}
