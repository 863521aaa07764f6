//! Tasks: list, watch, wait, cancel.

use std::time::Duration;

use super::{
    client::{TransferClient, require_id},
    documents::{OperationResult, Task, TaskEventPage, TaskPage},
    filter::Filter,
};
use crate::{
    error::{CallError, UsageError},
    service::query::{Parameters, segment},
};

/// How many tasks or events a page holds.
pub(super) const TASK_PAGE: u32 = 1000;

/// The shortest time that [`TransferClient::task_wait`] takes.
const SHORTEST: Duration = Duration::from_secs(1);

/// Which tasks to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TaskQuery<'a> {
    /// How many tasks at most (Globus's most is 1000).
    pub limit: Option<u32>,
    /// How many tasks to pass over.
    pub offset: Option<u32>,
    /// The order: names of fields, each with ` DESC` after it for downwards.
    pub orderby: &'a [&'a str],
    /// Which tasks: `status:ACTIVE,INACTIVE/type:TRANSFER`.
    pub filter: Option<Filter>,
    /// Any other parameters, such as `fields`. A name that is there already gets this value, in its old place.
    pub query_params: &'a [(&'a str, &'a str)],
}

impl<'a> TaskQuery<'a> {
    /// Nothing but Globus's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        with_limit: limit = u32;
        with_offset: offset = u32;
        with_orderby: orderby = &'a [&'a str];
        with_filter: filter = Filter;
        with_query_params: query_params = &'a [(&'a str, &'a str)];
    }

    pub(super) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.set_some("limit", self.limit.map(|limit| limit.to_string()));
        parameters.set_some("offset", self.offset.map(|offset| offset.to_string()));
        parameters.set_some("orderby", (!self.orderby.is_empty()).then(|| self.orderby.join(",")));
        parameters.set_some("filter", self.filter.as_ref().map(Filter::to_string));
        parameters.set_all(self.query_params);
        parameters
    }
}

/// Which events of a task to list.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EventQuery<'a> {
    /// How many events at most (Globus's most is 1000).
    pub limit: Option<u32>,
    /// How many events to pass over.
    pub offset: Option<u32>,
    /// Any other parameters. A name that is there already gets this value, in its old place.
    pub query_params: &'a [(&'a str, &'a str)],
}

impl<'a> EventQuery<'a> {
    /// Nothing but Globus's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        with_limit: limit = u32;
        with_offset: offset = u32;
        with_query_params: query_params = &'a [(&'a str, &'a str)];
    }

    pub(super) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.set_some("limit", self.limit.map(|limit| limit.to_string()));
        parameters.set_some("offset", self.offset.map(|offset| offset.to_string()));
        parameters.set_all(self.query_params);
        parameters
    }
}

/// The path of a task, with what is below it.
pub(super) fn path(task_id: &str, below: &str) -> Result<String, CallError> {
    Ok(format!("v0.10/task/{}{below}", segment(task_id)?))
}

impl TransferClient {
    /// One page of the person's tasks of the last 30 days (Transfer API, "Task List").
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn task_list(&self, query: &TaskQuery<'_>) -> Result<TaskPage, CallError> {
        self.ask_list("v0.10/task_list", &query.parameters()).await
    }

    /// One task by its id (Transfer API, "Get task by id").
    ///
    /// # Errors
    /// [`CallError`]; status 404 when there is none.
    pub async fn get_task(&self, task_id: &str) -> Result<Task, CallError> {
        let task: Task = self.ask(&path(task_id, "")?, &Parameters::default()).await?;
        require_id(&task.task_id)?;
        Ok(task)
    }

    /// One page of what happened in a task, the latest first (Transfer API, "Get event list").
    ///
    /// # Errors
    /// [`CallError`]; status 404 when there is no such task.
    pub async fn task_event_list(&self, task_id: &str, query: &EventQuery<'_>) -> Result<TaskEventPage, CallError> {
        self.ask_list(&path(task_id, "/event_list")?, &query.parameters()).await
    }

    /// Asks Globus to stop a task (Transfer API, "Cancel task"). A task that has ended is a success with another `code`.
    ///
    /// # Errors
    /// [`CallError`]; status 404 when there is no such task.
    pub async fn cancel_task(&self, task_id: &str) -> Result<OperationResult, CallError> {
        self.service.post_nothing(&path(task_id, "/cancel")?).await?.document()
    }

    /// Waits until a task is no longer `ACTIVE`, asking every `polling_interval`, for as long as `timeout` (the Python
    /// SDK takes 10 seconds for both where nothing is said). Whether it has ended: `INACTIVE`, which needs the person,
    /// counts as well. The time that the calls themselves take is not counted.
    ///
    /// # Errors
    /// [`CallError::Usage`] when one of the times is shorter than a second; other [`CallError`]s when a call fails.
    pub async fn task_wait(
        &self,
        task_id: &str,
        timeout: Duration,
        polling_interval: Duration,
    ) -> Result<bool, CallError> {
        at_least_a_second("timeout", timeout)?;
        at_least_a_second("polling_interval", polling_interval)?;
        let interval = polling_interval.min(timeout);
        let mut waited = Duration::ZERO;
        loop {
            let task = self.get_task(task_id).await?;
            if task.status.is_none() {
                return Err(CallError::Malformed { what: "the task has no status".to_owned() });
            }
            if !task.is_active() {
                return Ok(true);
            }
            waited = waited.saturating_add(interval);
            if waited > timeout {
                return Ok(false);
            }
            self.service.http.sleep(interval).await;
        }
    }
}

fn at_least_a_second(name: &str, time: Duration) -> Result<(), UsageError> {
    if time < SHORTEST {
        return Err(UsageError(format!("TransferClient.task_wait {name} has a minimum of 1")));
    }
    Ok(())
}
