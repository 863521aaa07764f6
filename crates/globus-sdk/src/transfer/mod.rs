//! Globus Transfer: endpoints and collections, files on them, tasks, bookmarks.
//!
//! Methods and options have the Python SDK's names. An option that is not given is not sent: Transfer's own default
//! counts then. Where the SDK has `paginated`, so has this client: [`TransferClient::paginated`].
//!
//! | file | what it holds |
//! |---|---|
//! | `mod.rs` | [`TransferClient`] itself, endpoints and bookmarks |
//! | `operations.rs` | folders and files on an endpoint: list, stat, make, rename |
//! | `submit.rs` | [`TransferData`] and [`DeleteData`], and handing them in |
//! | `tasks.rs` | tasks: list, watch, wait, cancel |
//! | `paginator.rs` | lists page by page |
//! | `filter.rs` | filters of lists |
//! | `documents.rs` | what Transfer answers with |
//!
//! ```
//! use globus_sdk::{
//!     auth::ConfidentialAppAuthClient,
//!     authorizer::RenewingAuthorizer,
//!     environment::Environment,
//!     http::HttpClient,
//!     scopes,
//!     transfer::{EndpointSearch, TransferClient},
//! };
//!
//! # use globus_sandbox::{self as sandbox, Sandbox};
//! # use globus_sdk::{clock::Clock, secret::*};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
//! # let environment = Environment::at(&sandbox.base_url().parse()?);
//! # tokio::spawn(sandbox.serve(std::future::pending()));
//! # let (client_id, client_secret) = (sandbox::CLIENT_ID.to_owned(), ClientSecret::new(sandbox::CLIENT_SECRET));
//! # let (http, clock) = (HttpClient::new(Default::default(), true)?, Clock::system());
//! # let app = ConfidentialAppAuthClient::new(environment.auth.clone(), http.clone(), clock.clone(), client_id, &client_secret);
//! // `environment` is `Environment::from_env()?`, `http` is `HttpClient::from_env()?`; here, both are of a sandbox.
//! let authorizer = RenewingAuthorizer::client_credentials(app, scopes::transfer::ALL, None, clock);
//! let transfer = TransferClient::new(environment.transfer, http, authorizer);
//! let search = EndpointSearch { filter_fulltext: Some("trouble"), ..EndpointSearch::default() };
//! let mut found = transfer.paginated().endpoint_search(&search);
//! let first = found.next().await?.ok_or("nothing found")?;
//! assert_eq!(transfer.get_endpoint(&first.id).await?.id, first.id);
//! # Ok(())
//! # }
//! ```

mod documents;
mod filter;
mod operations;
mod paginator;
mod submit;
mod tasks;

use serde::de::DeserializeOwned;
use url::Url;

use super::{
    authorizer::Authorizer,
    client::ServiceClient,
    error::{CallError, Service},
    http::HttpClient,
    query::{Parameters, flag, segment},
};

pub use self::{
    documents::{
        Bookmark, BookmarkList, Endpoint, EndpointPage, FileEntry, FileList, OperationResult, SubmitResult, Task,
        TaskEvent, TaskEventPage, TaskPage,
    },
    filter::Filter,
    operations::LsQuery,
    paginator::{Page, Paginator},
    submit::{DeleteData, FilterMethod, FilterRule, SyncLevel, TransferData, TransferItem},
    tasks::{EventQuery, TaskQuery},
};
use self::{operations::LS_PAGE, paginator::Extent, tasks::TASK_PAGE};

/// The most results that a search or a list of tasks or events gives in all, over all its pages.
pub const MAX_RESULTS: u32 = 1000;

/// How many endpoints [`TransferClient::paginated`] asks for at a time.
const SEARCH_PAGE: u32 = 100;

/// What to search for.
#[derive(Clone, Copy, Debug, Default)]
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

