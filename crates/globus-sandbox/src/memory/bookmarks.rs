//! The bookmarks of people. Each person has some from the start.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::ground::random;
use crate::world::catalogue::Catalogue;
use crate::world::collections::Kind;
use crate::world::people::Person;

/// The most bookmarks of one person.
pub(crate) const MAX_BOOKMARKS: usize = 200;

/// Bookmarks by the id of the owner's primary identity, created at the owner's first look.
#[derive(Default)]
pub(crate) struct Bookmarks(HashMap<String, Vec<Bookmark>>);

/// One bookmark.
pub(crate) struct Bookmark {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) path: String,
}

impl Bookmark {
    pub(crate) fn document(&self) -> Value {
        json!({
            "DATA_TYPE": "bookmark",
            "endpoint_id": self.endpoint,
            "id": self.id,
            "name": self.name,
            "path": self.path,
            "pinned": false,
        })
    }
}

impl Bookmarks {
    /// The bookmarks of a person.
    pub(crate) fn of<'a>(&'a mut self, catalogue: &Catalogue, person: &Person) -> &'a mut Vec<Bookmark> {
        self.0.entry(person.primary.id.clone()).or_insert_with(|| initial(catalogue, person))
    }
}

/// Each person starts with a bookmark for each of their first three collections.
fn initial(catalogue: &Catalogue, person: &Person) -> Vec<Bookmark> {
    let collections = catalogue.owned_by(person).filter(|collection| collection.kind != Kind::Endpoint);
    let bookmark = |(collection, path): (&crate::world::collections::Collection, &str)| Bookmark {
        id: random::uuid_of(&format!("bookmark of {}", collection.id)),
        name: format!("{}: {path}", collection.shown_name()),
        endpoint: collection.id.clone(),
        path: path.to_owned(),
    };
    collections.take(3).zip(["/~/", "/~/data/", "/"]).map(bookmark).collect()
}
