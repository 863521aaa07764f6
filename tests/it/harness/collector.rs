//! An OpenTelemetry collector that keeps what it gets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message as _;
use tokio::{net::TcpListener, task::JoinHandle};

/// A listening collector.
pub struct Collector {
    /// Without a path.
    pub base: String,
    inner: Arc<Mutex<Inner>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Inner {
    got: Vec<(HeaderMap, Bytes)>,
    answer: Option<(StatusCode, Vec<u8>)>,
}

/// A span that it got.
#[derive(Clone, Debug)]
pub struct Seen {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty for the first of a trace.
    pub parent: String,
    pub kind: SpanKind,
    pub attributes: BTreeMap<String, String>,
    pub is_error: bool,
    pub nanoseconds: u64,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::<Mutex<Inner>>::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(inner.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, inner, server }
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16, body: Vec<u8>) {
        self.inner.lock().unwrap().answer = Some((StatusCode::from_u16(status).unwrap(), body));
    }

    /// From now on it takes all but so many spans of each batch.
    pub fn reject(&self, spans: i64) {
        let partial = ExportTracePartialSuccess { rejected_spans: spans, error_message: "no".to_owned() };
        self.answer(200, ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec());
    }

    /// The bodies of all requests.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.inner.lock().unwrap().got.iter().map(|(_, body)| body.to_vec()).collect()
    }

    /// The headers of all requests.
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.inner.lock().unwrap().got.iter().map(|(headers, _)| headers.clone()).collect()
    }

    /// The attributes of the program that sent the spans.
    pub fn resource(&self) -> BTreeMap<String, String> {
        let requests = self.requests();
        attributes(&requests[0].resource_spans[0].resource.as_ref().unwrap().attributes)
    }

    /// All spans, in the order they came.
    pub fn spans(&self) -> Vec<Seen> {
        let resources = self.requests().into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans).map(|span| seen(&span)).collect()
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let inner = self.inner.lock().unwrap();
        inner.got.iter().map(|(_, body)| ExportTraceServiceRequest::decode(&**body).unwrap()).collect()
    }
}

async fn take(State(inner): State<Arc<Mutex<Inner>>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = inner.lock().unwrap();
    inner.got.push((headers, body));
    match &inner.answer {
        Some((status, body)) => (*status, body.clone()).into_response(),
        None => StatusCode::OK.into_response(),
    }
}

fn seen(span: &Span) -> Seen {
    assert!(span.events.is_empty() && span.links.is_empty() && span.trace_state.is_empty(), "{span:?}");
    Seen {
        name: span.name.clone(),
        trace: hex::encode(&span.trace_id),
        id: hex::encode(&span.span_id),
        parent: hex::encode(&span.parent_span_id),
        kind: span.kind(),
        attributes: attributes(&span.attributes),
        is_error: span.status.as_ref().is_some_and(|status| status.code == 2),
        nanoseconds: span.end_time_unix_nano.checked_sub(span.start_time_unix_nano).unwrap(),
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}
