//! The pages between an authorization request and its answer: who are you, and do you allow this?
//!
//! The store holds each pending request under a random name, which every form carries as `request`. Only the page knows
//! the name, so other sites cannot send these forms.

use crate::auth::browser::{cookie, with_cookie};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::answer::pages::{ChoosePage, ConsentPage, NoticePage};
use crate::answer::reply;
use crate::answer::reply::see_other;
use crate::auth::answer::{AppError, to_app, with_answer};
use crate::auth::browser::session;
use crate::ground::moment::now;
use crate::ground::params::Params;
use crate::ground::random;
use crate::memory::app::{App, AppState};
use crate::memory::policies;
use crate::memory::store::{
    Authentication, BrowserSession, CODE_LIFE, Code, Grant, PENDING_LIFE, Pending, SESSION_LIFE, Store,
};
use crate::world::people::{Identity, Person};

/// What a request needs next.
enum Step {
    Choose,
    Consent(BrowserSession),
    Answer(BrowserSession),
}

/// Shows the first page for a valid request, or answers at once when there is nothing left to ask.
pub(crate) fn begin(app: &App, headers: &HeaderMap, pending: &Pending) -> Response {
    let step = next_step(&app.store(), headers, pending);
    if pending.silent {
        return without_pages(app, step, pending);
    }
    if let Step::Answer(session) = step {
        return answer(app, &session, pending);
    }
    let name = random::handle();
    let held = pending.clone();
    app.store().pending.put(name.clone(), held, now() + PENDING_LIFE);
    match step {
        Step::Consent(session) => consent_page(app, &name, pending, &session),
        _ => choose_page(app, &name, pending),
    }
}

fn next_step(store: &Store, headers: &HeaderMap, pending: &Pending) -> Step {
    match session(store, headers) {
        Some(session) if !pending.sign_in_again && meets_needs(&session, pending) => {
            if store.has_consent(&session.person, &pending.client, &pending.scopes) {
                Step::Answer(session)
            } else {
                Step::Consent(session)
            }
        }
        _ => Step::Choose,
    }
}

/// Whether the app's session meets the requirements of the request. Any sign-in that was asked for a policy or for
/// multi-factor authentication meets it.
fn meets_needs(session: &BrowserSession, pending: &Pending) -> bool {
    let proven = || session.authentications.iter().filter(|authentication| authentication.client == pending.client);
    let identity_of = |authentication: &Authentication| {
        session
            .person
            .identities()
            .find(|identity| identity.id == authentication.identity)
            .map(|identity| identity.domain().to_owned())
    };
    let needs = &pending.needs;
    let identities = needs.identities.iter().all(|id| proven().any(|authentication| authentication.identity == *id));
    let domain =
        needs.domains.is_empty() || proven().filter_map(identity_of).any(|domain| needs.domains.contains(&domain));
    let policies = policies::existing(&needs.policies).all(|id| policies::is_met(Some(session), &pending.client, id));
    let mfa = !needs.mfa || proven().any(|authentication| authentication.mfa);
    identities && domain && policies && mfa
}

/// `prompt=none` (OpenID Connect Core, section 3.1.2.6).
fn without_pages(app: &App, step: Step, pending: &Pending) -> Response {
    let (error, description) = match step {
        Step::Answer(session) => return answer(app, &session, pending),
        Step::Consent(_) => ("consent_required", "The user has to give consent."),
        Step::Choose => ("login_required", "The user has to sign in."),
    };
    let error = AppError { error, description };
    to_app(&pending.redirect_uri, pending.state.as_deref(), &error)
}

