//! The client itself, which the other files give its methods.

use serde::de::DeserializeOwned;
use url::Url;

use crate::{
    error::{CallError, Service},
    service::{authorizer::Authorizer, client::ServiceClient, http::HttpClient, query::Parameters, url::with_slash},
};

/// A client of the Transfer API (the Python SDK's `TransferClient`).
///
/// Every method fails with a [`CallError`]; its [`fault`](CallError::fault) says whether the person has to sign in
/// again, may not do this, or Globus does not answer.
#[derive(Clone, Debug)]
pub struct TransferClient {
    pub(super) service: ServiceClient,
}

impl TransferClient {
    /// A client of the Transfer API at `base`, with an authorizer for `transfer.api.globus.org`.
    #[must_use]
    pub fn new(base: Url, http: HttpClient, authorizer: impl Into<Authorizer>) -> Self {
        let (base, authorizer) = (with_slash(base), authorizer.into());
        Self { service: ServiceClient { service: Service::Transfer, base, http, authorizer } }
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &str, query: &Parameters) -> Result<T, CallError> {
        self.service.fetch(path, query).await?.document()
    }

    pub(super) async fn ask_list<T: DeserializeOwned>(&self, path: &str, query: &Parameters) -> Result<T, CallError> {
        self.service.fetch_list(path, query).await?.document()
    }
}

/// A document without an id is malformed.
pub(super) fn require_id(id: &str) -> Result<(), CallError> {
    if id.is_empty() { Err(CallError::Malformed { what: "the id is missing".to_owned() }) } else { Ok(()) }
}

/// Calls that have no method here: `get`, `post`, `put`, `patch` and `delete` of [`ServiceClient`].
impl std::ops::Deref for TransferClient {
    type Target = ServiceClient;

    fn deref(&self) -> &ServiceClient {
        &self.service
    }
}
