//! Chooses the collection that files go to: one's own, a recent one, a bookmark, or one that a search finds.

use askama::Template as _;
use axum::response::Html;

use super::{fields::field, selection::Selection};
use crate::{
    error::AppError,
    globus::transfer::{Bookmark, Endpoint, EndpointSearch, TransferClient},
    pages::{ChoiceView, Site, TransferDestinationPage, UserView},
};

/// How many collections a list shows.
const MOST: u32 = 50;
/// The most characters of a search.
const MOST_WORDS: usize = 200;

pub(super) async fn page(
    site: &Site,
    user: &UserView,
    transfer: &TransferClient,
    chosen: &Selection,
    words: &str,
) -> Result<Html<String>, AppError> {
    let words: String = words.trim().chars().take(MOST_WORDS).collect();
    let lists = if words.is_empty() {
        let (own, recent, bookmarks) = tokio::join!(
            collections(transfer, EndpointSearch::new().with_filter_scope("my-endpoints")),
            collections(transfer, EndpointSearch::new().with_filter_scope("recently-used")),
            transfer.bookmark_list(),
        );
        let bookmarks = bookmarks?.bookmarks.iter().filter_map(bookmark).collect();
        vec![("Recently used", recent?), ("Bookmarks", bookmarks), ("Yours", own?)]
    } else {
        vec![("Found", collections(transfer, EndpointSearch::new().with_filter_fulltext(&words)).await?)]
    };
    let hidden = chosen.source_fields();
    let page = TransferDestinationPage { site, user, hidden, what: chosen.what(), words: &words, lists };
    Ok(Html(page.render()?))
}

async fn collections(transfer: &TransferClient, search: EndpointSearch<'_>) -> Result<Vec<ChoiceView>, AppError> {
    let found = transfer.endpoint_search(&search.with_limit(MOST)).await?;
    // An endpoint holds no files itself; its collections do.
    let holds_files = |endpoint: &&Endpoint| {
        endpoint.non_functional != Some(true) && endpoint.entity_type.as_deref() != Some("GCSv5_endpoint")
    };
    Ok(found.endpoints.iter().filter(holds_files).map(choice).collect())
}

fn choice(endpoint: &Endpoint) -> ChoiceView {
    ChoiceView {
        field: field("destination", &endpoint.id),
        name: name_of(endpoint),
        note: endpoint.owner_string.clone().unwrap_or_default(),
        open: None,
    }
}

/// A collection's name for people.
pub(super) fn name_of(endpoint: &Endpoint) -> String {
    let names = [&endpoint.display_name, &endpoint.canonical_name];
    let name = names.into_iter().flatten().find(|name| !name.trim().is_empty());
    name.unwrap_or(&endpoint.id).clone()
}

fn bookmark(bookmark: &Bookmark) -> Option<ChoiceView> {
    let (collection, path) = (bookmark.endpoint_id.as_deref()?, bookmark.path.as_deref()?);
    Some(ChoiceView {
        field: field("bookmark", &format!("{collection}:{path}")),
        name: bookmark.name.clone().unwrap_or_else(|| path.to_owned()),
        note: path.to_owned(),
        open: None,
    })
}
