//! `/`: shows who is logged in, with links to the other pages. Signed out, it leads to the login, or with `LANDING_PAGE` is a front
//! page.

use askama::Template as _;
use axum::{extract::State, response::Html};

use super::logged_in::LoggedIn;
use crate::{
    error::AppError,
    pages::{IndexPage, LandingPage},
    state::AppState,
};

pub(super) async fn index(
    State(app): State<AppState>,
    user: Result<LoggedIn, AppError>,
) -> Result<Html<String>, AppError> {
    match user {
        Ok(user) => Ok(Html(IndexPage { site: &app.site, user: &user.view() }.render()?)),
        Err(AppError::LogIn(_) | AppError::Unauthorized { .. }) if app.settings.landing_page => {
            Ok(Html(LandingPage { site: &app.site }.render()?))
        }
        Err(error) => Err(error),
    }
}
