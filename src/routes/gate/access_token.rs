//! The access token that an app gets with a yes: that of the person, for the resource server that the policy names.

use crate::{
    secret::AccessToken,
    session::{not_known::NotKnown, store::SessionKey, tokens::TokenUnavailable},
    settings::Policy,
    state::AppState,
};

/// The token, renewed if it is about to expire; `None` if the policy gives none.
pub(super) async fn of(app: &AppState, session: SessionKey, policy: &Policy) -> Result<Option<AccessToken>, NotKnown> {
    let Some(resource_server) = &policy.access_token else { return Ok(None) };
    match app.tokens.fresh(session, resource_server).await {
        Ok(token) => Ok(Some(token)),
        Err(TokenUnavailable::SignIn(_)) => Err(NotKnown::SignIn),
        Err(error) => {
            tracing::warn!(error = %error, resource_server, "the gate has no access token for an app");
            Err(NotKnown::Unknown)
        }
    }
}