/// Sends the app its code (RFC 6749, section 4.1.2).
fn answer(app: &App, session: &BrowserSession, pending: &Pending) -> Response {
    let code = random::code();
    let grant = Grant {
        id: random::uuid(),
        client: pending.client.clone(),
        person: session.person.clone(),
        scopes: pending.scopes.clone(),
        offline: pending.offline,
        session: Some(session.clone()),
    };
    let value = Code {
        grant: Arc::new(grant),
        redirect_uri: pending.redirect_uri.clone(),
        state: pending.state.clone(),
        nonce: pending.nonce.clone(),
        code_challenge: pending.code_challenge.clone(),
        used: false,
    };
    app.store().codes.put(code.clone(), value, now() + CODE_LIFE);
    tracing::info!(
        person = session.person.primary.username,
        app = pending.client.name(),
        "sandbox: signed in to an app"
    );
    let answer = [("code", Some(code.as_str())), ("state", pending.state.as_deref())];
    let location = with_answer(&pending.redirect_uri, &answer);
    reply::redirect(StatusCode::FOUND, &location)
}

fn choose_page(app: &App, name: &str, pending: &Pending) -> Response {
    let page = ChoosePage::for_app(app, name, pending);
    reply::page(StatusCode::OK, &page, Some(&pending.redirect_uri))
}

fn consent_page(app: &App, name: &str, pending: &Pending, session: &BrowserSession) -> Response {
    let page = ConsentPage::new(app, name, pending, &session.person);
    reply::page(StatusCode::OK, &page, Some(&pending.redirect_uri))
}

/// `GET /v2/web/choose?request=…`: use another identity.
pub(crate) async fn choose_again(State(app): State<AppState>, RawQuery(query): RawQuery) -> Response {
    match waiting(&app, query.as_deref().unwrap_or_default().as_bytes()) {
        Some((name, pending)) => choose_page(&app, &name, &pending),
        None => gone(),
    }
}

/// `POST /v2/web/choose` with `identity` (a username or an id), and `request` for a pending request, else `next`: the
/// page to show.
pub(crate) async fn choose(State(app): State<AppState>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(form) = Params::read(&body) else {
        return gone();
    };
    let named = form.get("identity").unwrap_or_default();
    let Some((person, identity)) = app.people.with_identity(named) else {
        return gone();
    };
    match form.get("request") {
        None => {
            let cookie = sign_in(&app, &headers, person, identity, None);
            with_cookie(see_other(&next_page(form.get("next"))), &cookie)
        }
        Some(name) => {
            let Some(pending) = signed_in_for(&app, name) else {
                return gone();
            };
            let cookie = sign_in(&app, &headers, person, identity, Some(&pending));
            let next = with_request("/v2/web/consent", name);
            with_cookie(see_other(&next), &cookie)
        }
    }
}

/// The page after a sign-in without a pending request: one of our own only.
fn next_page(asked: Option<&str>) -> String {
    let known = |asked: &&str| {
        let name = asked.split('?').next().unwrap_or_default();
        ["consents", "file-manager", "files", "identities"].contains(&name)
    };
    format!("/v2/web/{}", asked.filter(known).unwrap_or("consents"))
}

/// The pending request that the person just signed in for; it no longer asks for a new sign-in.
fn signed_in_for(app: &App, name: &str) -> Option<Pending> {
    let mut store = app.store();
    let pending = store.pending.get_mut(name, now())?;
    pending.sign_in_again = false;
    Some(pending.clone())
}

/// Starts a session under a new cookie and ends the browser's earlier one. Keeps the earlier authentications of the same
/// person.
fn sign_in(
    app: &App,
    headers: &HeaderMap,
    person: &Arc<Person>,
    identity: &Identity,
    pending: Option<&Pending>,
) -> String {
    let now = now();
    let mut store = app.store();
    let earlier = cookie(headers).and_then(|cookie| store.sessions.take(cookie, now));
    let mut session = earlier.filter(|earlier| earlier.person.primary.id == person.primary.id).unwrap_or_else(|| {
        BrowserSession { person: person.clone(), id: random::uuid(), authentications: vec![], policies: vec![] }
    });
    if let Some(pending) = pending {
        prove(&mut session, identity, pending, now);
    }
    store.note_authentication(&identity.id, now);
    let cookie = random::handle();
    store.sessions.put(cookie.clone(), session, now + SESSION_LIFE);
    cookie
}

