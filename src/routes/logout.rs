//! `/logout`: ends the session, revokes every token, and sends the browser to Globus's logout page; `/signed-out`: where
//! that page leads back to.

use std::time::Duration;

use askama::Template as _;
use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use url::form_urlencoded;

use super::{
    asked::with_next,
    cookies::{self, SentSessions},
    logged_in::LoggedIn,
    origin::Asker,
};
use crate::{
    error::AppError,
    pages::{ConfirmLogoutPage, SignedOutPage},
    session::{ending::Ended, return_path::ReturnPath, store::SessionKey},
    settings::Settings,
    state::AppState,
};

/// How long the lookup of the person, for the log, may take.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(1);
/// How long a person waits for revocations; slower ones continue in the background.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn logout(
    State(app): State<AppState>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let next = next_in(query.as_deref(), &app.settings);
    match Asker::of(&method, &headers, &app.settings) {
        Asker::Person => end(&app, &headers, next.as_ref()).await,
        Asker::OtherSite => {
            let action = with_next(&format!("{}/logout", app.settings.root), next.as_ref());
            Ok(Html(ConfirmLogoutPage { site: &app.site, action: &action }.render()?).into_response())
        }
        Asker::Subresource => Err(AppError::Refused {
            title: "Nothing was ended".into(),
            message: "Sign out from a page of this site, or open the sign-out address yourself.".into(),
            cause: "a logout was requested by something other than a page".into(),
            sign_in: None,
        }),
    }
}

/// If two session cookies came, both sessions end: one of them is this browser's.
async fn end(app: &AppState, headers: &HeaderMap, next: Option<&ReturnPath>) -> Result<Response, AppError> {
    let sent = SentSessions::of(headers, &app.settings);
    let keys: Vec<_> = sent.keys().collect();
    let session = if keys.is_empty() { None } else { cookies::remove_session(&app.settings) };
    let mut cookies = cookies::remove_strays(&sent, &app.settings);
    cookies.extend([session, cookies::forget_rounds(headers, &app.settings)].into_iter().flatten());
    end_all(app, &keys, cookies, next).await
}

/// The page to go on to after a logout, if it is of this site or of the host of an app; anything else is not followed.
fn next_in(query: Option<&str>, settings: &Settings) -> Option<ReturnPath> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    let (_, next) = pairs.find(|(name, _)| name == "next")?;
    ReturnPath::parse_with(&next, &settings.root, &settings.app_hosts)
}

/// Where Globus's logout page leads back to.
fn back(settings: &Settings, next: Option<&ReturnPath>) -> String {
    match next {
        None if settings.landing_page => settings.public_url("/"),
        next => settings.public_url(&with_next("/signed-out", next)),
    }
}

/// Ends sessions, and leads to Globus's logout page, and from there to `next`. The sessions end first, whether or not the
/// revocations succeed.
pub(super) async fn end_all(
    app: &AppState,
    keys: &[SessionKey],
    cookies: Vec<HeaderValue>,
    next: Option<&ReturnPath>,
) -> Result<Response, AppError> {
    let url = app.auth.logout_url(&back(&app.settings, next), &app.settings.app_name);
    let mut response = Redirect::to(url.as_str()).into_response();
    let mut revoking = Vec::new();
    for key in keys {
        revoking.push(end_one(app, *key).await?.revoking);
    }
    let revoked = async {
        for revoking in revoking {
            // What fails stays queued.
            let _ = revoking.await;
        }
    };
    if tokio::time::timeout(PATIENCE, revoked).await.is_err() {
        tracing::warn!("Globus is slow to revoke tokens; revocation continues in the background");
    }
    response.headers_mut().extend(cookies.into_iter().map(|value| (header::SET_COOKIE, value)));
    Ok(response)
}

async fn end_one(app: &AppState, key: SessionKey) -> Result<Ended, AppError> {
    // Only for the log: a store that is slow or cannot record the use of a session may still be able to end it.
    let found = tokio::time::timeout(LOOK_UP_WITHIN, app.records.find(key)).await;
    let live = found.ok().and_then(Result::ok).flatten();
    let ended = app.records.end(key).await?;
    if ended.count > 0 || live.is_some() {
        let sub = live.as_ref().map_or("-", |live| &*live.user.claims.sub);
        app.metrics.logout();
        tracing::info!(sub, "logged out");
    }
    Ok(ended)
}

pub(super) async fn signed_out(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
    user: Option<LoggedIn>,
) -> Result<Response, AppError> {
    if user.is_some() {
        return Ok(Redirect::to(&format!("{}/", app.settings.root)).into_response());
    }
    let next = next_in(query.as_deref(), &app.settings);
    let (next, has_front_page) = (next.as_ref().map(ReturnPath::as_str), app.settings.landing_page);
    Ok(Html(SignedOutPage { site: &app.site, next, has_front_page }.render()?).into_response())
}
