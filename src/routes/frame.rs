//! What stands around every route: bounds, the one line in the log, the headers of every answer, and the page of every
//! error.
//!
//! It is one service and not a stack of layers, for it runs with every request, and a check of a session is to cost little
//! more than a request that does nothing. In the order of a request:
//!
//! 1. facts and a span; 2. the bound on the body; 3. the route, guarded against panics and, once it waits for something,
//!    by a deadline; 4. the page of an error; 5. headers; 6. the line in the log.

use std::{
    any::Any,
    convert::Infallible,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use askama::Template as _;
use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::future::RouteFuture,
    serve::IncomingStream,
};
use http_body_util::Limited;
use tokio::net::TcpListener;
use tower_service::Service;
use tracing::Instrument as _;

use super::{logged_in::login_path, ops::PlainText};
use crate::{
    error::{AppError, ErrorText, SignIn},
    pages::{Action, ErrorPage},
    state::AppState,
    telemetry::{Line, RequestFacts},
};

/// No form of ours is larger.
const MAX_BODY: usize = 64 << 10;
/// A login makes up to three calls to Globus, each with a limit of its own.
const TIMEOUT: Duration = Duration::from_secs(45);

type Answer = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// The portal as a service: one for each connection.
#[derive(Clone, Debug)]
pub struct Frame {
    routes: Router,
    common: Arc<Common>,
    peer: SocketAddr,
}

/// What all answers have in common.
#[derive(Debug)]
struct Common {
    app: AppState,
    fixed: Fixed,
}

/// Makes a [`Frame`] for each connection.
#[derive(Clone, Debug)]
pub struct MakeFrame(Frame);

impl MakeFrame {
    /// Stands around these routes.
    #[must_use]
    pub fn new(app: AppState, routes: Router) -> Self {
        let common = Arc::new(Common { fixed: Fixed::of(&app), app });
        Self(Frame { routes, common, peer: SocketAddr::from(([0, 0, 0, 0], 0)) })
    }
}

impl Service<IncomingStream<'_, TcpListener>> for MakeFrame {
    type Response = Frame;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Frame, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, TcpListener>) -> Self::Future {
        std::future::ready(Ok(Frame { peer: *stream.remote_addr(), ..self.0.clone() }))
    }
}

impl Service<Request> for Frame {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Answer {
        let facts = RequestFacts::of(&request, self.peer, &self.common.app.settings.trusted_proxies);
        let line = Line::begin(&request);
        request.extensions_mut().insert(facts.clone());
        let routed = bounded(request).map(|request| Service::<Request>::call(&mut self.routes, request));
        let span = tracing::info_span!("request", request_id = %facts.id);
        let logs = !span.is_disabled();
        let answering = answer(self.common.clone(), routed, facts, line);
        if logs { Box::pin(answering.instrument(span)) } else { Box::pin(answering) }
    }
}

/// What the routes answer, or why they are not asked.
type Routed = Result<RouteFuture<Infallible>, AppError>;

async fn answer(common: Arc<Common>, routed: Routed, facts: RequestFacts, line: Line) -> Result<Response, Infallible> {
    let Common { app, fixed } = &*common;
    let response = match routed {
        Ok(answering) => guarded(answering).await,
        Err(error) => error.into_response(),
    };
    let mut response = with_page(app, response, &facts);
    fixed.put_on(&mut response, &facts);
    if app.is_stopping() {
        // So that a proxy sends its next request to somebody else.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    line.end(&facts, &response);
    Ok(response)
}

/// A request whose body is no larger than it may be.
fn bounded(request: Request) -> Result<Request, AppError> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    if request.body().size_hint().lower() > MAX_BODY as u64 {
        return Err(AppError::TooLarge);
    }
    Ok(request.map(|body| Body::new(Limited::new(body, MAX_BODY))))
}

/// The answer of the routes. Most are there at once, and need no timer; one that waits for something has a deadline.
async fn guarded(answering: RouteFuture<Infallible>) -> Response {
    let mut answering = pin!(answering);
    let mut poll = move |context: &mut Context<'_>| {
        // What a panic leaves behind is dropped, and not looked at again.
        match catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context))) {
            Ok(poll) => poll.map(|Ok(response)| response),
            Err(panic) => Poll::Ready(panicked(&*panic)),
        }
    };
    let at_once = std::future::poll_fn(|context| Poll::Ready(poll(context))).await;
    match at_once {
        Poll::Ready(response) => response,
        Poll::Pending => match tokio::time::timeout(TIMEOUT, std::future::poll_fn(poll)).await {
            Ok(response) => response,
            Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
        },
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("of another kind"), "a page panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Turns an answer that says error and has no page into one that has.
fn with_page(app: &AppState, response: Response, facts: &RequestFacts) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let known = response.extensions().get::<ErrorText>().cloned();
    // Documents for programs stay as they are; the plain words of the framework become a page.
    let content_type = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_document = content_type.is_some_and(|kind| !kind.starts_with(b"text/plain"));
    let keeps_its_own = is_document || response.extensions().get::<PlainText>().is_some();
    if known.is_none() && keeps_its_own {
        return response;
    }
    render(app, response, status, known.unwrap_or_else(|| ErrorText::of(status)), facts)
}

fn render(app: &AppState, response: Response, status: StatusCode, text: ErrorText, facts: &RequestFacts) -> Response {
    let action = |SignIn { next }: &SignIn| Action {
        label: "Sign in again".to_owned(),
        href: login_path(&app.settings.root, next.as_ref()),
    };
    let page = ErrorPage {
        site: &app.site,
        status: status.as_u16(),
        title: &text.title,
        message: &text.message,
        action: text.sign_in.as_ref().map(action),
        request_id: &facts.id.to_string(),
    };
    let Ok(html) = page.render() else { return response };
    let mut with_page = (status, Html(html)).into_response();
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            with_page.headers_mut().append(name, value.clone());
        }
    }
    with_page.extensions_mut().insert(text);
    with_page
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What the headers of all answers say alike.
#[derive(Debug)]
struct Fixed {
    content_security_policy: HeaderValue,
    strict_transport_security: Option<HeaderValue>,
}

impl Fixed {
    /// Browsers hold `form-action` against redirects too, and the form that signs out leads to Globus's logout page.
    fn of(app: &AppState) -> Self {
        let globus = app.auth.base_url().origin().ascii_serialization();
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {globus}; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        let strict = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
        Self {
            content_security_policy: HeaderValue::from_str(&policy).unwrap_or(strict),
            strict_transport_security: app.settings.is_https().then(|| HeaderValue::from_static("max-age=31536000")),
        }
    }

    /// The headers that keep a page to itself (OWASP secure headers; RFC 9700 section 4.16), and answers out of caches. An
    /// answer that has nothing to show, such as that of a check, needs only the latter.
    fn put_on(&self, response: &mut Response, facts: &RequestFacts) {
        let is_bare = response.status().is_success() && response.body().is_end_stream();
        let headers = response.headers_mut();
        headers.reserve(if is_bare { 3 } else { 11 });
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        headers.insert(REQUEST_ID, facts.id.header());
        if let Some(value) = &self.strict_transport_security {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, value.clone());
        }
        if is_bare {
            return;
        }
        const FOR_PAGES: [(HeaderName, HeaderValue); 6] = [
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
            (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
            (
                HeaderName::from_static("permissions-policy"),
                HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
            ),
        ];
        headers.extend(FOR_PAGES);
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| self.content_security_policy.clone());
    }
}
