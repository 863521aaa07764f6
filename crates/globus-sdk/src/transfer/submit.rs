//! Submitting tasks: transfers and deletions.
//!
//! Globus recognizes a repeated submission by its submission id. The id is kept in the data, so submitting the same data
//! again, after a failure that leaves open whether Globus has the task, does not start a second one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    client::{TransferClient, require_id},
    documents::SubmitResult,
};
use crate::{
    error::{CallError, UsageError},
    service::query::Parameters,
};

/// When a file that already exists at the destination is transferred again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SyncLevel {
    /// Never.
    Exists = 0,
    /// When its size differs.
    Size = 1,
    /// When the source is newer.
    Mtime = 2,
    /// When the checksums differ.
    Checksum = 3,
}

impl Serialize for SyncLevel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// What happens to files and folders whose name matches a filter rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FilterMethod {
    /// They are transferred, regardless of later rules.
    Include,
    /// They are left out.
    Exclude,
}

/// A rule on which contents of a folder are transferred. The first rule that matches a name counts; a name that no rule
/// matches is transferred.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilterRule {
    #[serde(rename = "DATA_TYPE")]
    data_type: &'static str,
    method: FilterMethod,
    name: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    file_type: Option<String>,
}

impl FilterRule {
    /// A rule for names that match a pattern with `*`, `?` and `[]`; `file_type` narrows it to `file` or `dir`.
    #[must_use]
    pub fn new(method: FilterMethod, name: impl Into<String>, file_type: Option<&str>) -> Self {
        Self { data_type: "filter_rule", method, name: name.into(), file_type: file_type.map(ToOwned::to_owned) }
    }
}

/// A file or folder to transfer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TransferItem {
    #[serde(rename = "DATA_TYPE")]
    data_type: &'static str,
    source_path: String,
    destination_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recursive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_checksum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_algorithm: Option<String>,
}

impl TransferItem {
    /// From one path to another. The destination of a file is its full path, not that of its folder.
    #[must_use]
    pub fn new(source_path: impl Into<String>, destination_path: impl Into<String>) -> Self {
        Self {
            data_type: "transfer_item",
            source_path: source_path.into(),
            destination_path: destination_path.into(),
            recursive: None,
            external_checksum: None,
            checksum_algorithm: None,
        }
    }

    /// Whether it is a folder, to be transferred with its contents.
    #[must_use]
    pub fn with_recursive(mut self, recursive: bool) -> Self {
        self.recursive = Some(recursive);
        self
    }

    /// The checksum that the file must have, else the task fails: MD5, unless an algorithm is named.
    #[must_use]
    pub fn with_external_checksum(mut self, checksum: impl Into<String>) -> Self {
        self.external_checksum = Some(checksum.into());
        self
    }

    /// The algorithm of checksums: `MD5`, `SHA256`, …
    #[must_use]
    pub fn with_checksum_algorithm(mut self, algorithm: impl Into<String>) -> Self {
        self.checksum_algorithm = Some(algorithm.into());
        self
    }
}

/// A file, folder or link to delete.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct DeleteItem {
    #[serde(rename = "DATA_TYPE")]
    data_type: &'static str,
    path: String,
}

