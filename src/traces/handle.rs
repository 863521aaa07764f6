//! The handle through which everything is traced.

use std::sync::Arc;

use axum::http::Method;
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanKind, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use tokio::time::Duration;

use super::{
    context::{self, Parent},
    exporter::Exporter,
    spans::{RequestSpan, StoreSpan, known},
};
use crate::{
    metrics::Metrics,
    secret::random_bytes,
    settings::{Collector, Settings, StoreKind},
};

/// Traces what happens, or does nothing. Cheap to clone; clones trace together.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Running>>);

#[derive(Debug)]
struct Running {
    tracer: SdkTracer,
    exporter: Exporter,
    about: About,
}

/// What the spans say about this portal.
#[derive(Clone, Debug)]
pub struct About {
    /// The public host (`server.address`).
    host: String,
    /// Its port, if it is not the scheme's own (`server.port`).
    port: Option<u16>,
    /// The public scheme (`url.scheme`).
    scheme: &'static str,
    /// The kind of the session store (`db.system.name`).
    store: &'static str,
}

impl About {
    /// As the settings say.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let (host, port) = match settings.server_name.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (&*settings.server_name, None),
        };
        let store = match settings.session_store {
            StoreKind::Memory => "memory",
            StoreKind::Sqlite(_) => "sqlite",
            StoreKind::Postgres(_) => "postgresql",
            StoreKind::Redis(_) => "redis",
        };
        Self { host: host.to_owned(), port, scheme: if settings.is_https() { "https" } else { "http" }, store }
    }
}

impl Traces {
    /// Sends traces to this collector, if there is one. Spans that cannot be sent are counted. Call it within a runtime: it
    /// starts the task that sends.
    #[must_use]
    pub fn to(collector: Option<Arc<Collector>>, about: About, metrics: &Metrics) -> Self {
        let start = |collector| {
            let resource = resource();
            let (exporter, queue) = Exporter::start(collector, &resource, metrics.clone());
            let provider = SdkTracerProvider::builder()
                .with_span_processor(queue)
                // The proxy decides, if there is one that traces.
                .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
                .with_resource(resource)
                .build();
            Arc::new(Running { tracer: provider.tracer("globus-portal"), exporter, about })
        };
        Self(collector.map(start))
    }

    /// Whether anything is traced.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn tracer(&self) -> Option<&SdkTracer> {
        self.0.as_ref().map(|running| &running.tracer)
    }

    /// A request has begun. `parent` is the span of the trusted proxy that passed it on.
    pub fn request(&self, method: &Method, id: impl FnOnce() -> String, parent: Option<Parent>) -> Option<RequestSpan> {
        let Running { tracer, about, .. } = &**self.0.as_ref()?;
        let known = known(method);
        let mut attributes = vec![
            KeyValue::new("http.request.method", known.unwrap_or("_OTHER")),
            KeyValue::new("url.scheme", about.scheme),
            KeyValue::new("server.address", about.host.clone()),
            KeyValue::new("request_id", id()),
        ];
        attributes.extend(about.port.map(|port| KeyValue::new("server.port", i64::from(port))));
        let name = known.unwrap_or("HTTP");
        let builder = tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(attributes);
        let parent = parent.map_or_else(Context::new, |Parent(context)| context);
        Some(RequestSpan::new(tracer.build_with_context(builder, &parent), name))
    }

    /// A call of the session store has begun, within a request.
    pub fn store_call(&self, operation: &'static str) -> Option<StoreSpan> {
        let Running { tracer, about, .. } = &**self.0.as_ref()?;
        let parent = context::current()?;
        let attributes = [KeyValue::new("db.system.name", about.store), KeyValue::new("db.operation.name", operation)];
        let builder = tracer.span_builder(format!("store {operation}")).with_kind(SpanKind::Client);
        Some(StoreSpan(tracer.build_with_context(builder.with_attributes(attributes), &parent)))
    }

    /// Sends what waits, for at most `limit`. Says so in the log if that was not enough.
    pub async fn flush(&self, limit: Duration) {
        let Some(running) = &self.0 else { return };
        if tokio::time::timeout(limit, running.exporter.flush()).await.is_err() {
            tracing::warn!("traces were not exported in time; stopping without them");
        }
    }
}

/// Which program the spans come from, and which of several of its kind.
fn resource() -> Resource {
    let instance = uuid::Builder::from_random_bytes(random_bytes()).into_uuid();
    let attributes = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance.to_string()),
    ];
    Resource::builder_empty().with_service_name("globus-portal").with_attributes(attributes).build()
}
