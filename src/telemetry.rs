//! The log: how it looks, and the one line that each request leaves.
//!
//! A line has method, path without query, status, time, request id, the peer, and the person where known. A query, a
//! header, a body or a cookie is never logged: that is where codes, states and tokens are.

use std::{
    fmt,
    io::IsTerminal as _,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri},
    response::Response,
};
use ipnet::IpNet;
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use crate::{error::ErrorText, secret::random_bytes, session::live::LiveSession, settings::LogFormat};

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

/// Names a request, in the log and on an error page: a number of this process's own, and one that counts. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    process: u32,
    number: u32,
}

impl RequestId {
    fn next() -> Self {
        static PROCESS: LazyLock<u32> = LazyLock::new(|| u32::from_be_bytes(random_bytes()));
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self { process: *PROCESS, number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    fn digits(self) -> [u8; 16] {
        let number = (u64::from(self.process) << 32) | u64::from(self.number);
        std::array::from_fn(|place| b"0123456789abcdef"[(number >> (60 - 4 * place) & 0xf) as usize])
    }

    /// As the value of a header.
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.digits()).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:08x}", self.process, self.number)
    }
}

/// What is known of a request while it is answered. Handlers find it among the request's extensions.
#[derive(Clone, Debug)]
pub struct RequestFacts {
    /// Names the request, in the log and on an error page.
    pub id: RequestId,
    /// Who sent it: the peer, or whom a trusted proxy names.
    pub peer: IpAddr,
    /// The session it was answered for, once that is known.
    pub session: Arc<OnceLock<Arc<LiveSession>>>,
}

impl RequestFacts {
    /// Of a request that has come in by a connection from `peer`.
    #[must_use]
    pub fn of(request: &Request, peer: SocketAddr, trusted_proxies: &[IpNet]) -> Self {
        let peer = peer_of(peer.ip(), request.headers(), trusted_proxies);
        Self { id: RequestId::next(), peer, session: Arc::default() }
    }
}

/// The line of a request, from its begin to its end.
pub(crate) struct Line(Option<Begun>);

struct Begun {
    method: Method,
    uri: Uri,
    at: Instant,
}

impl Line {
    /// Notes what a request is, if that will be logged.
    pub(crate) fn begin(request: &Request) -> Self {
        let begun = || Begun { method: request.method().clone(), uri: request.uri().clone(), at: Instant::now() };
        Self(tracing::enabled!(tracing::Level::ERROR).then(begun))
    }

    /// Logs the line; also for a client that has left before its answer was there.
    pub(crate) fn end(self, facts: &RequestFacts, response: &Response, client_is_there: bool) {
        let Some(Begun { method, uri, at }) = self.0 else { return };
        let status = response.status().as_u16();
        let cause = response.extensions().get::<ErrorText>().and_then(|text| text.cause.as_deref());
        if cause.is_none() && status < 500 && !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let method = method.as_str();
        let path: String = uri.path().chars().take(MAX_PATH).collect();
        let ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Only where it is so: nothing else is the rule.
        let left = (!client_is_there).then_some("client left");
        let sub = facts.session.get().map_or("-", |live| &*live.user.claims.sub);
        match cause {
            Some(cause) if status >= 500 => {
                tracing::error!(method, path, status, ms, peer = %facts.peer, sub, left, cause, "request");
            }
            Some(cause) => tracing::warn!(method, path, status, ms, peer = %facts.peer, sub, left, cause, "request"),
            None if status >= 500 => {
                tracing::error!(method, path, status, ms, peer = %facts.peer, sub, left, "request");
            }
            None => tracing::info!(method, path, status, ms, peer = %facts.peer, sub, left, "request"),
        }
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
