//! Answers to the app through the browser: redirects with a code or an error.

use axum::http::StatusCode;
use axum::response::Response;
use url::Url;

use crate::answer::reply;

/// An error that goes back to the app (RFC 6749, section 4.1.2.1).
pub(crate) struct AppError {
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

/// Sends an error to the app, with its state.
pub(crate) fn to_app(redirect_uri: &str, state: Option<&str>, error: &AppError) -> Response {
    let answer = [("error", Some(error.error)), ("error_description", Some(error.description)), ("state", state)];
    reply::redirect(StatusCode::FOUND, &with_answer(redirect_uri, &answer))
}

/// Adds parameters to a redirect URI and keeps the query it has (RFC 6749, section 3.1.2).
pub(crate) fn with_answer(redirect_uri: &str, answer: &[(&str, Option<&str>)]) -> String {
    let Ok(mut url) = Url::parse(redirect_uri) else {
        // Cannot happen: the URI was parsed when the request was read.
        return redirect_uri.to_owned();
    };
    {
        let mut query = url.query_pairs_mut();
        for (name, value) in answer {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
    }
    url.into()
}
