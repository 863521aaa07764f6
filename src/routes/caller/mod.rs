//! The extractor [`Caller`]: an API that takes it is for programs that send a bearer token (RFC 6750).
//!
//! ```
//! use axum::{Json, Router, routing::get};
//! use globus_portal::{
//!     globus::transfer::EndpointSearch,
//!     routes::{Pages, caller::{Caller, JsonError, RequiredScope}},
//!     state::AppState,
//! };
//!
//! /// `https://auth.globus.org/scopes/APP_CLIENT_ID/all`
//! struct All;
//!
//! impl RequiredScope for All {
//!     const NAME: &'static str = "all";
//! }
//!
//! async fn count(caller: Caller<All>) -> Result<Json<usize>, JsonError> {
//!     let mine = EndpointSearch::new().with_filter_scope("my-endpoints");
//!     let found = caller.transfer().await?.paginated().endpoint_search(&mine).collect().await?;
//!     Ok(Json(found.len()))
//! }
//!
//! let api: Router<AppState> = Router::new().route("/api/count", get(count));
//! let pages = Pages::default().without_csrf_check(api);
//! ```

mod dependent;
mod error;

use std::{fmt, marker::PhantomData, net::Ipv4Addr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};

pub(super) use self::error::completed;
pub use self::{dependent::DependentToken, error::JsonError};
use super::bearer::{self, Refusal};
use crate::{
    globus::{
        groups::GroupsClient,
        id_token::{IdTokenClaims, LinkedIdentity},
        scopes,
        transfer::TransferClient,
    },
    secret::AccessToken,
    session::programs::{Admitted, BearerToken, NotAccepted, Program},
    state::AppState,
    telemetry::RequestFacts,
};

/// The scope that a token must have. It is one of the portal's own, which its operators register at Globus Auth.
pub trait RequiredScope {
    /// Its name, such as `all` for `https://auth.globus.org/scopes/APP_CLIENT_ID/all`; or the whole scope, if it is written
    /// otherwise.
    const NAME: &'static str;

    /// The whole scope, for the app with this client id.
    #[must_use]
    fn scope(client_id: &str) -> String {
        match Self::NAME.contains(':') {
            true => Self::NAME.to_owned(),
            false => format!("https://auth.globus.org/scopes/{client_id}/{}", Self::NAME),
        }
    }
}

/// A program that called with a token for the portal that has the scope `S`, and for whom it acts.
///
/// Any other request is refused with a JSON document and `WWW-Authenticate` (RFC 6750 section 3): 401 without a token and for one
/// that Globus does not accept or that is for another service, 400 for credentials that are not one token, 403 without the
/// scope, 503 while Globus Auth does not answer. A session counts for nothing here. Globus is asked about a token at most once a
/// minute, so that a revoked one is refused a minute later.
pub struct Caller<S> {
    app: AppState,
    program: Arc<Program>,
    token: BearerToken,
    scope: PhantomData<fn() -> S>,
}

impl<S> fmt::Debug for Caller<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("sub", &self.sub()).field("client_id", &self.client_id()).finish_non_exhaustive()
    }
}

