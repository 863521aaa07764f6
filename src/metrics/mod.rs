//! Metrics for the operator: what is counted, how it is counted, and how it is printed.
//!
//! Everything is counted through [`Metrics`], which does nothing where `METRICS_LISTEN` is not set. Label values come from a
//! bounded set: never a path, an id or a name that a visitor sent.

mod families;
mod globus;
mod handle;
mod labels;

pub use self::{
    handle::{Metrics, Reading},
    labels::{Cause, Closed, Decision, Outcome, Renewed},
};
