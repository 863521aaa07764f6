//! The way to Globus.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};

use super::{ask::required, pages};
use crate::{
    error::AppError,
    globus::{
        error::UsageError,
        flow::FlowManager as _,
        scopes::{self, Scope},
    },
    routes::cookies,
    session::{
        login_attempt::{BrowserBinding, FlowSecrets, StepUp},
        step_up::{Ask, RecentStepUps},
        store::SessionKey,
    },
    state::AppState,
};

/// Sends the browser to Globus with what `ask` holds. The link must be of the browser's session.
///
/// # Errors
/// [`AppError`].
pub(crate) async fn start(
    app: &AppState,
    headers: &HeaderMap,
    session: Option<SessionKey>,
    ask: &str,
) -> Result<Response, AppError> {
    let root = &app.settings.root;
    let Some(session) = session else { return Ok(Redirect::to(&format!("{root}/login")).into_response()) };
    let Some(live) = app.records.find(session).await? else {
        return Ok(Redirect::to(&format!("{root}/login")).into_response());
    };
    let Some(ask) = Ask::open(&app.vault.keys, session, ask) else {
        // Of an earlier session of this browser, or sealed with an earlier key: the front page is a good place to go on.
        return Ok(Redirect::to(&format!("{root}/")).into_response());
    };
    let now = app.clock.now();
    let recent = cookies::recent_step_ups(headers, &app.settings);
    let recent = recent.map(|cookie| RecentStepUps::read(&app.vault.keys, session, cookie, now)).unwrap_or_default();
    if !ask.by_person && recent.would_go_in_circles(ask.fingerprint()) {
        return pages::again(app, &live, &ask);
    }
    if ask.form_lost && !ask.by_person {
        return pages::form_lost(app, &live, &ask);
    }
    let known = cookies::browser_binding(headers, &app.settings);
    let browser = known.clone().unwrap_or_else(BrowserBinding::random);
    let step_up = StepUp { session, ask };
    let secrets = app.login_attempts.begin_step_up(&step_up, &app.vault.keys, &browser, now)?;
    let url = authorize_url(app, session, &step_up.ask, secrets).await?;
    let location = HeaderValue::try_from(url)
        .map_err(|_| AppError::Internal("the authorize URL is not a valid header value".to_owned()))?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    if known.is_none() {
        let binding = cookies::set_browser_binding(&browser, &app.settings);
        response.headers_mut().extend(binding.map(|value| (header::SET_COOKIE, value)));
    }
    tracing::info!(sub = live.user.claims.sub, scopes = step_up.ask.scopes.len(), "step-up began");
    Ok(response)
}

/// The scopes of every login and of the session, so that no permission is lost, and those that are required.
async fn authorize_url(
    app: &AppState,
    session: SessionKey,
    ask: &Ask,
    secrets: FlowSecrets,
) -> Result<String, AppError> {
    let mut base = app.settings.scopes.clone();
    for facts in app.tokens.facts(session).await? {
        base.extend(facts.scopes.into_iter().filter(|scope| Scope::new(scope.as_str()).is_ok()));
    }
    let all = scopes::merge(base, required(ask)?).map_err(|error| AppError::Internal(error.to_string()))?;
    let usage = |error: UsageError| AppError::Internal(error.to_string());
    let flow = app.auth.oauth2_start_flow(app.settings.public_url("/login"), all).map_err(usage)?;
    let flow = if app.settings.refresh_tokens { flow.with_refresh_tokens() } else { flow };
    let FlowSecrets { state, nonce, verifier } = secrets;
    let flow = flow.with_state(state).with_nonce(nonce).with_verifier(verifier).map_err(usage)?;
    Ok(flow.get_authorize_url(&ask.authorize).to_string())
}
