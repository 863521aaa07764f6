//! What happens around every route: limits, headers, error pages, and the log.
//!
//! In order: 1. request facts and a span; 2. the `Host` header, the whole body, and the limit on requests whose clients have
//! left; 3. the route, with panics caught; 4. the error page; 5. headers; 6. the log line.
//!
//! tower-http catches the panics. Its other layers cannot do what happens here:
//!
//! - `TimeoutLayer` drops the handler at the deadline; here the handler runs to its end.
//! - `RequestBodyLimitLayer` and `RequestBodyTimeoutLayer` act while the route reads; here the body is whole before the route
//!   begins, within one deadline for all of it.
//! - `SetRequestIdLayer` keeps the ID that any client sends; here only a trusted proxy's counts (see `telemetry::request_id`).
//! - `TraceLayer` logs nothing for a request whose client leaves before there is a response.
//! - `SetResponseHeaderLayer` could set the headers, one layer for each, but costs too much (see `headers`).
//!
//! # A client that leaves
//!
//! The server drops the future of a request when its client disconnects. Routes do not notice: a route is polled once, and if
//! it is not ready, it continues in its own task, which outlives the client. So every handler runs to its end. The deadline
//! does not cancel it either: the client gets 504, and the handler finishes. Anything that must not exist unless the client
//! has the response, such as a session whose cookie is in it, is registered with `IfUndelivered`.

