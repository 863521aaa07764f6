//! The controls for tests: faults, recorded calls, the pace of tasks, registered apps, cut connections.

pub(crate) mod clients;
pub(crate) mod endpoints;
pub(crate) mod tasks;
pub(crate) mod wire;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::memory::app::AppState;

/// The routes of the controls.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/sandbox/faults", get(endpoints::faults).post(endpoints::switch_on).delete(endpoints::clear_faults))
        .route("/sandbox/tokens", get(endpoints::tokens))
        .route("/sandbox/seen", get(endpoints::seen).delete(endpoints::clear_seen))
        .route("/sandbox/pace", get(tasks::pace).post(tasks::set_pace).delete(tasks::reset_pace))
        .route("/sandbox/tasks/finish", post(tasks::finish))
        .route("/sandbox/tasks/fault", post(tasks::fault))
        .route("/sandbox/clients", get(clients::list).post(clients::add))
        .route("/sandbox/clients/{id}", delete(clients::remove))
}
