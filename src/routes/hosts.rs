//! The hosts of apps, which reach the portal at `/oauth2/…` only.
//!
//! A page there would be of another origin than the portal's: its links and its stylesheet would not be found, and the app's
//! scripts could read it. So people are sent to the portal's own pages, and what fails is said in plain text.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};

use super::ops::PlainText;
use crate::{
    error::{AppError, ErrorText},
    settings::{AppHost, Settings},
    state::AppState,
};

/// The host of an app that a request is for, by its `Host` header; `None` is the portal's own, or any other.
pub(super) fn app_host<'a>(headers: &HeaderMap, settings: &'a Settings) -> Option<&'a AppHost> {
    settings.app_hosts.named(headers.get(header::HOST)?.to_str().ok()?)
}

/// The routes, of which only those of the gate answer on the hosts of apps.
pub(super) fn apart(app: &AppState, router: Router<AppState>) -> Router<AppState> {
    if app.settings.app_hosts.is_empty() {
        return router;
    }
    router.layer(from_fn_with_state(app.clone(), only_the_gate))
}

/// Around all routes: on the host of an app, only those of the gate answer.
async fn only_the_gate(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if app_host(request.headers(), &app.settings).is_none() {
        return next.run(request).await;
    }
    let path = request.uri().path();
    let below_root = path.strip_prefix(&app.settings.root).unwrap_or(path);
    let is_of_the_gate = [path, below_root].iter().any(|path| path.starts_with("/oauth2/"));
    if is_of_the_gate {
        in_text(&app, next.run(request).await)
    } else {
        in_text(&app, AppError::NotFound.into_response())
    }
}

/// An error as text in place of a page.
fn in_text(app: &AppState, mut response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions().get::<PlainText>().is_some() {
        return response;
    }
    let known = response.extensions().get::<ErrorText>().cloned();
    let text = known.unwrap_or_else(|| ErrorText::of(status));
    let body = format!("{}\n\n{}\n\n{}\n", text.title, text.message, app.settings.public_url("/"));
    let mut answer = (status, body).into_response();
    for (name, value) in response.headers_mut().drain() {
        let Some(name) = name.filter(|name| *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH) else {
            continue;
        };
        answer.headers_mut().append(name, value);
    }
    answer.extensions_mut().insert(text);
    answer.extensions_mut().insert(PlainText);
    answer
}

/// The beginning of addresses of the portal's own pages: whole ones for who is on the host of an app.
pub(super) fn portal(on: Option<&AppHost>, settings: &Settings) -> String {
    on.map_or_else(|| settings.root.clone(), |_| settings.public_url(""))
}

/// Sends a browser that is on the host of an app to a page of the portal: with GET, whatever its own method.
pub(super) fn to_portal(settings: &Settings, path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, settings.public_url(path))]).into_response()
}
