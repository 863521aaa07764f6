//! What programs ask for at the root of a host, whatever `APPLICATION_ROOT` is: crawlers, people who have found a weakness, and
//! browsers of old.

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};

use crate::{error::AppError, state::AppState};

const FOR_A_DAY: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));

/// What crawlers may read, below the root. All else needs a login.
const PUBLIC: [&str; 2] = ["/$", "/static/"];

/// They are not below the root.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/robots.txt", get(robots))
        .route("/.well-known/security.txt", get(security))
        .route("/favicon.ico", get(favicon))
}

/// `/robots.txt` (RFC 9309).
async fn robots(State(app): State<AppState>) -> impl IntoResponse {
    let root = &app.settings.root;
    let allowed: String = PUBLIC.iter().map(|path| format!("Allow: {root}{path}\n")).collect();
    ([FOR_A_DAY], format!("User-agent: *\n{allowed}Disallow: {root}/\n"))
}

/// `/.well-known/security.txt` (RFC 9116). An expired one must not be used, so there is none then.
async fn security(State(app): State<AppState>) -> Result<impl IntoResponse, AppError> {
    let security = app.settings.security_txt.as_ref().filter(|security| security.expires > app.clock.now());
    let security = security.ok_or(AppError::NotFound)?;
    let canonical = format!("{}://{}/.well-known/security.txt", app.settings.scheme, app.settings.server_name);
    Ok(([FOR_A_DAY], format!("{security}Canonical: {canonical}\n")))
}

/// `/favicon.ico`, where browsers look that have read no page.
async fn favicon(State(app): State<AppState>) -> Response {
    ([FOR_A_DAY], Redirect::temporary(&app.site.favicon())).into_response()
}
