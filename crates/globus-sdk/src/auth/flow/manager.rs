//! What all flow managers share.

use url::Url;

use super::parameters::AuthorizeParameters;
use crate::{
    auth::tokens::{TokenError, TokenResponse},
    error::UsageError,
    scopes::{self, Scopes},
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

pub(super) fn scope_parameter(scopes: impl Into<Scopes>) -> Result<String, UsageError> {
    scopes::serialize(scopes).map_err(|error| UsageError(error.to_string()))
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