fn prove(session: &mut BrowserSession, identity: &Identity, pending: &Pending, now: i64) {
    session.authentications.retain(|known| known.identity != identity.id || known.client != pending.client);
    session.authentications.push(Authentication {
        client: pending.client.clone(),
        identity: identity.id.clone(),
        provider: identity.provider.id,
        time: now,
        mfa: pending.needs.mfa,
    });
    for id in policies::existing(&pending.needs.policies) {
        if !policies::is_met(Some(session), &pending.client, id) {
            session.policies.push((pending.client.clone(), id));
        }
    }
}

/// `GET /v2/web/consent?request=…`: the page after the choice.
pub(crate) async fn consent(State(app): State<AppState>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let Some((name, pending)) = waiting(&app, query.as_deref().unwrap_or_default().as_bytes()) else {
        return gone();
    };
    let step = next_step(&app.store(), &headers, &pending);
    match step {
        Step::Choose => choose_page(&app, &name, &pending),
        Step::Consent(session) => consent_page(&app, &name, &pending, &session),
        Step::Answer(session) => {
            if app.store().pending.take(&name, now()).is_none() {
                return gone();
            }
            answer(&app, &session, &pending)
        }
    }
}

/// `POST /v2/web/consent` with `request` and `decision` (`allow` or `deny`).
pub(crate) async fn decide(State(app): State<AppState>, headers: HeaderMap, body: Bytes) -> Response {
    let Some((name, pending)) = waiting(&app, &body) else {
        return gone();
    };
    let form = Params::read(&body).ok();
    match form.as_ref().and_then(|form| form.get("decision")) {
        Some("allow") => allow(&app, &headers, &name, &pending),
        Some("deny") => deny(&app, &name, &pending),
        _ => gone(),
    }
}

fn allow(app: &App, headers: &HeaderMap, name: &str, pending: &Pending) -> Response {
    let step = next_step(&app.store(), headers, pending);
    let session = match step {
        Step::Choose => return choose_page(app, name, pending),
        Step::Consent(session) | Step::Answer(session) => session,
    };
    {
        let mut store = app.store();
        // Only the request that removes the pending one answers it: a form sent twice gives one code.
        if store.pending.take(name, now()).is_none() {
            drop(store);
            return gone();
        }
        store.add_consent(&session.person, &pending.client, &pending.scopes, pending.offline);
    }
    see_other_with(answer(app, &session, pending))
}

fn deny(app: &App, name: &str, pending: &Pending) -> Response {
    if app.store().pending.take(name, now()).is_none() {
        return gone();
    }
    let error = AppError {
        error: "access_denied",
        description: "The resource owner or authorization server denied the request.",
    };
    let response = to_app(&pending.redirect_uri, pending.state.as_deref(), &error);
    see_other_with(response)
}

/// Turns a redirect into one for after a POST, which the browser must follow with a GET (RFC 9110, section 15.4.4).
fn see_other_with(mut response: Response) -> Response {
    if response.status() == StatusCode::FOUND {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    response
}

fn with_request(path: &str, name: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("request", name).finish();
    format!("{path}?{query}")
}

/// The pending request that a query or form names.
fn waiting(app: &App, params: &[u8]) -> Option<(String, Pending)> {
    let params = Params::read(params).ok()?;
    let name = params.get("request")?;
    let pending = app.store().pending.get(name, now())?.clone();
    Some((name.to_owned(), pending))
}

fn gone() -> Response {
    let page = NoticePage {
        title: "This sign-in is no longer open",
        text: "It was completed already, or it has expired. Go back to the app and sign in again.",
    };
    reply::page(StatusCode::BAD_REQUEST, &page, None)
}
