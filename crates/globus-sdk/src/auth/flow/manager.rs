//! What all flow managers share.

use std::fmt::Display;

use url::Url;

use super::parameters::AuthorizeParameters;
use crate::{
    auth::tokens::{TokenError, TokenResponse},
    error::UsageError,
    secret::AuthorizationCode,
};

/// A login by an authorization code: where to send the browser, and what to do with the code that comes back.
pub trait FlowManager {
    /// Where to send the browser.
    fn get_authorize_url(&self, parameters: &AuthorizeParameters) -> Url;

    /// Exchanges the code that came back. This spends the flow.
    ///
    /// # Errors
    /// [`TokenError`].
    fn exchange_code_for_tokens(
        self,
        auth_code: AuthorizationCode,
    ) -> impl Future<Output = Result<TokenResponse, TokenError>> + Send;
}

pub(super) fn scope_parameter(scopes: impl IntoIterator<Item = impl Display>) -> Result<String, UsageError> {
    let scopes: Vec<_> = scopes.into_iter().map(|scope| scope.to_string()).collect();
    let scope = scopes.join(" ");
    if scope.is_empty() {
        return Err(UsageError("'scopes' cannot be the empty string or empty collection.".to_owned()));
    }
    Ok(scope)
}

/// Whether refresh tokens are requested too.
#[derive(Clone, Copy, Debug)]
pub(super) enum AccessType {
    Online,
    Offline,
}

impl AccessType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}
