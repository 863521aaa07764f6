//! Globus Transfer: endpoints and collections, files on them, tasks, bookmarks.
//!
//! Methods and options have the Python SDK's names. An option that is not given is not sent: Transfer's own default
//! counts then. Where the SDK has `paginated`, so has this client: [`TransferClient::paginated`].
//!
//! | file | what it holds |
//! |---|---|
//! | `client.rs` | [`TransferClient`] itself |
//! | `endpoints.rs` | endpoints and collections |
//! | `bookmarks.rs` | bookmarks |
//! | `operations.rs` | folders and files on an endpoint: list, stat, make, rename |
//! | `submit.rs` | [`TransferData`] and [`DeleteData`], and submitting them |
//! | `tasks.rs` | tasks: list, watch, wait, cancel |
//! | `task_facts.rs` | the files a task moved or skipped, and why it is paused |
//! | `paginated.rs`, `paginator.rs` | lists page by page |
//! | `filter.rs` | filters of lists |
//! | `documents.rs` | what Transfer answers with |
//!
//! ```
//! use globus_sdk::{
//!     Globus,
//!     auth::RenewingAuthorizer,
//!     scopes,
//!     transfer::EndpointSearch,
//! };
//!
//! # use globus_sandbox::{self as sandbox, Sandbox};
//! # use globus_sdk::{environment::Environment, http::HttpClient, secret::*};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
//! # let environment = Environment::at(&sandbox.base_url().parse()?);
//! # tokio::spawn(sandbox.serve(std::future::pending()));
//! # let (client_id, client_secret) = (sandbox::CLIENT_ID.to_owned(), ClientSecret::new(sandbox::CLIENT_SECRET));
//! # let globus = Globus::new(environment, HttpClient::direct(Default::default())?);
//! # let app = globus.confidential_app(client_id, &client_secret);
//! // `globus` is `Globus::from_env()?`, or here, a sandbox.
//! let authorizer = RenewingAuthorizer::client_credentials(app, scopes::transfer::ALL, None);
//! let transfer = globus.transfer(authorizer);
//! let search = EndpointSearch::new().with_filter_fulltext("trouble");
//! let mut found = transfer.paginated().endpoint_search(&search);
//! let first = found.next().await?.ok_or("nothing found")?;
//! assert_eq!(transfer.get_endpoint(&first.id).await?.id, first.id);
//! # Ok(())
//! # }
//! ```

mod bookmarks;
mod client;
mod documents;
mod endpoints;
mod filter;
mod operations;
mod paginated;
mod paginator;
mod submit;
mod task_facts;
mod tasks;

pub use self::{
    bookmarks::{Bookmark, BookmarkList},
    client::TransferClient,
    documents::{
        Endpoint, EndpointPage, FileEntry, FileList, OperationResult, SubmitResult, Task, TaskEvent, TaskEventPage,
        TaskPage,
    },
    endpoints::EndpointSearch,
    filter::Filter,
    operations::LsQuery,
    paginated::{MAX_RESULTS, Paginated},
    paginator::{ItemStream, Page, Paginator},
    submit::{DeleteData, FilterMethod, FilterRule, SyncLevel, TransferData, TransferItem},
    task_facts::{PauseInfo, PauseRule, SkippedError, SkippedErrorPage, SuccessfulTransfer, SuccessfulTransferPage},
    tasks::{EventQuery, TaskQuery},
};
