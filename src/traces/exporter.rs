//! Sends spans to a collector by OTLP over HTTP, in protobuf (OTLP 1.x, section "OTLP/HTTP").
//!
//! Spans wait in a queue of limited length, and a task sends them in batches. Whoever ends a span never waits: a span for which
//! there is no room, and a batch that the collector does not take, are lost and counted. A batch is sent once: while a collector
//! restarts, some seconds of traces are missing.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderMap, HeaderValue, header};
use opentelemetry::Context;
use opentelemetry_proto::{
    tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    transform::{common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use prost::Message as _;
use reqwest::redirect::Policy;
use tokio::{
    sync::{Mutex, OnceCell, mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{globus::environment::is_loopback, keep_running::keep_running, metrics::Metrics, settings::Collector};

/// How many spans may wait.
const MAX_WAITING: usize = 2048;
/// How many spans are sent at a time.
const MAX_BATCH: usize = 512;
/// How long a span waits for others that are sent with it.
const SEND_EVERY: Duration = Duration::from_secs(5);
/// How long the collector may take.
const SEND_WITHIN: Duration = Duration::from_secs(5);
/// The largest answer of a collector that is read, in bytes. It says how many spans were rejected.
const MAX_ANSWER: usize = 64 << 10;
/// How often the log says that spans are lost.
const WARN_EVERY: Duration = Duration::from_secs(10 * 60);
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// The end of the queue where spans go in.
#[derive(Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    metrics: Metrics,
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.metrics.spans_lost(1);
        }
    }

    /// See [`Exporter::flush`], which waits without blocking a thread.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// A handle on the task that sends.
#[derive(Debug)]
pub(super) struct Exporter(mpsc::Sender<oneshot::Sender<()>>);

impl Exporter {
    /// Starts the task, which ends when the queue is dropped.
    pub(super) fn start(collector: Arc<Collector>, resource: &Resource, metrics: Metrics) -> (Self, Queue) {
        let (spans, waiting) = mpsc::channel(MAX_WAITING);
        let (flush, flushes) = mpsc::channel(1);
        let sending = Sending {
            waiting,
            flushes,
            batch: Vec::new(),
            resource: resource.into(),
            link: Link { collector, client: OnceCell::new() },
            trouble: Trouble { metrics: metrics.clone(), lost: 0, warned: None },
        };
        let sending = Arc::new(Mutex::new(sending));
        drop(keep_running("the exporter of traces", move || {
            let sending = sending.clone();
            async move { sending.lock().await.run().await }
        }));
        (Self(flush), Queue { spans, metrics })
    }

    /// Waits until all that waits now is sent or lost.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.0.send(done).await.is_ok() {
            // It fails only if the task has ended, and then nothing waits.
            let _ = flushed.await;
        }
    }
}

/// The task's side.
struct Sending {
    waiting: mpsc::Receiver<SpanData>,
    flushes: mpsc::Receiver<oneshot::Sender<()>>,
    batch: Vec<SpanData>,
    resource: ResourceAttributesWithSchema,
    link: Link,
    trouble: Trouble,
}

impl Sending {
    async fn run(&mut self) {
        let mut due = interval(SEND_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let room = MAX_BATCH - self.batch.len();
            tokio::select! {
                taken = self.waiting.recv_many(&mut self.batch, room) => match taken {
                    0 => return self.send().await,
                    _ if self.batch.len() == MAX_BATCH => self.send().await,
                    _ => {}
                },
                _ = due.tick() => self.send().await,
                Some(done) = self.flushes.recv() => {
                    self.send_all().await;
                    // Who asked may have given up.
                    let _ = done.send(());
                }
            }
        }
    }

    async fn send_all(&mut self) {
        while let Ok(span) = self.waiting.try_recv() {
            self.batch.push(span);
            if self.batch.len() == MAX_BATCH {
                self.send().await;
            }
        }
        self.send().await;
    }

