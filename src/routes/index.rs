//! `/`: shows who is logged in, with links to the other pages.

use askama::Template as _;
use axum::{extract::State, response::Html};

use super::logged_in::LoggedIn;
use crate::{error::AppError, pages::IndexPage, state::AppState};

pub(super) async fn index(State(app): State<AppState>, user: LoggedIn) -> Result<Html<String>, AppError> {
    let page = IndexPage { site: &app.site, user: &user.view() };
    Ok(Html(page.render()?))
}
