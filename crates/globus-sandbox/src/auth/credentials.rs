//! How the registered apps prove who they are (RFC 6749, sections 2.3 and 3.2.1).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use crate::answer::auth_error::{AuthError, Outcome};
use crate::ground::params::Params;
use crate::memory::app::App;
use crate::world::apps::Client;

/// The client credentials of a request.
enum Offered {
    Nothing,
    Id(String),
    Basic(String, String),
    Form(String, String),
}

/// The client that sends this request to the token endpoint or to revoke.
pub(crate) fn authenticated(app: &App, headers: &HeaderMap, form: &Params) -> Outcome<Client> {
    match offered(headers, form)? {
        Offered::Nothing => Err(AuthError::Unauthenticated),
        Offered::Id(id) => app.client(&id).filter(Client::is_native).ok_or(AuthError::Unauthenticated),
        Offered::Basic(id, secret) => check_basic(app, &id, &secret).map_err(|_| AuthError::BasicAuthFailed),
        Offered::Form(id, secret) => check_secret(app, &id, &secret).ok_or(AuthError::BasicAuthFailed),
    }
}

/// The confidential client behind a request to introspect or to look up identities.
pub(crate) fn confidential(app: &App, headers: &HeaderMap, form: &Params) -> Outcome<Client> {
    match offered(headers, form)? {
        Offered::Nothing | Offered::Id(_) => Err(AuthError::Unauthenticated),
        Offered::Basic(id, secret) => match check_basic(app, &id, &secret) {
            Ok(client) => Ok(client),
            Err(WrongBasic::Client) => Err(AuthError::InvalidClient),
            Err(WrongBasic::Secret) => Err(AuthError::BasicAuthFailed),
        },
        Offered::Form(id, secret) => check_secret(app, &id, &secret).ok_or(AuthError::BasicAuthFailed),
    }
}

fn offered(headers: &HeaderMap, form: &Params) -> Outcome<Offered> {
    let id = form.owned("client_id");
    if let Some(header) = headers.get(AUTHORIZATION) {
        let header = header.to_str().map_err(|_| AuthError::BasicAuthFailed)?;
        let (user, password) = basic(header).ok_or(AuthError::BasicAuthFailed)?;
        // RFC 6749, section 2.3: no more than one method in a request.
        let contradicts = id.is_some_and(|id| id != user && id != decoded(&user));
        if contradicts || form.get("client_secret").is_some() {
            return Err(AuthError::oauth("invalid_request"));
        }
        return Ok(Offered::Basic(user, password));
    }
    Ok(match (id, form.owned("client_secret")) {
        (Some(id), Some(secret)) => Offered::Form(id, secret),
        (Some(id), None) => Offered::Id(id),
        (None, _) => Offered::Nothing,
    })
}

/// User and password of a `Basic` header (RFC 7617).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(value.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.into(), password.into()))
}

enum WrongBasic {
    Client,
    Secret,
}

/// The official SDKs send id and secret as they are; clients that follow RFC 6749 section 2.3.1 encode them first.
fn check_basic(app: &App, id: &str, secret: &str) -> Result<Client, WrongBasic> {
    if let Some(client) = check_secret(app, id, secret) {
        return Ok(client);
    }
    let id = decoded(id);
    check_secret(app, &id, &decoded(secret)).ok_or(match app.client(&id) {
        Some(_) => WrongBasic::Secret,
        None => WrongBasic::Client,
    })
}

fn check_secret(app: &App, id: &str, secret: &str) -> Option<Client> {
    app.client(id).filter(|client| client.has_secret(secret))
}

/// Undoes form encoding. An encoded text has no `=` and no `&`, so it reads as the name of a pair without a value.
fn decoded(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
