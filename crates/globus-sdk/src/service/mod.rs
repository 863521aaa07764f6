//! What the clients of all services share: URLs, queries, calls and their limits, authorizers.

pub(crate) mod answer;
pub mod authorizer;
pub(crate) mod client;
mod connect;
pub mod http;
mod limits;
pub(crate) mod name;
mod observer;
pub(crate) mod query;
pub(crate) mod response;
pub(crate) mod trust;
pub(crate) mod url;
