//! `/sessions`: where a person is signed in, and how to end that.

use askama::Template as _;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, Method},
    response::{Html, Redirect},
};
use serde::Deserialize;

use super::{logged_in::LoggedIn, logout::revoke_in_background, origin::Asker};
use crate::{
    error::AppError,
    pages::{BrowserSessionView, SessionsPage},
    session::records::KnownSession,
    state::AppState,
};

/// What is ended when it is not one session.
const OTHERS: &str = "others";

#[derive(Deserialize)]
pub(super) struct Shown {
    /// How many sessions were just ended.
    ended: Option<String>,
}

pub(super) async fn sessions(
    State(app): State<AppState>,
    user: LoggedIn,
    Query(shown): Query<Shown>,
) -> Result<Html<String>, AppError> {
    let known = app.records.of_person(&user.user().claims.sub).await?;
    let (mut here, others): (Vec<_>, Vec<_>) =
        known.into_iter().map(|known| view(known, &user)).partition(|session| session.current);
    here.extend(others);
    let ended = shown.ended.and_then(|ended| ended.parse().ok()).unwrap_or(0);
    let page = SessionsPage { site: &app.site, user: &user.view(), sessions: here, ended };
    Ok(Html(page.render()?))
}

fn view(known: KnownSession, user: &LoggedIn) -> BrowserSessionView {
    BrowserSessionView {
        current: known.key == user.key(),
        handle: known.handle(),
        browser: known.user.browser.unwrap_or_else(|| "An unknown browser".to_owned()),
        address: known.user.address.map(|address| address.to_string()),
        began: known.user.began,
        last_seen: known.last_seen,
        ends: known.ends,
    }
}

#[derive(Deserialize)]
pub(super) struct End {
    /// The handle of one session, or [`OTHERS`].
    end: String,
}

/// Ends one of the person's own sessions, or all but this one.
pub(super) async fn end(
    State(app): State<AppState>,
    user: LoggedIn,
    method: Method,
    headers: HeaderMap,
    Form(End { end }): Form<End>,
) -> Result<Redirect, AppError> {
    if Asker::of(&method, &headers, &app.settings) != Asker::Person {
        return Err(AppError::Refused {
            title: "Nothing was ended".into(),
            message: "Sessions are ended from the page that lists them.".into(),
            cause: "an end of sessions asked for by something other than the person".into(),
            next: None,
        });
    }
    let known = app.records.of_person(&user.user().claims.sub).await?;
    let is_meant = |known: &&KnownSession| known.key != user.key() && (end == OTHERS || known.handle() == end);
    let mut ended = 0;
    for session in known.iter().filter(is_meant) {
        if app.vault.end_from_elsewhere(session.key).await? {
            ended += 1;
            revoke_in_background(&app, session.key);
        }
    }
    tracing::info!(sub = user.user().claims.sub, ended, "ended sessions from elsewhere");
    Ok(Redirect::to(&format!("{}/sessions?ended={ended}", app.settings.root)))
}
