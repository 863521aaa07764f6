//! `/collections`: one's own, shared, recently used and bookmarked collections, and a search.

use askama::Template as _;
use axum::{
    extract::{Query, State},
    response::Html,
};
use serde::Deserialize;

use crate::{
    error::AppError,
    globus::transfer::{Bookmark, Endpoint, EndpointSearch, MAX_RESULTS},
    pages::{BookmarkView, CollectionsPage, ColumnView, TabView},
    routes::{
        endpoints::{endpoint_view, kind, name_of},
        logged_in::LoggedIn,
        paths::{encoded, folder_page, visible},
    },
    state::AppState,
};

/// How many collections a page shows.
const PAGE: u32 = 25;
/// How many Globus gives at once. It sorts no search and counts none: a list that is whole within that many is sorted here.
const BLOCK: u32 = 100;

/// The columns that a list can be sorted by: name in the address, and heading.
const COLUMNS: [(&str, &str); 3] = [("name", "Name"), ("kind", "Kind"), ("owner", "Owner")];

/// The lists: their name in the address, what the tab says, and Globus's name for them.
const LISTS: [(&str, &str, Option<&str>); 4] = [
    ("mine", "Yours", Some("my-endpoints")),
    ("shared", "Shared with you", Some("shared-with-me")),
    ("recent", "Recently used", Some("recently-used")),
    ("all", "Search", None),
];
const BOOKMARKED: (&str, &str) = ("bookmarked", "Bookmarked");

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    list: Option<String>,
    q: String,
    sort: String,
    order: String,
    page: Option<String>,
}

pub(crate) async fn collections(
    State(app): State<AppState>,
    user: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, AppError> {
    let list = asked.list.as_deref().unwrap_or("recent");
    let words = asked.q.trim();
    let mut page = CollectionsPage {
        site: &app.site,
        user: &user.view(),
        presented: asked.list.is_none(),
        tabs: tabs(&app.settings.root, list),
        list,
        words,
        collections: Vec::new(),
        bookmarks: Vec::new(),
        columns: Vec::new(),
        total: None,
        first: 1,
        previous: None,
        next: None,
    };
    if list == BOOKMARKED.0 {
        page.bookmarks = bookmarks(&app, &user, words).await?;
        return Ok(Html(page.render()?));
    }
    let (_, _, scope) = LISTS.iter().find(|(name, ..)| *name == list).ok_or(AppError::NotFound)?;
    // Globus searches all collections for words only.
    if scope.is_some() || !words.is_empty() {
        let link = Link { root: &app.settings.root, list, words, asked: &asked };
        search(&mut page, &user, *scope, &link).await?;
    }
    Ok(Html(page.render()?))
}

async fn bookmarks(app: &AppState, user: &LoggedIn, words: &str) -> Result<Vec<BookmarkView>, AppError> {
    let mut bookmarks = user.transfer().await?.bookmark_list().await?.bookmarks;
    bookmarks.retain(|bookmark| contains(bookmark.name.as_deref(), words));
    bookmarks.sort_by_cached_key(|bookmark| bookmark.name.as_deref().unwrap_or_default().to_lowercase());
    Ok(bookmarks.into_iter().map(|bookmark| bookmark_view(&app.settings.root, bookmark)).collect())
}

/// Puts what a search finds on the page.
async fn search(
    page: &mut CollectionsPage<'_>,
    user: &LoggedIn,
    scope: Option<&str>,
    link: &Link<'_>,
) -> Result<(), AppError> {
    let number = page_number(link.asked.page.as_deref())?;
    let before = (number - 1) * PAGE;
    let block = before / BLOCK * BLOCK;
    let mut search = EndpointSearch::new().with_limit(BLOCK).with_offset(block);
    search.filter_scope = scope;
    search.filter_fulltext = (!link.words.is_empty()).then_some(link.words);
    let mut found = user.transfer().await?.endpoint_search(&search).await?;
    if !found.has_next_page {
        page.total = Some(block as usize + found.endpoints.len());
        if block == 0 {
            // All of the list is here, so it can be sorted.
            link.asked.sort(&mut found.endpoints);
            page.columns = link.columns();
        }
    }
    let in_block = (before - block) as usize;
    let has_more = found.has_next_page || in_block + (PAGE as usize) < found.endpoints.len();
    let shown = found.endpoints.into_iter().skip(in_block).take(PAGE as usize);
    page.collections = shown.map(|endpoint| endpoint_view(link.root, endpoint)).collect();
    page.first = before as usize + 1;
    page.previous = (number > 1).then(|| link.page(number - 1));
    page.next = (has_more && number < MAX_RESULTS / PAGE).then(|| link.page(number + 1));
    Ok(())
}

fn page_number(asked: Option<&str>) -> Result<u32, AppError> {
    let page = asked.map_or(Ok(1), str::parse).map_err(|_| AppError::NotFound)?;
    if (1..=MAX_RESULTS / PAGE).contains(&page) { Ok(page) } else { Err(AppError::NotFound) }
}

impl Asked {
    /// By the column that is asked for; otherwise Globus's order stays.
    fn sort(&self, endpoints: &mut [Endpoint]) {
        let Some((name, _)) = COLUMNS.iter().find(|(name, _)| *name == self.sort) else { return };
        let text = |endpoint: &Endpoint| match *name {
            "kind" => kind(endpoint.entity_type.as_deref()).to_owned(),
            "owner" => endpoint.owner_string.clone().unwrap_or_default().to_lowercase(),
            _ => name_of(endpoint).to_lowercase(),
        };
        endpoints.sort_by_cached_key(|endpoint| (text(endpoint), name_of(endpoint).to_lowercase()));
        if self.is_down() {
            endpoints.reverse();
        }
    }

    fn is_down(&self) -> bool {
        self.order == "desc"
    }
}

/// Links to pages of one list.
struct Link<'a> {
    root: &'a str,
    list: &'a str,
    words: &'a str,
    asked: &'a Asked,
}

