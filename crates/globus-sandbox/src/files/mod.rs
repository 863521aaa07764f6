//! The files of collections, each collection at an address of its own: what `https_server` of its document names.

pub(crate) mod access;
pub(crate) mod content;
pub(crate) mod ranges;
pub(crate) mod serve;
pub(crate) mod visit;

use axum::Router;
use axum::routing::get;

use crate::memory::app::AppState;

/// The page on which a person signs in for a file.
pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/v2/web/files", get(visit::visit))
}
