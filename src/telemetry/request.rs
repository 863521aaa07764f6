//! The facts about a request while it is answered, and its one log line.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    extract::Request,
    http::{Method, StatusCode, Uri},
    response::Response,
};
use ipnet::IpNet;
use tracing::Level;

use super::{
    peer::{is_named, peer_of},
    request_id::RequestId,
    text::shortened,
};
use crate::{
    error::ErrorText,
    session::{live::LiveSession, programs::Admitted},
};

/// What load balancers and Kubernetes request, at the root and below `APPLICATION_ROOT`.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];
/// The longest method that a line shows, in characters. Registered methods are shorter.
const MAX_METHOD: usize = 20;
/// The longest path that a line shows, in characters.
const MAX_PATH: usize = 200;
/// The longest cause that a line shows, in characters.
const MAX_CAUSE: usize = 1000;

/// The facts about a request while it is answered. Handlers find them among the request's extensions.
#[derive(Clone, Debug)]
pub struct RequestFacts {
    /// Identifies the request in the log, on an error page and in the answer.
    pub id: RequestId,
    /// Who sent it: the peer, or the address that a trusted proxy names.
    pub peer: IpAddr,
    /// Whether it came through a proxy that `TRUSTED_PROXIES` names.
    pub by_proxy: bool,
    /// The session of the request, once it is known.
    pub session: Arc<OnceLock<Arc<LiveSession>>>,
    /// The program whose token the request has, once it is known.
    pub program: Arc<OnceLock<Admitted>>,
}

impl RequestFacts {
    /// The facts about a request from a connection to `peer`; `None` is a Unix socket.
    #[must_use]
    pub fn of(request: &Request, peer: Option<SocketAddr>, trusted_proxies: &[IpNet]) -> Self {
        let peer = peer.map(|peer| peer.ip());
        // Who comes through a Unix socket is a proxy on this machine.
        let by_proxy = peer.is_none_or(|peer| is_named(peer.to_canonical(), trusted_proxies));
        let peer = peer_of(peer, request.headers(), trusted_proxies);
        let id = RequestId::of(request.headers(), by_proxy);
        Self { id, peer, by_proxy, session: Arc::default(), program: Arc::default() }
    }
}

impl RequestFacts {
    /// Who asks, once it is known.
    pub(crate) fn sub(&self) -> Option<&str> {
        let program = || Some(&*self.program.get()?.program.claims.sub);
        self.session.get().map(|live| &*live.user.claims.sub).or_else(program)
    }
}

/// The log line of a request, from its beginning to its end.
pub(crate) struct Line(Option<Begun>);

struct Begun {
    method: Method,
    uri: Uri,
    at: Instant,
}

impl Line {
    /// Records the request, if it will be logged.
    pub(crate) fn begin(request: &Request) -> Self {
        let begun = || Begun { method: request.method().clone(), uri: request.uri().clone(), at: Instant::now() };
        Self(tracing::enabled!(Level::ERROR).then(begun))
    }

    /// Logs a request whose client left before it had arrived.
    pub(crate) fn end_without_answer(self, facts: &RequestFacts) {
        let Some(Begun { method, uri, at }) = self.0 else { return };
        let (method, path) = (&*shortened(method.as_str(), MAX_METHOD), &*shortened(uri.path(), MAX_PATH));
        let ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let left = "client left before its request was whole";
        tracing::info!(request_id = %facts.id, method, path, ms, peer = %facts.peer, left, "request");
    }

    /// Logs the line, even if the client has left before the response was ready.
    pub(crate) fn end(self, facts: &RequestFacts, response: &Response, client_is_there: bool) {
        let Some(Begun { method, uri, at }) = self.0 else { return };
        let text = response.extensions().get::<ErrorText>();
        let cause = text.and_then(|text| text.cause.as_deref());
        // A collection whose computer is off is nobody's failure here.
        let is_failure = response.status().is_server_error() && text.is_none_or(|text| text.is_ours);
        let level = level(response.status(), is_failure, uri.path(), cause.is_some());
        let (method, path) = (&*shortened(method.as_str(), MAX_METHOD), &*shortened(uri.path(), MAX_PATH));
        let cause = cause.map(|cause| shortened(cause, MAX_CAUSE));
        let cause = cause.as_deref();
        let status = response.status().as_u16();
        let ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The field is left out in the usual case.
        let left = (!client_is_there).then_some("client left");
        let sub = facts.sub().unwrap_or("-");
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(method, path, status, ms, peer = %facts.peer, sub, left, cause, "request")
            };
        }
        match level {
            Level::ERROR => log!(error),
            Level::WARN => log!(warn),
            Level::INFO => log!(info),
            _ => log!(debug),
        }
    }
}

/// The level of a line. Probes come every few seconds, so successful ones are logged at debug.
fn level(status: StatusCode, is_failure: bool, path: &str, has_cause: bool) -> Level {
    let is_probe = matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE)
        && PROBES.iter().any(|probe| path.ends_with(probe));
    match (is_failure, is_probe) {
        (true, false) => Level::ERROR,
        (true, true) => Level::WARN,
        (false, _) if has_cause => Level::WARN,
        (false, true) => Level::DEBUG,
        (false, false) => Level::INFO,
    }
}
