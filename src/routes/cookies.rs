//! Our cookies: read strictly, set with every attribute they need, and removed with the same.

use std::str::FromStr as _;

use axum::http::{HeaderMap, HeaderValue, header};
use tower_sessions::session::Id;

use crate::{error::AppError, session::login_attempt::BrowserBinding, settings::Settings};

/// The values of the cookies of this name, as the browser knows them: with nothing decoded, and no more taken off their
/// ends than what may stand between cookies.
fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let values = cookies.filter_map(move |cookie| {
        let after_name = trim(cookie).strip_prefix(name.as_bytes())?;
        trim(after_name).strip_prefix(b"=")
    });
    values.filter_map(|value| std::str::from_utf8(trim(value)).ok())
}

/// Without the spaces around it.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn binding_name(settings: &Settings) -> &'static str {
    if settings.is_https() { "__Host-login" } else { "login" }
}

/// The value that ties logins to this browser, when it has one.
pub(super) fn browser_binding(headers: &HeaderMap, settings: &Settings) -> Option<BrowserBinding> {
    let name = binding_name(settings);
    cookies(headers, name).find_map(BrowserBinding::parse)
}

/// The header that gives a browser its binding.
pub(super) fn set_browser_binding(binding: &BrowserBinding, settings: &Settings) -> Option<HeaderValue> {
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let name = binding_name(settings);
    let text = format!("{name}={}; HttpOnly; SameSite=Lax; Path=/{secure}", binding.expose_secret());
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The id of the session that a browser has, when it sent one of the form of ours.
///
/// # Errors
/// When it sent two: one of them is somebody else's.
pub(super) fn session_id(headers: &HeaderMap, settings: &Settings) -> Result<Option<Id>, AppError> {
    let mut sent = cookies(headers, &settings.session_cookie_name);
    let Some(value) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(AppError::StartAgain {
            message: "Your browser sent this site's session cookie twice, so it cannot be trusted. Please remove this site's cookies in your browser and sign in again.".into(),
            cause: "the session cookie came twice".into(),
            next: None,
        });
    }
    Ok(Id::from_str(value).ok())
}

/// The header that gives a browser its session. The cookie ends with the browser; how long the session behind it lasts is
/// judged by the store and our clock.
pub(super) fn set_session(id: Id, settings: &Settings) -> Option<HeaderValue> {
    session_cookie(&id.to_string(), "", settings)
}

/// The header that takes the session cookie away, with every attribute that it was set with: a browser ignores the removal
/// of a `__Host-` cookie that is not `Secure`.
pub(super) fn remove_session(settings: &Settings) -> Option<HeaderValue> {
    session_cookie("", "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT", settings)
}

fn session_cookie(value: &str, expiry: &str, settings: &Settings) -> Option<HeaderValue> {
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let name = &settings.session_cookie_name;
    let text = format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/{expiry}{secure}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
