//! What goes into the `Authorization` header of a request.

use reqwest::RequestBuilder;

use crate::secret::AccessToken;

/// Sends one access token as `Bearer` (RFC 6750 section 2.1). It renews nothing: a 401 goes to the caller.
#[derive(Clone, Debug)]
pub struct AccessTokenAuthorizer {
    access_token: AccessToken,
}

impl AccessTokenAuthorizer {
    /// Wraps the token of the resource server that will be called.
    #[must_use]
    pub fn new(access_token: AccessToken) -> Self {
        Self { access_token }
    }

    pub(crate) fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(self.access_token.expose_secret())
    }
}
