//! `/oauth2/forward[/POLICY]`, for Caddy and Traefik, which pass on every answer but a yes to the visitor.

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};

use super::{
    answer::{bare, passes},
    counted::{count, count_refused},
    denied::{self, Denied},
    hand_over,
    judge::{Verdict, judge},
    refused::refused,
    wanted::{Original, original},
};
use crate::{
    routes::{asked::login_path, cookies, origin::is_navigation},
    session::return_path::ReturnPath,
    state::AppState,
    telemetry::RequestFacts,
};

pub(crate) async fn forward(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    Path(policy): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(&app, &facts, Some(&policy), &headers).await
}

pub(crate) async fn by_default(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    headers: HeaderMap,
) -> Response {
    answer(&app, &facts, None, &headers).await
}

async fn answer(app: &AppState, facts: &RequestFacts, policy: Option<&str>, headers: &HeaderMap) -> Response {
    if !facts.by_proxy {
        tracing::error!(peer = %facts.peer, "the gate denies: TRUSTED_PROXIES does not name who asks");
        count_refused(app, policy, "untrusted_proxy");
        return bare(StatusCode::FORBIDDEN);
    }
    let Some(original) = original(headers, &app.settings) else {
        tracing::warn!(
            "the gate denies: X-Forwarded-Method, -Proto, -Host and -Uri must each be there once, and name this site or one of ALLOWED_RETURN_HOSTS"
        );
        count_refused(app, policy, "forwarded_headers");
        return bare(StatusCode::FORBIDDEN);
    };
    let is_page = is_navigation(&Method::GET, headers);
    let verdict = judge(app, headers, facts, policy, original.on).await;
    count(app, policy, &verdict);
    match verdict {
        Verdict::Passes(passed) => passes(app, StatusCode::OK, policy, &passed),
        Verdict::SignIn if is_page => sign_in(app, &original),
        Verdict::SignIn => bare(StatusCode::UNAUTHORIZED),
        Verdict::Denied(..) if is_page && original.on.is_some() => {
            denied::at_portal(app, policy, original.page.as_ref())
        }
        Verdict::Denied(live, unmet) if is_page => {
            let is_navigation = original.method == Method::GET;
            let next = original.page.unwrap_or_else(|| ReturnPath::front(&app.settings.root));
            let denied = Denied { live: &live, policy, unmet: &unmet, next };
            denied.answer(app, is_navigation, cookies::recent_step_ups(headers, &app.settings))
        }
        Verdict::Denied(..) => bare(StatusCode::FORBIDDEN),
        Verdict::Refused(refusal) => refused(&app.settings, &refusal, StatusCode::BAD_REQUEST),
        Verdict::Unknown => bare(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// To the login and back. A form that was being sent cannot come back: its person signs in in another tab, and sends it again.
fn sign_in(app: &AppState, original: &Original<'_>) -> Response {
    match original.method {
        Method::GET => {}
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE => return denied::form(app, original.on, None),
        _ => return bare(StatusCode::UNAUTHORIZED),
    }
    // Whole, because Traefik would take a path for one of its own.
    let location = match original.on.filter(|host| !host.has_session_cookie()) {
        Some(host) => hand_over::start_of(host, original.page.as_ref()),
        None => app.settings.public_url(&login_path("", original.page.as_ref())),
    };
    let mut response = bare(StatusCode::FOUND);
    match HeaderValue::try_from(location) {
        Ok(location) => drop(response.headers_mut().insert(header::LOCATION, location)),
        Err(_) => *response.status_mut() = StatusCode::UNAUTHORIZED,
    }
    response
}
