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

use crate::metrics::Metrics;

/// Where a route leaves its pattern.
#[derive(Clone, Debug, Default)]
struct Pattern(Arc<OnceLock<MatchedPath>>);

/// A request that is being answered.
pub(super) struct Measured {
    pattern: Pattern,
    method: &'static str,
    began: Instant,
}

impl Measured {
    /// A request that has begun, if anything is counted.
    pub(super) fn begin(metrics: &Metrics, request: &mut Request) -> Option<Self> {
        let began = metrics.begin()?;
        let pattern = Pattern::default();
        request.extensions_mut().insert(pattern.clone());
        Some(Self { pattern, method: class(request.method()), began })
    }

    pub(super) fn end(self, metrics: &Metrics, status: StatusCode) {
        let route = self.pattern.0.get().map(MatchedPath::as_str);
        metrics.request(route, self.method, status.as_u16(), self.began.elapsed());
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

/// The same routes, which leave their patterns if anything is counted.
pub(super) fn noting(routes: Router, metrics: &Metrics) -> Router {
    if metrics.is_counted() { routes.layer(from_fn(note)) } else { routes }
}

async fn note(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    if let (Some(Pattern(slot)), Some(matched)) = (extensions.get(), extensions.get::<MatchedPath>()) {
        let _ = slot.set(matched.clone());
    }
    next.run(request).await
}
