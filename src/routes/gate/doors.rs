//! The addresses of oauth2-proxy that people and apps use: in, out, and who somebody is.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, StatusCode},
    response::{IntoResponse as _, Redirect, Response},
};
use serde_json::json;

use super::{answer::bare, judge, wanted};
use crate::{
    error::AppError,
    routes::{asked::login_path, logged_in::LoggedIn},
    session::not_known::NotKnown,
    state::AppState,
};

/// In place of `rd`, as some proxies send it.
const REDIRECT: HeaderName = HeaderName::from_static("x-auth-request-redirect");

/// `GET /oauth2/start?rd=`: to the login, and back to a page of this site.
pub(crate) async fn start(State(app): State<AppState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Redirect {
    let settings = &app.settings;
    let by_query = query.as_deref().and_then(|query| wanted::rd(query, settings));
    let by_header = || wanted::page(headers.get(REDIRECT)?.to_str().ok()?, settings);
    Redirect::to(&login_path(&settings.root, by_query.or_else(by_header).as_ref()))
}

/// `GET /oauth2/sign_out`: to the logout, which leads to Globus's page. `rd` is not followed.
pub(crate) async fn sign_out(State(app): State<AppState>) -> Redirect {
    Redirect::to(&format!("{}/logout", app.settings.root))
}

/// `GET /oauth2/callback`: the redirect URI is `/login` here.
pub(crate) async fn callback(State(app): State<AppState>, RawQuery(query): RawQuery) -> Redirect {
    Redirect::to(&format!("{}/login?{}", app.settings.root, query.unwrap_or_default()))
}

/// `GET /oauth2/userinfo`: who is signed in, as JSON; 401 for nobody. The groups are all that they are an active member of, if any
/// policy asks for groups; 503 if these cannot be found out now.
pub(crate) async fn userinfo(State(app): State<AppState>, user: Result<Option<LoggedIn>, AppError>) -> Response {
    let Ok(user) = user else { return bare(StatusCode::SERVICE_UNAVAILABLE) };
    let Some(user) = user else { return bare(StatusCode::UNAUTHORIZED) };
    let groups = match app.settings.policies.ask_for_groups() {
        true => judge::groups(&app, user.live()).await,
        false => Ok(Arc::default()),
    };
    let groups = match groups {
        Ok(groups) => groups,
        // Another login would not help somebody who has just been through one.
        Err(NotKnown::SignIn) if !user.is_new() => return bare(StatusCode::UNAUTHORIZED),
        Err(NotKnown::SignIn | NotKnown::Unknown) => return bare(StatusCode::SERVICE_UNAVAILABLE),
    };
    let claims = &user.user().claims;
    Json(json!({
        "user": claims.sub, "email": claims.email, "preferredUsername": claims.preferred_username, "groups": *groups,
    }))
    .into_response()
}
