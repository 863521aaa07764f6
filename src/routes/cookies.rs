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

/// Whether tower-sessions would take a cookie of this name for the session's though a browser does not know it by that
/// name. It decodes names and takes spaces of every alphabet off them, so `%73ession` passes for `session`, and goes round
/// what a browser promises about `__Host-`.
fn is_disguised(raw: &str, name: &str) -> bool {
    raw != name && percent_decode_str(raw.trim()).eq(name.bytes())
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

/// Lets one session cookie through, under its own name: one in disguise is dropped, for nobody but an attacker sends it, and
/// one that came twice is refused. Of the answers, only a logout removes the cookie.
pub(super) async fn guard(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let name = &app.settings.session_cookie_name;
    if cookies(request.headers()).filter(|(raw, _)| raw == name).count() > 1 {
        return AppError::StartAgain {
            message: "Your browser sent this site's session cookie twice, so it cannot be trusted. Please remove this site's cookies in your browser and sign in again.".into(),
            cause: "the session cookie came twice".into(),
            next: None,
        }
        .into_response();
    }
    drop_disguised(request.headers_mut(), name);
    let is_logout = request.uri().path() == format!("{}/logout", app.settings.root);
    let mut response = next.run(request).await;
    mend_removal(response.headers_mut(), &app.settings, is_logout);
    response
}

fn drop_disguised(headers: &mut HeaderMap, name: &str) {
    if !cookies(headers).any(|(raw, _)| is_disguised(raw, name)) {
        return;
    }
    let kept =
        cookies(headers).filter(|(raw, _)| !is_disguised(raw, name)).map(|(raw, value)| format!("{raw}={value}"));
    let line = kept.collect::<Vec<_>>().join("; ");
    headers.remove(header::COOKIE);
    if let Ok(line) = HeaderValue::from_bytes(line.as_bytes()) {
        headers.insert(header::COOKIE, line);
    }
}

/// tower-sessions removes a cookie that is no longer good with any answer; an answer that comes late would so take away
/// the cookie of a newer login. Only a logout's removal is let through, with every attribute that the cookie was set with:
/// a browser ignores the removal of a `__Host-` cookie that is not `Secure`.
fn mend_removal(headers: &mut HeaderMap, settings: &Settings, is_logout: bool) {
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
    let mended = HeaderValue::from_str(&text).ok().filter(|_| is_logout);
    for value in kept.into_iter().chain(mended) {
        headers.append(header::SET_COOKIE, value);
    }
}
