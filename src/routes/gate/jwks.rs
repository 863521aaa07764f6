//! `GET /oauth2/jwks`: the keys that verify assertions.

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
};

use crate::state::AppState;

/// The type of a JWK Set (RFC 7517 section 8.5.2), and for how long it may be cached.
const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json")),
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
];

pub(crate) async fn jwks(State(app): State<AppState>) -> impl IntoResponse {
    (HEADERS, app.assertions.key_set().to_owned())
}
