//! Making a folder, and bookmarks.

use axum::{
    Form,
    extract::{Path, Query, State},
    response::Redirect,
};
use serde::Deserialize;

use super::names::checked_name;
use crate::{
    error::AppError,
    routes::{
        logged_in::LoggedIn,
        paths::{as_folder, collection_id, folder_page},
        reach,
    },
    state::AppState,
};

/// Globus's most for the name of a bookmark, in characters.
const MAX_BOOKMARK: usize = 128;

/// A folder, in the address: browsers rewrite line ends in the fields of a form.
#[derive(Deserialize)]
pub(crate) struct At {
    path: String,
}

#[derive(Deserialize)]
pub(crate) struct NewFolder {
    name: String,
}

/// `POST /collections/{id}/folders?path=`: makes a folder in that one.
pub(crate) async fn make_folder(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
    Query(At { path }): Query<At>,
    Form(NewFolder { name }): Form<NewFolder>,
) -> Result<Redirect, AppError> {
    let (id, folder) = (collection_id(&id)?, as_folder(&path));
    reach::seen(&app, &id, Some(&folder))?;
    let made = format!("{folder}{}/", checked_name(&name)?);
    user.transfer().await?.operation_mkdir(&id, &made, None).await?;
    Ok(Redirect::to(&folder_page(&app.settings.root, &id, &made)))
}

#[derive(Deserialize)]
pub(crate) struct NewBookmark {
    name: String,
}

/// `POST /collections/{id}/bookmarks?path=`
pub(crate) async fn add_bookmark(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(collection): Path<String>,
    Query(At { path }): Query<At>,
    Form(NewBookmark { name }): Form<NewBookmark>,
) -> Result<Redirect, AppError> {
    let (collection, folder) = (collection_id(&collection)?, as_folder(&path));
    reach::seen(&app, &collection, Some(&folder))?;
    let name: String = name.trim().chars().take(MAX_BOOKMARK).collect();
    let name = if name.is_empty() { path.chars().take(MAX_BOOKMARK).collect() } else { name };
    user.transfer().await?.create_bookmark(&name, &collection, &folder).await?;
    Ok(Redirect::to(&format!("{}/collections?list=bookmarked", app.settings.root)))
}

#[derive(Deserialize)]
pub(crate) struct OldBookmark {
    id: String,
}

/// `POST /bookmarks/remove`
pub(crate) async fn remove_bookmark(
    State(app): State<AppState>,
    user: LoggedIn,
    Form(OldBookmark { id }): Form<OldBookmark>,
) -> Result<Redirect, AppError> {
    let id = uuid::Uuid::parse_str(&id).map_err(|_| AppError::NotFound)?;
    user.transfer().await?.delete_bookmark(&id.to_string()).await?;
    Ok(Redirect::to(&format!("{}/collections?list=bookmarked", app.settings.root)))
}
