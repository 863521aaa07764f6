//! The gate for nginx and for Envoy: a status, and nothing of a visitor's request decides it but the session cookie and,
//! where the policy lets programs in, the bearer token. Which host it is for, the proxy says in `Host`.

use axum::{
    Extension,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    answer::{bare, passes},
    counted::{count, count_refused},
    judge::{Verdict, judge},
    refused::refused,
};
use crate::{routes::hosts::app_host, state::AppState, telemetry::RequestFacts};

/// `GET /oauth2/auth/POLICY`, for nginx's `auth_request`.
pub(crate) async fn nginx(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    Path(policy): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    by_nginx(&app, &headers, &facts, Some(&policy), query.as_deref()).await
}

/// `GET /oauth2/auth`, by the policy named `default`.
pub(crate) async fn nginx_by_default(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    by_nginx(&app, &headers, &facts, None, query.as_deref()).await
}

async fn by_nginx(
    app: &AppState,
    headers: &HeaderMap,
    facts: &RequestFacts,
    policy: Option<&str>,
    query: Option<&str>,
) -> Response {
    // A query that narrows who may pass, as oauth2-proxy takes it, must not be passed over.
    if query.is_some_and(|query| !query.is_empty()) {
        tracing::error!("the gate denies: its address has a query, but policies are chosen by the path");
        count_refused(app, policy, "query");
        return bare(StatusCode::FORBIDDEN);
    }
    let on = app_host(headers, &app.settings);
    answer(app, StatusCode::ACCEPTED, policy, &judge(app, headers, facts, policy, on).await)
}

/// `/oauth2/authz/POLICY`, for Envoy's `ext_authz`, which takes only 200 for a yes.
pub(crate) async fn envoy(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    Path(policy): Path<String>,
    headers: HeaderMap,
) -> Response {
    by_envoy(&app, &headers, &facts, &policy).await
}

/// The same with the visitor's path behind it, which Envoy appends and nothing here reads.
pub(crate) async fn envoy_below(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    Path((policy, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    by_envoy(&app, &headers, &facts, &policy).await
}

async fn by_envoy(app: &AppState, headers: &HeaderMap, facts: &RequestFacts, policy: &str) -> Response {
    let on = app_host(headers, &app.settings);
    answer(app, StatusCode::OK, Some(policy), &judge(app, headers, facts, Some(policy), on).await)
}

fn answer(app: &AppState, yes: StatusCode, policy: Option<&str>, verdict: &Verdict) -> Response {
    count(app, policy, verdict);
    match verdict {
        Verdict::Passes(passed) => passes(app, yes, policy, passed),
        Verdict::SignIn => bare(StatusCode::UNAUTHORIZED),
        Verdict::Denied(..) => bare(StatusCode::FORBIDDEN),
        Verdict::Refused(refusal) => refused(&app.settings, refusal, StatusCode::UNAUTHORIZED),
        Verdict::Unknown => bare(StatusCode::SERVICE_UNAVAILABLE),
    }
}
