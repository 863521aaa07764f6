//! The cookies on the hosts of apps that do not get the session cookie. With https all of them have the prefix `__Host-`, so that
//! no neighbour of such a host can set them.

use axum::http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;

use crate::{
    routes::cookies::{self, REMOVED, cookies, set_cookie_at},
    session::{hand_over, login_attempt::BrowserBinding, store::SessionKey},
    settings::{AppHost, Settings},
    state::AppState,
};

/// How long a browser keeps its binding after the last hand-over began, in seconds: as long as a login may take.
const BINDING_FOR: u64 = 1800;

/// The value that ties hand-overs to this browser, if it has one.
pub(super) fn binding(headers: &HeaderMap, settings: &Settings) -> Option<BrowserBinding> {
    cookies(headers, &settings.cookie_names.hand_over).find_map(BrowserBinding::parse)
}

/// The header that gives a browser its binding.
pub(super) fn set_binding(binding: &BrowserBinding, settings: &Settings) -> Option<HeaderValue> {
    let expiry = format!("; Max-Age={BINDING_FOR}");
    set_cookie_at("/", &settings.cookie_names.hand_over, binding.expose_secret(), &expiry, settings)
}

/// The session that may pass the gate on this host, by the browser's cookie. Of two cookies nobody knows which is whose.
pub(super) fn session(app: &AppState, headers: &HeaderMap, host: &AppHost) -> Option<SessionKey> {
    let mut values = cookies(headers, &app.settings.cookie_names.gate);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    hand_over::open_cookie(&app.vault.keys, host, value)
}

/// The header that lets a browser pass the gate on a host. Like the session cookie, it lasts until the browser closes.
pub(super) fn set_session(value: &str, settings: &Settings) -> Option<HeaderValue> {
    set_cookie_at("/", &settings.cookie_names.gate, value, "", settings)
}

/// The header that ends that.
pub(super) fn remove_session(settings: &Settings) -> Option<HeaderValue> {
    set_cookie_at("/", &settings.cookie_names.gate, "", REMOVED, settings)
}

/// The header that counts a hand-over as a round.
pub(super) fn count_round(headers: &HeaderMap, settings: &Settings, now: OffsetDateTime) -> Option<HeaderValue> {
    let before = cookies::rounds(headers, settings, now).unwrap_or_default();
    cookies::set_rounds_at("/", before.saturating_add(1), settings, now)
}

/// The header that resets that count.
pub(super) fn forget_rounds(settings: &Settings) -> Option<HeaderValue> {
    set_cookie_at("/", &settings.cookie_names.rounds, "", REMOVED, settings)
}