impl EndpointSearch<'_> {
    fn parameters(&self) -> Parameters {
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

/// A client of the Transfer API (the Python SDK's `TransferClient`).
///
/// Every method fails with a [`CallError`]; its [`fault`](CallError::fault) says whether the person has to sign in
/// again, may not do this, or Globus does not answer.
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
    /// [`CallError`].
    pub async fn endpoint_search(&self, search: &EndpointSearch<'_>) -> Result<EndpointPage, CallError> {
        self.get("v0.10/endpoint_search", &search.parameters()).await
    }

    /// One endpoint or collection by its id (Transfer API, "Get endpoint by id").
    ///
    /// # Errors
    /// [`CallError`]; an [`ApiError`](super::error::ApiError) with status 404 when there is none.
    pub async fn get_endpoint(&self, endpoint_id: &str) -> Result<Endpoint, CallError> {
        let endpoint: Endpoint =
            self.get(&format!("v0.10/endpoint/{}", segment(endpoint_id)?), &Parameters::default()).await?;
        require_id(&endpoint.id)?;
        Ok(endpoint)
    }

    /// The person's bookmarks (Transfer API, "Get list of bookmarks").
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn bookmark_list(&self) -> Result<BookmarkList, CallError> {
        self.get("v0.10/bookmark_list", &Parameters::default()).await
    }

    /// The lists of this client, page by page to their ends.
    #[must_use]
    pub fn paginated(&self) -> Paginated<'_> {
        Paginated { service: &self.service }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &Parameters) -> Result<T, CallError> {
        self.service.get(path, query).await?.document()
    }
}

/// A document without an id is malformed.
fn require_id(id: &str) -> Result<(), CallError> {
    if id.is_empty() { Err(CallError::Malformed { what: "the id is missing".to_owned() }) } else { Ok(()) }
}

/// The lists of a [`TransferClient`]. A `limit` says here how much a page holds, and an `offset` where to start.
#[derive(Clone, Copy, Debug)]
pub struct Paginated<'a> {
    service: &'a ServiceClient,
}

impl Paginated<'_> {
    /// All endpoints that a search finds, up to [`MAX_RESULTS`], 100 a page.
    #[must_use]
    pub fn endpoint_search(&self, search: &EndpointSearch<'_>) -> Paginator<EndpointPage> {
        let limit = search.limit.unwrap_or(SEARCH_PAGE);
        let extent = Extent { page_size: limit, offset: search.offset, end: MAX_RESULTS };
        let parameters = EndpointSearch { limit: Some(limit), offset: Some(0), ..*search }.parameters();
        Paginator::new(self.service, "v0.10/endpoint_search".to_owned(), parameters, extent)
    }

    /// All of a folder, 1000 entries a page. The endpoint reads the folder again for each page: what changes meanwhile
    /// may be missed or come twice.
    ///
    /// # Errors
    /// [`CallError::Usage`] for an id that is none.
    pub fn operation_ls(&self, endpoint_id: &str, query: &LsQuery<'_>) -> Result<Paginator<FileList>, CallError> {
        let limit = query.limit.unwrap_or(LS_PAGE);
        let extent = Extent { page_size: limit, offset: query.offset, end: u32::MAX };
        let parameters = LsQuery { limit: Some(limit), offset: Some(0), ..query.clone() }.parameters();
        Ok(Paginator::new(self.service, operations::path(endpoint_id, "ls")?, parameters, extent))
    }

    /// The person's tasks, up to [`MAX_RESULTS`], all on one page unless a `limit` is given.
    #[must_use]
    pub fn task_list(&self, query: &TaskQuery<'_>) -> Paginator<TaskPage> {
        let limit = query.limit.unwrap_or(TASK_PAGE);
        let extent = Extent { page_size: limit, offset: query.offset, end: MAX_RESULTS };
        let parameters = TaskQuery { limit: Some(limit), offset: Some(0), ..query.clone() }.parameters();
        Paginator::new(self.service, "v0.10/task_list".to_owned(), parameters, extent)
    }

    /// What happened in a task, up to [`MAX_RESULTS`] events, all on one page unless a `limit` is given.
    ///
    /// # Errors
    /// [`CallError::Usage`] for an id that is none.
    pub fn task_event_list(
        &self,
        task_id: &str,
        query: &EventQuery<'_>,
    ) -> Result<Paginator<TaskEventPage>, CallError> {
        let limit = query.limit.unwrap_or(TASK_PAGE);
        let extent = Extent { page_size: limit, offset: query.offset, end: MAX_RESULTS };
        let parameters = EventQuery { limit: Some(limit), offset: Some(0), ..*query }.parameters();
        Ok(Paginator::new(self.service, tasks::path(task_id, "/event_list")?, parameters, extent))
    }
}
