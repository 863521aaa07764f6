//! Which trace something belongs to: across processes by a header, and within this one across tasks.

use axum::http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context,
    context::{FutureExt as _, WithContext},
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tokio_util::either::Either;
use tracing::{Instrument as _, instrument::Instrumented};

const TRACEPARENT: &str = "traceparent";

/// The span, in another process, that a request comes from.
#[derive(Clone, Debug)]
pub struct Parent(pub(super) Context);

impl Parent {
    /// The parent that the header `traceparent` names, if it is there exactly once and well-formed (W3C Trace Context
    /// section 3.2). `tracestate` is not passed on, as the standard allows.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let one = One(value.to_str().ok()?);
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &one);
        let is_valid = context.span().span_context().is_valid();
        is_valid.then_some(Self(context))
    }
}

/// The one header that counts.
struct One<'a>(&'a str);

impl Extractor for One<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// The value of `traceparent` for a span.
pub(super) fn traceparent(span: &SpanContext) -> Option<HeaderValue> {
    let text = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    HeaderValue::try_from(text).ok().filter(|_| span.is_valid())
}

/// The current request's trace; `None` if there is none, as in background work.
pub(super) fn current() -> Option<Context> {
    Context::map_current(|context| context.has_active_span().then(|| context.clone()))
}

/// Work of a request that continues in a task of its own.
pub trait InRequest: Future + Sized {
    /// The same work, whose log lines and spans belong to the request that begins it.
    fn in_request(self) -> Either<Instrumented<Self>, WithContext<Instrumented<Self>>> {
        let logged = self.in_current_span();
        match current() {
            None => Either::Left(logged),
            Some(context) => Either::Right(logged.with_context(context)),
        }
    }
}

impl<F: Future> InRequest for F {}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use opentelemetry::trace::TraceContextExt as _;

    use super::{Parent, TRACEPARENT, traceparent};

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parent(values: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_bytes(value).unwrap());
        }
        let Parent(context) = Parent::of(&headers)?;
        traceparent(context.span().span_context()).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn one_well_formed_parent_counts_and_nothing_else_does() {
        assert_eq!(parent(&[GOOD.as_bytes()]).as_deref(), Some(GOOD));
        let unsampled = GOOD.replace("-01", "-00");
        assert_eq!(parent(&[unsampled.as_bytes()]).as_deref(), Some(&*unsampled));
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let hostile: [&[u8]; 7] = [
            b"",
            b"00",
            zeros.as_bytes(),
            &[0xff, b'-'],
            b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ];
        for value in hostile {
            assert_eq!(parent(&[value]), None, "{value:?}");
        }
        assert_eq!(parent(&[]), None);
        assert_eq!(parent(&[GOOD.as_bytes(), GOOD.as_bytes()]), None);
    }
}
