//! `/oauth2/hand-over`: how a session gets to the host of an app under another domain. What happens, and what keeps it safe, is
//! said in [`crate::session::hand_over`].

use axum::{
    Extension,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    response::{IntoResponse as _, Redirect, Response},
};
use url::form_urlencoded;

use super::host_cookies;
use crate::{
    error::AppError,
    routes::{
        asked::Asked,
        cookies::{self, SentSessions},
        hosts::{app_host, to_portal},
        login::not_ahead,
        login_step::start_again,
        paths::encoded,
        rounds,
    },
    session::{
        hand_over::{Request, Ticket, seal_cookie},
        login_attempt::BrowserBinding,
        return_path::{HAND_OVER, ReturnPath},
        store::Spent,
    },
    settings::AppHost,
    state::AppState,
    telemetry::RequestFacts,
};

/// Where the gate sends a visitor of this page: to the beginning of a hand-over.
pub(super) fn start_of(host: &AppHost, page: Option<&ReturnPath>) -> String {
    let page = page.and_then(|page| page.as_str().strip_prefix(host.origin())).unwrap_or("/");
    format!("{}/oauth2/start?rd={}", host.origin(), encoded(page))
}

/// Begins a hand-over, on the host of an app.
pub(super) fn begin(
    app: &AppState,
    headers: &HeaderMap,
    host: &AppHost,
    page: ReturnPath,
) -> Result<Response, AppError> {
    let (settings, now) = (&app.settings, app.clock.now());
    if rounds::are_too_many(cookies::rounds(headers, settings, now).unwrap_or_default()) {
        return Ok(with_cookies(failed(app, host, Failure::Circles), [host_cookies::forget_rounds(settings)]));
    }
    let browser = host_cookies::binding(headers, settings).unwrap_or_else(BrowserBinding::random);
    let known = host_cookies::session(app, headers, host);
    let request = Request::new(page, &browser, known).seal(&app.vault.keys, now)?;
    let response = to_portal(settings, &format!("{HAND_OVER}?to={request}"));
    Ok(with_cookies(response, [host_cookies::set_binding(&browser, settings)]))
}

/// `GET /oauth2/hand-over`: on the portal's own host with `to`, on the host of an app with `ticket`.
pub(crate) async fn hand_over(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    if method != Method::GET {
        return Err(AppError::MethodNotAllowed);
    }
    not_ahead(&headers)?;
    let query = query.unwrap_or_default();
    let given =
        |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
    match app_host(&headers, &app.settings) {
        Some(host) => take(&app, &headers, host, &given("ticket").unwrap_or_default()).await,
        None => match given("failed") {
            Some(reason) => Err(Failure::named(&reason).page(&app, &given("at").unwrap_or_default())),
            None => {
                let asked = Asked::new(&method, &uri, &headers, &axum::http::Extensions::new());
                give(&app, &facts, &headers, &asked, &given("to").unwrap_or_default()).await
            }
        },
    }
}

/// Gives a ticket to who is logged in, and logs in who is not.
async fn give(
    app: &AppState,
    facts: &RequestFacts,
    headers: &HeaderMap,
    asked: &Asked,
    to: &str,
) -> Result<Response, AppError> {
    let (keys, now) = (&app.vault.keys, app.clock.now());
    let Some((request, host)) = Request::open(keys, to, &app.settings.app_hosts, now) else {
        return Err(start_again("the hand-over is too old, or is not this portal's, or its host is not allowed", None));
    };
    let only = SentSessions::of(headers, &app.settings).only()?;
    let found = match only {
        Some(key) => app.records.find(key).await?,
        None => None,
    };
    let Some(live) = found.filter(|live| asked.navigation && request.other_than != Some(live.key)) else {
        return Err(asked.log_in_after(app, only).await);
    };
    // Set once: the session is the same throughout a request.
    let _ = facts.session.set(live.clone());
    let ticket = request.ticket(keys, host, live.key, now)?;
    Ok(Redirect::to(&format!("{}{HAND_OVER}?ticket={ticket}", host.origin())).into_response())
}

/// Takes a ticket, once. Whoever brings it again, or late, goes to its page all the same: the gate there knows whether they may.
async fn take(app: &AppState, headers: &HeaderMap, host: &AppHost, ticket: &str) -> Result<Response, AppError> {
    let (settings, now) = (&app.settings, app.clock.now());
    let Some(ticket) = Ticket::open(&app.vault.keys, host, ticket) else {
        return Ok(failed(app, host, Failure::Ticket));
    };
    let round = host_cookies::count_round(headers, settings, now);
    let response = Redirect::to(ticket.page.as_str()).into_response();
    // Also by a browser that it is not for: a ticket that somebody else has seen is worth nothing.
    if now >= ticket.expires || app.vault.spend_state(ticket.hash, ticket.spent_until).await? != Spent::First {
        return Ok(with_cookies(response, [round]));
    }
    match host_cookies::binding(headers, settings) {
        None => Ok(failed(app, host, Failure::NoCookie)),
        Some(browser) if !ticket.is_of(&browser) => Ok(failed(app, host, Failure::Foreign)),
        Some(_) => {
            let cookie = seal_cookie(&app.vault.keys, host, ticket.session)?;
            let sub = app.vault.whose(ticket.session).await;
            tracing::info!(host = host.name(), sub, "handed a session over");
            Ok(with_cookies(response, [host_cookies::set_session(&cookie, settings), round]))
        }
    }
}

fn with_cookies<const N: usize>(mut response: Response, cookies: [Option<HeaderValue>; N]) -> Response {
    response.headers_mut().extend(cookies.into_iter().flatten().map(|value| (header::SET_COOKIE, value)));
    response
}

/// Why a hand-over failed.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// The browser sends no cookie back.
    NoCookie,
    /// The ticket is of another browser.
    Foreign,
    /// It is no ticket of this host.
    Ticket,
    /// One hand-over follows another.
    Circles,
}

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Self::NoCookie => "cookie",
            Self::Foreign => "browser",
            Self::Ticket => "ticket",
            Self::Circles => "circles",
        }
    }

    fn named(name: &str) -> Self {
        let all = [Self::NoCookie, Self::Foreign, Self::Circles];
        all.into_iter().find(|failure| failure.name() == name).unwrap_or(Self::Ticket)
    }

    /// The page about it, from which a login leads back to this host.
    fn page(self, app: &AppState, host: &str) -> AppError {
        let host = app.settings.app_hosts.named(host);
        let next = host.and_then(|host| ReturnPath::on(host, "/"));
        let name = host.map_or("the site that you came from", AppHost::name);
        match self {
            Self::NoCookie => AppError::StartAgain {
                message: format!("Your browser came back to {name} without the cookie that it got there. Allow cookies for {name}, then start again.").into(),
                cause: "the browser sent no hand-over cookie: it blocks cookies, or a proxy drops or changes Set-Cookie".into(),
                next,
            },
            Self::Circles => {
                let (message, cause) = rounds::ON_APP_HOST;
                AppError::InCircles { message, cause, next }
            }
            Self::Foreign | Self::Ticket => start_again("a hand-over was of another browser or another host", next),
        }
    }
}

/// Leads to the page about a failure, which is on the portal's own host.
fn failed(app: &AppState, host: &AppHost, failure: Failure) -> Response {
    // Whose browser it is, is not known.
    tracing::info!(host = host.name(), sub = "-", reason = failure.name(), "hand-over failed");
    to_portal(&app.settings, &format!("{HAND_OVER}?failed={}&at={}", failure.name(), encoded(host.name())))
}
