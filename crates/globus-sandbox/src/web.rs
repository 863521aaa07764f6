//! The front page, its static files, and the CA certificate.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::answer::pages::FrontPage;
use crate::answer::reply;
use crate::memory::app::AppState;

/// `GET /`
pub(crate) async fn front(State(app): State<AppState>) -> Response {
    reply::page(StatusCode::OK, &FrontPage::new(&app), None)
}

/// `GET /static/sandbox.css`
pub(crate) async fn stylesheet() -> Response {
    let css = include_str!("../templates/sandbox.css");
    reply::file("text/css; charset=utf-8", css)
}

/// `GET /static/sandbox.svg`
pub(crate) async fn icon() -> Response {
    let svg = include_str!("../templates/sandbox.svg");
    reply::file("image/svg+xml", svg)
}

/// `GET /sandbox/ca.pem`: the CA certificate to trust for the manager of Globus Connect Server, which tools call over https.
pub(crate) async fn authority(State(app): State<AppState>) -> Response {
    match app.tls.authority() {
        Some(authority) => reply::plain(StatusCode::OK, authority.trim_end()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The routes of the front page and its files.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(front))
        .route("/static/sandbox.css", get(stylesheet))
        .route("/static/sandbox.svg", get(icon))
        .route("/sandbox/ca.pem", get(authority))
}
