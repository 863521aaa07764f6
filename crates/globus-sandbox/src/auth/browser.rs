//! The session cookie of a browser.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::ground::moment::now;
use crate::memory::app::App;
use crate::memory::store::{BrowserSession, Store};

/// Browsers share cookies among all ports of a host, so the name must be one that no app uses.
const COOKIE_NAME: &str = "sandbox_globus_auth";

pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';')).find_map(
        |pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE_NAME).then_some(value)
        },
    )
}

/// The session of the browser that sends this request.
pub(crate) fn session(store: &Store, headers: &HeaderMap) -> Option<BrowserSession> {
    store.sessions.get(cookie(headers)?, now()).cloned()
}

/// Ends the browser's session and deletes its cookie.
pub(crate) fn sign_out(app: &App, headers: &HeaderMap, mut response: Response) -> Response {
    if let Some(cookie) = cookie(headers) {
        app.store().sessions.take(cookie, now());
    }
    let value = format!("{COOKIE_NAME}=; HttpOnly; SameSite=Lax; Path=/v2; Max-Age=0");
    set_cookie(&mut response, &value);
    response
}

pub(crate) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    let value = format!("{COOKIE_NAME}={cookie}; HttpOnly; SameSite=Lax; Path=/v2");
    set_cookie(&mut response, &value);
    response
}

fn set_cookie(response: &mut Response, value: &str) {
    // We build the text from letters, digits and punctuation, so it is always a valid header value.
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}
