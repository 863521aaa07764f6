//! Endpoints and collections as rows.

use askama::Template;

use super::site::{Site, UserView};

/// The reader's own endpoints, a page at a time.
#[derive(Template)]
#[template(path = "endpoints.html")]
pub struct EndpointsPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// The endpoints of this page.
    pub endpoints: Vec<EndpointView>,
    /// The number of the first row, counted from 1 over all pages.
    pub first: usize,
    /// Link to the previous page, if there is one; `site.root` included.
    pub previous: Option<String>,
    /// Link to the next page, if there is one; `site.root` included.
    pub next: Option<String>,
}

impl EndpointsPage<'_> {
    /// The numbers of the rows shown.
    fn range(&self) -> String {
        range(self.first, self.endpoints.len())
    }
}

/// The numbers of the rows of a page: "26–50", or "26" for a single one.
pub(super) fn range(first: usize, rows: usize) -> String {
    match rows {
        0 | 1 => first.to_string(),
        rows => format!("{first}–{}", first + rows - 1),
    }
}

/// One endpoint or collection.
#[derive(Clone, Debug)]
pub struct EndpointView {
    /// Its id, a UUID.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Who owns it.
    pub owner: String,
    /// What it is, in plain words: "Guest collection".
    pub kind: String,
    /// Its page; `None` if it holds no files itself.
    pub href: Option<String>,
    /// What its owner says about it.
    pub description: Option<String>,
    /// The organization that it belongs to.
    pub organization: Option<String>,
}

impl EndpointView {
    /// Descriptions of up to this many characters are shown in full, longer ones folded.
    const SHORT: usize = 240;

    /// The trimmed description; empty if there is none.
    pub(super) fn description(&self) -> &str {
        self.description.as_deref().unwrap_or_default().trim()
    }

    /// The beginning of a long description, up to a word boundary if there is one; `None` for a short one.
    pub(super) fn beginning(&self) -> Option<&str> {
        let (end, _) = self.description().char_indices().nth(Self::SHORT)?;
        let head = &self.description()[..end];
        let words = head.rfind(char::is_whitespace).filter(|&space| space > end / 2);
        Some(head[..words.unwrap_or(end)].trim_end_matches([' ', '\n', '\t', ',', ';', '.', ':']))
    }
}
