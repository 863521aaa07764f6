//! The lists that come page by page.

use super::{
    client::TransferClient,
    documents::{EndpointPage, FileList, TaskEventPage, TaskPage},
    endpoints::{EndpointSearch, SEARCH_PAGE},
    operations::{self, LS_PAGE, LsQuery},
    paginator::{Extent, Paginator},
    tasks::{self, EventQuery, TASK_PAGE, TaskQuery},
};
use crate::{error::CallError, service::client::ServiceClient};

/// The most results that a search or a list of tasks or events gives in all, over all its pages.
pub const MAX_RESULTS: u32 = 1000;

impl TransferClient {
    /// The lists of this client, page by page to their ends.
    #[must_use]
    pub fn paginated(&self) -> Paginated<'_> {
        Paginated { service: &self.service }
    }
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
    /// [`CallError::Usage`] for an id that is empty, `.` or `..`.
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
    /// [`CallError::Usage`] for an id that is empty, `.` or `..`.
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
