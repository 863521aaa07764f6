//! `/login`: sends a browser to Globus, and receives it back. One route for both, distinguished by the query.

use std::net::IpAddr;

use axum::{
    Extension,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use tower_sessions::session::Id;

use super::{
    cookies::{self, SentSessions},
    delivery::IfUndelivered,
    login_step::{LoginStep, start_again},
    origin::is_speculative,
    outcomes::{self, Came},
    refusal::Refusal,
    rounds, step_up,
};
use crate::{
    error::{AppError, GlobusError, SignIn},
    globus::{
        error::UsageError,
        flow::{AuthorizationCodeFlowManager, FlowManager as _},
        id_token::IdTokenClaims,
        scopes,
        tokens::TokenResponse,
    },
    metrics::{Cause, Outcome},
    secret::{AuthorizationCode, CodeVerifier},
    session::{
        login_attempt::{Attempt, AttemptError, BrowserBinding, FlowSecrets, Past},
        return_path::ReturnPath,
        session_key,
        store::{SessionKey, Spent},
        user::{UserSession, browser_of},
    },
    settings::Settings,
    state::AppState,
    telemetry::RequestFacts,
    traces::InRequest as _,
};

pub(super) async fn login(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, AppError> {
    let sent = SentSessions::of(&headers, &app.settings);
    let step = match LoginStep::parse(query.as_deref()) {
        Ok(step) => step,
        malformed => outcomes::note(&app, Came::malformed(), malformed).await?,
    };
    let taken = take(&app, &facts, &headers, sent.clone(), step).await;
    if taken.is_err()
        && let Ok(Some(key)) = sent.only()
        && let Ok(Some(live)) = app.records.find(key).await
    {
        // The error page says who is signed in all the same.
        let _ = facts.session.set(live);
    }
    taken
}

async fn take(
    app: &AppState,
    facts: &RequestFacts,
    headers: &HeaderMap,
    sent: SentSessions,
    step: LoginStep,
) -> Result<Response, AppError> {
    match step {
        LoginStep::Start { next } => start(app, headers, &sent, next.as_deref()).await,
        LoginStep::StepUp { ask } => {
            not_ahead(headers)?;
            step_up::start(app, headers, sent.only()?, &ask).await
        }
        LoginStep::Returned { code, state, iss } => match open(app, headers, &state) {
            Ok(attempt) => {
                let recent = cookies::recent_step_ups(headers, &app.settings).map(ToOwned::to_owned);
                let returned = Returned { code, recent, visitor: Visitor::of(sent, headers, facts, &app.settings) };
                let came = Came::back(&attempt);
                let done = complete_once(app.clone(), headers, returned, attempt, iss.as_deref()).await;
                outcomes::note(app, came, done).await
            }
            Err(error) => outcomes::note(app, Came::without(&error), lead_on(app, &sent, error).await).await,
        },
        LoginStep::Refused { refusal, state, iss } => match open(app, headers, &state) {
            Ok(attempt) => {
                let came = Came::refused(&attempt, &refusal);
                outcomes::note(app, came, refused(app, &refusal, attempt, iss.as_deref()).await).await
            }
            Err(error) => outcomes::note(app, Came::without(&error), lead_on(app, &sent, error).await).await,
        },
    }
}

/// Begins a login. Its state is kept in the browser; the server stores nothing.
async fn start(
    app: &AppState,
    headers: &HeaderMap,
    sent: &SentSessions,
    next: Option<&str>,
) -> Result<Response, AppError> {
    not_ahead(headers)?;
    let settings = &app.settings;
    let next = next
        .and_then(|next| ReturnPath::parse_with(next, &settings.root, &settings.app_hosts))
        .unwrap_or_else(|| ReturnPath::front(&settings.root));
    let mut past = past(app, headers, sent).await?;
    if !next.as_str().starts_with('/') && !past.ended_elsewhere {
        // The gate of an app's host may not know a session that the portal knows.
        past.rounds = rounds::before(app, headers);
    }
    if rounds::are_too_many(past.rounds) {
        return Ok(rounds::page(app, headers, sent, next));
    }
    let known = cookies::browser_binding(headers, settings);
    let browser = known.clone().unwrap_or_else(BrowserBinding::random);
    let secrets = app.login_attempts.begin_after(past, &app.vault.keys, &browser, &next, app.clock.now())?;
    let mut url = app.authorize_urls.url(&secrets.state, &secrets.nonce, &secrets.verifier);
    if past.ended_elsewhere {
        // Otherwise Globus's own session would sign the browser in again at once.
        url.push_str("&prompt=login");
    }
    let location = HeaderValue::try_from(url)
        .map_err(|_| AppError::Internal("the authorize URL is not a valid header value".to_owned()))?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    if known.is_none() {
        response
            .headers_mut()
            .extend(cookies::set_browser_binding(&browser, settings).map(|value| (header::SET_COOKIE, value)));
    }
    Ok(response)
}

/// A browser that prefetches the login page begins no login.
pub(super) fn not_ahead(headers: &HeaderMap) -> Result<(), AppError> {
    if !is_speculative(headers) {
        return Ok(());
    }
    Err(AppError::Refused {
        title: "Sign-in not started".into(),
        message: "Signing in begins when you follow the link.".into(),
        cause: "a browser prefetched the login page".into(),
        sign_in: Some(SignIn::first(None)),
    })
}

/// Whether the browser has exactly one session cookie, and it is valid.
async fn is_signed_in(app: &AppState, sent: &SentSessions) -> Result<bool, AppError> {
    match sent.only() {
        Ok(Some(key)) => Ok(app.records.find(key).await?.is_some()),
        _ => Ok(false),
    }
}

/// What happened before the login that now begins.
async fn past(app: &AppState, headers: &HeaderMap, sent: &SentSessions) -> Result<Past, AppError> {
    if is_signed_in(app, sent).await? {
        return Ok(Past::default());
    }
    let ended_elsewhere = was_ended_elsewhere(app, sent).await?;
    let rounds = if ended_elsewhere { 0 } else { rounds::before(app, headers) };
    Ok(Past { rounds, ended_elsewhere })
}

/// Whether the session of a browser that is not signed in was ended from elsewhere.
async fn was_ended_elsewhere(app: &AppState, sent: &SentSessions) -> Result<bool, AppError> {
    for key in sent.keys() {
        if app.vault.was_ended_elsewhere(key).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The browser that comes back from Globus.
struct Visitor {
    /// The previous sessions of the browser: one at most, unless another program adds cookies.
    before: SentSessions,
    binding: Option<BrowserBinding>,
    browser: Option<String>,
    address: IpAddr,
}

impl Visitor {
    fn of(before: SentSessions, headers: &HeaderMap, facts: &RequestFacts, settings: &Settings) -> Self {
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let binding = cookies::browser_binding(headers, settings);
        Self { before, binding, browser: user_agent.map(browser_of), address: facts.peer }
    }
}

/// What a browser brings back from Globus.
struct Returned {
    code: AuthorizationCode,
    /// The cookie with its recent step-ups.
    recent: Option<String>,
    visitor: Visitor,
}

/// Completes a login: the state first, then everything else. If the same response comes twice, as after a double click, the
/// second one is redirected like the first.
async fn complete_once(
    app: AppState,
    headers: &HeaderMap,
    returned: Returned,
    attempt: Attempt,
    iss: Option<&str>,
) -> Result<Response, AppError> {
    if !attempt.past.ended_elsewhere && past(&app, headers, &returned.visitor.before).await?.ended_elsewhere {
        // Begun before that, so Globus has not asked who it is.
        return Err(AppError::EndedElsewhere { next: Some(attempt.next) });
    }
    // Before the state is spent: a visitor who is turned away now can retry with it.
    let exchange = app.exchanges.begin(returned.visitor.address)?;
    check_issuer(&app, iss, &attempt.next).await?;
    let mut response = Redirect::to(attempt.next.as_str()).into_response();
    if app.refused_states.contains(&attempt.state_hash) {
        return Ok(response);
    }
    match app.vault.spend_state(attempt.state_hash, attempt.expires).await? {
        Spent::First => {}
        Spent::Again => return Ok(response),
        Spent::TooOld => {
            return lead_on(&app, &returned.visitor.before, AttemptError::Expired { next: attempt.next }).await;
        }
    }
    let Attempt { past, secrets, step_up, .. } = attempt;
    if let Some(step_up) = step_up {
        let Returned { code, recent, visitor } = returned;
        let session = visitor.before.only().unwrap_or_default();
        let returned = step_up::Returned { code, session, recent, secrets, step_up };
        let task_app = app.clone();
        return to_its_end(&app, exchange, async move { step_up::complete(&task_app, returned).await }).await;
    }
    let strays = cookies::remove_strays(&returned.visitor.before, &app.settings);
    let task_app = app.clone();
    let id = to_its_end(&app, exchange, async move { complete(&task_app, returned, secrets).await }).await?;
    let cookies = [cookies::set_session(id, &app.settings), rounds::count(past.rounds, &app.settings, app.clock.now())];
    let cookies = strays.into_iter().chain(cookies.into_iter().flatten());
    response.headers_mut().extend(cookies.map(|value| (header::SET_COOKIE, value)));
    IfUndelivered::put_on(&mut response, move || app.records.abandon(session_key(id)));
    Ok(response)
}

/// Runs the rest of a login in a task of its own, which the process finishes before it stops, so that tokens from Globus are
/// not lost.
async fn to_its_end<T: Send + 'static>(
    app: &AppState,
    exchange: impl Send + 'static,
    completing: impl Future<Output = Result<T, AppError>> + Send + 'static,
) -> Result<T, AppError> {
    let completing = async move {
        let completed = completing.await;
        drop(exchange);
        completed
    };
    let completed = app.vault.underway.spawn(completing.in_request()).await;
    completed.map_err(|_| AppError::Internal("the login task was cancelled".to_owned()))?
}

fn open(app: &AppState, headers: &HeaderMap, state: &str) -> Result<Attempt, AttemptError> {
    let browser = cookies::browser_binding(headers, &app.settings);
    app.login_attempts.open(&app.vault.keys, browser.as_ref(), state, app.clock.now())
}

/// A response from Globus that belongs to no current login, as from a bookmark or from a program that opened the link first.
/// Its code is never exchanged. A visitor who is signed in goes to the page that the login was for; others can begin a new
/// login that leads there.
async fn lead_on(app: &AppState, sent: &SentSessions, error: AttemptError) -> Result<Response, AppError> {
    if is_signed_in(app, sent).await? {
        let next = error.next().cloned().unwrap_or_else(|| ReturnPath::front(&app.settings.root));
        tracing::info!(reason = %error, "ignored a login response: the visitor is already signed in");
        return Ok(Redirect::to(next.as_str()).into_response());
    }
    let (cause, next) = (error.to_string(), error.next().cloned());
    Err(match error {
        AttemptError::NoCookie { .. } => AppError::StartAgain {
            message: format!(
                "Your browser came back without this site's cookie. Either you started in another browser, or \
                 at another address of this site (use {}), or your browser blocks cookies for this \
                 site. Allow cookies for this site, then start again.",
                app.settings.public_url("/")
            )
            .into(),
            cause: cause.into(),
            next,
        },
        AttemptError::Expired { .. } => AppError::StartAgain {
            message: "This sign-in was started too long ago. Nothing is lost: just start again.".into(),
            cause: cause.into(),
            next,
        },
        AttemptError::Unknown | AttemptError::Foreign { .. } => start_again(cause, next),
    })
}

/// The response must come from the Globus Auth that we asked (RFC 9207 section 2.4).
async fn check_issuer(app: &AppState, iss: Option<&str>, next: &ReturnPath) -> Result<(), AppError> {
    let discovery = app.provider.discovery().await.map_err(GlobusError::from)?;
    match iss {
        Some(iss) if iss != discovery.issuer => {
            Err(start_again("the response is from another issuer", Some(next.clone())))
        }
        None if discovery.authorization_response_iss_parameter_supported => {
            Err(start_again("the response names no issuer", Some(next.clone())))
        }
        _ => Ok(()),
    }
}

/// Says why Globus refused the login. The state is spent, so the response works only once.
async fn refused(app: &AppState, refusal: &Refusal, attempt: Attempt, iss: Option<&str>) -> Result<Response, AppError> {
    check_issuer(app, iss, &attempt.next).await?;
    app.refused_states.add(attempt.state_hash);
    if let Some(step_up) = &attempt.step_up {
        return Err(step_up::refused(refusal, &step_up.ask, &app.settings));
    }
    Err(AppError::Refused {
        title: "You are not signed in".into(),
        message: refusal.message().into(),
        cause: format!("Globus refused the login: {refusal}").into(),
        sign_in: Some(SignIn::again(Some(attempt.next))),
    })
}

/// Exchanges the code, verifies the identity, and begins the session. If that fails half way, the tokens are revoked.
async fn complete(app: &AppState, returned: Returned, secrets: FlowSecrets) -> Result<Id, AppError> {
    let Returned { code, visitor, .. } = returned;
    let FlowSecrets { nonce, verifier, .. } = secrets;
    let response = flow(app, verifier)?.exchange_code_for_tokens(code).await.map_err(GlobusError::from)?;
    let begun = match response.decode_id_token(&app.id_tokens, Some(&nonce)).await {
        Ok(claims) => begin_session(app, claims, visitor, &response).await,
        Err(error) => Err(GlobusError::from(error).into()),
    };
    if begun.is_err() {
        let (app, underway) = (app.clone(), app.vault.underway.clone());
        let revoking = async move { app.tokens.discard(&response).await };
        underway.spawn(revoking.in_request());
    }
    begun
}

/// Begins a session under a new id. Any previous session of this browser, of the same person or another, ends with its
/// tokens.
async fn begin_session(
    app: &AppState,
    claims: IdTokenClaims,
    visitor: Visitor,
    response: &TokenResponse,
) -> Result<Id, AppError> {
    let Visitor { before, binding, browser, address } = visitor;
    let transfer = Some(gives_transfer(response));
    let claims = claims.abridged();
    let user = UserSession { claims, began: app.clock.now(), browser, address: Some(address), transfer };
    let id = app.records.begin(&user, response).await?;
    // Only after the new one is stored: if the store is full, the person keeps the session they have.
    for key in before.keys() {
        if let Err(error) = app.records.end_by(key, Cause::Login).await {
            app.records.abandon(session_key(id));
            return Err(error.into());
        }
    }
    app.metrics.login(Outcome::Ok, "none");
    tracing::info!(sub = user.claims.sub, "logged in");
    leave_nothing_over(app, &before, binding.as_ref(), session_key(id)).await;
    Ok(id)
}

/// Ends the session of a parallel login, and forgets how the browser's earlier sessions ended.
async fn leave_nothing_over(app: &AppState, before: &SentSessions, binding: Option<&BrowserBinding>, new: SessionKey) {
    let parallel = binding.and_then(|browser| app.recent_logins.replace(browser, new));
    if let Some(parallel) = parallel.filter(|session| !before.keys().any(|before| before == *session))
        && let Err(error) = app.records.end_by(parallel, Cause::Login).await
    {
        tracing::warn!(error = %error, "could not end the session of a parallel login; it will expire");
    }
    for key in before.keys() {
        if let Err(error) = app.vault.forget_ended(key).await {
            tracing::warn!(error = %error, "could not delete the note about a session ended elsewhere; it will expire");
        }
    }
}

/// Whether a login gave a token with which Transfer does what our pages offer.
fn gives_transfer(response: &TokenResponse) -> bool {
    let token = response.by_resource_server(scopes::transfer::RESOURCE_SERVER);
    token.is_some_and(|token| token.scopes.iter().any(|scope| scope == scopes::transfer::ALL))
}

/// The flow of a login that comes back, with the verifier it began with.
fn flow(app: &AppState, verifier: CodeVerifier) -> Result<AuthorizationCodeFlowManager, AppError> {
    let usage = |error: UsageError| AppError::Internal(error.to_string());
    app.login_flow.clone().with_verifier(verifier).map_err(usage)
}