use std::{
    any::Any,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use opentelemetry::context::FutureExt as _;
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use tower_http::catch_panic::CatchPanic;
use tower_service::Service as _;
use tracing::{Instrument as _, Span};

use super::{
    bounds,
    delivery::IfUndelivered,
    error_page::with_page,
    headers::Fixed,
    measured::{self, Measured, Pattern},
    traced::Traced,
    unattended::Unattended,
};
use crate::{
    error::AppError,
    state::AppState,
    telemetry::{Line, RequestFacts},
};

/// The longest a client waits: a login makes up to three calls to Globus, each with its own limit.
const TIMEOUT: Duration = Duration::from_secs(45);
/// How long a route may continue after that. Our own routes end long before.
const LINGER: Duration = Duration::from_secs(10 * 60);

/// The routes, guarded against panics.
type Routes = CatchPanic<Router, fn(Box<dyn Any + Send>) -> Response>;
/// The response of a route, which may take its time.
type Route = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The portal as a service. Cheap to clone: one for each connection.
#[derive(Clone, Debug)]
pub struct Frame {
    routes: Routes,
    common: Arc<Common>,
    /// `None` on a Unix socket.
    peer: Option<SocketAddr>,
}

/// What all responses have in common.
#[derive(Debug)]
struct Common {
    app: AppState,
    fixed: Fixed,
    unattended: Unattended,
}

impl Frame {
    /// A frame around these routes.
    #[must_use]
    pub fn new(app: AppState, routes: Router) -> Self {
        let routes = measured::noting(routes, &app);
        let common = Arc::new(Common { fixed: Fixed::of(&app), app, unattended: Unattended::default() });
        let routes = Routes::custom(routes, |panic| panicked(&*panic));
        Self { routes, common, peer: Some(SocketAddr::from(([0, 0, 0, 0], 0))) }
    }

    /// The same, for a connection from `peer`; `None` is a Unix socket.
    #[must_use]
    pub fn for_peer(&self, peer: Option<SocketAddr>) -> Self {
        Self { peer, ..self.clone() }
    }

    /// Answers a request. Dropping the future drops only the response (see the module's documentation). `is_whole` is called
    /// when the request has arrived with its body.
    pub fn answer(
        &self,
        mut request: Request,
        is_whole: impl FnOnce() + Send,
    ) -> impl Future<Output = Response> + Send {
        let common = self.common.clone();
        let facts = RequestFacts::of(&request, self.peer, &common.app.settings.trusted_proxies);
        let line = Some(Line::begin(&request));
        let pattern = Pattern::asked(&common.app, &mut request);
        let measured = Measured::begin(&common.app.metrics, &request, pattern.as_ref());
        let traced = Traced::begin(&common.app.traces, &request, &facts, pattern.as_ref());
        request.extensions_mut().insert(facts.clone());
        let span = tracing::info_span!("request", request_id = %facts.id, peer = %facts.peer);
        let finish = Finish { common, facts, line, measured, traced };
        let routes = self.routes.clone();
        async move {
            let response = match admit(&finish, routes, request, is_whole).await {
                Ok(route) => see_through(route, finish, span).await,
                Err(error) => span.in_scope(|| finish.answer(error.into_response(), true)),
            };
            IfUndelivered::is_delivered(response)
        }
    }
}

/// Passes a request to its route when it has arrived completely.
async fn admit(
    Finish { common, facts, .. }: &Finish,
    mut routes: Routes,
    request: Request,
    is_whole: impl FnOnce(),
) -> Result<Route, AppError> {
    bounds::check_host(&request)?;
    let request = bounds::whole(request).await?;
    is_whole();
    // `/healthz` answers however busy the portal is.
    if !is_healthz(&request, &common.app.settings.root) && !common.unattended.admits(facts.peer) {
        return Err(AppError::Overloaded("too many requests are still running for clients that have left".into()));
    }
    let answer = routes.call(request);
    Ok(Box::pin(async {
        let Ok(response) = answer.await;
        response.map(Body::new)
    }))
}

fn is_healthz(request: &Request, root: &str) -> bool {
    let path = request.uri().path();
    path.strip_prefix(root).unwrap_or(path) == "/healthz"
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("not a text"), "a request handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Runs a route. Most finish at once; one that does not continues in its own task, and this waits for the response.
async fn see_through(mut route: Route, finish: Finish, span: Span) -> Response {
    if let Some(traced) = &finish.traced {
        route = Box::pin(route.with_context(traced.context()));
    }
    let at_once = std::future::poll_fn(|context| {
        let _in_span = span.enter();
        Poll::Ready(route.as_mut().poll(context))
    });
    if let Poll::Ready(response) = at_once.await {
        return span.in_scope(|| finish.answer(response, true));
    }
    let tasks = finish.common.app.requests.clone();
    let (client, answer) = oneshot::channel();
    drop(tasks.spawn(go_on(route, finish, client).instrument(span)));
    // The task always answers, unless the runtime ends.
    answer.await.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())
}

/// Answers `client` when the route is done or the deadline has passed. The route runs to its end.
async fn go_on(mut route: Route, finish: Finish, mut client: oneshot::Sender<Response>) {
    let (unattended, peer) = (finish.common.unattended.clone(), finish.facts.peer);
    let mut left = None;
    let mut deadline = pin!(sleep(TIMEOUT));
    let done = loop {
        tokio::select! {
            biased;
            response = &mut route => break Some(response),
            () = client.closed(), if left.is_none() => left = Some(unattended.note(peer)),
            () = &mut deadline => break None,
        }
    };
    let is_done = done.is_some();
    let response = done.unwrap_or_else(|| StatusCode::GATEWAY_TIMEOUT.into_response());
    let response = finish.answer(response, !client.is_closed());
    // If the client has left, this drops the response, which undoes what must not exist without it.
    drop(client.send(response));
    if !is_done {
        let _left = left.unwrap_or_else(|| unattended.note(peer));
        if timeout(LINGER, route).await.is_err() {
            tracing::error!("a request handler did not end; dropping it");
        }
    }
}

/// Turns the response of a route into the response of the portal.
struct Finish {
    common: Arc<Common>,
    facts: RequestFacts,
    line: Option<Line>,
    measured: Option<Measured>,
    traced: Option<Traced>,
}

impl Finish {
    fn answer(mut self, response: Response, client_is_there: bool) -> Response {
        let Common { app, fixed, .. } = &*self.common;
        let mut response = with_page(app, response, &self.facts);
        fixed.put_on(&mut response, &self.facts);
        if let Some(measured) = self.measured.take() {
            measured.end(&app.metrics, response.status());
        }
        if let Some(traced) = self.traced.take() {
            traced.end(response.status());
        }
        if app.is_stopping() {
            // So that a proxy sends its next request to another replica.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(line) = self.line.take() {
            line.end(&self.facts, &response, client_is_there);
        }
        response
    }
}

impl Drop for Finish {
    /// The client left before its request had arrived, so no route has begun.
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.end_without_answer(&self.facts);
        }
    }
}
