//! The token of another service with which the portal acts for a caller.

use std::{
    fmt,
    sync::{PoisonError, RwLock},
};

use async_trait::async_trait;

use super::error::JsonError;
use crate::{
    globus::{authorizer::TokenSource, error::CallError, tokens::Token},
    secret::{AccessToken, equal},
    session::programs::BearerToken,
    state::AppState,
};

/// A token source for a client of a service, for one caller. If the service refuses the token, it gets another one once.
pub struct DependentToken {
    app: AppState,
    token: BearerToken,
    resource_server: String,
    current: RwLock<AccessToken>,
}

impl fmt::Debug for DependentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DependentToken").field("resource_server", &self.resource_server).finish_non_exhaustive()
    }
}

impl DependentToken {
    pub(super) async fn with_scope(app: AppState, token: BearerToken, scope: &str) -> Result<Self, JsonError> {
        Self::find(app, token, scope, |token| token.scopes.iter().any(|held| held == scope)).await
    }

    /// Whatever scopes the token for a service has; `wanted` is the one to ask for if there is none.
    pub(super) async fn of_server(
        app: AppState,
        token: BearerToken,
        resource_server: &str,
        wanted: &str,
    ) -> Result<Self, JsonError> {
        Self::find(app, token, wanted, |token| token.resource_server == resource_server).await
    }

    async fn find(
        app: AppState,
        token: BearerToken,
        wanted: &str,
        is_it: impl Fn(&Token) -> bool,
    ) -> Result<Self, JsonError> {
        let tokens = app.programs.dependents.of(&token).await;
        let tokens = tokens.map_err(|error| JsonError::no_dependent_tokens(&error, &app.settings.server_name))?;
        let found = tokens.iter().find(|token| is_it(token)).ok_or_else(|| JsonError::consent_required(wanted))?;
        let (resource_server, current) = (found.resource_server.clone(), RwLock::new(found.access_token.clone()));
        Ok(Self { app, token, resource_server, current })
    }

    pub(super) fn current(&self) -> AccessToken {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl TokenSource for DependentToken {
    async fn access_token(&self) -> Result<AccessToken, CallError> {
        Ok(self.current())
    }

    async fn refused(&self, refused: &AccessToken) -> Result<bool, CallError> {
        let is_refused =
            |token: &AccessToken| equal(token.expose_secret().as_bytes(), refused.expose_secret().as_bytes());
        if !is_refused(&self.current()) {
            return Ok(true); // Another call has replaced it.
        }
        self.app.programs.dependents.forget(self.token.hash, refused);
        let tokens = self.app.programs.dependents.of(&self.token).await.map_err(|error| {
            CallError::NoToken(JsonError::no_dependent_tokens(&error, &self.app.settings.server_name).into())
        })?;
        let other = tokens.iter().find(|token| token.resource_server == self.resource_server);
        let Some(other) = other.filter(|token| !is_refused(&token.access_token)) else { return Ok(false) };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = other.access_token.clone();
        Ok(true)
    }
}
