//! The extractor [`LoggedIn`]: a page that takes it needs a person who is logged in.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts, OriginalUri},
    http::{HeaderMap, Method, Uri, request::Parts},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use time::Duration;

use super::cookies::SentSessions;
use crate::{
    error::{AppError, GlobusError},
    globus::{error::CallError, fault::Fault, groups::GroupsClient, scopes, transfer::TransferClient},
    pages::UserView,
    secret::AccessToken,
    session::{
        live::LiveSession,
        return_path::ReturnPath,
        store::SessionKey,
        tokens::{SessionToken, TokenUnavailable},
        user::UserSession,
    },
    state::AppState,
    telemetry::RequestFacts,
};

/// A token that Globus refuses this soon after a login would only be refused again after another.
const JUST_LOGGED_IN: Duration = Duration::minutes(1);

/// The person a page is for. Where nobody is logged in, a navigation goes to the login page and comes back afterwards;
/// anything else gets 401.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    live: Arc<LiveSession>,
    asked: Asked,
    can_transfer: bool,
}

/// What was asked for, as far as it matters when a login is needed.
#[derive(Clone, Debug)]
struct Asked {
    navigation: bool,
    /// Whether asking again does the same.
    reading: bool,
    uri: Uri,
}

impl Asked {
    fn of(parts: &Parts) -> Self {
        // Below a nested router the URI of the parts has lost the root.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0).clone();
        let reading = matches!(parts.method, Method::GET | Method::HEAD);
        Self { navigation: is_navigation(&parts.method, &parts.headers), reading, uri }
    }

    /// The page, if a login can lead back to it.
    fn page(&self, root: &str) -> Option<ReturnPath> {
        let here = self.uri.path_and_query().filter(|_| self.reading)?;
        ReturnPath::parse(here.as_str(), root)
    }

    /// Sends the person through login and back to what was asked for.
    fn log_in(&self, root: &str) -> AppError {
        let page = self.page(root);
        if self.navigation {
            AppError::LogIn(login_path(root, page.as_ref()))
        } else {
            AppError::Unauthorized { next: page }
        }
    }

    /// The same for somebody whose session is over. Where somebody else has ended it, a page says so first: Globus might let
    /// the browser in again before its person has seen anything.
    async fn log_in_after(&self, app: &AppState, session: Option<SessionKey>) -> AppError {
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

impl LoggedIn {
    fn new(live: Arc<LiveSession>, parts: &Parts, app: &AppState) -> Self {
        // Where the session does not say it, what every login asks for does.
        let asks = || app.settings.scopes.iter().any(|scope| scope.split('[').next() == Some(scopes::transfer::ALL));
        let can_transfer = live.user.transfer.unwrap_or_else(asks);
        Self { live, asked: Asked::of(parts), can_transfer }
    }

    /// Who it is.
    #[must_use]
    pub fn user(&self) -> &UserSession {
        &self.live.user
    }

    /// Names the session in the store.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        self.live.key
    }

    /// An access token for a resource server, renewed if need be. When there is none that is good, the error sends the
    /// person through login and back to this page.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn access_token(&self, app: &AppState, resource_server: &str) -> Result<AccessToken, AppError> {
        match app.tokens.fresh(self.key(), resource_server).await {
            Err(TokenUnavailable::SignIn(_)) if app.records.look_up(self.key()).await?.is_none() => {
                // It has ended since this request began, perhaps a moment ago.
                Err(self.asked.log_in_after(app, Some(self.key())).await)
            }
            Err(TokenUnavailable::SignIn(resource_server)) if self.is_new(app) => Err(AppError::Refused {
                title: "A permission is missing".into(),
                message: format!(
                    "This page needs a permission for {resource_server}, and this site does not ask Globus for it."
                )
                .into(),
                cause: format!("no token for {resource_server} right after the login: see SCOPES").into(),
                // It would only be missing again.
                sign_in: None,
            }),
            Err(TokenUnavailable::SignIn(_)) => Err(self.asked.log_in(&app.settings.root)),
            other => Ok(other?),
        }
    }

    /// A client of the Transfer API that acts for this person. A token that Transfer refuses is renewed once.
    ///
    /// # Errors
    /// As [`LoggedIn::access_token`].
    pub async fn transfer(&self, app: &AppState) -> Result<TransferClient, AppError> {
        let authorizer = self.authorizer(app, scopes::transfer::RESOURCE_SERVER).await?;
        Ok(TransferClient::new(app.settings.environment.transfer.clone(), app.http.clone(), authorizer))
    }

