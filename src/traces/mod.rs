//! OpenTelemetry traces for the operator: one span per request, and below it one per call to Globus and to the session store.
//!
//! Everything is traced through [`Traces`], which does nothing where `OTLP_ENDPOINT` is not set. A span holds what is listed
//! here and nothing else: no path, no query, no header, no address of a visitor, no name or id of a person. The log has those,
//! under the same request id.
//!
//! | span | attributes, by OpenTelemetry's semantic conventions for HTTP and databases |
//! |---|---|
//! | a request: `GET /collections/{id}` | `http.request.method`, `http.route`, `http.response.status_code`, `server.address`, `server.port`, `url.scheme`, `error.type`; `request_id` |
//! | a try of a call to Globus: `GET /v2/api/{id}` | `http.request.method`, `url.template`, `http.response.status_code`, `http.request.resend_count`, `server.address`, `server.port`, `error.type`; `globus.service` |
//! | a call of the store: `store session` | `db.system.name`, `db.operation.name`, `error.type` |
//!
//! The trace of a request is its trusted proxy's, if that sends `traceparent` (W3C Trace Context), and calls to Globus carry
//! one on. Background work that no request has begun, such as the sweep, is not traced.

mod context;
mod exporter;
mod globus;
mod handle;
mod spans;

pub use self::{
    context::{InRequest, Parent},
    handle::{About, Traces},
    spans::{RequestSpan, StoreSpan},
};
