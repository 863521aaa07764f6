//! `/logout`: ends the session, revokes every token, and sends the browser to Globus's logout page; `/signed-out`: where
//! that page leads back to.

use std::time::Duration;

use askama::Template as _;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, Method, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};

use super::{
    cookies::{self, SentSessions},
    logged_in::LoggedIn,
    origin::Asker,
};
use crate::{
    error::AppError,
    pages::{ConfirmLogoutPage, SignedOutPage},
    session::{ending::Ended, store::SessionKey},
    state::AppState,
};

/// How long the lookup of the person, for the log, may take.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(1);
/// How long a person waits for revocations; slower ones continue in the background.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn logout(
    State(app): State<AppState>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    match Asker::of(&method, &headers, &app.settings) {
        Asker::Person => end(&app, &headers).await,
        Asker::OtherSite => Ok(Html(ConfirmLogoutPage { site: &app.site }.render()?).into_response()),
        Asker::Subresource => Err(AppError::Refused {
            title: "Nothing was ended".into(),
            message: "Sign out from a page of this site, or open the sign-out address yourself.".into(),
            cause: "a logout was requested by something other than a page".into(),
            sign_in: None,
        }),
    }
}

/// If two session cookies came, both sessions end: one of them is this browser's.
async fn end(app: &AppState, headers: &HeaderMap) -> Result<Response, AppError> {
    let sent = SentSessions::of(headers, &app.settings);
    let keys: Vec<_> = sent.keys().collect();
    let session = if keys.is_empty() { None } else { cookies::remove_session(&app.settings) };
    let mut cookies = cookies::remove_strays(&sent, &app.settings);
    cookies.extend([session, cookies::forget_rounds(headers, &app.settings)].into_iter().flatten());
    end_all(app, &keys, cookies).await
}

/// Ends sessions, and leads to Globus's logout page. The sessions end first, whether or not the revocations succeed.
pub(super) async fn end_all(
    app: &AppState,
    keys: &[SessionKey],
    cookies: Vec<HeaderValue>,
) -> Result<Response, AppError> {
    let back = app.settings.public_url("/signed-out");
    let url = app.auth.logout_url(&back, &app.settings.app_name);
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

pub(super) async fn signed_out(State(app): State<AppState>, user: Option<LoggedIn>) -> Result<Response, AppError> {
    if user.is_some() {
        return Ok(Redirect::to(&format!("{}/", app.settings.root)).into_response());
    }
    Ok(Html(SignedOutPage { site: &app.site }.render()?).into_response())
}
