//! Error pages. They are rendered here because the request ID is known here.

use askama::Template as _;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};

use super::{
    asked::{SamePage, login_path},
    logged_in::view_of,
    ops::PlainText,
};
use crate::{
    error::{ErrorText, SignIn},
    pages::{Action, ErrorPage},
    state::AppState,
    telemetry::RequestFacts,
};

/// Gives an error response without a page the portal's error page.
pub(super) fn with_page(app: &AppState, response: Response, facts: &RequestFacts) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if response.extensions().get::<PlainText>().is_some() {
        return response;
    }
    let known = response.extensions().get::<ErrorText>().cloned();
    // Documents for programs stay as they are; the framework's plain text becomes a page.
    let content_type = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_document = content_type.is_some_and(|kind| !kind.starts_with(b"text/plain"));
    if known.is_none() && is_document {
        return response;
    }
    render(app, response, status, known.unwrap_or_else(|| ErrorText::of(status)), facts)
}

fn render(app: &AppState, response: Response, status: StatusCode, text: ErrorText, facts: &RequestFacts) -> Response {
    let action = |SignIn { label, next }: &SignIn| Action {
        label: (*label).to_owned(),
        href: login_path(&app.settings.root, next.as_ref()),
    };
    let same_page = response.extensions().get::<SamePage>().filter(|_| text.again);
    let user = facts.session.get().map(|live| view_of(app, live));
    let page = ErrorPage {
        site: &app.site,
        user: user.as_ref(),
        status: status.as_u16(),
        title: &text.title,
        message: &text.message,
        is_ours: text.is_ours,
        action: text.sign_in.as_ref().map(action),
        again: same_page.map(|SamePage(path)| path.as_str()),
        request_id: &facts.id.to_string(),
    };
    let Ok(html) = page.render() else { return response };
    let mut with_page = (status, Html(html)).into_response();
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            with_page.headers_mut().append(name, value.clone());
        }
    }
    with_page.extensions_mut().insert(text);
    with_page
}
