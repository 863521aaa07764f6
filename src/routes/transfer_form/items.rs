//! Chooses files and folders of the source.

use askama::Template as _;
use axum::response::Html;

use super::{
    fields::field,
    selection::{MOST_ITEMS, folder_path},
    step::Step,
};
use crate::{
    error::AppError,
    globus::transfer::{FileEntry, LsQuery},
    pages::{ChoiceView, TransferItemsPage, bytes_words},
};

pub(super) async fn page(step: Step<'_>) -> Result<Html<String>, AppError> {
    let Step { app, user, transfer, chosen, source } = step;
    let mut query = LsQuery::new().with_limit(u32::try_from(MOST_ITEMS).unwrap_or(u32::MAX));
    query.path = source.open(chosen.path.as_deref());
    let listed = transfer.operation_ls(&chosen.source, &query).await?;
    let named = listed.path.as_deref().or(listed.absolute_path.as_deref());
    let path = folder_path(source.shown(chosen.path.as_deref(), named))?;
    let mut hidden = vec![field("source", &chosen.source), field("path", &path)];
    hidden.extend(chosen.destination_fields());
    let page = TransferItemsPage {
        site: &app.site,
        user,
        hidden,
        parent: source.parent(&path).map(|above| field("open", above)),
        entries: listed.files.iter().map(|file| choice(file, &path)).collect(),
        has_more: listed.total.is_some_and(|total| total > listed.files.len() as u64),
        path: &path,
    };
    Ok(Html(page.render()?))
}

fn choice(file: &FileEntry, path: &str) -> ChoiceView {
    let is_folder = file.file_type.as_deref() == Some("dir");
    let slash = if is_folder { "/" } else { "" };
    ChoiceView {
        field: field("item", &format!("{}{slash}", file.name)),
        open: is_folder.then(|| field("open", &format!("{path}{}/", file.name))),
        note: match file.size {
            Some(size) if !is_folder => bytes_words(size),
            _ => String::new(),
        },
        name: file.name.clone(),
    }
}