    async fn send(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let spans = std::mem::take(&mut self.batch);
        let count = spans.len();
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        match self.link.post(body).await {
            Ok(rejected) => self.trouble.sent(rejected.min(count)),
            Err(error) => self.trouble.failed(count, &error),
        }
    }
}

/// Why a batch was not taken. Shows no header, no path and no answer.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("{0:?}")]
    Http(reqwest::Error),
    #[error("the collector answered {0}")]
    Status(u16),
    #[error("the answer of the collector is too large")]
    TooLarge,
    #[error("the HTTP client could not be made")]
    Client,
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

/// The way to the collector. Redirects are not followed, because the headers may hold a key.
struct Link {
    collector: Arc<Collector>,
    client: OnceCell<reqwest::Client>,
}

impl Link {
    /// Sends a batch. Returns how many of its spans the collector has rejected.
    async fn post(&self, body: Vec<u8>) -> Result<usize, SendError> {
        let client = self.client.get_or_try_init(|| make(self.collector.clone())).await?;
        let request = client.post(self.collector.endpoint.clone()).header(header::CONTENT_TYPE, PROTOBUF);
        let mut response = request.body(body).send().await?;
        let status = response.status();
        if !status.is_success() {
            return Err(SendError::Status(status.as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len() + chunk.len() > MAX_ANSWER {
                return Err(SendError::TooLarge);
            }
            answer.extend_from_slice(&chunk);
        }
        // What is not protobuf rejects nothing.
        let partial = ExportTraceServiceResponse::decode(&*answer).ok().and_then(|answer| answer.partial_success);
        Ok(partial.map_or(0, |partial| usize::try_from(partial.rejected_spans).unwrap_or(0)))
    }
}

/// In a thread of its own, because reading the CA certificates takes long.
async fn make(collector: Arc<Collector>) -> Result<reqwest::Client, SendError> {
    let build = move || {
        let headers: HeaderMap = collector.headers.iter().cloned().collect();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("globus-portal/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .timeout(SEND_WITHIN);
        if is_loopback(&collector.endpoint) {
            builder = builder.no_proxy();
        }
        if collector.endpoint.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        builder.build()
    };
    let built = tokio::task::spawn_blocking(build).await;
    Ok(built.map_err(|_| SendError::Client)??)
}

/// Counts what is lost, and says so seldom.
struct Trouble {
    metrics: Metrics,
    /// How many spans were lost since the collector took some.
    lost: usize,
    warned: Option<Instant>,
}

impl Trouble {
    fn sent(&mut self, rejected: usize) {
        if self.lost > 0 {
            tracing::info!(lost = self.lost, "the collector takes traces again");
        }
        self.lost = 0;
        if rejected > 0 {
            self.count(rejected, &format_args!("the collector rejected some"));
            self.lost = 0;
        }
    }

    fn failed(&mut self, spans: usize, error: &SendError) {
        self.count(spans, error);
    }

    fn count(&mut self, spans: usize, why: &dyn std::fmt::Display) {
        self.metrics.spans_lost(spans);
        self.lost += spans;
        if self.warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            self.warned = Some(Instant::now());
            tracing::warn!(error = %why, lost = self.lost, "cannot export traces (OTLP_ENDPOINT); requests are answered without");
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tokio::sync::mpsc;

    use super::Queue;
    use crate::metrics::{Metrics, Reading};

    #[test]
    fn a_span_that_finds_no_room_is_counted_and_nobody_waits() {
        let (spans, mut waiting) = mpsc::channel(2);
        let metrics = Metrics::counted(true);
        let provider =
            SdkTracerProvider::builder().with_span_processor(Queue { spans, metrics: metrics.clone() }).build();
        let tracer = provider.tracer("test");
        (0..5).for_each(|_| tracer.start("a span").end());
        let reading = Reading { sessions_cached: 0, connections_open: 0, log_lines_lost: 0 };
        let text = metrics.print(&reading).unwrap();
        assert!(text.contains("globus_portal_trace_spans_lost_total 3\n"), "{text}");
        assert!(waiting.try_recv().is_ok() && waiting.try_recv().is_ok() && waiting.try_recv().is_err());
    }
}
