//! Says what will happen, and asks how. It takes the submission id: a form that is sent twice makes one task.

use askama::Template as _;
use axum::response::Html;

use super::step::Step;
use crate::{error::AppError, pages::TransferReviewPage, routes::endpoints::name_of};

/// How many names the page shows.
const NAMES: usize = 20;

pub(super) async fn page(step: Step<'_>) -> Result<Html<String>, AppError> {
    let Step { app, user, transfer, chosen, source } = step;
    let destination = chosen.destination.as_deref().unwrap_or_default();
    let (from, to, submission_id) = tokio::join!(
        transfer.get_endpoint(&chosen.source),
        transfer.get_endpoint(destination),
        transfer.get_submission_id(),
    );
    let from = from?;
    let page = TransferReviewPage {
        site: &app.site,
        user,
        hidden: chosen.source_fields().into_iter().chain(chosen.destination_fields()).collect(),
        submission_id: &submission_id?,
        what: chosen.what(),
        names: chosen.items.iter().take(NAMES).map(|item| &**item).collect(),
        more_names: chosen.items.len().saturating_sub(NAMES),
        from: source.title.unwrap_or_else(|| name_of(&from)).to_owned(),
        path: chosen.path.as_deref().unwrap_or_default(),
        to: name_of(&to?).to_owned(),
        folder: chosen.folder.as_deref().unwrap_or_default(),
        has_folders: chosen.has_folders(),
    };
    Ok(Html(page.render()?))
}
