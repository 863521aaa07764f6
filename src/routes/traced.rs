//! A request as a span of a trace. Where nothing is traced, there is none.

use axum::{extract::Request, http::StatusCode};
use opentelemetry::Context;

use super::measured::Pattern;
use crate::{
    telemetry::RequestFacts,
    traces::{Parent, RequestSpan, Traces},
};

/// The span of a request that is being answered.
pub(super) struct Traced {
    span: RequestSpan,
    pattern: Pattern,
}

impl Traced {
    /// A request that has begun, if anything is traced. Whose trace it belongs to is for a trusted proxy to say.
    pub(super) fn begin(
        traces: &Traces,
        request: &Request,
        facts: &RequestFacts,
        pattern: Option<&Pattern>,
    ) -> Option<Self> {
        let pattern = pattern?.clone();
        if !traces.is_on() {
            return None;
        }
        let parent = if facts.by_proxy { Parent::of(request.headers()) } else { None };
        let span = traces.request(request.method(), || facts.id.to_string(), parent)?;
        Some(Self { span, pattern })
    }

    /// What the route runs in.
    pub(super) fn context(&self) -> Context {
        self.span.context()
    }

    pub(super) fn end(self, status: StatusCode) {
        self.span.end(self.pattern.route(), status);
    }
}
