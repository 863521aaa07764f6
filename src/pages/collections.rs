//! The pages of collections and their folders.

use askama::Template;
use time::OffsetDateTime;

use super::{
    endpoint::{EndpointView, range},
    filters,
    site::{Site, UserView},
};

/// One list of collections.
#[derive(Template)]
#[template(path = "collections.html")]
pub struct CollectionsPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// Whether what the operator presents stands above the lists.
    pub presented: bool,
    /// The lists.
    pub tabs: Vec<TabView>,
    /// The name of this one.
    pub list: &'a str,
    /// The words that are searched for.
    pub words: &'a str,
    /// The columns, if the list can be sorted by them.
    pub columns: Vec<ColumnView>,
    /// How many collections it has, if that is known.
    pub total: Option<usize>,
    /// What it has.
    pub collections: Vec<EndpointView>,
    /// Bookmarks, if this is their list.
    pub bookmarks: Vec<BookmarkView>,
    /// The number of the first collection, from 1.
    pub first: usize,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

impl CollectionsPage<'_> {
    /// The numbers of the collections shown, and of how many.
    fn range(&self) -> String {
        let range = range(self.first, self.collections.len());
        self.total.map_or(range.clone(), |total| format!("{range} of {total}"))
    }
}

/// A link to one of several lists.
pub struct TabView {
    /// What it says.
    pub label: &'static str,
    /// Where it leads.
    pub href: String,
    /// Whether this is the list that is shown.
    pub current: bool,
}

/// A bookmark.
pub struct BookmarkView {
    /// The person's name for it.
    pub name: String,
    /// Where it leads.
    pub href: String,
    /// The path, with nothing invisible in it.
    pub path: String,
    /// The collection's id.
    pub collection: String,
    /// Its own id.
    pub id: String,
}

/// A folder of a collection, or one page of it.
#[derive(Template)]
#[template(path = "folder.html")]
pub struct FolderPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// The collection's id.
    pub id: &'a str,
    /// The collection's name.
    pub name: String,
    /// The folder's path.
    pub path: &'a str,
    /// The path as a JSON string.
    pub path_json: String,
    /// The path for a query.
    pub path_encoded: String,
    /// The steps to it, from the top; the last one is the folder itself.
    pub crumbs: Vec<CrumbView>,
    /// The folder above.
    pub parent: Option<String>,
    /// The columns.
    pub columns: Vec<ColumnView>,
    /// The entries.
    pub entries: Vec<EntryView>,
    /// Which of how many they are.
    pub range: String,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// What names must have in them.
    pub filter: &'a str,
    /// The column it is sorted by.
    pub sort: &'a str,
    /// Whether downwards.
    pub is_down: bool,
    /// Whether hidden files are shown.
    pub shows_hidden: bool,
    /// The same page with the other choice about hidden files.
    pub other_hidden: String,
    /// What is known about the collection.
    pub facts: FactsView,
    /// The folder in Globus's web app.
    pub in_globus: String,
}

/// A file or folder, to be renamed or deleted.
#[derive(Template)]
#[template(path = "entry.html")]
pub struct EntryPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// Its name, with nothing invisible in it.
    pub name: String,
    /// The path of the folder it is in, likewise.
    pub folder: String,
    /// Whether it is a folder itself.
    pub is_folder: bool,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The page of the collection.
    pub base: String,
    /// Which entry it is, as a query.
    pub query: String,
    /// The submission id of its deletion.
    pub submission_id: String,
    /// The page of the folder it is in.
    pub back: String,
}

impl EntryPage<'_> {
    fn bytes(&self, bytes: &u64) -> String {
        bytes_words(*bytes)
    }
}

/// A step of the way to a folder.
pub struct CrumbView {
    /// Its name.
    pub name: String,
    /// Where it leads.
    pub href: String,
}

/// A column of a folder.
pub struct ColumnView {
    /// Its name in the address.
    pub name: &'static str,
    /// The heading.
    pub label: &'static str,
    /// Sorts by it; a second time, the other way round.
    pub href: String,
    /// `ascending` or `descending`, if the folder is sorted by it.
    pub sorted: Option<&'static str>,
}

/// A file, folder or link.
pub struct EntryView {
    /// Its name, with nothing invisible in it.
    pub name: String,
    /// Its page, if it is a folder.
    pub folder: Option<String>,
    /// Its HTTPS address, if it is a file that has one.
    pub download: Option<String>,
    /// Where it can be renamed and deleted.
    pub change: String,
    /// What it is.
    pub kind: &'static str,
    /// Where a link points to.
    pub link_target: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// When it was last changed.
    pub changed: Option<OffsetDateTime>,
}

impl EntryView {
    /// The size for people: `1.2 MB`.
    fn size_words(&self) -> String {
        self.size.map(bytes_words).unwrap_or_default()
    }
}

/// What is known about a collection.
pub struct FactsView {
    /// What kind it is.
    pub kind: &'static str,
    /// Its owner.
    pub owner: Option<String>,
    /// The institution.
    pub organization: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// What its owner says of it.
    pub description: Option<String>,
    /// What its owner files it under.
    pub keywords: Option<String>,
    /// Its HTTPS address.
    pub https: Option<String>,
    /// Whether everyone can find it.
    pub is_public: bool,
}

/// A number of bytes for people, by powers of 1000: `1.2 MB`.
pub fn bytes_words(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" });
    }
    let mut unit = 0;
    let mut tenths = bytes / 100;
    while tenths >= 9995 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    let name = UNITS[unit];
    if tenths >= 1000 {
        format!("{} {name}", tenths.div_euclid(10))
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::bytes_words;

    #[test]
    fn bytes_are_said_in_few_digits() {
        let words = [0, 1, 999, 1000, 1_549, 999_499, 1_234_567, 45_000_000_000, u64::MAX].map(bytes_words);
        assert_eq!(
            words,
            ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "1.5 kB", "999 kB", "1.2 MB", "45.0 GB", "18.4 EB"]
        );
    }
}
