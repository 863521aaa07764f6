//! Chooses the folder that files go to, or makes one.

use askama::Template as _;
use axum::response::Html;

use super::{
    fields::{field, refused},
    selection::{Selection, folder_path},
    step::Step,
};
use crate::{
    error::AppError,
    globus::transfer::{Filter, LsQuery, TransferClient},
    pages::{ChoiceView, TransferFolderPage},
    routes::reach,
    state::AppState,
};

/// How many folders the page shows.
const MOST: u32 = 1_000;
/// The most bytes of a name.
const MOST_NAME: usize = 255;

pub(super) async fn page(step: Step<'_>, destination: &str) -> Result<Html<String>, AppError> {
    let Step { app, user, transfer, chosen, .. } = step;
    let seen = reach::seen(app, destination, chosen.folder.as_deref())?;
    let mut query = LsQuery::new().with_limit(MOST).with_filter(vec![Filter::new().with("type", &["dir"])]);
    query.path = seen.open(chosen.folder.as_deref());
    let listed = transfer.operation_ls(destination, &query).await?;
    let named = listed.path.as_deref().or(listed.absolute_path.as_deref());
    let path = folder_path(seen.shown(chosen.folder.as_deref(), named))?;
    let choice = |name: &String| ChoiceView {
        field: field("into", &format!("{path}{name}/")),
        name: name.clone(),
        note: String::new(),
        open: None,
    };
    let shown = Selection { folder: Some(path.clone()), ..chosen.clone() };
    let page = TransferFolderPage {
        site: &app.site,
        user,
        hidden: shown.source_fields().into_iter().chain(shown.destination_fields()).collect(),
        what: shown.what(),
        parent: seen.parent(&path).map(|above| field("into", above)),
        folders: listed.files.iter().map(|file| choice(&file.name)).collect(),
        has_more: listed.total.is_some_and(|total| total > listed.files.len() as u64),
        path: &path,
    };
    Ok(Html(page.render()?))
}

/// Makes a folder in the one that is chosen, and chooses it.
pub(super) async fn make(
    app: &AppState,
    transfer: &TransferClient,
    destination: &str,
    chosen: &mut Selection,
    name: &str,
) -> Result<(), AppError> {
    let name = name.trim();
    if matches!(name, "" | "." | "..") || name.contains('/') || name.len() > MOST_NAME {
        return Err(refused(
            "A folder cannot have this name",
            "A name has at most 255 bytes and no slash. Go back and choose another one.",
        ));
    }
    let above = reach::seen(app, destination, chosen.folder.as_deref())?.open(chosen.folder.as_deref());
    let path = format!("{}{name}/", above.unwrap_or("/~/"));
    reach::seen(app, destination, Some(&path))?;
    transfer.operation_mkdir(destination, &path, None).await?;
    chosen.folder = Some(path);
    Ok(())
}
