//! How the sandbox answers: documents, pages, redirects, and errors in the form of each service.

pub(crate) mod auth_error;
pub(crate) mod chooser;
pub(crate) mod directory;
pub(crate) mod gcs_error;
pub(crate) mod groups_error;
pub(crate) mod hosts;
pub(crate) mod pages;
pub(crate) mod reply;
pub(crate) mod services;
pub(crate) mod transfer_error;
