//! The extractor [`LoggedIn`]: a page that takes it needs a person who is logged in.

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts, OriginalUri},
    http::{HeaderMap, Method, header, request::Parts},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use time::Duration;
use tower_sessions::Session;

use crate::{
    error::{AppError, GlobusError},
    globus::{
        authorizer::AccessTokenAuthorizer,
        error::{CallError, Fault},
        scopes,
        transfer::TransferClient,
    },
    pages::UserView,
    secret::AccessToken,
    session::{return_path::ReturnPath, session_key, store::SessionKey, tokens::TokenUnavailable, user::UserSession},
    state::AppState,
    telemetry::RequestFacts,
};

/// A token that Globus refuses this soon after a login would only be refused again after another.
const JUST_LOGGED_IN: Duration = Duration::minutes(1);

/// The person a page is for. Where nobody is logged in, a navigation goes to the login page and comes back afterwards;
/// anything else gets 401.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// Who it is.
    pub user: UserSession,
    key: SessionKey,
    log_in: LogIn,
}

/// What asking for a login would look like from here.
#[derive(Clone, Debug)]
struct LogIn {
    navigation: bool,
    location: String,
}

impl LogIn {
    fn of(parts: &Parts, root: &str) -> Self {
        // Below a nested router the URI of the parts has lost the root.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let here = uri.path_and_query().and_then(|here| ReturnPath::parse(here.as_str(), root));
        let location = login_path(root, here.as_ref());
        Self { navigation: is_navigation(&parts.method, &parts.headers), location }
    }

    fn error(&self) -> AppError {
        if self.navigation { AppError::LogIn(self.location.clone()) } else { AppError::Unauthorized }
    }
}

impl LoggedIn {
    /// Names the session in the store.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        self.key
    }

    /// An access token for a resource server, renewed if need be. When there is none that is good, the error sends the
    /// person through login and back to this page.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn access_token(&self, app: &AppState, resource_server: &str) -> Result<AccessToken, AppError> {
        match app.tokens.fresh(self.key, resource_server).await {
            Err(TokenUnavailable::SignIn(resource_server)) if self.is_new(app) => Err(AppError::Refused {
                title: "A permission is missing".into(),
                message: format!(
                    "This page needs a permission for {resource_server}, and this site does not ask Globus for it."
                )
                .into(),
                cause: format!("no token for {resource_server} right after the login: see SCOPES").into(),
                next: None,
            }),
            Err(TokenUnavailable::SignIn(_)) => Err(self.log_in.error()),
            other => Ok(other?),
        }
    }

    /// A client of the Transfer API that acts for this person.
    ///
    /// # Errors
    /// As [`LoggedIn::access_token`].
    pub async fn transfer(&self, app: &AppState) -> Result<TransferClient, AppError> {
        let token = self.access_token(app, scopes::transfer::RESOURCE_SERVER).await?;
        let base = app.settings.environment.transfer.clone();
        Ok(TransferClient::new(base, app.http.clone(), AccessTokenAuthorizer::new(token)))
    }

    /// What a failed call for this person means: a token that Globus no longer accepts sends the person through login
    /// and back to this page, unless they have just come from there.
    #[must_use]
    pub fn refused(&self, app: &AppState, error: CallError) -> AppError {
        match error.fault() {
            Fault::SignInAgain if !self.is_new(app) => self.log_in.error(),
            _ => AppError::Globus(GlobusError::Call(error)),
        }
    }

    fn is_new(&self, app: &AppState) -> bool {
        app.clock.now() - self.user.began < JUST_LOGGED_IN
    }

    /// The person, for a page.
    #[must_use]
    pub fn view(&self) -> UserView {
        let claims = &self.user.claims;
        UserView {
            name: self.user.display_name().to_owned(),
            username: claims.preferred_username.clone().unwrap_or_else(|| claims.sub.clone()),
            organization: claims.organization.clone(),
            email: claims.email.clone(),
        }
    }
}

impl FromRequestParts<AppState> for LoggedIn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, AppError> {
        let log_in = LogIn::of(parts, &app.settings.root);
        let found = <Self as OptionalFromRequestParts<AppState>>::from_request_parts(parts, app).await?;
        found.ok_or_else(|| log_in.error())
    }
}

/// `None` only when nobody is logged in; a store that does not answer is an error.
impl OptionalFromRequestParts<AppState> for LoggedIn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Option<Self>, AppError> {
        let log_in = LogIn::of(parts, &app.settings.root);
        let no_layer = || AppError::Internal("the session layer is missing".to_owned());
        let session = parts.extensions.get::<Session>().ok_or_else(no_layer)?;
        let Some(user) = UserSession::load(session).await? else { return Ok(None) };
        let Some(id) = session.id() else { return Ok(None) };
        if let Some(facts) = parts.extensions.get::<RequestFacts>() {
            // The first to know says it; the same person all through a request.
            let _ = facts.subject.set(user.claims.sub.clone());
        }
        Ok(Some(Self { user, key: session_key(id), log_in }))
    }
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
    ["sec-purpose", "purpose"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .any(|value| value.contains("prefetch"))
}

/// Whether a request is a person's own move to another page, in a window of its own. Scripts, frames, images and
/// programs get a plain 401 instead of a login that would lead them nowhere.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name: &str, wanted: &str| {
        headers.get(name).is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    let accept =
        headers.get(header::ACCEPT).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    let takes_html =
        accept.is_none_or(|accept| ["text/html", "text/*", "*/*", "xhtml"].iter().any(|kind| accept.contains(kind)));
    method == Method::GET
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
        && !headers.contains_key("x-requested-with")
        && !headers.contains_key(header::UPGRADE)
        && takes_html
}
