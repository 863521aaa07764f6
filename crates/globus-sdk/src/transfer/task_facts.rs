//! More about one task: the files it moved, those it skipped, and why it is paused.

use serde_json::Value;

use super::{client::TransferClient, tasks::path};
use crate::{error::CallError, service::query::Parameters};

documents! {
    /// A file that a task has moved (Transfer API, "Successful Transfer Document").
    SuccessfulTransfer {
        /// Its path at the source.
        source_path: Option<String>,
        /// Its path at the destination.
        destination_path: Option<String>,
        /// Its size in bytes.
        size: Option<u64>,
        /// Its checksum, if Globus was asked to tell it.
        checksum: Option<String>,
        /// By which algorithm.
        checksum_algorithm: Option<String>,
    }

    /// One page of the files that a task has moved (Transfer API, "Get task successful transfers").
    SuccessfulTransferPage [transfers: Vec<SuccessfulTransfer>] {
        /// Where the next page begins, usually a number; `None` on the last one.
        next_marker: Option<Value>,
    }

    /// A file or folder that a task has skipped (Transfer API, "Skipped Error Document").
    SkippedError {
        /// Its path at the source.
        source_path: Option<String>,
        /// Its path at the destination.
        destination_path: Option<String>,
        /// Why: `PERMISSION_DENIED`, `FILE_NOT_FOUND`, …
        error_code: Option<String>,
        /// More about it, for people.
        error_details: Option<String>,
        /// When.
        error_time: Option<String>,
        /// Whether it is a folder.
        is_directory: Option<bool>,
    }

    /// One page of what a task has skipped (Transfer API, "Get task skipped errors").
    SkippedErrorPage [errors: Vec<SkippedError>] {
        /// Where the next page begins, usually a number; `None` on the last one.
        next_marker: Option<Value>,
    }

    /// A rule by which a manager of a collection pauses tasks, as far as others may see it (Transfer API, "Limited Pause Rule
    /// Document").
    PauseRule {
        /// Its id, a UUID.
        id: Option<String>,
        /// What the manager says of it.
        message: Option<String>,
        /// Since when.
        start_time: Option<String>,
        /// The collection.
        endpoint_id: Option<String>,
        /// The collection's name.
        endpoint_display_name: Option<String>,
        /// Whether it pauses transfers to the collection.
        pause_task_transfer_write: Option<bool>,
        /// Whether it pauses transfers from the collection.
        pause_task_transfer_read: Option<bool>,
        /// Whether it pauses deletions.
        pause_task_delete: Option<bool>,
    }

    /// Why a task is paused (Transfer API, "Get task pause info").
    PauseInfo {
        /// The rules that pause it.
        pause_rules: Vec<PauseRule>,
        /// What a manager of the source says, who has paused this task.
        source_pause_message: Option<String>,
        /// The same, of the collection that the source is part of.
        source_pause_message_share: Option<String>,
        /// What a manager of the destination says.
        destination_pause_message: Option<String>,
        /// The same, of the collection that the destination is part of.
        destination_pause_message_share: Option<String>,
    }
}

fn from(marker: Option<&Value>) -> Parameters {
    let mut parameters = Parameters::default();
    parameters
        .set_some("marker", marker.map(|marker| marker.as_str().map_or_else(|| marker.to_string(), ToOwned::to_owned)));
    parameters
}

impl TransferClient {
    /// One page of the files that a transfer has moved, from a `marker` on (Transfer API, "Get task successful transfers").
    ///
    /// # Errors
    /// [`CallError`]; an error as well for a task that is no transfer or has not succeeded.
    pub async fn task_successful_transfers(
        &self,
        task_id: &str,
        marker: Option<&Value>,
    ) -> Result<SuccessfulTransferPage, CallError> {
        self.ask_list(&path(task_id, "/successful_transfers")?, &from(marker)).await
    }

    /// One page of what a task has skipped, from a `marker` on (Transfer API, "Get task skipped errors").
    ///
    /// # Errors
    /// [`CallError`]; status 404 when there is no such task.
    pub async fn task_skipped_errors(
        &self,
        task_id: &str,
        marker: Option<&Value>,
    ) -> Result<SkippedErrorPage, CallError> {
        self.ask_list(&path(task_id, "/skipped_errors")?, &from(marker)).await
    }

    /// Why a task is paused (Transfer API, "Get task pause info").
    ///
    /// # Errors
    /// [`CallError`]; status 404 when there is no such task.
    pub async fn task_pause_info(&self, task_id: &str) -> Result<PauseInfo, CallError> {
        self.ask_list(&path(task_id, "/pause_info")?, &Parameters::default()).await
    }
}
