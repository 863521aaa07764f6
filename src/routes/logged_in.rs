//! The extractor [`LoggedIn`]: a page that takes it requires a login.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::request::Parts,
};
use time::Duration;

use super::{asked::Asked, cookies::SentSessions, csrf};
use crate::{
    error::{AppError, Demand, Need},
    globus::{groups::GroupsClient, scopes, transfer::TransferClient},
    pages::UserView,
    secret::AccessToken,
    session::{
        live::LiveSession,
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
    pub(super) app: AppState,
    pub(super) live: Arc<LiveSession>,
    pub(super) asked: Asked,
}

impl LoggedIn {
    fn new(live: Arc<LiveSession>, parts: &Parts, app: &AppState) -> Self {
        Self { app: app.clone(), live, asked: Asked::of(parts) }
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

    /// A valid access token that has a scope. If the session has none, the person gives it at Globus, once, and comes back to
    /// this page; the page names the scope itself, so `ALLOW_CONSENT_FOR` need not.
    ///
    /// # Errors
    /// As [`LoggedIn::token`]; [`AppError::StepUp`], with which the person is sent to Globus.
    pub async fn access_token_with_scope(&self, scope: &str) -> Result<AccessToken, AppError> {
        let facts = self.app.tokens.facts(self.key()).await?;
        match facts.into_iter().find(|facts| facts.scopes.iter().any(|granted| granted == scope)) {
            Some(facts) => self.token(&facts.resource_server).await,
            None => Err(AppError::StepUp(Box::new(Demand { need: Need::Scope(scope.to_owned()), opened: Vec::new() }))),
        }
    }

    /// A token for the forms of a page, in a hidden field named `csrf_token` or in the header `X-CSRF-Token`. Each call gives
    /// another text; all are good as long as the session is.
    #[must_use]
    pub fn csrf_token(&self) -> String {
        csrf::token(&self.app, self.key())
    }

    /// The person, for a page.
    #[must_use]
    pub fn view(&self) -> UserView {
        view_of(&self.app, &self.live)
    }

    pub(super) fn is_new(&self) -> bool {
        is_new(&self.app, &self.live)
    }
}

/// Whether a session began so recently that another login would not help.
pub(super) fn is_new(app: &AppState, live: &LiveSession) -> bool {
    app.clock.now() - live.user.began < JUST_LOGGED_IN
}

/// The person of a session, for a page.
pub(super) fn view_of(app: &AppState, live: &LiveSession) -> UserView {
    let claims = &live.user.claims;
    // A session of an older version does not record it; what every login asks for answers then.
    let asks = || app.settings.scopes.iter().any(|scope| scope.split('[').next() == Some(scopes::transfer::ALL));
    UserView {
        name: live.user.display_name().to_owned(),
        username: claims.preferred_username.clone().unwrap_or_else(|| claims.sub.clone()),
        organization: claims.organization.clone(),
        email: claims.email.clone(),
        can_transfer: live.user.transfer.unwrap_or_else(asks),
        csrf: csrf::token(app, live.key),
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
