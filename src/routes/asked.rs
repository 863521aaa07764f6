//! What a request asked for, as far as a login needs to know it.

use axum::{
    extract::OriginalUri,
    http::{Extensions, HeaderMap, Method, Uri, request::Parts},
};

use super::{origin::is_navigation, paths::encoded};
use crate::{
    error::AppError,
    session::{return_path::ReturnPath, store::SessionKey},
    state::AppState,
};

/// What was requested, as far as a login needs to know it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Whether a browser goes to the page, so that it can be redirected.
    pub(super) navigation: bool,
    /// Whether the request can be repeated safely.
    reading: bool,
    uri: Uri,
}

impl Asked {
    pub(super) fn of(parts: &Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers, &parts.extensions)
    }

    pub(super) fn new(method: &Method, uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> Self {
        // A nested router strips the root from the URI of the parts.
        let uri = extensions.get::<OriginalUri>().map_or(uri, |original| &original.0).clone();
        let reading = matches!(*method, Method::GET | Method::HEAD);
        Self { navigation: is_navigation(method, headers), reading, uri }
    }

    /// The page, if a login can lead back to it.
    pub(super) fn page(&self, root: &str) -> Option<ReturnPath> {
        let here = self.uri.path_and_query().filter(|_| self.reading)?;
        ReturnPath::parse(here.as_str(), root)
    }

    /// The path and query, whatever the method.
    pub(super) fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }

    /// Sends the person through login and back to what was asked for.
    pub(super) fn log_in(&self, root: &str) -> AppError {
        let page = self.page(root);
        if self.navigation {
            AppError::LogIn(login_path(root, page.as_ref()))
        } else {
            AppError::Unauthorized { next: page }
        }
    }

    /// The same for a session that is over. If it was ended from elsewhere, a page says so first: Globus might sign the
    /// browser in again before its person has seen anything.
    pub(super) async fn log_in_after(&self, app: &AppState, session: Option<SessionKey>) -> AppError {
        if let Some(session) = session
            && self.navigation
        {
            match app.vault.was_ended_elsewhere(session).await {
                Ok(true) => return AppError::EndedElsewhere { next: self.page(&app.settings.root) },
                Ok(false) => {}
                Err(error) => return error.into(),
            }
        }
        self.log_in(&app.settings.root)
    }
}

/// The login page that leads to `next` afterwards.
pub(super) fn login_path(root: &str, next: Option<&ReturnPath>) -> String {
    with_next(&format!("{root}/login"), next.filter(|next| **next != ReturnPath::front(root)))
}

/// This page, which leads to `next` afterwards.
pub(super) fn with_next(page: &str, next: Option<&ReturnPath>) -> String {
    let query = next.map(|next| format!("?next={}", encoded(next.as_str())));
    format!("{page}{}", query.unwrap_or_default())
}

/// On an error response: the page that may be asked for again.
#[derive(Clone, Debug)]
pub(super) struct SamePage(pub(super) ReturnPath);