impl Link<'_> {
    fn list(&self, sort: &str, down: bool) -> String {
        let mut href = format!("{}/collections?list={}&q={}", self.root, self.list, encoded(self.words));
        if !sort.is_empty() {
            href.push_str(&format!("&sort={}&order={}", encoded(sort), if down { "desc" } else { "asc" }));
        }
        href
    }

    fn page(&self, number: u32) -> String {
        format!("{}&page={number}", self.list(&self.asked.sort, self.asked.is_down()))
    }

    fn columns(&self) -> Vec<ColumnView> {
        let column = |(name, label): &(&'static str, &'static str)| {
            let is_current = *name == self.asked.sort;
            ColumnView {
                name,
                label,
                href: self.list(name, is_current && !self.asked.is_down()),
                sorted: is_current.then_some(if self.asked.is_down() { "descending" } else { "ascending" }),
            }
        };
        COLUMNS.iter().map(column).collect()
    }
}

fn tabs(root: &str, current: &str) -> Vec<TabView> {
    let (search, lists) = LISTS.split_last().map_or((None, &LISTS[..]), |(last, rest)| (Some(last), rest));
    let lists = lists.iter().chain(search).map(|(name, label, _)| (*name, *label));
    let mut tabs: Vec<_> = lists.collect();
    tabs.insert(LISTS.len() - 1, BOOKMARKED);
    let tab = |(name, label): (&'static str, &'static str)| TabView {
        label,
        href: format!("{root}/collections?list={name}"),
        current: name == current,
    };
    tabs.into_iter().map(tab).collect()
}

fn contains(text: Option<&str>, words: &str) -> bool {
    text.unwrap_or_default().to_lowercase().contains(&words.to_lowercase())
}

fn bookmark_view(root: &str, bookmark: Bookmark) -> BookmarkView {
    let path = bookmark.path.unwrap_or_else(|| "/".to_owned());
    let collection = bookmark.endpoint_id.unwrap_or_default();
    BookmarkView {
        name: bookmark.name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| path.clone()),
        href: folder_page(root, &collection, &path),
        path: visible(&path),
        id: bookmark.id,
        collection,
    }
}