impl<S> Caller<S> {
    /// The id of the identity that the token acts for: the one name of a person, or an app, that never changes.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.program.claims.sub
    }

    /// Its username, `name@domain`. It may change hands: never a key.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.program.claims.preferred_username.as_deref()
    }

    /// All that Globus says of the identity.
    #[must_use]
    pub fn claims(&self) -> &IdTokenClaims {
        &self.program.claims
    }

    /// The identities that are linked with it, and itself.
    #[must_use]
    pub fn identities(&self) -> &[LinkedIdentity] {
        &self.program.claims.identity_set
    }

    /// The scopes of the token; the required one is among them.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.program.scopes
    }

    /// The client id of the app that calls.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.program.client_id
    }

    /// A client of the Transfer API that acts for the caller.
    ///
    /// # Errors
    /// As [`Caller::authorizer`].
    pub async fn transfer(&self) -> Result<TransferClient, JsonError> {
        let authorizer = self.of(scopes::transfer::RESOURCE_SERVER, scopes::transfer::ALL).await?;
        Ok(TransferClient::new(self.app.settings.environment.transfer.clone(), self.app.http.clone(), authorizer))
    }

    /// A client of the Groups API that acts for the caller.
    ///
    /// # Errors
    /// As [`Caller::authorizer`].
    pub async fn groups(&self) -> Result<GroupsClient, JsonError> {
        let wanted = scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS;
        let authorizer = self.of(scopes::groups::RESOURCE_SERVER, wanted).await?;
        Ok(GroupsClient::new(self.app.settings.environment.groups.clone(), self.app.http.clone(), authorizer))
    }

    /// An access token for the service of a scope, with which the portal acts for the caller (Globus Auth developer guide,
    /// "dependent token grant"). The scope must be one that the required one depends on. It is kept until it expires.
    ///
    /// # Errors
    /// As [`Caller::authorizer`].
    pub async fn dependent_token(&self, scope: &str) -> Result<AccessToken, JsonError> {
        Ok(self.authorizer(scope).await?.current())
    }

    /// The same as a token source for a client of any service, which gets another token once if the service refuses one.
    ///
    /// # Errors
    /// [`JsonError`]: 403 with a Globus Auth Requirements Error, code `ConsentRequired`, that names the scope which the caller has
    /// to consent to, as a dependency of the required one; 401 if the caller's token has ended meanwhile; 503 while Globus Auth
    /// does not answer.
    pub async fn authorizer(&self, scope: &str) -> Result<DependentToken, JsonError> {
        DependentToken::with_scope(self.app.clone(), self.token.clone(), scope).await
    }

    async fn of(&self, resource_server: &str, wanted: &str) -> Result<DependentToken, JsonError> {
        DependentToken::of_server(self.app.clone(), self.token.clone(), resource_server, wanted).await
    }
}

impl<S: RequiredScope> FromRequestParts<AppState> for Caller<S> {
    type Rejection = JsonError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, JsonError> {
        let scope = S::scope(&app.settings.client_id);
        let facts = parts.extensions.get::<RequestFacts>();
        match accepted(app, facts, &parts.headers, &scope).await {
            Ok((program, token)) => Ok(Self { app: app.clone(), program, token, scope: PhantomData }),
            Err(No::Refused(refusal)) => {
                note(facts, &scope, &refusal);
                Err(JsonError::refused(&refusal, &app.settings.server_name))
            }
            Err(No::Unknown) => Err(JsonError::no_answer(&NotAccepted::Unknown)),
        }
    }
}

/// Why there is no caller.
enum No {
    Refused(Refusal),
    /// It cannot be found out now.
    Unknown,
}

impl From<NotAccepted> for No {
    fn from(error: NotAccepted) -> Self {
        match error {
            NotAccepted::Invalid(reason) => Self::Refused(Refusal::Invalid(reason)),
            NotAccepted::Unknown => Self::Unknown,
        }
    }
}

async fn accepted(
    app: &AppState,
    facts: Option<&RequestFacts>,
    headers: &HeaderMap,
    scope: &str,
) -> Result<(Arc<Program>, BearerToken), No> {
    let token = bearer::sent(headers).map_err(No::Refused)?.ok_or(No::Refused(Refusal::NoToken))?;
    let peer = facts.map_or(Ipv4Addr::UNSPECIFIED.into(), |facts| facts.peer);
    let program = app.programs.introspections.of(&token, peer).await?;
    if let Some(facts) = facts {
        // Set once: there is one token in a request.
        let _ = facts.program.set(Admitted { program: program.clone(), scope: scope.to_owned() });
    }
    if !program.has_scope(scope) {
        return Err(No::Refused(Refusal::Scope(scope.to_owned())));
    }
    Ok((program, token))
}

/// The event of a denial. A request without a token is none: it is told to send one.
fn note(facts: Option<&RequestFacts>, scope: &str, refusal: &Refusal) {
    if *refusal != Refusal::NoToken {
        let sub = facts.and_then(RequestFacts::sub).unwrap_or("-");
        tracing::info!(scope, sub, ?refusal, "an API refuses a program");
    }
}
