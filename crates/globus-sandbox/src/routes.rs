//! Every route of the sandbox, and what the front page says about it.

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{any, delete, get, post};
use axum::{Router, middleware};

use super::{
    AppState, auth, authorize, bookmarks, client_routes, consents, control, gcs, group_actions, groups, hosts,
    identities, operations, services, sharing_routes, sign_in, submit, task_routes, token, transfer, web,
};

/// Forms and requests of real clients are far smaller.
const BODY_LIMIT: usize = 64 * 1024;

/// What the front page says about the routes.
#[rustfmt::skip]
pub(super) const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/.well-known/openid-configuration", "discovery"),
    ("GET", "/jwk.json", "the key of the id_tokens"),
    ("GET", "/v2/oauth2/authorize", "sign in, allow or deny"),
    ("POST", "/v2/oauth2/token", "authorization code, refresh token, client credentials, dependent token"),
    ("POST", "/v2/oauth2/token/revoke", "end a token"),
    ("POST", "/v2/oauth2/token/introspect", "look at a token"),
    ("POST", "/v2/oauth2/token/validate", "whether a token of the app's own is good"),
    ("GET, POST", "/v2/oauth2/userinfo", "who a token speaks for"),
    ("POST", "/v2/api/clients", "a native app, such as the Globus CLI, makes an app of its own"),
    ("GET, DELETE", "/v2/api/clients/{id}", "an app looks at itself, takes itself out"),
    ("GET", "/v2/api/identities", "identities by username or id"),
    ("GET", "/v2/api/identity_providers", "identity providers by domain or id"),
    ("GET", "/v2/api/identities/{id}/consents", "what a person lets apps do, as a document"),
    ("GET, POST", "/v2/web/choose", "who are you"),
    ("GET, POST", "/v2/web/consent", "do you allow this"),
    ("GET", "/v2/web/identities", "see linked identities"),
    ("GET", "/v2/web/logout", "sign out of the sandbox"),
    ("GET, POST", "/v2/web/consents", "see and rescind consents"),
    ("GET", "/v2/web/auth-code", "the code of apps without a web server"),
    ("GET", "/v2/groups/my_groups", "Groups: where the person is a member"),
    ("POST", "/v2/groups", "Groups: make a group"),
    ("GET, POST, PUT, DELETE", "/v2/groups/{id}", "Groups: one group; POST changes memberships"),
    ("GET, PUT", "/v2/groups/{id}/policies", "Groups: who may see and join a group"),
    ("GET", "/v0.10/endpoint_search", "Transfer: find endpoints"),
    ("GET", "/v0.10/endpoint/{id}", "Transfer: one endpoint"),
    ("GET", "/v0.10/endpoint/{id}/access_list", "Transfer: who may use a guest collection"),
    ("POST", "/v0.10/endpoint/{id}/access", "Transfer: let somebody use it"),
    ("GET, PUT, DELETE", "/v0.10/endpoint/{id}/access/{rule}", "Transfer: one access rule"),
    ("GET", "/v0.10/endpoint/{id}/role_list", "Transfer: who manages a collection"),
    ("POST", "/v0.10/endpoint/{id}/role", "Transfer: let somebody manage it"),
    ("GET, DELETE", "/v0.10/endpoint/{id}/role/{role}", "Transfer: one role"),
    ("GET", "/v0.10/endpoint/{id}/server_list", "Transfer: the servers of an endpoint"),
    ("GET", "/v0.10/endpoint/{id}/my_shared_endpoint_list", "Transfer: guest collections on a collection"),
    ("GET", "/v0.10/endpoint/{id}/my_effective_pause_rule_list", "Transfer: pause rules, of which there are none"),
    ("GET", "/v0.10/operation/endpoint/{id}/ls", "Transfer: what is in a folder"),
    ("GET", "/v0.10/operation/endpoint/{id}/stat", "Transfer: one file or folder"),
    ("POST", "/v0.10/operation/endpoint/{id}/mkdir", "Transfer: make a folder"),
    ("POST", "/v0.10/operation/endpoint/{id}/rename", "Transfer: rename a file or folder"),
    ("GET", "/v0.10/submission_id", "Transfer: an id for submitting a task"),
    ("POST", "/v0.10/transfer", "Transfer: submit a transfer; it takes 2 s"),
    ("POST", "/v0.10/delete", "Transfer: submit a deletion; it takes 1 s"),
    ("GET", "/v0.10/task_list", "Transfer: the person's tasks"),
    ("GET, PUT", "/v0.10/task/{id}", "Transfer: one task; another label or deadline"),
    ("POST", "/v0.10/task/{id}/cancel", "Transfer: end a task"),
    ("GET", "/v0.10/task/{id}/event_list", "Transfer: what happened to a task"),
    ("GET", "/v0.10/task/{id}/pause_info", "Transfer: whether a task is paused"),
    ("GET", "/v0.10/task/{id}/successful_transfers", "Transfer: the files that a task has moved"),
    ("GET", "/v0.10/task/{id}/skipped_errors", "Transfer: the files that a task has skipped"),
    ("GET", "/v0.10/bookmark_list", "Transfer: the person's bookmarks"),
    ("POST", "/v0.10/bookmark", "Transfer: make a bookmark"),
    ("GET, PUT, DELETE", "/v0.10/bookmark/{id}", "Transfer: one bookmark"),
    ("GET", "/api/collections", "Globus Connect Server, by https: collections of an endpoint"),
    ("GET", "/api/collections/{id}", "Globus Connect Server: one collection"),
    ("GET", "/api/roles", "Globus Connect Server: roles on a collection"),
    ("GET", "/api/roles/{id}", "Globus Connect Server: one role"),
    ("GET", "/sandbox/ca.pem", "the certificate to trust for https"),
    ("GET, POST, DELETE", "/sandbox/faults", "see, switch on and clear faults"),
    ("GET, DELETE", "/sandbox/seen", "calls by route, and parameters of the latest authorize, logout, token, revoke and introspect requests"),
    ("POST", "/sandbox/tasks/finish", "let tasks end at once"),
    ("GET, POST", "/sandbox/clients", "see and register apps"),
    ("DELETE", "/sandbox/clients/{id}", "take out an app"),
];

