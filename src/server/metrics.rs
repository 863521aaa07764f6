//! The listener for metrics: `GET /metrics`, and nothing else. It is apart from the public one, so that no proxy leads
//! visitors here.
//!
//! A connection is good for one request and closed after ten seconds, and there are few at a time: slow clients cannot keep
//! others out for long, and cost the portal nothing.

use std::{convert::Infallible, future::ready, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::connections::Connections;
use crate::{metrics::Reading, state::AppState, telemetry::lost_lines};

/// How many connections there are at a time; others wait.
const MAX_CONNECTIONS: usize = 16;
/// How long a connection may last.
const WITHIN: Duration = Duration::from_secs(10);
/// The pause after a failed accept.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// The text format of OpenMetrics.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Answers for as long as it is polled.
pub(super) async fn serve(listener: Arc<TcpListener>, app: AppState, connections: Connections) {
    let mut open = JoinSet::new();
    loop {
        if open.len() >= MAX_CONNECTIONS {
            let _ = open.join_next().await;
        }
        while open.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => drop(open.spawn(answer(stream, app.clone(), connections.clone()))),
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn answer(stream: TcpStream, app: AppState, connections: Connections) {
    let service = service_fn(move |request: Request<Incoming>| ready(respond(&request, &app, &connections)));
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).header_read_timeout(None).keep_alive(false);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    // A client that is too slow or has left gets no answer.
    let _ = timeout(WITHIN, serving).await;
}

fn respond(request: &Request<Incoming>, app: &AppState, connections: &Connections) -> Result<Response, Infallible> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    if request.uri().path() != "/metrics" || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(response);
    }
    let reading = Reading {
        sessions_cached: app.vault.cached_sessions(),
        connections_open: connections.count(),
        log_lines_lost: lost_lines(),
    };
    match app.metrics.print(&reading) {
        Ok(text) => {
            *response.status_mut() = StatusCode::OK;
            response.headers_mut().insert(header::CONTENT_TYPE, OPEN_METRICS);
            *response.body_mut() = Body::from(text);
        }
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    Ok(response)
}
