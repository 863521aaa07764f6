//! `/collections/{id}/entry`: one file or folder, to be renamed or deleted.

use askama::Template as _;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{Html, Redirect},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    names::{checked_name, invalid},
    paths::{as_folder, encoded, folder_page, visible},
};
use crate::{
    error::AppError, globus::transfer::DeleteData, pages::EntryPage, routes::logged_in::LoggedIn, state::AppState,
};

/// Which entry: in the address, because browsers rewrite line ends in the fields of a form.
#[derive(Deserialize)]
pub(crate) struct Which {
    /// The folder that it is in.
    path: String,
    name: String,
}

impl Which {
    /// The path of the entry. A name with a slash would lead to another one.
    fn entry(&self) -> Result<String, AppError> {
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
    let id = collection(&id)?;
    let transfer = user.transfer().await?;
    let found = transfer.operation_stat(&id, &which.entry()?, None).await?;
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
    let (id, folder) = (collection(&id)?, as_folder(&which.path));
    let renamed = format!("{folder}{}", checked_name(&new_name)?);
    user.transfer().await?.operation_rename(&id, &which.entry()?, &renamed, None).await?;
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
    let submission_id =
        Uuid::parse_str(&deletion.submission_id).map_err(|_| invalid("the form has no submission id"))?;
    let label: String = format!("Delete {}", visible(&which.name)).chars().take(MAX_LABEL).collect();
    let mut data = DeleteData::new(collection(&id)?)
        .with_submission_id(submission_id.to_string())
        .with_label(label)
        .with_recursive(deletion.recursive == "1");
    data.add_item(which.entry()?);
    let result = user.transfer().await?.submit_delete(&mut data).await?;
    tracing::info!(sub = user.user().claims.sub, task = result.task_id, "submitted a deletion");
    Ok(Redirect::to(&format!("{}/tasks/{}", app.settings.root, result.task_id)))
}

/// Globus's most for a label, in characters.
const MAX_LABEL: usize = 128;

fn collection(id: &str) -> Result<String, AppError> {
    Uuid::parse_str(id).map(|id| id.to_string()).map_err(|_| AppError::NotFound)
}
