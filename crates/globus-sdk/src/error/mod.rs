//! What can go wrong in a call, and what Globus says of it. Whose fault it is: [`fault`](crate::fault).

mod api;
mod call;
mod printed;
mod subdocument;
mod usage;

pub use self::{
    api::{ApiError, Service},
    call::{BoxError, CallError},
    subdocument::{ErrorInfo, ErrorSubdocument},
    usage::UsageError,
};
