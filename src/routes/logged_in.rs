//! The extractor [`LoggedIn`]: a page that takes it requires a login.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts, OriginalUri},
    http::{Method, Uri, request::Parts},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use time::Duration;

use super::{cookies::SentSessions, origin::is_navigation};
use crate::{
    error::AppError,
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

/// If Globus rejects a token this soon after a login, another login would not help.
const JUST_LOGGED_IN: Duration = Duration::minutes(1);

/// The person who is logged in. Without a session, a navigation is sent to the login page and back afterwards; any other
/// request gets 401.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    app: AppState,
    live: Arc<LiveSession>,
    asked: Asked,
    can_transfer: bool,
}

/// What was requested, as far as a login needs to know it.
#[derive(Clone, Debug)]
struct Asked {
    navigation: bool,
    /// Whether the request can be repeated safely.
    reading: bool,
    uri: Uri,
}

impl Asked {
    fn of(parts: &Parts) -> Self {
        // A nested router strips the root from the URI of the parts.
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

    /// The same for a session that is over. If it was ended from elsewhere, a page says so first: Globus might sign the
    /// browser in again before its person has seen anything.
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
        // A session of an older version does not record it; what every login asks for answers then.
        let asks = || app.settings.scopes.iter().any(|scope| scope.split('[').next() == Some(scopes::transfer::ALL));
        let can_transfer = live.user.transfer.unwrap_or_else(asks);
        Self { app: app.clone(), live, asked: Asked::of(parts), can_transfer }
    }

    /// The person, as recorded at login.
    #[must_use]
    pub fn user(&self) -> &UserSession {
        &self.live.user
    }

    /// The session's key in the store.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        self.live.key
    }

    /// A valid access token for a resource server, renewed if it has expired.
    ///
    /// # Errors
    /// Without a valid token, the error sends the person through login and back to this page. If the session store or Globus
    /// does not answer, it is a 503.
    pub async fn token(&self, resource_server: &str) -> Result<AccessToken, AppError> {
        let app = &self.app;
        match app.tokens.fresh(self.key(), resource_server).await {
            Err(TokenUnavailable::SignIn(_)) if app.records.look_up(self.key()).await?.is_none() => {
                // The session has ended since this request began.
                Err(self.asked.log_in_after(app, Some(self.key())).await)
            }
            Err(TokenUnavailable::SignIn(resource_server)) if self.is_new() => Err(AppError::Refused {
                title: "A permission is missing".into(),
                message: format!("This page needs a permission for {resource_server} that this site does not request.")
                    .into(),
                cause: format!("no token for {resource_server} right after login: check SCOPES").into(),
                // Another login would not help.
                sign_in: None,
            }),
            Err(TokenUnavailable::SignIn(_)) => Err(self.asked.log_in(&app.settings.root)),
            other => Ok(other?),
        }
    }

    /// A client of the Transfer API that acts for this person. If Transfer rejects its token, the token is renewed once.
    ///
    /// # Errors
    /// As [`LoggedIn::token`].
    pub async fn transfer(&self) -> Result<TransferClient, AppError> {
        let (app, authorizer) = (&self.app, self.authorizer(scopes::transfer::RESOURCE_SERVER).await?);
        Ok(TransferClient::new(app.settings.environment.transfer.clone(), app.http.clone(), authorizer))
    }

    /// A client of the Groups API that acts for this person. If Groups rejects its token, the token is renewed once.
    ///
    /// # Errors
    /// As [`LoggedIn::token`].
    pub async fn groups(&self) -> Result<GroupsClient, AppError> {
        let (app, authorizer) = (&self.app, self.authorizer(scopes::groups::RESOURCE_SERVER).await?);
        Ok(GroupsClient::new(app.settings.environment.groups.clone(), app.http.clone(), authorizer))
    }

    /// A token source for a client of any other service.
    ///
    /// # Errors
    /// As [`LoggedIn::token`].
    pub async fn authorizer(&self, resource_server: &str) -> Result<SessionToken, AppError> {
        let token = self.token(resource_server).await?;
        Ok(SessionToken::new(self.app.tokens.clone(), self.key(), resource_server, token))
    }

    /// Turns a failed call for this person into an answer. If Globus no longer accepts the token, the person goes through
    /// login and back to this page, unless they have just logged in.
    #[must_use]
    pub fn refused(&self, error: CallError) -> AppError {
        match error.fault() {
            Fault::SignInAgain if !self.is_new() => self.asked.log_in(&self.app.settings.root),
            _ => error.into(),
        }
    }

    fn is_new(&self) -> bool {
        self.app.clock.now() - self.user().began < JUST_LOGGED_IN
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
            csrf: String::new(),
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

/// `None` only if the request has no valid session; a store that does not answer is an error.
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
        // Set once: the session is the same throughout a request.
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
