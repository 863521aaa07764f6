//! `/endpoints`: the person's own collections and endpoints, paginated.

use askama::Template as _;
use axum::{
    extract::{Query, State},
    response::Html,
};
use serde::Deserialize;

use super::logged_in::LoggedIn;
use crate::{
    error::AppError,
    globus::transfer::{Endpoint, EndpointSearch, MAX_RESULTS},
    pages::{EndpointView, EndpointsPage},
    state::AppState,
};

/// How many endpoints a page shows.
const PAGE: u32 = 25;

#[derive(Deserialize)]
pub(super) struct Asked {
    page: Option<String>,
}

pub(super) async fn endpoints(
    State(app): State<AppState>,
    user: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, AppError> {
    let page = page_number(asked.page.as_deref())?;
    let offset = (page - 1) * PAGE;
    let search = EndpointSearch::new().with_filter_scope("my-endpoints").with_limit(PAGE).with_offset(offset);
    let found = user.transfer().await?.endpoint_search(&search).await?;
    let href = |page: u32| format!("{}/endpoints?page={page}", app.settings.root);
    let html = EndpointsPage {
        site: &app.site,
        user: &user.view(),
        endpoints: found.endpoints.into_iter().map(|endpoint| endpoint_view(&app.settings.root, endpoint)).collect(),
        first: offset as usize + 1,
        previous: (page > 1).then(|| href(page - 1)),
        next: (found.has_next_page && page < MAX_RESULTS / PAGE).then(|| href(page + 1)),
    };
    Ok(Html(html.render()?))
}

/// Pages count from 1; a search gives no more than [`MAX_RESULTS`] in all.
fn page_number(asked: Option<&str>) -> Result<u32, AppError> {
    let page = asked.map_or(Ok(1), str::parse).map_err(|_| AppError::NotFound)?;
    if (1..=MAX_RESULTS / PAGE).contains(&page) { Ok(page) } else { Err(AppError::NotFound) }
}

/// A row; `root` is that of the portal.
pub(super) fn endpoint_view(root: &str, endpoint: Endpoint) -> EndpointView {
    EndpointView {
        name: name_of(&endpoint).to_owned(),
        href: holds_files(endpoint.non_functional).then(|| format!("{root}/collections/{}", endpoint.id)),
        id: endpoint.id,
        owner: endpoint.owner_string.unwrap_or_default(),
        kind: kind(endpoint.entity_type.as_deref()).to_owned(),
        description: endpoint.description.filter(|text| !text.trim().is_empty()),
        organization: endpoint.organization.filter(|text| !text.trim().is_empty()),
    }
}

/// A collection's name for people.
pub(super) fn name_of(endpoint: &Endpoint) -> &str {
    let names = [&endpoint.display_name, &endpoint.canonical_name];
    names.into_iter().flatten().find(|name| !name.trim().is_empty()).unwrap_or(&endpoint.id)
}

/// Whether there is something to list: an endpoint only groups collections.
fn holds_files(non_functional: Option<bool>) -> bool {
    non_functional != Some(true)
}

/// Globus's entity types in plain words.
pub(super) fn kind(entity_type: Option<&str>) -> &'static str {
    match entity_type {
        Some("GCP_mapped_collection") => "Personal collection",
        Some("GCP_guest_collection") => "Guest collection (personal)",
        Some("GCSv5_endpoint") => "Endpoint",
        Some("GCSv5_mapped_collection") => "Mapped collection",
        Some("GCSv5_guest_collection") => "Guest collection",
        _ => "Other",
    }
}