    /// A client of the Groups API that acts for this person. A token that Groups refuses is renewed once.
    ///
    /// # Errors
    /// As [`LoggedIn::access_token`].
    pub async fn groups(&self, app: &AppState) -> Result<GroupsClient, AppError> {
        let authorizer = self.authorizer(app, scopes::groups::RESOURCE_SERVER).await?;
        Ok(GroupsClient::new(app.settings.environment.groups.clone(), app.http.clone(), authorizer))
    }

    async fn authorizer(&self, app: &AppState, resource_server: &str) -> Result<SessionToken, AppError> {
        let token = self.access_token(app, resource_server).await?;
        Ok(SessionToken::new(app.tokens.clone(), self.key(), resource_server, token))
    }

    /// What a failed call for this person means: a token that Globus no longer accepts sends the person through login
    /// and back to this page, unless they have just come from there.
    #[must_use]
    pub fn refused(&self, app: &AppState, error: CallError) -> AppError {
        match error.fault() {
            Fault::SignInAgain if !self.is_new(app) => self.asked.log_in(&app.settings.root),
            _ => AppError::Globus(GlobusError::Call(error)),
        }
    }

    fn is_new(&self, app: &AppState) -> bool {
        app.clock.now() - self.user().began < JUST_LOGGED_IN
    }

    /// The person, for a page.
    #[must_use]
    pub fn view(&self) -> UserView {
        let claims = &self.user().claims;
        UserView {
            name: self.user().display_name().to_owned(),
            username: claims.preferred_username.clone().unwrap_or_else(|| claims.sub.clone()),
            organization: claims.organization.clone(),
            email: claims.email.clone(),
            can_transfer: self.can_transfer,
        }
    }
}

impl FromRequestParts<AppState> for LoggedIn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, AppError> {
        let only = SentSessions::of(&parts.headers, &app.settings).only()?;
        match live_session(parts, app, only).await? {
            Some(live) => Ok(Self::new(live, parts, app)),
            None => Err(Asked::of(parts).log_in_after(app, only).await),
        }
    }
}

/// `None` only when nobody is logged in, as far as the cookies tell; a store that does not answer is an error.
impl OptionalFromRequestParts<AppState> for LoggedIn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Option<Self>, AppError> {
        let only = SentSessions::of(&parts.headers, &app.settings).only().unwrap_or_default();
        let live = live_session(parts, app, only).await?;
        Ok(live.map(|live| Self::new(live, parts, app)))
    }
}

async fn live_session(
    parts: &Parts,
    app: &AppState,
    key: Option<SessionKey>,
) -> Result<Option<Arc<LiveSession>>, AppError> {
    let Some(key) = key else { return Ok(None) };
    let Some(live) = app.records.find(key).await? else { return Ok(None) };
    if let Some(facts) = parts.extensions.get::<RequestFacts>() {
        // The first to know says it; the same session all through a request.
        let _ = facts.session.set(live.clone());
    }
    Ok(Some(live))
}

/// The login page that leads to `next` afterwards.
#[must_use]
pub fn login_path(root: &str, next: Option<&ReturnPath>) -> String {
    match next {
        Some(next) if *next != ReturnPath::front(root) => {
            format!("{root}/login?next={}", utf8_percent_encode(next.as_str(), NON_ALPHANUMERIC))
        }
        _ => format!("{root}/login"),
    }
}

/// Whether a browser asks ahead of time, for a page that its person may never open.
pub(super) fn is_speculative(headers: &HeaderMap) -> bool {
    headers.iter().any(|(name, value)| {
        matches!(name.as_str(), "sec-purpose" | "purpose") && holds_some(value.as_bytes(), &["prefetch"])
    })
}

/// Whether a request is a person's own move to another page, in a window of its own. Scripts, frames, images and
/// programs get a plain 401 instead of a login that would lead them nowhere.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET
        && headers.iter().all(|(name, value)| {
            let value = value.as_bytes();
            match name.as_str() {
                "sec-fetch-mode" => value.eq_ignore_ascii_case(b"navigate"),
                "sec-fetch-dest" => value.eq_ignore_ascii_case(b"document"),
                "accept" => holds_some(value, &["text/html", "text/*", "*/*", "xhtml"]),
                // By their values: Android's WebViews send their app's name, and some clients offer HTTP/2 (h2c).
                "x-requested-with" => !lists(value, b"XMLHttpRequest"),
                "upgrade" => !lists(value, b"websocket"),
                _ => true,
            }
        })
}

/// Whether a word is an item of a header's list, in small or capital letters.
fn lists(value: &[u8], word: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

/// Whether a header's value holds one of these words, in small or capital letters.
fn holds_some(value: &[u8], words: &[&str]) -> bool {
    let begins = |rest: &[u8], word: &str| {
        rest.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
    };
    (0..value.len()).any(|from| words.iter().any(|word| begins(&value[from..], word)))
}
