//! `/login`: sends a browser to Globus, and takes it back. One route for both ways, told apart by the query.

use std::net::IpAddr;

use axum::{
    Extension,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use tower_sessions::session::Id;
use tracing::Instrument as _;
use url::form_urlencoded;

use super::{cookies, delivery::IfUndelivered, logged_in::is_speculative};
use crate::{
    error::{AppError, GlobusError},
    globus::{
        auth::UsageError,
        flow::{AuthorizationCodeFlowManager, FlowManager as _},
        id_token::IdTokenClaims,
        tokens::TokenResponse,
    },
    secret::{AuthorizationCode, CodeVerifier},
    session::{
        login_attempt::{Attempt, AttemptError, BrowserBinding, FlowSecrets},
        return_path::ReturnPath,
        session_key,
        store::Spent,
        user::{UserSession, browser_of},
    },
    state::AppState,
    telemetry::RequestFacts,
};

/// What a visit to `/login` is.
enum LoginStep {
    /// A person wants to log in, and to be at `next` afterwards.
    Start { next: Option<String> },
    /// Globus sent the browser back with a code.
    Returned { code: AuthorizationCode, state: String, iss: Option<String> },
    /// Globus sent the browser back with an error.
    Refused { error: String, state: String, iss: Option<String> },
}

impl LoginStep {
    /// Reads the query. A parameter of the protocol that is there twice is refused (RFC 6749 section 3.1), and so is an
    /// answer that is both a code and an error.
    fn parse(query: Option<&str>) -> Result<Self, AppError> {
        let mut pairs: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let mut once = |name: &str| {
            let mut found: Vec<String> = pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect();
            let last = found.pop();
            if found.is_empty() { Ok(last) } else { Err(start_again("a parameter came twice")) }
        };
        let (code, error) = (once("code")?, once("error")?);
        match (code, error) {
            (None, None) => Ok(Self::Start { next: once("next").unwrap_or_default() }),
            (Some(_), Some(_)) => Err(start_again("a code and an error came together")),
            (Some(code), None) => Ok(Self::Returned {
                code: AuthorizationCode::new(code),
                state: once("state")?.unwrap_or_default(),
                iss: once("iss")?,
            }),
            (None, Some(error)) => {
                Ok(Self::Refused { error, state: once("state")?.unwrap_or_default(), iss: once("iss")? })
            }
        }
    }
}

fn start_again(cause: &'static str) -> AppError {
    AppError::StartAgain {
        message: "This sign-in cannot be completed, for example because it was begun in another browser or its address was changed on the way. Nothing is lost: just start again.".into(),
        cause: cause.into(),
        next: None,
    }
}

pub(super) async fn login(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, AppError> {
    // Whoever sends two sessions gets nowhere, and so not to Globus either.
    let before = cookies::session_id(&headers, &app.settings)?;
    match LoginStep::parse(query.as_deref())? {
        LoginStep::Start { next } => start(&app, &headers, next.as_deref()),
        LoginStep::Returned { code, state, iss } => {
            let returned = Returned { code, visitor: Visitor::of(before, &headers, &facts) };
            complete_once(app, returned, &headers, &state, iss.as_deref()).await
        }
        LoginStep::Refused { error, state, iss } => refused(&app, &headers, &error, &state, iss.as_deref()).await,
    }
}

/// Begins a login: everything about it goes into the browser, and nothing is stored.
fn start(app: &AppState, headers: &HeaderMap, next: Option<&str>) -> Result<Response, AppError> {
    if is_speculative(headers) {
        return Err(AppError::Refused {
            title: "Not before you ask for it".into(),
            message: "Signing in begins when you follow the link.".into(),
            cause: "a browser tried to begin a login ahead of its person".into(),
            next: None,
        });
    }
    let settings = &app.settings;
    let next = next
        .and_then(|next| ReturnPath::parse(next, &settings.root))
        .unwrap_or_else(|| ReturnPath::front(&settings.root));
    let known = cookies::browser_binding(headers, settings);
    let browser = known.clone().unwrap_or_else(BrowserBinding::random);
    let secrets = app.login_attempts.begin(&app.vault.keys, &browser, &next, app.clock.now())?;
    let url = app.authorize_urls.url(&secrets.state, &secrets.nonce, &secrets.verifier);
    let location =
        HeaderValue::try_from(url).map_err(|_| AppError::Internal("the authorize URL is none".to_owned()))?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    if known.is_none() {
        response
            .headers_mut()
            .extend(cookies::set_browser_binding(&browser, settings).map(|value| (header::SET_COOKIE, value)));
    }
    Ok(response)
}

/// Who comes back from Globus.
struct Visitor {
    /// The session that the browser has had until now.
    before: Option<Id>,
    browser: Option<String>,
    address: IpAddr,
}

impl Visitor {
    fn of(before: Option<Id>, headers: &HeaderMap, facts: &RequestFacts) -> Self {
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self { before, browser: user_agent.map(browser_of), address: facts.peer }
    }
}

/// What a browser brings back from Globus.
struct Returned {
    code: AuthorizationCode,
    visitor: Visitor,
}

/// Completes a login: the state first, then everything else. Where the same answer comes a second time, as by a double
/// click, the browser goes where the first one led.
async fn complete_once(
    app: AppState,
    returned: Returned,
    headers: &HeaderMap,
    state: &str,
    iss: Option<&str>,
) -> Result<Response, AppError> {
    let attempt = open(&app, headers, state)?;
    // Before the state is spent: whoever is sent away now may bring it again.
    let exchange = app.exchanges.begin(returned.visitor.address)?;
    check_issuer(&app, iss).await?;
    let mut response = Redirect::to(attempt.next.as_str()).into_response();
    match app.vault.store.spend_state(attempt.state_hash, attempt.expires, app.clock.now()).await? {
        Spent::First => {}
        Spent::Again => return Ok(response),
        Spent::TooOld => return Err(begun_too_long_ago(attempt.next)),
    }
    // Among what is finished before the process stops: what Globus has begun to answer must not be lost.
    let completing = {
        let app = app.clone();
        async move {
            let completed = complete(&app, returned, attempt.secrets).await;
            drop(exchange);
            completed
        }
    };
    let completed = app.vault.underway.spawn(completing.in_current_span()).await;
    let id = completed.map_err(|_| AppError::Internal("the login was broken off".to_owned()))??;
    response.headers_mut().extend(cookies::set_session(id, &app.settings).map(|value| (header::SET_COOKIE, value)));
    IfUndelivered::put_on(&mut response, move || abandon(app, id));
    Ok(response)
}

/// Ends a session whose browser left before it was given the cookie: nobody could ever use it, or end it.
fn abandon(app: AppState, id: Id) {
    let underway = app.vault.underway.clone();
    let ending = async move {
        match app.vault.end(session_key(id)).await {
            Ok(_) => drop(super::logout::revoke_in_background(&app, session_key(id))),
            Err(error) => {
                tracing::error!(error = %error, "could not end an abandoned session; it will expire");
            }
        }
    };
    drop(underway.spawn(ending.in_current_span()));
}

fn open(app: &AppState, headers: &HeaderMap, state: &str) -> Result<Attempt, AppError> {
    let browser = cookies::browser_binding(headers, &app.settings);
    let opened = app.login_attempts.open(&app.vault.keys, browser.as_ref(), state, app.clock.now());
    opened.map_err(|error| match error {
        AttemptError::Foreign if browser.is_none() => AppError::StartAgain {
            message: format!(
                "This sign-in was begun in another browser, or under another address of this site. The address to use is {}",
                app.settings.public_url("/")
            )
            .into(),
            cause: "the browser has no login cookie".into(),
            next: None,
        },
        AttemptError::Foreign => start_again("the state is not one that this browser was given"),
        AttemptError::Expired { next } => begun_too_long_ago(next),
    })
}

fn begun_too_long_ago(next: ReturnPath) -> AppError {
    AppError::StartAgain {
        message: "This sign-in was begun too long ago. Nothing is lost: just start again.".into(),
        cause: "the login was begun too long ago".into(),
        next: Some(next),
    }
}

/// The answer must come from the Globus Auth we asked (RFC 9207 section 2.4).
async fn check_issuer(app: &AppState, iss: Option<&str>) -> Result<(), AppError> {
    let discovery = app.provider.discovery().await.map_err(GlobusError::from)?;
    match iss {
        Some(iss) if iss != discovery.issuer => Err(start_again("the answer is from another issuer")),
        None if discovery.authorization_response_iss_parameter_supported => {
            Err(start_again("the answer names no issuer"))
        }
        _ => Ok(()),
    }
}

/// Exchanges the code, verifies who it is, and begins the session. Tokens of a login that fails half way are revoked.
async fn complete(app: &AppState, returned: Returned, secrets: FlowSecrets) -> Result<Id, AppError> {
    let Returned { code, visitor } = returned;
    let FlowSecrets { nonce, verifier, .. } = secrets;
    let response = flow(app, verifier)?.exchange_code_for_tokens(code).await.map_err(GlobusError::from)?;
    let begun = match response.decode_id_token(&app.id_tokens, Some(&nonce)).await {
        Ok(claims) => begin_session(app, claims, visitor, &response).await,
        Err(error) => Err(GlobusError::from(error).into()),
    };
    if begun.is_err() {
        let (app, underway) = (app.clone(), app.vault.underway.clone());
        let revoking = async move { app.tokens.discard(&response).await };
        underway.spawn(revoking.in_current_span());
    }
    begun
}

/// Begins a session under a new id. Whatever session this browser had before, of the same person or of another, ends
/// with its tokens.
async fn begin_session(
    app: &AppState,
    claims: IdTokenClaims,
    visitor: Visitor,
    response: &TokenResponse,
) -> Result<Id, AppError> {
    let Visitor { before, browser, address } = visitor;
    if let Some(before) = before.map(session_key)
        && app.vault.end(before).await?
    {
        super::logout::revoke_in_background(app, before);
    }
    let claims = claims.abridged();
    let user = UserSession { claims, began: app.clock.now(), browser, address: Some(address) };
    let subject = user.claims.sub.clone();
    let id = app.records.begin(user, response).await?;
    tracing::info!(sub = subject, "logged in");
    Ok(id)
}

/// Says why Globus did not let the person in. The state is spent, so the answer is good for this page alone.
async fn refused(
    app: &AppState,
    headers: &HeaderMap,
    error: &str,
    state: &str,
    iss: Option<&str>,
) -> Result<Response, AppError> {
    let attempt = open(app, headers, state)?;
    check_issuer(app, iss).await?;
    app.vault.store.spend_state(attempt.state_hash, attempt.expires, app.clock.now()).await?;
    let message = match error {
        "access_denied" => {
            "You did not allow this site to use your Globus account, so you are not signed in. If that was a mistake, sign in again and choose Allow."
        }
        "temporarily_unavailable" | "server_error" => {
            "Globus could not sign you in at the moment. Please try again soon."
        }
        _ => "Globus did not sign you in. Please try again; if it happens again, tell the people who run this site.",
    };
    let error: String = error.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect();
    Err(AppError::Refused {
        title: "You are not signed in".into(),
        message: message.into(),
        cause: format!("Globus refused the login: {error}").into(),
        next: Some(attempt.next),
    })
}

/// The flow of a login that comes back, with the verifier it began with.
fn flow(app: &AppState, verifier: CodeVerifier) -> Result<AuthorizationCodeFlowManager, AppError> {
    let usage = |error: UsageError| AppError::Internal(error.to_string());
    app.login_flow.clone().with_verifier(verifier).map_err(usage)
}
