//! The spans, and what they say.

use axum::http::{HeaderValue, Method, StatusCode};
use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, Status, TraceContextExt as _},
};
use opentelemetry_sdk::trace::Span;

use super::context::traceparent;
use crate::globus::http::{Tried, Watched};

/// A request that is being answered. It ends when it is answered; one that never is, ends when this is dropped.
#[derive(Clone, Debug)]
pub struct RequestSpan {
    context: Context,
    method: &'static str,
}

impl RequestSpan {
    pub(super) fn new(span: Span, method: &'static str) -> Self {
        Self { context: Context::new().with_span(span), method }
    }

    /// What makes the spans within it its children.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context.clone()
    }

    /// The request is answered. `route` is the pattern of its route, if it has one.
    pub fn end(self, route: Option<&str>, status: StatusCode) {
        let span = self.context.span();
        if let Some(route) = route {
            span.update_name(format!("{} {route}", self.method));
            span.set_attribute(KeyValue::new("http.route", route.to_owned()));
        }
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        // A client's mistake is no failure of a server.
        if status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", status.as_u16().to_string()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// A call of the session store.
#[derive(Debug)]
pub struct StoreSpan(pub(super) Span);

impl StoreSpan {
    /// The call is over.
    pub fn end(mut self, ok: bool) {
        if !ok {
            self.0.set_attribute(KeyValue::new("error.type", "store"));
            self.0.set_status(Status::error(""));
        }
        self.0.end();
    }
}

/// A try of a call to Globus.
pub(super) struct CallSpan(pub(super) Span);

impl Watched for CallSpan {
    fn traceparent(&self) -> Option<HeaderValue> {
        traceparent(self.0.span_context())
    }

    fn ended(mut self: Box<Self>, tried: &Tried) {
        if let Some(status) = tried.status {
            self.0.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        }
        if tried.status.is_none_or(|status| status >= 400) {
            let failure = tried.status.map_or_else(|| "no_answer".to_owned(), |status| status.to_string());
            self.0.set_attribute(KeyValue::new("error.type", failure));
            self.0.set_status(Status::error(""));
        }
        self.0.end();
    }
}

/// The name of a method, if it is a registered one: others are whatever a visitor writes.
pub(super) fn known(method: &Method) -> Option<&'static str> {
    Some(match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => return None,
    })
}
