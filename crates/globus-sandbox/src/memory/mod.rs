//! What a sandbox remembers, and the locks around it.

pub(crate) mod app;
pub(crate) mod bookmarks;
pub(crate) mod crowd;
pub(crate) mod disk;
pub(crate) mod entry;
pub(crate) mod events;
pub(crate) mod faults;
pub(crate) mod keys;
pub(crate) mod mishaps;
pub(crate) mod pace;
pub(crate) mod paths;
pub(crate) mod policies;
pub(crate) mod seen;
pub(crate) mod sharing;
pub(crate) mod store;
pub(crate) mod task;
pub(crate) mod task_document;
pub(crate) mod task_log;
pub(crate) mod tasks;
pub(crate) mod tree;
pub(crate) mod work;
