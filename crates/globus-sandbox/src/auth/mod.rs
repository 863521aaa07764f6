//! Globus Auth.

pub(crate) mod answer;
pub(crate) mod authorize;
pub(crate) mod bearer;
pub(crate) mod browser;
pub(crate) mod caller;
pub(crate) mod claims;
pub(crate) mod clients;
pub(crate) mod consents;
pub(crate) mod credentials;
pub(crate) mod endpoints;
pub(crate) mod helpers;
pub(crate) mod id_token;
pub(crate) mod identities;
pub(crate) mod sign_in;
pub(crate) mod token;

use axum::Router;
use axum::routing::{get, post};

use crate::memory::app::AppState;

/// The routes of Globus Auth.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/.well-known/openid-configuration", get(endpoints::discovery))
        .route("/jwk.json", get(endpoints::key_set))
        .route("/v2/oauth2/authorize", get(authorize::authorize))
        .route("/v2/oauth2/token", post(token::token))
        .route("/v2/oauth2/token/revoke", post(endpoints::revoke))
        .route("/v2/oauth2/token/introspect", post(endpoints::introspect))
        .route("/v2/oauth2/token/validate", post(endpoints::validate))
        .route("/v2/oauth2/userinfo", get(endpoints::userinfo).post(endpoints::userinfo))
        .route("/v2/api/identities", get(identities::identities))
        .route("/v2/api/clients", post(clients::from_template))
        .route("/v2/api/clients/{id}", get(clients::show).delete(clients::delete))
        .route("/v2/api/identity_providers", get(identities::identity_providers))
        .route("/v2/api/identities/{id}/consents", get(consents::of_identity))
        .route("/v2/web/identities", get(helpers::linked_identities))
        .route("/v2/web/choose", get(sign_in::choose_again).post(sign_in::choose))
        .route("/v2/web/consent", get(sign_in::consent).post(sign_in::decide))
        .route("/v2/web/consents", get(helpers::consents).post(helpers::rescind))
        .route("/v2/web/logout", get(helpers::logout))
        .route("/v2/web/auth-code", get(helpers::auth_code))
}
