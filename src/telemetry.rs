//! The log: how it looks, and the one line that each request leaves.
//!
//! A line has method, path without query, status, time, request id, the peer, and the person where known. A query, a
//! header, a body or a cookie is never logged: that is where codes, states and tokens are.

use std::{
    io::IsTerminal as _,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;
use tracing::Instrument as _;
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use crate::{error::ErrorText, secret::random_bytes, settings::LogFormat, state::AppState};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The longest path that a line shows, in characters.
const MAX_PATH: usize = 200;

/// Starts the log, on standard error. `RUST_LOG` chooses the level; `info` is the default.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours are for a terminal, and only where nobody has asked for none (https://no-color.org).
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_span_events(FmtSpan::NONE);
    // A second start, as in tests, keeps the first.
    let _ = match format {
        LogFormat::Pretty => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
}

/// What is known of a request while it is answered. Handlers find it among the request's extensions.
#[derive(Clone, Debug)]
pub struct RequestFacts {
    /// Names the request, in the log and on an error page.
    pub id: Arc<str>,
    /// Who sent it: the peer, or whom a trusted proxy names.
    pub peer: IpAddr,
    /// The person it was answered for, once that is known.
    pub subject: Arc<OnceLock<String>>,
}

/// Gives every request its facts and a span, and logs one line when it is answered.
pub async fn log_request(
    State(app): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let facts = RequestFacts {
        id: hex(&random_bytes::<8>()).into(),
        peer: peer_of(peer.ip(), request.headers(), &app.settings.trusted_proxies),
        subject: Arc::default(),
    };
    request.extensions_mut().insert(facts.clone());
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(MAX_PATH).collect();
    let span = tracing::info_span!("request", request_id = %facts.id);
    async move {
        let begun = Instant::now();
        let mut response = next.run(request).await;
        log_line(&facts, method.as_str(), &path, &response, begun);
        if let Ok(id) = HeaderValue::from_str(&facts.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
    .instrument(span)
    .await
}

fn log_line(facts: &RequestFacts, method: &str, path: &str, response: &Response, begun: Instant) {
    let status = response.status().as_u16();
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let subject = facts.subject.get().map_or("-", String::as_str);
    let cause = response.extensions().get::<ErrorText>().and_then(|text| text.cause.as_deref());
    match cause {
        Some(cause) if status >= 500 => {
            tracing::error!(method, path, status, ms, peer = %facts.peer, sub = subject, cause, "request");
        }
        Some(cause) => tracing::warn!(method, path, status, ms, peer = %facts.peer, sub = subject, cause, "request"),
        None if status >= 500 => {
            tracing::error!(method, path, status, ms, peer = %facts.peer, sub = subject, "request");
        }
        None => tracing::info!(method, path, status, ms, peer = %facts.peer, sub = subject, "request"),
    }
}

/// Who sent a request. `X-Forwarded-For` is believed only as far as trusted proxies wrote it: read from its end, the
/// first address that is none of them is the visitor's.
fn peer_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !is_trusted(peer) {
        return peer;
    }
    let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let mut visitor = peer;
    for item in lines.join(",").rsplit(',') {
        let Ok(address) = item.trim().parse::<IpAddr>() else { break };
        visitor = address.to_canonical();
        if !is_trusted(visitor) {
            break;
        }
    }
    visitor
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