/// Declares what can be submitted: required members, and options, which are sent if they are set. Members are sent in the
/// order of their declaration.
macro_rules! submissions {
    ($(
        $(#[$doc:meta])*
        $name:ident = $data_type:literal of $item:ty {
            $(#[$new:meta])* new($($required:ident),*);
            $($(#[$about:meta])* $method:ident: $field:ident = $type:ty;)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct $name {
            #[serde(rename = "DATA_TYPE")]
            data_type: &'static str,
            #[serde(rename = "DATA")]
            items: Vec<$item>,
            $($required: String,)*
            $(#[serde(skip_serializing_if = "Option::is_none")] $field: Option<$type>,)*
            #[serde(flatten)]
            more: BTreeMap<String, Value>,
        }

        impl $name {
            $(#[$new])*
            #[must_use]
            pub fn new($($required: impl Into<String>),*) -> Self {
                Self {
                    data_type: $data_type,
                    items: Vec::new(),
                    $($required: $required.into(),)*
                    $($field: None,)*
                    more: BTreeMap::new(),
                }
            }

            $(
                $(#[$about])*
                #[must_use]
                pub fn $method(mut self, $field: impl Into<$type>) -> Self {
                    self.$field = Some($field.into());
                    self
                }
            )*

            /// Sets a member that has no method here.
            ///
            /// # Errors
            /// [`UsageError`] for a member that has one, or is always sent.
            pub fn with_field(mut self, name: &str, value: impl Into<Value>) -> Result<Self, UsageError> {
                let known = ["DATA_TYPE", "DATA", $(stringify!($required),)* $(stringify!($field),)*];
                if known.contains(&name) {
                    return Err(UsageError(format!("'{name}' has a place of its own")));
                }
                self.more.insert(name.to_owned(), value.into());
                Ok(self)
            }

            /// The submission id, once there is one.
            #[must_use]
            pub fn submission_id(&self) -> Option<&str> {
                self.submission_id.as_deref()
            }
        }
    )*};
}

submissions! {
    /// A transfer to submit (Transfer API, "Transfer specific fields"). Options that are not set are not sent: Globus's
    /// defaults apply.
    ///
    /// ```
    /// use globus_sdk::transfer::{SyncLevel, TransferData, TransferItem};
    /// let mut data = TransferData::new("SOURCE-ID", "DESTINATION-ID").with_sync_level(SyncLevel::Checksum);
    /// data.add_item(TransferItem::new("/data/", "/backup/data/").with_recursive(true));
    /// ```
    TransferData = "transfer" of TransferItem {
        /// From one endpoint to another, by their ids.
        new(source_endpoint, destination_endpoint);
        /// What the person calls it, in at most 128 characters.
        with_label: label = String;
        /// A submission id from [`TransferClient::get_submission_id`], for programs that submit the same task again after a
        /// restart. Without it, the first submission gets one.
        with_submission_id: submission_id = String;
        /// When Globus gives up: `2017-10-12 12:33:54+00:00`.
        with_deadline: deadline = String;
        /// The local account to use at the source, where the person has more than one.
        with_source_local_user: source_local_user = String;
        /// The local account to use at the destination, where the person has more than one.
        with_destination_local_user: destination_local_user = String;
        /// Whether checksums are compared after the transfer, and files that differ are transferred again.
        with_verify_checksum: verify_checksum = bool;
        /// Whether files keep the times of the source.
        with_preserve_timestamp: preserve_timestamp = bool;
        /// Whether the data is encrypted in transit.
        with_encrypt_data: encrypt_data = bool;
        /// Whether files that are missing or forbidden at the source are skipped.
        with_skip_source_errors: skip_source_errors = bool;
        /// Whether the task fails when the quota at the destination is exceeded.
        with_fail_on_quota_errors: fail_on_quota_errors = bool;
        /// Whether files at the destination that the source does not have are deleted.
        with_delete_destination_extra: delete_destination_extra = bool;
        /// Whether the person gets an e-mail when it has succeeded.
        with_notify_on_succeeded: notify_on_succeeded = bool;
        /// Whether the person gets an e-mail when it has failed.
        with_notify_on_failed: notify_on_failed = bool;
        /// Whether the person gets an e-mail when it needs them.
        with_notify_on_inactive: notify_on_inactive = bool;
        /// When a file that already exists at the destination is transferred again.
        with_sync_level: sync_level = SyncLevel;
        /// Which contents of folders are transferred: see [`add_filter_rule`](Self::add_filter_rule).
        with_filter_rules: filter_rules = Vec<FilterRule>;
    }

    /// A deletion to submit (Transfer API, "Delete specific fields"). Options that are not set are not sent: Globus's
    /// defaults apply.
    DeleteData = "delete" of DeleteItem {
        /// On one endpoint, by its id.
        new(endpoint);
        /// What the person calls it, in at most 128 characters.
        with_label: label = String;
        /// As [`TransferData::with_submission_id`].
        with_submission_id: submission_id = String;
        /// When Globus gives up: `2017-10-12 12:33:54+00:00`.
        with_deadline: deadline = String;
        /// The local account to use, where the person has more than one.
        with_local_user: local_user = String;
        /// Whether folders are deleted with their contents.
        with_recursive: recursive = bool;
        /// Whether missing files are ignored.
        with_ignore_missing: ignore_missing = bool;
        /// Whether `*`, `?` and `[]` in the last part of a path stand for other characters.
        with_interpret_globs: interpret_globs = bool;
        /// Whether the person gets an e-mail when it has succeeded.
        with_notify_on_succeeded: notify_on_succeeded = bool;
        /// Whether the person gets an e-mail when it has failed.
        with_notify_on_failed: notify_on_failed = bool;
        /// Whether the person gets an e-mail when it needs them.
        with_notify_on_inactive: notify_on_inactive = bool;
    }
}

impl TransferData {
    /// Adds a file or folder.
    pub fn add_item(&mut self, item: TransferItem) {
        self.items.push(item);
    }

    /// Adds a rule on which contents of folders are transferred, after the existing ones.
    pub fn add_filter_rule(&mut self, rule: FilterRule) {
        self.filter_rules.get_or_insert_default().push(rule);
    }
}

impl DeleteData {
    /// Adds a file, folder or link, by its path. A link is deleted itself, not what it points to.
    pub fn add_item(&mut self, path: impl Into<String>) {
        self.items.push(DeleteItem { data_type: "delete_item", path: path.into() });
    }
}

impl TransferClient {
    /// A new submission id (Transfer API, "Get a submission id").
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_submission_id(&self) -> Result<String, CallError> {
        #[derive(Deserialize)]
        struct SubmissionId {
            value: String,
        }
        let document: SubmissionId = self.ask("v0.10/submission_id", &Parameters::default()).await?;
        Ok(document.value)
    }

    /// Submits a transfer (Transfer API, "Submit a transfer task"). Data without a submission id gets one first and keeps
    /// it: submitting the same data again returns the first task, and the result says so
    /// ([`SubmitResult::is_duplicate`]).
    ///
    /// # Errors
    /// [`CallError`]. After an error that leaves open whether Globus has the task, submit the same data again.
    pub async fn submit_transfer(&self, data: &mut TransferData) -> Result<SubmitResult, CallError> {
        self.settle(&mut data.submission_id).await?;
        self.submit("v0.10/transfer", data).await
    }

    /// Submits a deletion (Transfer API, "Submit a delete task"). Submission ids are as in
    /// [`submit_transfer`](Self::submit_transfer).
    ///
    /// # Errors
    /// As [`submit_transfer`](Self::submit_transfer).
    pub async fn submit_delete(&self, data: &mut DeleteData) -> Result<SubmitResult, CallError> {
        self.settle(&mut data.submission_id).await?;
        self.submit("v0.10/delete", data).await
    }

    async fn settle(&self, submission_id: &mut Option<String>) -> Result<(), CallError> {
        if submission_id.is_none() {
            *submission_id = Some(self.get_submission_id().await?);
        }
        Ok(())
    }

    async fn submit(&self, path: &str, data: &impl Serialize) -> Result<SubmitResult, CallError> {
        let result: SubmitResult = self.service.post_json(path, data).await?.document()?;
        require_id(&result.task_id)?;
        Ok(result)
    }
}
