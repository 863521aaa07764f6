//! Globus Transfer: search for collections and endpoints, and one of them.

use serde::Deserialize;
use url::Url;

use super::{
    authorizer::Authorizer,
    client::ServiceClient,
    error::{CallError, Service},
    http::HttpClient,
    query::{Parameters, segment},
};

/// The most results that a search gives in all, over all its pages.
pub const MAX_RESULTS: u32 = 1000;

/// A collection or endpoint, as far as people are shown it. All texts are somebody's own words.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoint {
    /// Its id, a UUID.
    pub id: String,
    /// The name to show, if it has one.
    pub display_name: Option<String>,
    /// Its older name, `owner#name`.
    pub canonical_name: Option<String>,
    /// The owner's username.
    pub owner_string: Option<String>,
    /// What kind it is: `GCSv5_guest_collection`, …
    pub entity_type: Option<String>,
    /// What its owner says of it.
    pub description: Option<String>,
    /// The institution it belongs to.
    pub organization: Option<String>,
}

/// One page of a search.
#[derive(Clone, Debug, Deserialize)]
pub struct EndpointPage {
    /// The endpoints of this page.
    #[serde(rename = "DATA")]
    pub endpoints: Vec<Endpoint>,
    /// Whether there is another page, from `offset + limit` on.
    #[serde(default)]
    pub has_next_page: bool,
}

/// What to search for.
#[derive(Clone, Debug, Default)]
pub struct EndpointSearch<'a> {
    /// Which endpoints: `my-endpoints`, `recently-used`, `shared-with-me`, …; `None` for all, which needs a text.
    pub filter_scope: Option<&'a str>,
    /// Words that must all be in the names and descriptions.
    pub filter_fulltext: Option<&'a str>,
    /// How many results at most (Globus's own default is 25, its most 100).
    pub limit: u32,
    /// How many results to pass over.
    pub offset: u32,
}

/// A client of the Transfer API.
#[derive(Clone, Debug)]
pub struct TransferClient {
    service: ServiceClient,
}

impl TransferClient {
    /// A client of the Transfer API at `base`, a URL whose path ends with a slash, with an authorizer for
    /// `transfer.api.globus.org`.
    #[must_use]
    pub fn new(base: Url, http: HttpClient, authorizer: impl Into<Authorizer>) -> Self {
        Self { service: ServiceClient { service: Service::Transfer, base, http, authorizer: authorizer.into() } }
    }

    /// One page of the endpoints that a search finds (Transfer API, "Endpoint Search").
    ///
    /// # Errors
    /// [`CallError`]; its [`fault`](CallError::fault) is `SignIn` when the token is no longer good.
    pub async fn endpoint_search(&self, search: &EndpointSearch<'_>) -> Result<EndpointPage, CallError> {
        let mut parameters = Parameters::default();
        parameters.set_some("filter_scope", search.filter_scope);
        parameters.set_some("filter_fulltext", search.filter_fulltext);
        parameters.set("limit", search.limit.to_string());
        parameters.set("offset", search.offset.to_string());
        self.service.get("v0.10/endpoint_search", &parameters).await?.document()
    }

    /// One endpoint or collection by its id (Transfer API, "Get endpoint by id").
    ///
    /// # Errors
    /// [`CallError`]; an [`ApiError`](super::error::ApiError) with status 404 when there is none.
    pub async fn get_endpoint(&self, id: &str) -> Result<Endpoint, CallError> {
        self.service.get(&format!("v0.10/endpoint/{}", segment(id)), &Parameters::default()).await?.document()
    }
}
