//! Chooses the collection that files go to: one's own, a recent one, a bookmark, or one that a search finds.

use askama::Template as _;
use axum::response::Html;

use super::{fields::field, step::Step};
use crate::{
    error::AppError,
    globus::transfer::{Bookmark, Endpoint, EndpointSearch, TransferClient},
    pages::{ChoiceView, TransferDestinationPage},
    routes::endpoints::name_of,
    settings::Destination,
};

/// How many collections a list shows.
const MOST: u32 = 50;
/// The most characters of a search.
const MOST_WORDS: usize = 200;

pub(super) async fn page(step: Step<'_>, words: &str) -> Result<Html<String>, AppError> {
    let Step { app, user, transfer, chosen, .. } = step;
    let words: String = words.trim().chars().take(MOST_WORDS).collect();
    let lists = if words.is_empty() {
        let presented = app.settings.collections.at(&chosen.source, chosen.path.as_deref());
        let suggested = presented.and_then(|presented| presented.default_destination.as_ref());
        let (suggested, own, recent, bookmarks) = tokio::join!(
            suggestion(transfer, suggested),
            collections(transfer, EndpointSearch::new().with_filter_scope("my-endpoints")),
            collections(transfer, EndpointSearch::new().with_filter_scope("recently-used")),
            transfer.bookmark_list(),
        );
        let bookmarks = bookmarks?.bookmarks.iter().filter_map(bookmark).collect();
        let lists = [("Recently used", recent?), ("Bookmarks", bookmarks), ("Yours", own?)];
        suggested.map(|suggested| ("Suggested by this site", vec![suggested])).into_iter().chain(lists).collect()
    } else {
        vec![("Found", collections(transfer, EndpointSearch::new().with_filter_fulltext(&words)).await?)]
    };
    let in_globus = chosen.as_choice().is_some();
    let hidden = chosen.source_fields();
    let page =
        TransferDestinationPage { site: &app.site, user, hidden, what: chosen.what(), words: &words, lists, in_globus };
    Ok(Html(page.render()?))
}

/// Where the operator wants the files of this collection to go. If its name cannot be had, its id is shown.
async fn suggestion(transfer: &TransferClient, suggested: Option<&Destination>) -> Option<ChoiceView> {
    let Destination { id, path } = suggested?;
    let endpoint = transfer.get_endpoint(id).await.ok();
    Some(ChoiceView {
        field: match path {
            Some(path) => field("bookmark", &format!("{id}:{path}")),
            None => field("destination", id),
        },
        name: endpoint.as_ref().map_or(&**id, name_of).to_owned(),
        note: path.clone().unwrap_or_default(),
        open: None,
    })
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
        name: name_of(endpoint).to_owned(),
        note: endpoint.owner_string.clone().unwrap_or_default(),
        open: None,
    }
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
