//! The helper pages of Globus Auth ("Globus Auth documentation", helper pages).

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use url::Url;

use crate::answer::pages::{AuthCodePage, BackLink, ChoosePage, ConsentsPage, IdentitiesPage, LogoutPage};
use crate::answer::reply;
use crate::answer::reply::see_other;
use crate::auth::browser::{session, sign_out};
use crate::ground::params::Params;
use crate::memory::app::{App, AppState};

/// `GET /v2/web/logout`: ends the browser's session. It revokes no token and does not redirect: the person has to click.
pub(crate) async fn logout(State(app): State<AppState>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let (client_name, link) = helper_params(&app, query.as_deref());
    let page = LogoutPage { client_name, link };
    sign_out(&app, &headers, reply::page(StatusCode::OK, &page, None))
}

/// `GET /v2/web/auth-code`: where the person copies the code for an app without a web server.
pub(crate) async fn auth_code(RawQuery(query): RawQuery) -> Response {
    let params = Params::read(query.unwrap_or_default().as_bytes()).ok();
    let get = |name| params.as_ref().and_then(|params| params.owned(name));
    let page = AuthCodePage { code: get("code"), error: get("error_description").or(get("error")) };
    reply::page(StatusCode::OK, &page, None)
}

/// `GET /v2/web/consents`: the consents of the signed-in person.
pub(crate) async fn consents(State(app): State<AppState>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let session = session(&app.store(), &headers);
    let Some(session) = session else {
        return reply::page(
            StatusCode::OK,
            &ChoosePage::for_page(&app, "consents".into(), "see what they allow apps to do"),
            None,
        );
    };
    let (_, link) = helper_params(&app, query.as_deref());
    let held = app.store().consents_of(&session.person);
    let page = ConsentsPage::new(&app, &session.person, &held, link);
    reply::page(StatusCode::OK, &page, None)
}

/// `GET /v2/web/identities`: the linked identities of the signed-in person.
pub(crate) async fn linked_identities(
    State(app): State<AppState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let session = session(&app.store(), &headers);
    let Some(session) = session else {
        return reply::page(
            StatusCode::OK,
            &ChoosePage::for_page(&app, "identities".into(), "see their linked identities"),
            None,
        );
    };
    let (_, link) = helper_params(&app, query.as_deref());
    reply::page(StatusCode::OK, &IdentitiesPage::new(&session.person, link), None)
}

/// `POST /v2/web/consents` with `consent`: takes that consent back.
pub(crate) async fn rescind(State(app): State<AppState>, headers: HeaderMap, body: Bytes) -> Response {
    let session = session(&app.store(), &headers);
    if let (Some(session), Ok(form)) = (session, Params::read(&body)) {
        let id = form.get("consent").unwrap_or_default();
        if app.store().rescind(&session.person, id) {
            tracing::info!(person = session.person.primary.username, "sandbox: consent rescinded");
        }
    }
    see_other("/v2/web/consents")
}

/// The parameters that all helper pages know: `client_id`, and `redirect_uri` with `redirect_name`.
fn helper_params(app: &App, query: Option<&str>) -> (Option<String>, Option<BackLink>) {
    let Ok(params) = Params::read(query.unwrap_or_default().as_bytes()) else {
        return (None, None);
    };
    let client = params.get("client_id").and_then(|id| app.client(id));
    let name = client.map(|client| client.name().to_owned());
    (name, back_link(&params))
}

/// A link to the app. Only http and https: a `javascript:` URL must not become clickable.
fn back_link(params: &Params) -> Option<BackLink> {
    let name = params.owned("redirect_name")?;
    let url = Url::parse(params.get("redirect_uri")?).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| BackLink { url: url.into(), name })
}
