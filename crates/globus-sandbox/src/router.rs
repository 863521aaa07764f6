//! All routes, and the middleware around them.

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::{Router, middleware};

use crate::answer::{hosts, services};
use crate::control::endpoints::record_and_apply_faults;
use crate::memory::app::AppState;
use crate::{auth, chooser, control, files, gcs, groups, transfer, web};

/// The longest request body, in bytes. Real clients send far less.
const BODY_LIMIT: usize = 64 * 1024;

pub(crate) fn router(app: AppState) -> Router {
    web::routes()
        .merge(auth::routes())
        .merge(groups::routes())
        .merge(transfer::routes())
        .merge(files::routes())
        .merge(chooser::routes())
        .merge(gcs::routes())
        .merge(control::routes())
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(services::with_service_errors))
        .layer(middleware::from_fn_with_state(app.clone(), files::serve::files))
        .layer(middleware::from_fn_with_state(app.clone(), record_and_apply_faults))
        .layer(middleware::from_fn(hosts::cors))
        .layer(middleware::from_fn_with_state(app.clone(), hosts::check))
        .with_state(app)
}
