//! What Transfer answers with. Texts are user input: escape them. Times are ISO 8601 texts in UTC, unparsed.

use serde_json::Value;

use super::paginator::Page;

documents! {
    /// A collection or endpoint (Transfer API, "Endpoint Document"). A search with `fields` returns only those members.
    Endpoint {
        /// Its id, a UUID; empty only where a search left it out.
        id: String,
        /// The name to show, if it has one.
        display_name: Option<String>,
        /// Its older name, `owner#name`.
        canonical_name: Option<String>,
        /// The owner's username.
        owner_string: Option<String>,
        /// The owner's identity id.
        owner_id: Option<String>,
        /// What kind it is: `GCSv5_guest_collection`, …
        entity_type: Option<String>,
        /// What its owner says of it.
        description: Option<String>,
        /// The institution it belongs to.
        organization: Option<String>,
        /// The department there.
        department: Option<String>,
        /// Whom to ask about it, by e-mail.
        contact_email: Option<String>,
        /// Whom to ask about it.
        contact_info: Option<String>,
        /// A page about it.
        info_link: Option<String>,
        /// Whether it is visible to everyone.
        public: Option<bool>,
        /// The path that a listing without a path shows.
        default_directory: Option<String>,
        /// Whether it only groups others and holds no files itself.
        non_functional: Option<bool>,
        /// Whether a Globus Connect Personal is online; `None` for other kinds.
        gcp_connected: Option<bool>,
        /// Whether a Globus Connect Personal is paused; `None` for other kinds.
        gcp_paused: Option<bool>,
        /// The version of Globus Connect Server it runs.
        gcs_version: Option<String>,
        /// Where its Globus Connect Server is managed.
        gcs_manager_url: Option<String>,
        /// Where its files are served over HTTPS.
        https_server: Option<String>,
        /// The collection that a guest collection is part of.
        mapped_collection_id: Option<String>,
        /// The subscription it is managed under.
        subscription_id: Option<String>,
        /// Whether it holds protected data, and asks for fresh logins.
        high_assurance: Option<bool>,
        /// Whether it asks for multi-factor authentication.
        mfa_required: Option<bool>,
        /// Whether all data to and from it is encrypted.
        force_encryption: Option<bool>,
        /// What the person is to it: `administrator`, `access_manager`, …
        my_effective_roles: Vec<String>,
        /// A message from its owner to its users.
        user_message: Option<String>,
        /// A page with more about that message.
        user_message_link: Option<String>,
    }

    /// One page of a search (Transfer API, "Endpoint Search").
    EndpointPage [endpoints: Vec<Endpoint>] {
        /// Whether there is another page, from `offset + limit` on.
        has_next_page: bool,
        /// How many endpoints a page holds at most.
        limit: Option<u32>,
        /// How many results come before this page.
        offset: Option<u32>,
    }

    /// A file, folder or link (Transfer API, "File Document").
    FileEntry {
        /// Its name, without the folder.
        name: String,
        /// `file`, `dir`, `link`, …
        #[serde(rename = "type")]
        file_type: Option<String>,
        /// Its size in bytes.
        size: Option<u64>,
        /// When it was last changed, `YYYY-MM-DD hh:mm:ss+00:00`.
        last_modified: Option<String>,
        /// Its permissions as octal digits: `0755`.
        permissions: Option<String>,
        /// The local user it belongs to.
        user: Option<String>,
        /// The local group it belongs to.
        group: Option<String>,
        /// Where a link points to; nothing for all others.
        link_target: Option<String>,
    }

    /// A folder, or one page of it (Transfer API, "List Directory Contents").
    FileList [files: Vec<FileEntry>] {
        /// The requested path.
        path: Option<String>,
        /// The path from the root, if the endpoint reports it.
        absolute_path: Option<String>,
        /// The endpoint.
        endpoint: Option<String>,
        /// How many entries there are in all, over all pages.
        total: Option<u64>,
        /// Whether things there can be renamed.
        rename_supported: Option<bool>,
        /// Whether there can be links.
        symlink_supported: Option<bool>,
    }

    /// The result of making a folder, renaming or cancelling (Transfer API, "Result Document").
    OperationResult {
        /// `DirectoryCreated`, `FileRenamed`, `Canceled`, `TaskComplete`, …
        code: Option<String>,
        /// A message for people.
        message: Option<String>,
        /// Globus's id of the call.
        request_id: Option<String>,
        /// The path of the API that was called.
        resource: Option<String>,
    }

    /// The result of submitting a task (Transfer API, "Submit a transfer task").
    SubmitResult {
        /// The task, by its id.
        task_id: String,
        /// The submission id that it was submitted with.
        submission_id: Option<String>,
        /// `Accepted`, or `Duplicate`.
        code: Option<String>,
        /// A message for people.
        message: Option<String>,
        /// Globus's id of the call.
        request_id: Option<String>,
    }

    /// A task (Transfer API, "Task Document").
    Task {
        /// Its id, a UUID.
        task_id: String,
        /// `ACTIVE`, `INACTIVE` (it needs the person), `SUCCEEDED` or `FAILED`.
        status: Option<String>,
        /// `TRANSFER` or `DELETE`.
        #[serde(rename = "type")]
        task_type: Option<String>,
        /// What the person calls it.
        label: Option<String>,
        /// Whose task it is, by identity id.
        owner_id: Option<String>,
        /// When it was submitted.
        request_time: Option<String>,
        /// When it ended; `None` while it runs.
        completion_time: Option<String>,
        /// When Globus gives it up.
        deadline: Option<String>,
        /// Where files come from, or are deleted.
        source_endpoint_id: Option<String>,
        /// That endpoint's name.
        source_endpoint_display_name: Option<String>,
        /// Where files go to; `None` for a deletion.
        destination_endpoint_id: Option<String>,
        /// That endpoint's name.
        destination_endpoint_display_name: Option<String>,
        /// How many files it covers, as far as known.
        files: Option<u64>,
        /// How many folders it covers, as far as known.
        directories: Option<u64>,
        /// How many files have arrived.
        files_transferred: Option<u64>,
        /// How many files needed no transfer.
        files_skipped: Option<u64>,
        /// How many bytes have arrived.
        bytes_transferred: Option<u64>,
        /// How many bytes have been compared by checksum.
        bytes_checksummed: Option<u64>,
        /// Bytes a second over the whole time.
        effective_bytes_per_second: Option<u64>,
        /// How many errors occurred and were retried.
        faults: Option<u64>,
        /// How many parts it has.
        subtasks_total: Option<u64>,
        /// How many of them are pending.
        subtasks_pending: Option<u64>,
        /// How many of them are done.
        subtasks_succeeded: Option<u64>,
        /// How many of them failed.
        subtasks_failed: Option<u64>,
        /// Whether it is making progress; only for active tasks.
        is_ok: Option<bool>,
        /// Whether it is paused.
        is_paused: Option<bool>,
        /// What is wrong with an active task: `OK`, `PERMISSION_DENIED`, `PAUSED_BY_ADMIN`, …
        nice_status: Option<String>,
        /// A short message for people.
        nice_status_short_description: Option<String>,
        /// A detailed message for people.
        nice_status_details: Option<String>,
        /// Why it failed: an object with `code` and `description`.
        fatal_error: Option<Value>,
    }

    /// One page of tasks (Transfer API, "Task List").
    TaskPage [tasks: Vec<Task>] {
        /// How many tasks there are in all, over all pages.
        total: Option<u64>,
        /// How many tasks a page holds at most.
        limit: Option<u32>,
        /// How many tasks come before this page.
        offset: Option<u32>,
    }

    /// Something that happened in a task (Transfer API, "Event Document").
    TaskEvent {
        /// `STARTED`, `PROGRESS`, `SUCCEEDED`, `CANCELED`, `PERMISSION_DENIED`, …
        code: Option<String>,
        /// A short description.
        description: Option<String>,
        /// Details: text, or JSON as text.
        details: Option<String>,
        /// Whether it is an error.
        is_error: Option<bool>,
        /// When.
        time: Option<String>,
    }

    /// One page of events, the latest first (Transfer API, "Get event list").
    TaskEventPage [events: Vec<TaskEvent>] {
        /// How many events there are in all, over all pages.
        total: Option<u64>,
        /// How many events a page holds at most.
        limit: Option<u32>,
        /// How many events come before this page.
        offset: Option<u32>,
    }
}

