//! `POST /transfer/submit`: submits what the review page showed. The submission id is a field of that page, so a form that is
//! sent twice leads to the same task.

use axum::{body::Bytes, extract::State, response::Redirect};
use uuid::Uuid;

use super::{
    fields::{Fields, refused},
    selection::Selection,
    step,
};
use crate::{
    error::AppError,
    globus::transfer::{SyncLevel, TransferData, TransferItem},
    routes::logged_in::LoggedIn,
    state::AppState,
};

/// The most characters of a label.
const MOST_LABEL: usize = 128;

pub(crate) async fn submit(State(app): State<AppState>, user: LoggedIn, body: Bytes) -> Result<Redirect, AppError> {
    let fields = Fields::parse(&body)?;
    let chosen = Selection::read(&fields)?;
    step::seen(&app, &chosen)?;
    let mut data = data(&fields, &chosen)?;
    let result = user.transfer().await?.submit_transfer(&mut data).await?;
    tracing::info!(
        sub = user.user().claims.sub,
        task = result.task_id,
        again = result.is_duplicate(),
        "submitted a transfer"
    );
    Ok(Redirect::to(&format!("{}/tasks/{}", app.settings.root, result.task_id)))
}

fn data(fields: &Fields, chosen: &Selection) -> Result<TransferData, AppError> {
    let incomplete = || refused("The transfer is not complete", "Choose the files and where they go once more.");
    let is_id = |id: &&str| Uuid::parse_str(id).is_ok();
    let submission_id = fields.get("submission_id").filter(is_id).ok_or_else(incomplete)?;
    let (Some(path), Some(destination), Some(folder)) = (&chosen.path, &chosen.destination, &chosen.folder) else {
        return Err(incomplete());
    };
    if chosen.is_empty() {
        return Err(incomplete());
    }
    let data = TransferData::new(&chosen.source, destination).with_submission_id(submission_id);
    let mut data = with_options(data, fields, chosen)?;
    if chosen.all {
        data.add_item(TransferItem::new(path, folder).with_recursive(true));
    }
    for item in &chosen.items {
        let paths = (format!("{path}{item}"), format!("{folder}{item}"));
        data.add_item(TransferItem::new(paths.0, paths.1).with_recursive(item.ends_with('/')));
    }
    Ok(data)
}

fn with_options(data: TransferData, fields: &Fields, chosen: &Selection) -> Result<TransferData, AppError> {
    let mut data = data
        .with_verify_checksum(fields.is_on("verify"))
        .with_encrypt_data(fields.is_on("encrypt"))
        .with_preserve_timestamp(fields.is_on("times"))
        .with_skip_source_errors(fields.get("errors") == Some("skip"))
        .with_delete_destination_extra(fields.is_on("delete_extra") && chosen.has_folders())
        .with_notify_on_succeeded(fields.is_on("notify_succeeded"))
        .with_notify_on_failed(fields.is_on("notify_failed"))
        .with_notify_on_inactive(fields.is_on("notify_inactive"));
    if let Some(level) = sync_level(fields.get("sync"))? {
        data = data.with_sync_level(level);
    }
    match fields.get("label").map(str::trim) {
        None | Some("") => Ok(data),
        Some(label) if label.chars().count() <= MOST_LABEL => Ok(data.with_label(label)),
        Some(_) => Err(refused("The label is too long", "A label has at most 128 characters. Go back and shorten it.")),
    }
}

/// `None` copies all files again.
fn sync_level(asked: Option<&str>) -> Result<Option<SyncLevel>, AppError> {
    Ok(Some(match asked {
        None | Some("all") => return Ok(None),
        Some("exists") => SyncLevel::Exists,
        Some("size") => SyncLevel::Size,
        Some("mtime") => SyncLevel::Mtime,
        Some("checksum") => SyncLevel::Checksum,
        Some(_) => return Err(refused("The form is not readable", "Choose once more what happens to existing files.")),
    }))
}
