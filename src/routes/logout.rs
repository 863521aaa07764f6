//! `/logout`: ends the session, revokes every token, and sends the browser to Globus's logout page; `/signed-out`: where
//! that page leads back to.

use std::time::Duration;

use askama::Template as _;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, Method, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use tokio::task::JoinHandle;
use tower_sessions::Session;
use tracing::Instrument as _;

use super::logged_in::{LoggedIn, is_speculative};
use crate::{
    error::AppError,
    pages::{ConfirmLogoutPage, SignedOutPage},
    session::{session_key, store::SessionKey, user::UserSession},
    state::AppState,
};

/// How long a person waits for Globus to revoke; what takes longer goes on without them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who asks for the logout.
#[derive(Debug, PartialEq, Eq)]
enum Asker {
    /// The person: from one of our pages, or by the address bar.
    Person,
    /// A page of another site, which led the person here.
    OtherSite,
    /// Something that is not a page: an image, a frame, a script, or a browser ahead of its person.
    Subresource,
}

impl Asker {
    /// Reads the Fetch Metadata headers; a browser or program that sends none is believed.
    fn of(method: &Method, headers: &HeaderMap, public_origin: &str) -> Self {
        let is =
            |name: &str, accepted: &[&[u8]]| headers.get(name).is_none_or(|value| accepted.contains(&value.as_bytes()));
        let is_page = is("sec-fetch-mode", &[b"navigate"]) && is("sec-fetch-dest", &[b"document"]);
        if !is_page || is_speculative(headers) {
            return Self::Subresource;
        }
        // A form of ours is sent with the origin "null", because our pages send no referrer.
        let origins: &[&[u8]] = &[public_origin.as_bytes(), b"null"];
        let by_person = match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(site) => [&b"none"[..], b"same-origin"].contains(&site),
            None => method != Method::POST || is(header::ORIGIN.as_str(), origins),
        };
        if by_person { Self::Person } else { Self::OtherSite }
    }
}

pub(super) async fn logout(
    State(app): State<AppState>,
    session: Session,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let origin = format!("{}://{}", app.settings.scheme, app.settings.server_name);
    match Asker::of(&method, &headers, &origin) {
        Asker::Person => end(&app, &session).await,
        Asker::OtherSite => Ok(Html(ConfirmLogoutPage { site: &app.site }.render()?).into_response()),
        Asker::Subresource => Err(AppError::Refused {
            title: "Nothing was ended".into(),
            message: "Signing out works from a page of this site, or by its address.".into(),
            cause: "a logout asked for by something that is no page".into(),
            next: None,
        }),
    }
}

/// The session first: from here on it is over, whatever Globus says to the revocations.
async fn end(app: &AppState, session: &Session) -> Result<Response, AppError> {
    if let Some(id) = session.id() {
        let user = UserSession::load(session).await?;
        session.flush().await?;
        if let Some(user) = user {
            tracing::info!(sub = user.claims.sub, "logged out");
        }
        let revoked = revoke_in_background(app, session_key(id));
        if tokio::time::timeout(PATIENCE, revoked).await.is_err() {
            tracing::warn!("Globus takes long to revoke tokens; going on without waiting");
        }
    }
    let back = app.settings.public_url("/signed-out");
    let url = app.auth.logout_url(&back, &app.settings.app_name);
    Ok(Redirect::to(url.as_str()).into_response())
}

/// Revokes the tokens of a session that has ended. What fails stays on the list and is tried again later.
pub(super) fn revoke_in_background(app: &AppState, key: SessionKey) -> JoinHandle<()> {
    let app = app.clone();
    let revoking = async move {
        match app.tokens.revoke_due(Some(key)).await {
            Ok((revoked, failed)) => tracing::info!(revoked, failed, "tokens revoked"),
            Err(error) => tracing::error!(error = %error, "revocations are left for later"),
        }
    };
    tokio::spawn(revoking.in_current_span())
}

pub(super) async fn signed_out(State(app): State<AppState>, user: Option<LoggedIn>) -> Result<Response, AppError> {
    if user.is_some() {
        return Ok(Redirect::to(&format!("{}/", app.settings.root)).into_response());
    }
    Ok(Html(SignedOutPage { site: &app.site }.render()?).into_response())
}
