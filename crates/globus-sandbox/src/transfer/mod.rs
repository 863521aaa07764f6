//! Globus Transfer.

pub(crate) mod access;
pub(crate) mod bookmarks;
pub(crate) mod call;
pub(crate) mod folder;
pub(crate) mod listing;
pub(crate) mod operations;
pub(crate) mod pauses;
pub(crate) mod search;
pub(crate) mod sharing;
pub(crate) mod submit;
pub(crate) mod task_pages;

use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::memory::app::AppState;

/// The routes of Globus Transfer.
pub(crate) fn routes() -> Router<AppState> {
    endpoint_routes()
        .merge(operation_routes())
        .merge(task_routes())
        .merge(bookmark_routes())
        .layer(middleware::from_fn(access::name_resource))
}

fn endpoint_routes() -> Router<AppState> {
    Router::new()
        .route("/v0.10/endpoint_search", get(search::endpoint_search))
        .route("/v0.10/endpoint/{id}", get(search::endpoint))
        .route("/v0.10/endpoint/{id}/access_list", get(sharing::rules))
        .route("/v0.10/endpoint/{id}/access", post(sharing::add_rule))
        .route(
            "/v0.10/endpoint/{id}/access/{rule}",
            get(sharing::rule_of).put(sharing::change_rule).delete(sharing::delete_rule),
        )
        .route("/v0.10/endpoint/{id}/role_list", get(sharing::roles))
        .route("/v0.10/endpoint/{id}/role", post(sharing::add_role))
        .route("/v0.10/endpoint/{id}/role/{role}", get(sharing::role_of).delete(sharing::delete_role))
        .route("/v0.10/endpoint/{id}/server_list", get(sharing::servers))
        .route("/v0.10/endpoint/{id}/my_shared_endpoint_list", get(sharing::shared_endpoints))
        .route("/v0.10/endpoint/{id}/my_effective_pause_rule_list", get(pauses::pause_rules))
}

fn operation_routes() -> Router<AppState> {
    Router::new()
        .route("/v0.10/operation/endpoint/{id}/ls", get(operations::ls))
        .route("/v0.10/operation/endpoint/{id}/stat", get(operations::stat))
        .route("/v0.10/operation/endpoint/{id}/mkdir", post(operations::mkdir))
        .route("/v0.10/operation/endpoint/{id}/rename", post(operations::rename))
}

fn task_routes() -> Router<AppState> {
    Router::new()
        .route("/v0.10/submission_id", get(submit::submission_id))
        .route("/v0.10/transfer", post(submit::transfer))
        .route("/v0.10/delete", post(submit::delete))
        .route("/v0.10/task_list", get(task_pages::task_list))
        .route("/v0.10/task/{id}", get(task_pages::task).put(task_pages::change))
        .route("/v0.10/task/{id}/cancel", post(task_pages::cancel))
        .route("/v0.10/task/{id}/event_list", get(task_pages::event_list))
        .route("/v0.10/task/{id}/pause_info", get(pauses::pause_info))
        .route("/v0.10/task/{id}/successful_transfers", get(task_pages::successful_transfers))
        .route("/v0.10/task/{id}/skipped_errors", get(task_pages::skipped_errors))
}

fn bookmark_routes() -> Router<AppState> {
    Router::new()
        .route("/v0.10/bookmark_list", get(bookmarks::list))
        .route("/v0.10/bookmark", post(bookmarks::create))
        .route("/v0.10/bookmark/{id}", get(bookmarks::show).put(bookmarks::rename).delete(bookmarks::delete))
}
