//! The addresses of oauth2-proxy that people and apps use: in, out, and who somebody is.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, Method, StatusCode},
    response::{IntoResponse as _, Redirect, Response},
};
use serde_json::json;

use super::{
    answer::bare,
    hand_over, host_cookies,
    judge::{self, session},
    wanted,
};
use crate::{
    error::AppError,
    routes::{
        asked::{login_path, with_next},
        cookies::{self, SentSessions},
        hosts::{app_host, portal},
        logged_in::is_new,
        login::not_ahead,
        logout,
        origin::Asker,
    },
    session::{not_known::NotKnown, return_path::ReturnPath},
    state::AppState,
    telemetry::RequestFacts,
};

/// In place of `rd`, as some proxies send it.
const REDIRECT: HeaderName = HeaderName::from_static("x-auth-request-redirect");

/// `GET /oauth2/start?rd=`: to the login, and back to a page of this site or of an app's host. On a host under another domain, to
/// a hand-over.
pub(crate) async fn start(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let (settings, on) = (&app.settings, app_host(&headers, &app.settings));
    let by_query = query.as_deref().and_then(|query| wanted::rd(query, settings, on));
    let by_header = || wanted::page(headers.get(REDIRECT)?.to_str().ok()?, settings, on);
    let page = by_query.or_else(by_header).or_else(|| ReturnPath::on(on?, "/"));
    if let (Some(host), Some(page)) = (on, &page)
        && !host.has_session_cookie()
        && page.as_str().strip_prefix(host.origin()).is_some_and(|path| path.starts_with('/'))
    {
        not_ahead(&headers)?;
        return hand_over::begin(&app, &headers, host, page.clone());
    }
    Ok(Redirect::to(&login_path(&portal(on, settings), page.as_ref())).into_response())
}

/// `GET /oauth2/sign_out?rd=`: to the logout, which leads to Globus's page, and from there to a page that has a link to `rd`, if that
/// is of this site or of the host of an app.
///
/// On the host of an app the session of that host ends here, which ends it everywhere. Who comes from elsewhere is asked first, at
/// the portal.
pub(crate) async fn sign_out(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let (settings, on) = (&app.settings, app_host(&headers, &app.settings));
    let next = query.as_deref().and_then(|query| wanted::rd(query, settings, on));
    let by_person = Asker::of(&Method::GET, &headers, settings) == Asker::Person;
    let Some(host) = on.filter(|_| by_person) else {
        return Ok(Redirect::to(&with_next(&format!("{}/logout", portal(on, settings)), next.as_ref())).into_response());
    };
    let (keys, cookie) = if host.has_session_cookie() {
        (SentSessions::of(&headers, settings).keys().collect(), cookies::remove_session(settings))
    } else {
        (Vec::from_iter(host_cookies::session(&app, &headers, host)), host_cookies::remove_session(settings))
    };
    let cookies = [cookie, host_cookies::forget_rounds(settings)];
    logout::end_all(&app, &keys, cookies.into_iter().flatten().collect(), next.as_ref()).await
}

/// `GET /oauth2/callback`: the redirect URI is `/login` here.
pub(crate) async fn callback(State(app): State<AppState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Redirect {
    let portal = portal(app_host(&headers, &app.settings), &app.settings);
    Redirect::to(&format!("{portal}/login?{}", query.unwrap_or_default()))
}

/// `GET /oauth2/userinfo`: who is signed in, as JSON; 401 for nobody. The groups are all that they are an active member of, if any
/// policy asks for groups; 503 if these cannot be found out now.
pub(crate) async fn userinfo(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    headers: HeaderMap,
) -> Response {
    let live = match session(&app, &headers, app_host(&headers, &app.settings)).await {
        Ok(Some(live)) => live,
        Ok(None) => return bare(StatusCode::UNAUTHORIZED),
        Err(_) => return bare(StatusCode::SERVICE_UNAVAILABLE),
    };
    // Set once: the session is the same throughout a request.
    let _ = facts.session.set(live.clone());
    let groups = match app.settings.policies.ask_for_groups() {
        true => judge::groups(&app, &live).await,
        false => Ok(Arc::default()),
    };
    let groups = match groups {
        Ok(groups) => groups,
        // Another login would not help somebody who has just been through one.
        Err(NotKnown::SignIn) if !is_new(&app, &live) => return bare(StatusCode::UNAUTHORIZED),
        Err(NotKnown::SignIn | NotKnown::Unknown) => return bare(StatusCode::SERVICE_UNAVAILABLE),
    };
    let claims = &live.user.claims;
    Json(json!({
        "user": claims.sub, "email": claims.email, "preferredUsername": claims.preferred_username, "groups": *groups,
    }))
    .into_response()
}
