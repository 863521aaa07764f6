//! Endpoints and collections.

use super::{
    client::{TransferClient, require_id},
    documents::{Endpoint, EndpointPage},
};
use crate::{
    error::CallError,
    service::query::{Parameters, flag, segment},
};

/// How many endpoints `paginated` asks for at a time.
pub(super) const SEARCH_PAGE: u32 = 100;

/// What to search for.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EndpointSearch<'a> {
    /// Which endpoints: `my-endpoints`, `recently-used`, `in-use`, `shared-by-me`, `shared-with-me`,
    /// `administered-by-me`, `my-gcp-endpoints`; `None` for all, which needs a text.
    pub filter_scope: Option<&'a str>,
    /// Words that must all be in the names and descriptions.
    pub filter_fulltext: Option<&'a str>,
    /// Only those of this owner, by identity id.
    pub filter_owner_id: Option<&'a str>,
    /// Only guest collections on this collection, by its id.
    pub filter_host_endpoint: Option<&'a str>,
    /// Only those that hold no files themselves, or only those that do.
    pub filter_non_functional: Option<bool>,
    /// Only those of this kind: `GCSv5_guest_collection`, …
    pub filter_entity_type: Option<&'a str>,
    /// How many results at most (Globus's own default is 25, its most 100).
    pub limit: Option<u32>,
    /// How many results to pass over.
    pub offset: Option<u32>,
    /// Any other parameters, such as `fields`. A name that is there already gets this value, in its old place.
    pub query_params: &'a [(&'a str, &'a str)],
}

impl<'a> EndpointSearch<'a> {
    /// Nothing but Globus's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        with_filter_scope: filter_scope = &'a str;
        with_filter_fulltext: filter_fulltext = &'a str;
        with_filter_owner_id: filter_owner_id = &'a str;
        with_filter_host_endpoint: filter_host_endpoint = &'a str;
        with_filter_non_functional: filter_non_functional = bool;
        with_filter_entity_type: filter_entity_type = &'a str;
        with_limit: limit = u32;
        with_offset: offset = u32;
        with_query_params: query_params = &'a [(&'a str, &'a str)];
    }

    pub(super) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.set_some("filter_scope", self.filter_scope);
        parameters.set_some("filter_fulltext", self.filter_fulltext);
        parameters.set_some("filter_owner_id", self.filter_owner_id);
        parameters.set_some("filter_host_endpoint", self.filter_host_endpoint);
        parameters.set_some("filter_non_functional", self.filter_non_functional.map(flag));
        parameters.set_some("filter_entity_type", self.filter_entity_type);
        parameters.set_some("limit", self.limit.map(|limit| limit.to_string()));
        parameters.set_some("offset", self.offset.map(|offset| offset.to_string()));
        parameters.set_all(self.query_params);
        parameters
    }
}

impl TransferClient {
    /// One page of the endpoints that a search finds (Transfer API, "Endpoint Search").
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn endpoint_search(&self, search: &EndpointSearch<'_>) -> Result<EndpointPage, CallError> {
        self.ask_list("v0.10/endpoint_search", &search.parameters()).await
    }

    /// One endpoint or collection by its id (Transfer API, "Get endpoint by id").
    ///
    /// # Errors
    /// [`CallError`]; an [`ApiError`](crate::error::ApiError) with status 404 when there is none.
    pub async fn get_endpoint(&self, endpoint_id: &str) -> Result<Endpoint, CallError> {
        let endpoint: Endpoint =
            self.ask(&format!("v0.10/endpoint/{}", segment(endpoint_id)?), &Parameters::default()).await?;
        require_id(&endpoint.id)?;
        Ok(endpoint)
    }
}
