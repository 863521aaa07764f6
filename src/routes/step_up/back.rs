//! The browser that comes back from a step-up.

use axum::{
    http::header,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{ask::required, pages};
use crate::{
    error::{AppError, GlobusError},
    globus::{flow::FlowManager as _, id_token::IdTokenClaims},
    metrics::Outcome,
    routes::cookies,
    secret::AuthorizationCode,
    session::{
        live::LiveSession,
        login_attempt::{FlowSecrets, StepUp},
        return_path::ReturnPath,
        step_up::{Ask, RecentStepUps},
        store::SessionKey,
    },
    state::AppState,
};

/// What a browser brings back.
pub(crate) struct Returned {
    pub(crate) code: AuthorizationCode,
    /// The session of the browser, if it has exactly one.
    pub(crate) session: Option<SessionKey>,
    /// The cookie with its recent step-ups.
    pub(crate) recent: Option<String>,
    pub(crate) secrets: FlowSecrets,
    pub(crate) step_up: StepUp,
}

/// Exchanges the code, checks that the same person has come back, and gives the session its new tokens. Whatever fails, the
/// session stays as it was, and the new tokens are revoked. Call it in a task of its own.
///
/// # Errors
/// [`AppError`].
pub(crate) async fn complete(app: &AppState, returned: Returned) -> Result<Response, AppError> {
    let Returned { code, session, recent, secrets, step_up } = returned;
    let StepUp { session: key, ask } = step_up;
    let next = ask.next(&app.settings.root, &app.settings.app_hosts);
    let live = match session {
        Some(session) if session == key => app.records.look_up(key).await?,
        _ => None,
    };
    // Nothing is exchanged for a session that is over: the person has logged out since.
    let Some(live) = live else { return Err(over(next)) };
    let flow = app.login_flow.clone().with_verifier(secrets.verifier);
    let flow = flow.map_err(|error| AppError::Internal(error.to_string()))?;
    let response = flow.exchange_code_for_tokens(code).await.map_err(GlobusError::from)?;
    match response.decode_id_token(&app.id_tokens, Some(&secrets.nonce)).await {
        Ok(claims) if claims.sub != live.user.claims.sub => {
            app.tokens.discard(&response).await;
            app.metrics.step_up(Outcome::Failed);
            tracing::warn!(sub = live.user.claims.sub, "step-up by another person; nothing was changed");
            return pages::another_person(app, &live, &ask, &name_of(&claims));
        }
        Ok(_) => {}
        Err(error) => {
            app.tokens.discard(&response).await;
            return Err(GlobusError::from(error).into());
        }
    }
    if !app.tokens.adopt(key, &response).await? {
        return Err(over(next));
    }
    app.authentications.forget(key);
    app.metrics.step_up(Outcome::Ok);
    tracing::info!(sub = live.user.claims.sub, "stepped up");
    let missing = required(&ask)?.into_iter().find(|scope| response.by_scopes(scope.scope_string()).is_none());
    let mut answer = match missing {
        Some(scope) => pages::not_granted(app, &live, &ask, scope.scope_string())?,
        None => Redirect::to(&back(app, &live, &ask)?).into_response(),
    };
    let recent = recent.map(|cookie| RecentStepUps::read(&app.vault.keys, key, &cookie, app.clock.now()));
    let cookie = recent.unwrap_or_default().with(ask.fingerprint(), &app.vault.keys, key, app.clock.now());
    let cookie = cookie.and_then(|value| cookies::set_recent_step_ups(&value, &app.settings));
    answer.headers_mut().extend(cookie.map(|value| (header::SET_COOKIE, value)));
    Ok(answer)
}

fn name_of(claims: &IdTokenClaims) -> String {
    claims.preferred_username.clone().unwrap_or_else(|| claims.sub.clone())
}

fn over(next: ReturnPath) -> AppError {
    AppError::StartAgain {
        message: "You have signed out here, or signed in again, since you were sent to Globus. Nothing was changed."
            .into(),
        cause: "a step-up came back to a session that is over".into(),
        next: Some(next),
    }
}

/// The page that it was for; for a form that was being sent, the page that shows it again.
fn back(app: &AppState, live: &LiveSession, ask: &Ask) -> Result<String, AppError> {
    let Some(form) = &ask.form else {
        return Ok(ask.next(&app.settings.root, &app.settings.app_hosts).as_str().to_owned());
    };
    let sealed = form.seal(&app.vault.keys, live.key, app.clock.now())?;
    Ok(format!("{}/kept-form?form={sealed}", app.settings.root))
}
