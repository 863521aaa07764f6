//! `/oauth2/…`: the gate of other apps, on the same host and on others. A reverse proxy asks here whether a request may pass.
//!
//! Each kind of proxy has an address of its own, which reads only what that proxy writes, because proxies pass on whatever else a
//! visitor sends. The policy stands in the path, never in the query: some proxies append the visitor's.
//!
//! A policy with `program_scope` lets programs in by a bearer token (RFC 6750), which then decides alone.
//!
//! | address | for | answers |
//! |---|---|---|
//! | `/oauth2/auth[/POLICY]` | nginx `auth_request` | 202, 401, 403, 503: nginx turns all else into 500 |
//! | `/oauth2/forward[/POLICY]` | Caddy `forward_auth`, Traefik `ForwardAuth` | the same, redirects to the login and to Globus, and pages |
//! | `/oauth2/authz/POLICY/…` | Envoy `ext_authz` | 200, 401, 403, 503 |
//! | `/oauth2/start`, `/oauth2/sign_in`, `/oauth2/sign_out`, `/oauth2/callback`, `/oauth2/userinfo` | people and apps, as oauth2-proxy has them | |
//! | `/oauth2/hand-over` | the hosts of apps under other domains | how a session gets there |
//! | `/oauth2/jwks` | apps | the keys that verify assertions |
//! | `/oauth2/denied[/POLICY]`, `/oauth2/unsent` | nginx `error_page` | the pages that say why, or the way to Globus, and that a form was not sent |

mod access_token;
mod answer;
mod counted;
pub(super) mod denied;
mod doors;
mod forward;
mod hand_over;
mod host_cookies;
pub(super) mod judge;
mod jwks;
mod programs;
mod proxies;
mod refused;
mod wanted;

use axum::{
    Router,
    routing::{any, get},
};

use crate::state::AppState;

/// The gate's routes below a prefix, which is empty or `/portal`.
pub(super) fn routes(prefix: &str) -> Router<AppState> {
    let at = |path: &str| format!("{prefix}/oauth2{path}");
    Router::new()
        .route(&at("/auth"), get(proxies::nginx_by_default))
        .route(&at("/auth/{policy}"), get(proxies::nginx))
        .route(&at("/forward"), any(forward::by_default))
        .route(&at("/forward/{policy}"), any(forward::forward))
        .route(&at("/authz/{policy}"), any(proxies::envoy))
        .route(&at("/authz/{policy}/"), any(proxies::envoy))
        .route(&at("/authz/{policy}/{*path}"), any(proxies::envoy_below))
        .route(&at("/denied"), get(denied::by_default))
        .route(&at("/denied/{policy}"), get(denied::denied))
        .route(&at("/unsent"), get(denied::unsent))
        .route(&at("/start"), get(doors::start))
        .route(&at("/sign_in"), get(doors::start))
        .route(&at("/sign_out"), get(doors::sign_out))
        .route(&at("/hand-over"), get(hand_over::hand_over))
        .route(&at("/callback"), get(doors::callback))
        .route(&at("/userinfo"), get(doors::userinfo))
        .route(&at("/jwks"), get(jwks::jwks))
}
