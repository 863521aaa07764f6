//! Login loops: a login completes, the browser is not logged in afterwards, and so the next login begins. The browser counts
//! the rounds in a short-lived cookie; after the third one a page names the likely cause.
//!
//! The first round sets no cookie, because few logins loop. So a browser that has begun a login before counts as having been
//! through one round. The count is reset while logged in and by a logout.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use time::OffsetDateTime;

use super::cookies::{self, SentSessions};
use crate::{error::AppError, session::return_path::ReturnPath, settings::Settings, state::AppState};

/// The number of rounds after which no further login begins by itself.
const LIMIT: u8 = 3;

/// How many rounds a browser that begins a login has been through.
pub(super) fn before(app: &AppState, headers: &HeaderMap) -> u8 {
    let begun_before = || u8::from(cookies::browser_binding(headers, &app.settings).is_some());
    cookies::rounds(headers, &app.settings, app.clock.now()).unwrap_or_else(begun_before)
}

/// Whether this is a loop.
pub(super) fn are_too_many(rounds: u8) -> bool {
    rounds >= LIMIT
}

/// The header that counts a completed login as a round, unless it was the first.
pub(super) fn count(before: u8, settings: &Settings, now: OffsetDateTime) -> Option<HeaderValue> {
    if before == 0 { None } else { cookies::set_rounds(before.saturating_add(1), settings, now) }
}

/// The page that ends a loop. Trying again resets the count.
pub(super) fn page(app: &AppState, headers: &HeaderMap, sent: &SentSessions, next: ReturnPath) -> Response {
    let is_own = next.as_str().starts_with('/');
    let (message, cause) = if is_own { likely_cause(sent) } else { ON_APP_HOST };
    let mut response = AppError::InCircles { message, cause, next: Some(next) }.into_response();
    let forgotten = cookies::forget_rounds(headers, &app.settings);
    response.headers_mut().extend(forgotten.map(|value| (header::SET_COOKIE, value)));
    response
}

/// Why the host of an app asks again and again: for the visitor, and for the log.
pub(super) const ON_APP_HOST: (&str, &str) = (
    "You were signed in several times in a row on another host of this site, but each time it did not know you afterwards. Allow cookies for that host in your browser. If they are allowed, something between your browser and this site drops or changes them; its operators need to fix that.",
    "an app's host does not let somebody in who is signed in: its proxy drops cookies, or does not pass the name of the host to the gate",
);

/// The likely cause, judging by the session cookies: for the visitor, and for the log.
fn likely_cause(sent: &SentSessions) -> (&'static str, &'static str) {
    if sent.is_one_of_ours() {
        return (
            "You signed in several times in a row, but each time this site did not find your session afterwards. It probably runs on several servers that do not share their sessions; its operators need to fix that.",
            "the browser sends its session cookie, but the session is not in the store: check that all portals behind this address share SESSION_STORE and SECRET_KEY, and that no other portal on this host uses the same SESSION_COOKIE_NAME",
        );
    }
    if sent.is_empty() {
        return (
            "You signed in several times in a row, and each time your browser came back without this site's session cookie. Allow cookies for this site in your browser. If they are allowed, something between your browser and this site drops or changes them; its operators need to fix that.",
            "the browser does not send the session cookie back: it blocks cookies, or a proxy drops or changes Set-Cookie (SameSite=Strict, another path, domain or name)",
        );
    }
    (
        "You signed in several times in a row, but each time your browser sent a session cookie of another program on this host along with this site's own, or instead of it. Delete the cookies for this host in your browser. If that does not help, the operators of this site need to give its cookie another name.",
        "another program on this host uses a cookie of the same name: choose another SESSION_COOKIE_NAME",
    )
}
