//! What is in a folder: its rows, how they are ordered, and their documents.

use std::borrow::Cow;
use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use crate::ground::moment;
use crate::memory::entry::Entry;
use crate::transfer::listing::{Fields, Order};

const USER: &str = "researcher";
const GROUP: &str = "research";

pub(crate) const FIELDS: Fields = Fields {
    names: &["name", "type", "size", "last_modified", "user", "group", "permissions"],
    dates: &["last_modified"],
};

/// A file or folder in its folder.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) name: &'a str,
    pub(crate) entry: Entry,
}

impl<'a> Row<'a> {
    fn kind(&self) -> &'static str {
        if self.entry.folder { "dir" } else { "file" }
    }

    /// A field as the text that filters compare.
    pub(crate) fn text(&self, field: &str) -> Cow<'a, str> {
        Cow::Borrowed(match field {
            "name" => self.name,
            "type" => self.kind(),
            "size" => return Cow::Owned(self.entry.size.to_string()),
            "last_modified" => return Cow::Owned(moment::of_file(self.entry.modified)),
            "user" => USER,
            "group" => GROUP,
            "permissions" => self.entry.permissions,
            _ => "",
        })
    }
}

/// Orders rows. Each field keeps the order of those with the same value, so the most important one comes last.
pub(crate) fn sort(rows: &mut [Row<'_>], order: &Order) {
    for (field, down) in order.last_first() {
        match field {
            "name" => by(rows, down, |row| row.name),
            "type" => by(rows, down, Row::kind),
            "size" => by(rows, down, |row| row.entry.size),
            "last_modified" => by(rows, down, |row| row.entry.modified),
            "permissions" => by(rows, down, |row| row.entry.permissions),
            // The same for all.
            _ => {}
        }
    }
}

fn by<'a, K: Ord>(rows: &mut [Row<'a>], down: bool, key: impl Fn(&Row<'a>) -> K) {
    if down {
        rows.sort_by_key(|row| Reverse(key(row)));
    } else {
        rows.sort_by_key(key);
    }
}

/// A file document.
pub(crate) fn document(row: &Row<'_>) -> Map<String, Value> {
    let entry = &row.entry;
    let linked = entry.link.is_some();
    let when = moment::of_file(entry.modified);
    [
        ("DATA_TYPE", json!("file")),
        ("group", json!(GROUP)),
        ("last_modified", json!(when)),
        ("link_group", json!(linked.then_some(GROUP))),
        ("link_last_modified", json!(linked.then_some(when))),
        ("link_size", json!(entry.link.map(str::len))),
        ("link_target", json!(entry.link)),
        ("link_user", json!(linked.then_some(USER))),
        ("name", json!(row.name)),
        ("permissions", json!(entry.permissions)),
        ("size", json!(entry.size)),
        ("type", json!(row.kind())),
        ("user", json!(USER)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}
