//! `/collections/{id}/entry`: one file or folder, to be renamed or deleted.

use askama::Template as _;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{Html, Redirect},
};
use serde::Deserialize;
use uuid::Uuid;

use super::names::{checked_name, invalid};
use crate::{
    error::AppError,
    globus::transfer::DeleteData,
    pages::EntryPage,
    routes::{
        logged_in::LoggedIn,
        paths::{as_folder, collection_id, encoded, folder_page, visible},
        reach,
    },
    state::AppState,
};

/// Which entry: in the address, because browsers rewrite line ends in the fields of a form.
#[derive(Deserialize)]
pub(crate) struct Which {
    /// The folder that it is in.
    path: String,
    name: String,
}

impl Which {
    /// The path of the entry, which people may see. A name with a slash would lead to another one.
    fn entry(&self, app: &AppState, collection: &str) -> Result<String, AppError> {
        reach::seen(app, collection, Some(&as_folder(&self.path)))?;
        Ok(format!("{}{}", as_folder(&self.path), checked_name(&self.name)?))
    }

    fn query(&self) -> String {
        format!("path={}&name={}", encoded(&self.path), encoded(&self.name))
    }
}

pub(crate) async fn entry(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Html<String>, AppError> {
    let id = collection_id(&id)?;
    let entry = which.entry(&app, &id)?;
    let transfer = user.transfer().await?;
    let found = transfer.operation_stat(&id, &entry, None).await?;
    // Taken now: a form that is sent twice makes one task.
    let submission_id = transfer.get_submission_id().await?;
    let page = EntryPage {
        site: &app.site,
        user: &user.view(),
        name: visible(&which.name),
        folder: visible(&as_folder(&which.path)),
        is_folder: found.file_type.as_deref() == Some("dir"),
        size: found.size,
        base: format!("{}/collections/{id}", app.settings.root),
        query: which.query(),
        submission_id,
        back: folder_page(&app.settings.root, &id, &as_folder(&which.path)),
    };
    Ok(Html(page.render()?))
}

#[derive(Deserialize)]
pub(crate) struct NewName {
    new_name: String,
}

/// `POST /collections/{id}/rename`
pub(crate) async fn rename(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
    Query(which): Query<Which>,
    Form(NewName { new_name }): Form<NewName>,
) -> Result<Redirect, AppError> {
    let (id, folder) = (collection_id(&id)?, as_folder(&which.path));
    let entry = which.entry(&app, &id)?;
    let renamed = format!("{folder}{}", checked_name(&new_name)?);
    user.transfer().await?.operation_rename(&id, &entry, &renamed, None).await?;
    Ok(Redirect::to(&folder_page(&app.settings.root, &id, &folder)))
}

#[derive(Deserialize)]
pub(crate) struct Deletion {
    submission_id: String,
    #[serde(default)]
    recursive: String,
}

/// `POST /collections/{id}/delete`: Globus deletes as a task.
pub(crate) async fn delete(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
    Query(which): Query<Which>,
    Form(deletion): Form<Deletion>,
) -> Result<Redirect, AppError> {
    let id = collection_id(&id)?;
    let entry = which.entry(&app, &id)?;
    let submission_id =
        Uuid::parse_str(&deletion.submission_id).map_err(|_| invalid("the form has no submission id"))?;
    let label: String = format!("Delete {}", visible(&which.name)).chars().take(MAX_LABEL).collect();
    let mut data = DeleteData::new(id)
        .with_submission_id(submission_id.to_string())
        .with_label(label)
        .with_recursive(deletion.recursive == "1");
    data.add_item(entry);
    let result = user.transfer().await?.submit_delete(&mut data).await?;
    tracing::info!(sub = user.user().claims.sub, task = result.task_id, "submitted a deletion");
    Ok(Redirect::to(&format!("{}/tasks/{}", app.settings.root, result.task_id)))
}

/// Globus's most for a label, in characters.
const MAX_LABEL: usize = 128;
