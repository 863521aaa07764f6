//! `/sessions`: lists a person's sessions and ends them.

use askama::Template as _;
use axum::{
    Form,
    extract::{RawQuery, State},
    http::{HeaderMap, Method},
    response::{Html, Redirect},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use time::OffsetDateTime;
use url::form_urlencoded;

use super::{logged_in::LoggedIn, origin::Asker};
use crate::{
    error::AppError,
    pages::{BrowserSessionView, SessionsPage},
    secret::equal,
    session::{records::KnownSession, store::SessionKey},
    state::AppState,
};

/// The value that means all other sessions.
const OTHERS: &str = "others";
/// How many sessions a page shows.
const PAGE: usize = 25;
/// Seconds for which the page confirms that sessions were ended.
const NOTE_FOR: i64 = 60;

pub(super) async fn sessions(
    State(app): State<AppState>,
    user: LoggedIn,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, AppError> {
    let query = query.unwrap_or_default();
    let given = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    let asked = given("page").map_or(Ok(1), |(_, page)| page.parse::<usize>()).map_err(|_| AppError::NotFound)?;
    let now = app.clock.now();
    let ended = given("ended").and_then(|(_, note)| read_note(&app, user.key(), &note));

    let known = app.records.of_person(&user.user().claims.sub).await?;
    let (here, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|known| known.key == user.key());
    let total = here.len() + others.len();
    // Sessions may have ended since the link to this page was made.
    let page = asked.clamp(1, total.div_ceil(PAGE).max(1));
    let shown = here.into_iter().chain(others).skip((page - 1) * PAGE).take(PAGE);
    let href = |page: usize| format!("{}/sessions?page={page}", app.settings.root);
    let html = SessionsPage {
        site: &app.site,
        user: &user.view(),
        sessions: shown.map(|known| view(known, &user, now)).collect(),
        first: (page - 1) * PAGE + 1,
        total,
        previous: (page > 1).then(|| href(page - 1)),
        next: (page * PAGE < total).then(|| href(page + 1)),
        ended,
    };
    Ok(Html(html.render()?))
}

fn view(known: KnownSession, user: &LoggedIn, now: OffsetDateTime) -> BrowserSessionView {
    BrowserSessionView {
        current: known.key == user.key(),
        handle: known.handle(),
        browser: known.user.browser.unwrap_or_else(|| "An unknown browser".to_owned()),
        address: known.user.address.map(|address| address.to_string()),
        began: known.user.began,
        // Another portal's clock may run ahead; never show a time in the future.
        last_seen: known.last_seen.min(now),
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
            message: "End sessions from the page that lists them.".into(),
            cause: "ending sessions was requested by something other than the person".into(),
            sign_in: None,
        });
    }
    let known = app.records.of_person(&user.user().claims.sub).await?;
    let is_meant = |known: &&KnownSession| known.key != user.key() && (end == OTHERS || known.handle() == end);
    let keys: Vec<_> = known.iter().filter(is_meant).map(|session| session.key).collect();
    let (ended, result) = app.records.end_from_elsewhere(&keys).await;
    tracing::info!(sub = user.user().claims.sub, ended = ended.count, "ended sessions from elsewhere");
    result?;
    Ok(Redirect::to(&format!("{}/sessions?ended={}", app.settings.root, note(&app, user.key(), ended.count))))
}

/// The note in the next page's URL about how many sessions were ended: the count, the time, and a MAC for this session, so
/// that nobody can forge the note with a link.
fn note(app: &AppState, key: SessionKey, ended: usize) -> String {
    let at = app.clock.now().unix_timestamp();
    format!("{ended}.{at}.{}", proof(app, key, ended, at).unwrap_or_default())
}

fn read_note(app: &AppState, key: SessionKey, note: &str) -> Option<usize> {
    let mut parts = note.splitn(3, '.');
    let (ended, at) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let is_ours = equal(parts.next()?.as_bytes(), proof(app, key, ended, at)?.as_bytes());
    let age = app.clock.now().unix_timestamp().saturating_sub(at);
    (is_ours && age <= NOTE_FOR).then_some(ended)
}

fn proof(app: &AppState, key: SessionKey, ended: usize, at: i64) -> Option<String> {
    let parts: [&[u8]; 3] = [&key.0, &(ended as u64).to_be_bytes(), &at.to_be_bytes()];
    let proof = app.vault.keys.derive(0, b"ended sessions", &parts)?;
    Some(URL_SAFE_NO_PAD.encode(&proof[..16]))
}
