//! Globus Groups.

pub(crate) mod actions;
pub(crate) mod caller;
pub(crate) mod documents;
pub(crate) mod endpoints;

use axum::Router;
use axum::routing::{get, post};

use crate::memory::app::AppState;

/// The routes of Globus Groups.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/v2/groups/my_groups", get(endpoints::my_groups))
        .route("/v2/groups", post(endpoints::create))
        .route(
            "/v2/groups/{id}",
            get(endpoints::group).put(endpoints::update).post(actions::act).delete(endpoints::delete),
        )
        .route("/v2/groups/{id}/policies", get(endpoints::policies).put(endpoints::set_policies))
}
