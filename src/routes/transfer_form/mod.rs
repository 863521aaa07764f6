//! `POST /transfer`: the form that starts a transfer, page by page. It keeps nothing on the server: hidden fields carry what
//! was chosen.
//!
//! | page | is shown when |
//! |---|---|
//! | `items` | nothing of the source is chosen |
//! | `destination` | the collection is not chosen that files go to |
//! | `folder` | the folder there is not confirmed |
//! | `review` | everything is: it sends the form to `POST /transfer/submit` |
//!
//! Any page of this site can begin it, with these fields and a CSRF token; see [`fields`] for names with control characters.
//!
//! | field | what it says |
//! |---|---|
//! | `source`, `path` | the collection and the folder that files come from |
//! | `item` | a name in that folder, with a slash behind the name of a folder; once for each |
//! | `all=1` | instead: everything in that folder |
//! | `destination`, `folder` | the collection and the folder that files go to, if they are known |
//! | `again` | instead of all these: the id of a task to do again |

mod again;
mod destination;
mod fields;
mod folder;
mod in_globus;
mod items;
mod review;
mod selection;
mod step;
mod submit;

use axum::{
    body::Bytes,
    extract::State,
    response::{Html, Redirect},
};

use self::{fields::Fields, selection::Selection, step::Step};
pub(super) use self::{
    in_globus::{arrive, choose, come_back},
    submit::submit,
};
use super::logged_in::LoggedIn;
use crate::{error::AppError, state::AppState};

pub(super) async fn transfer(
    State(app): State<AppState>,
    user: LoggedIn,
    body: Bytes,
) -> Result<Html<String>, AppError> {
    let fields = Fields::parse(&body)?;
    let transfer = user.transfer().await?;
    let mut chosen = match fields.get("again") {
        Some(id) => again::selection(&transfer, id).await?,
        None => Selection::read(&fields)?,
    };
    let (view, wanted) = (user.view(), fields.get("step").unwrap_or_default());
    let source = step::seen(&app, &chosen)?;
    let new_folder = fields.get("new_folder").filter(|_| fields.get("into").is_none() && !chosen.is_empty());
    if let (Some(name), Some(destination)) = (new_folder, chosen.destination.clone()) {
        folder::make(&app, &transfer, &destination, &mut chosen, name).await?;
    }
    let step = Step { app: &app, user: &view, transfer: &transfer, chosen: &chosen, source };
    if chosen.is_empty() {
        return items::page(step).await;
    }
    match chosen.destination.as_deref().filter(|_| wanted != "destination") {
        None => destination::page(step, fields.get("q").unwrap_or_default()).await,
        Some(_) if wanted == "review" && chosen.folder.is_some() && new_folder.is_none() => review::page(step).await,
        Some(destination) => folder::page(step, destination).await,
    }
}

/// A form cannot be opened by its address: the files are chosen in a collection.
pub(super) async fn start(State(app): State<AppState>) -> Redirect {
    Redirect::to(&format!("{}/collections", app.settings.root))
}
