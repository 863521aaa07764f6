//! Our cookies: read strictly, set with every attribute they need, and removed with the same.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use percent_encoding::percent_decode_str;

use crate::{error::AppError, session::login_attempt::BrowserBinding, settings::Settings, state::AppState};

/// The cookies of a request, as the browser knows them: name and value, with nothing decoded, and no more taken off their
/// ends than what may stand between cookies.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.split_once('='));
    pairs.map(|(name, value)| (name.trim_matches([' ', '\t']), value.trim_matches([' ', '\t'])))
}

/// The names of all cookies that tower-sessions would take for the session's. It decodes names and takes spaces of every
/// alphabet off them, so `%73ession` passes for `session`, and goes round what a browser promises about `__Host-`.
fn names_of_session<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let names = cookies(headers).map(|(name, _)| name);
    names.filter(|raw| percent_decode_str(raw.trim()).eq(name.bytes())).collect()
}

fn binding_name(settings: &Settings) -> &'static str {
    if settings.is_https() { "__Host-login" } else { "login" }
}

/// The value that ties logins to this browser, when it has one.
pub(super) fn browser_binding(headers: &HeaderMap, settings: &Settings) -> Option<BrowserBinding> {
    let name = binding_name(settings);
    cookies(headers).filter(|(known, _)| *known == name).find_map(|(_, value)| BrowserBinding::parse(value))
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

/// Refuses a session cookie that came twice or in disguise, and mends the removal of one that is no longer good: a
/// browser ignores the removal of a `__Host-` cookie that is not `Secure`, and tower-sessions leaves that out.
pub(super) async fn guard(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let name = &app.settings.session_cookie_name;
    let names = names_of_session(request.headers(), name);
    if names.len() > 1 || names.iter().any(|raw| raw != name) {
        return AppError::StartAgain {
            message: "Your browser sent a session cookie that somebody else may have set, so it cannot be trusted. Please remove this site's cookies in your browser and sign in again.".into(),
            cause: "the session cookie came twice, or under an encoded name".into(),
            next: None,
        }
        .into_response();
    }
    let mut response = next.run(request).await;
    mend_removal(response.headers_mut(), &app.settings);
    response
}

fn mend_removal(headers: &mut HeaderMap, settings: &Settings) {
    let name = &settings.session_cookie_name;
    let removal = format!("{name}=;");
    let is_removal = |value: &HeaderValue| value.as_bytes().starts_with(removal.as_bytes());
    if !headers.get_all(header::SET_COOKIE).iter().any(is_removal) {
        return;
    }
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let expired = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    let text = format!("{name}=; HttpOnly; SameSite=Lax; Path=/; {expired}{secure}");
    let kept: Vec<HeaderValue> =
        headers.get_all(header::SET_COOKIE).iter().filter(|value| !is_removal(value)).cloned().collect();
    headers.remove(header::SET_COOKIE);
    for value in kept.into_iter().chain(HeaderValue::from_str(&text)) {
        headers.append(header::SET_COOKIE, value);
    }
}
