//! `/collections`: one's own, shared, recently used and bookmarked collections, and a search.

use askama::Template as _;
use axum::{
    extract::{Query, State},
    response::Html,
};
use serde::Deserialize;

use crate::{
    error::AppError,
    globus::transfer::{Bookmark, EndpointSearch, MAX_RESULTS},
    pages::{BookmarkView, CollectionsPage, TabView},
    routes::{
        endpoints::endpoint_view,
        logged_in::LoggedIn,
        paths::{encoded, folder_page, visible},
    },
    state::AppState,
};

/// How many collections a page shows.
const PAGE: u32 = 25;

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
        first: 1,
        previous: None,
        next: None,
    };
    if list == BOOKMARKED.0 {
        let bookmarks = user.transfer().await?.bookmark_list().await?.bookmarks;
        let fits = |bookmark: &Bookmark| contains(bookmark.name.as_deref(), words);
        page.bookmarks =
            bookmarks.into_iter().filter(fits).map(|bookmark| bookmark_view(&app.settings.root, bookmark)).collect();
        return Ok(Html(page.render()?));
    }
    let (_, _, scope) = LISTS.iter().find(|(name, ..)| *name == list).ok_or(AppError::NotFound)?;
    if scope.is_none() && words.is_empty() {
        // Globus searches all collections for words only.
        return Ok(Html(page.render()?));
    }
    let number = page_number(asked.page.as_deref())?;
    let mut search = EndpointSearch::new().with_limit(PAGE).with_offset((number - 1) * PAGE);
    search.filter_scope = *scope;
    search.filter_fulltext = (!words.is_empty()).then_some(words);
    let found = user.transfer().await?.endpoint_search(&search).await?;
    let root = &app.settings.root;
    let href = |number: u32| format!("{root}/collections?list={list}&q={}&page={number}", encoded(words));
    page.collections = found.endpoints.into_iter().map(|endpoint| endpoint_view(root, endpoint)).collect();
    page.first = ((number - 1) * PAGE + 1) as usize;
    page.previous = (number > 1).then(|| href(number - 1));
    page.next = (found.has_next_page && number < MAX_RESULTS / PAGE).then(|| href(number + 1));
    Ok(Html(page.render()?))
}

fn page_number(asked: Option<&str>) -> Result<u32, AppError> {
    let page = asked.map_or(Ok(1), str::parse).map_err(|_| AppError::NotFound)?;
    if (1..=MAX_RESULTS / PAGE).contains(&page) { Ok(page) } else { Err(AppError::NotFound) }
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
