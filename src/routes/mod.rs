//! The pages: one file a page, named like its URL. This file is the whole route table, and the layers around it.

mod assets;
mod cookies;
mod endpoints;
mod headers;
mod index;
pub mod logged_in;
mod login;
mod logout;
mod ops;
mod profile;

use std::time::Duration;

use axum::{
    Router,
    http::StatusCode,
    middleware::{from_fn_with_state, map_response_with_state},
    response::Redirect,
    routing::get,
};
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer};
use tower_sessions::{SessionManagerLayer, cookie::SameSite};

use crate::{error::AppError, session::records::Records, state::AppState, telemetry};

/// No form of ours is larger.
const MAX_BODY: usize = 64 << 10;
/// A login makes up to three calls to Globus, each with a limit of its own.
const TIMEOUT: Duration = Duration::from_secs(45);

/// The portal's router. `more` holds pages of your own, whose paths are below the root as well.
pub fn router(app: &AppState, more: Router<AppState>) -> Router {
    let root = app.settings.root.as_str();
    let at = |path: &str| format!("{root}{path}");
    let pages = Router::new()
        .route(&at("/"), get(index::index))
        .route(&at("/login"), get(login::login).head(not_allowed))
        .route(&at("/logout"), get(logout::logout).post(logout::logout).head(not_allowed))
        .route(&at("/signed-out"), get(logout::signed_out))
        .route(&at("/profile"), get(profile::profile))
        .route(&at("/endpoints"), get(endpoints::endpoints));
    let mut router = nested(root, more)
        .merge(pages)
        .layer(sessions(app))
        .layer(from_fn_with_state(app.clone(), cookies::guard))
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
    router
        .fallback(|| async { AppError::NotFound })
        .method_not_allowed_fallback(not_allowed)
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, TIMEOUT))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.clone(), headers::error_pages))
        .layer(map_response_with_state(app.clone(), headers::security))
        .layer(from_fn_with_state(app.clone(), telemetry::log_request))
        .with_state(app.clone())
}

fn nested(root: &str, more: Router<AppState>) -> Router<AppState> {
    if root.is_empty() { more } else { Router::new().nest(root, more) }
}

async fn not_allowed() -> AppError {
    AppError::MethodNotAllowed
}

/// The session cookie. It ends with the browser; how long the session behind it lasts is judged by the store and our
/// clock.
fn sessions(app: &AppState) -> SessionManagerLayer<Records> {
    SessionManagerLayer::new(Records::new(app.vault.clone(), app.tokens.clone()))
        .with_name(app.settings.session_cookie_name.clone())
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_secure(app.settings.is_https())
        .with_path("/")
}
