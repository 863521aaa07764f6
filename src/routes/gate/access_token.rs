//! The access token that an app gets with a yes: that of the person, for the resource server that the policy names.

use crate::{
    secret::AccessToken,
    session::{store::SessionKey, tokens::TokenUnavailable},
    settings::Policy,
    state::AppState,
};

/// Why there is no token for the app.
pub(super) enum NoToken {
    /// The session has none: a login gives one, if it asks for a scope of that server.
    SignIn,
    /// The store or Globus does not answer.
    Unknown,
}

/// The token, renewed if it is about to expire; `None` if the policy gives none.
pub(super) async fn of(app: &AppState, session: SessionKey, policy: &Policy) -> Result<Option<AccessToken>, NoToken> {
    let Some(resource_server) = &policy.access_token else { return Ok(None) };
    match app.tokens.fresh(session, resource_server).await {
        Ok(token) => Ok(Some(token)),
        Err(TokenUnavailable::SignIn(_)) => Err(NoToken::SignIn),
        Err(error) => {
            tracing::warn!(error = %error, resource_server, "the gate has no access token for an app");
            Err(NoToken::Unknown)
        }
    }
}
