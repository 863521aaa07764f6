//! The pages: one file per page, named like its URL. This file is the whole route table; [`frame`] is what happens around
//! every route.

mod assets;
mod bounds;
mod cookies;
mod delivery;
mod endpoints;
mod error_page;
pub mod frame;
mod headers;
mod index;
pub mod logged_in;
mod login;
mod login_step;
mod logout;
mod ops;
mod origin;
mod profile;
mod refusal;
mod rounds;
mod sessions;
mod tasks;
mod transfer_form;
mod unattended;

use axum::{
    Router,
    extract::State,
    http::Uri,
    response::Redirect,
    routing::{get, post},
};

use crate::{error::AppError, state::AppState};

/// The portal's routes. `more` holds pages of your own, whose paths are below the root as well.
pub fn router(app: &AppState, more: Router<AppState>) -> Router {
    let root = app.settings.root.as_str();
    let at = |path: &str| format!("{root}{path}");
    let mut router = nested(root, more)
        .route(&at("/"), get(index::index))
        .route(&at("/login"), get(login::login).head(not_allowed))
        .route(&at("/logout"), get(logout::logout).post(logout::logout).head(not_allowed))
        .route(&at("/signed-out"), get(logout::signed_out))
        .route(&at("/profile"), get(profile::profile))
        .route(&at("/sessions"), get(sessions::sessions).post(sessions::end))
        .route(&at("/endpoints"), get(endpoints::endpoints))
        .route(&at("/tasks"), get(tasks::tasks))
        .route(&at("/tasks/{id}"), get(tasks::task))
        .route(&at("/tasks/{id}/cancel"), post(tasks::cancel))
        .route(&at("/transfer"), get(transfer_form::start).post(transfer_form::transfer))
        .route(&at("/transfer/submit"), post(transfer_form::submit))
        .route(&at("/static/{file}"), get(assets::asset))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz));
    if !root.is_empty() {
        let front = at("/");
        router = router
            .route(root, get(|| async move { Redirect::permanent(&front) }))
            .route(&at("/healthz"), get(ops::healthz))
            .route(&at("/readyz"), get(ops::readyz));
    }
    router.fallback(not_found).method_not_allowed_fallback(not_allowed).with_state(app.clone())
}

fn nested(root: &str, more: Router<AppState>) -> Router<AppState> {
    if root.is_empty() { more } else { Router::new().nest(root, more) }
}

/// If an entry page is requested without the root, a proxy has probably stripped it.
async fn not_found(State(app): State<AppState>, uri: Uri) -> AppError {
    let stripped = !app.settings.root.is_empty() && matches!(uri.path(), "/" | "/login" | "/logout" | "/signed-out");
    if stripped { AppError::OutsideRoot } else { AppError::NotFound }
}

async fn not_allowed() -> AppError {
    AppError::MethodNotAllowed
}