impl SubmitResult {
    /// Whether this made a new task.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.code.as_deref() == Some("Accepted")
    }

    /// Whether the same data was submitted before: [`task_id`](Self::task_id) is the existing task.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.code.as_deref() == Some("Duplicate")
    }
}

impl Task {
    /// Whether it is active.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.as_deref() == Some("ACTIVE")
    }
}

/// Whether a list with a total continues.
fn before(offset: u32, total: Option<u64>) -> bool {
    total.is_none_or(|total| u64::from(offset) < total)
}

impl Page for EndpointPage {
    type Item = Endpoint;

    fn items(&mut self) -> &mut Vec<Endpoint> {
        &mut self.endpoints
    }

    fn goes_on_at(&self, _offset: u32) -> bool {
        self.has_next_page
    }
}

impl Page for FileList {
    type Item = FileEntry;

    fn items(&mut self) -> &mut Vec<FileEntry> {
        &mut self.files
    }

    fn goes_on_at(&self, offset: u32) -> bool {
        before(offset, self.total)
    }
}

impl Page for TaskPage {
    type Item = Task;

    fn items(&mut self) -> &mut Vec<Task> {
        &mut self.tasks
    }

    fn goes_on_at(&self, offset: u32) -> bool {
        before(offset, self.total)
    }
}

impl Page for TaskEventPage {
    type Item = TaskEvent;

    fn items(&mut self) -> &mut Vec<TaskEvent> {
        &mut self.events
    }

    fn goes_on_at(&self, offset: u32) -> bool {
        before(offset, self.total)
    }
}