pub(super) fn router(app: AppState) -> Router {
    Router::new()
        .route("/", get(web::front))
        .route("/static/sandbox.css", get(web::stylesheet))
        .route("/static/sandbox.svg", get(web::icon))
        .route("/.well-known/openid-configuration", get(auth::discovery))
        .route("/jwk.json", get(auth::key_set))
        .route("/v2/oauth2/authorize", get(authorize::authorize))
        .route("/v2/oauth2/token", post(token::token))
        .route("/v2/oauth2/token/revoke", post(auth::revoke))
        .route("/v2/oauth2/token/introspect", post(auth::introspect))
        .route("/v2/oauth2/token/validate", post(auth::validate))
        .route("/v2/oauth2/userinfo", get(auth::userinfo).post(auth::userinfo))
        .route("/v2/api/identities", get(identities::identities))
        .route("/v2/api/clients", post(client_routes::from_template))
        .route("/v2/api/clients/{id}", get(client_routes::show).delete(client_routes::delete))
        .route("/v2/api/identity_providers", get(identities::identity_providers))
        .route("/v2/api/identities/{id}/consents", get(consents::of_identity))
        .route("/v2/web/identities", get(web::linked_identities))
        .route("/v2/web/choose", get(sign_in::choose_again).post(sign_in::choose))
        .route("/v2/web/consent", get(sign_in::consent).post(sign_in::decide))
        .route("/v2/web/consents", get(web::consents).post(web::rescind))
        .route("/v2/web/logout", get(web::logout))
        .route("/v2/web/auth-code", get(web::auth_code))
        .route("/v2/groups/my_groups", get(groups::my_groups))
        .route("/v2/groups", post(groups::create))
        .route(
            "/v2/groups/{id}",
            get(groups::group).put(groups::update).post(group_actions::act).delete(groups::delete),
        )
        .route("/v2/groups/{id}/policies", get(groups::policies).put(groups::set_policies))
        .route("/v0.10/endpoint_search", get(transfer::endpoint_search))
        .route("/v0.10/endpoint/{id}", get(transfer::endpoint))
        .route("/v0.10/endpoint/{id}/access_list", get(sharing_routes::rules))
        .route("/v0.10/endpoint/{id}/access", post(sharing_routes::add_rule))
        .route(
            "/v0.10/endpoint/{id}/access/{rule}",
            get(sharing_routes::rule_of).put(sharing_routes::change_rule).delete(sharing_routes::delete_rule),
        )
        .route("/v0.10/endpoint/{id}/role_list", get(sharing_routes::roles))
        .route("/v0.10/endpoint/{id}/role", post(sharing_routes::add_role))
        .route("/v0.10/endpoint/{id}/role/{role}", get(sharing_routes::role_of).delete(sharing_routes::delete_role))
        .route("/v0.10/endpoint/{id}/server_list", get(sharing_routes::servers))
        .route("/v0.10/endpoint/{id}/my_shared_endpoint_list", get(sharing_routes::shared_endpoints))
        .route("/v0.10/endpoint/{id}/my_effective_pause_rule_list", get(sharing_routes::pause_rules))
        .route("/v0.10/operation/endpoint/{id}/ls", get(operations::ls))
        .route("/v0.10/operation/endpoint/{id}/stat", get(operations::stat))
        .route("/v0.10/operation/endpoint/{id}/mkdir", post(operations::mkdir))
        .route("/v0.10/operation/endpoint/{id}/rename", post(operations::rename))
        .route("/v0.10/submission_id", get(submit::submission_id))
        .route("/v0.10/transfer", post(submit::transfer))
        .route("/v0.10/delete", post(submit::delete))
        .route("/v0.10/task_list", get(task_routes::task_list))
        .route("/v0.10/task/{id}", get(task_routes::task).put(task_routes::change))
        .route("/v0.10/task/{id}/cancel", post(task_routes::cancel))
        .route("/v0.10/task/{id}/event_list", get(task_routes::event_list))
        .route("/v0.10/task/{id}/pause_info", get(task_routes::pause_info))
        .route("/v0.10/task/{id}/successful_transfers", get(task_routes::successful_transfers))
        .route("/v0.10/task/{id}/skipped_errors", get(task_routes::skipped_errors))
        .route("/v0.10/bookmark_list", get(bookmarks::list))
        .route("/v0.10/bookmark", post(bookmarks::create))
        .route("/v0.10/bookmark/{id}", get(bookmarks::show).put(bookmarks::rename).delete(bookmarks::delete))
        .route("/sandbox/faults", get(control::faults).post(control::switch_on).delete(control::clear_faults))
        .route("/sandbox/seen", get(control::seen).delete(control::clear_seen))
        .route("/sandbox/tasks/finish", post(control::finish_tasks))
        .route("/api/collections", get(gcs::collections))
        .route("/api/collections/{id}", get(gcs::collection))
        .route("/api/roles", get(gcs::roles))
        .route("/api/roles/{id}", get(gcs::role))
        .route("/api/{*rest}", any(gcs::unknown))
        .route("/sandbox/ca.pem", get(web::authority))
        .route("/sandbox/clients", get(client_routes::list).post(client_routes::add))
        .route("/sandbox/clients/{id}", delete(client_routes::take_out))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(services::in_their_words))
        .layer(middleware::from_fn_with_state(app.clone(), control::on_the_way))
        .layer(middleware::from_fn(hosts::cors))
        .layer(middleware::from_fn_with_state(app.clone(), hosts::check))
        .with_state(app)
}
