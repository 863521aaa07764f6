//! Counts requests and how long they take, by the pattern of the route that answers, which is the same whatever a visitor
//! asks for. Where nothing is counted, nothing stands around the routes.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
    middleware::{Next, from_fn},
    response::Response,
};

use crate::{metrics::Metrics, state::AppState};

/// Where a route leaves its pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern(Arc<OnceLock<MatchedPath>>);

impl Pattern {
    /// Asks the route of a request to leave its pattern, if anything is counted or traced.
    pub(super) fn asked(app: &AppState, request: &mut Request) -> Option<Self> {
        let pattern = is_wanted(app).then(Self::default)?;
        request.extensions_mut().insert(pattern.clone());
        Some(pattern)
    }

    /// The pattern, once a route has been found.
    pub(super) fn route(&self) -> Option<&str> {
        self.0.get().map(MatchedPath::as_str)
    }
}

/// A request that is being answered.
pub(super) struct Measured {
    pattern: Pattern,
    method: &'static str,
    began: Instant,
}

impl Measured {
    /// A request that has begun, if anything is counted.
    pub(super) fn begin(metrics: &Metrics, request: &Request, pattern: Option<&Pattern>) -> Option<Self> {
        let began = metrics.begin()?;
        Some(Self { pattern: pattern?.clone(), method: class(request.method()), began })
    }

    pub(super) fn end(self, metrics: &Metrics, status: StatusCode) {
        metrics.request(self.pattern.route(), self.method, status.as_u16(), self.began.elapsed());
    }
}

fn class(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

/// The same routes, which leave their patterns if anything is counted or traced.
pub(super) fn noting(routes: Router, app: &AppState) -> Router {
    if is_wanted(app) { routes.layer(from_fn(note)) } else { routes }
}

fn is_wanted(app: &AppState) -> bool {
    app.metrics.is_counted() || app.traces.is_on()
}

async fn note(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    if let (Some(Pattern(slot)), Some(matched)) = (extensions.get(), extensions.get::<MatchedPath>()) {
        let _ = slot.set(matched.clone());
    }
    next.run(request).await
}
