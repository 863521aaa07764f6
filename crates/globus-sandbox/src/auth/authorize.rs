//! The authorization endpoint: reads a request and refuses invalid ones (RFC 6749, section 4.1; RFC 7636, section 4.3).
//!
//! Errors in the client, its redirect URI or its scopes go to an error page, as at Globus. All other errors go to the app
//! by a redirect. A valid request becomes a `Pending`, which `sign_in` handles.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use url::Url;

use crate::answer::pages::AuthorizeErrorPage;
use crate::answer::reply;
use crate::auth::answer::{AppError, to_app};
use crate::auth::sign_in;
use crate::ground::params::Params;
use crate::memory::app::AppState;
use crate::memory::store::{Pending, SessionNeeds};
use crate::world::apps::Client;
use crate::world::scopes;

/// The longest query, in bytes. Real ones are far shorter; it bounds the memory of a pending request.
const MAX_QUERY: usize = 16 * 1024;

/// Why a request is refused.
enum Refusal {
    /// Shown to the person, because the app cannot be trusted with it or cannot be reached.
    Page(PageError),
    /// Sent to the app.
    Redirect(AppError),
}

/// The texts of the error page, as at Globus.
struct PageError {
    title: &'static str,
    detail: String,
    code: &'static str,
}

/// Where answers go: known once the client and the redirect URI are checked.
struct ReturnAddress {
    redirect_uri: String,
    state: Option<String>,
}

/// `GET /v2/oauth2/authorize`
pub(crate) async fn authorize(State(app): State<AppState>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    match read(&app, query.as_deref().unwrap_or_default()) {
        Ok(pending) => sign_in::begin(&app, &headers, &pending),
        Err((Refusal::Page(error), _)) => error_page(error),
        Err((Refusal::Redirect(error), address)) => match address {
            Some(address) => to_app(&address.redirect_uri, address.state.as_deref(), &error),
            None => error_page(request_failure(error.description)),
        },
    }
}

fn read(app: &AppState, query: &str) -> Result<Pending, (Refusal, Option<ReturnAddress>)> {
    let fatal = |error| (Refusal::Page(error), None);
    let params = params(query).map_err(fatal)?;
    let client = client_of(app, &params).map_err(fatal)?;
    let redirect_uri = redirect_uri_of(&client, &params).map_err(fatal)?;
    let scopes = scopes_of(app, &client, &params).map_err(fatal)?;
    let pending = Pending {
        client,
        redirect_uri,
        scopes,
        state: params.owned("state"),
        nonce: params.owned("nonce"),
        code_challenge: params.owned("code_challenge"),
        offline: params.get("access_type") == Some("offline"),
        sign_in_again: params.get("prompt") == Some("login"),
        silent: params.get("prompt") == Some("none"),
        message: params.owned("session_message"),
        needs: needs_of(&params),
    };
    match wrong_parameter(&params, &pending) {
        None => Ok(pending),
        Some(error) => {
            let address = ReturnAddress { redirect_uri: pending.redirect_uri, state: pending.state };
            Err((Refusal::Redirect(error), Some(address)))
        }
    }
}

fn request_failure(detail: impl Into<String>) -> PageError {
    PageError { title: "Unable to Fulfill Your Request", detail: detail.into(), code: "OAUTH_AUTH_REQUEST_FAILURE" }
}

fn params(query: &str) -> Result<Params, PageError> {
    if query.len() > MAX_QUERY {
        return Err(request_failure("Request too long."));
    }
    Params::read(query.as_bytes()).map_err(|repeated| request_failure(format!("Duplicate {} parameter.", repeated.0)))
}

fn client_of(app: &AppState, params: &Params) -> Result<Client, PageError> {
    let id = params.get("client_id").ok_or_else(|| request_failure("Missing client_id parameter."))?;
    app.client(id).ok_or_else(|| request_failure("Invalid client_id parameter value."))
}

fn redirect_uri_of(client: &Client, params: &Params) -> Result<String, PageError> {
    let text = params.get("redirect_uri").ok_or_else(|| request_failure("Missing redirect URI."))?;
    let url = Url::parse(text).map_err(|_| request_failure("Invalid redirect URI."))?;
    // RFC 6749, section 3.1.2: absolute, and without a fragment.
    if url.fragment().is_some() {
        return Err(request_failure("Invalid redirect URI."));
    }
    if !client.may_return_to(text, &url) {
        return Err(request_failure("Mismatching redirect URI."));
    }
    Ok(text.to_owned())
}

fn scopes_of(app: &AppState, client: &Client, params: &Params) -> Result<Vec<scopes::Scope>, PageError> {
    // `wrong_parameter` reports a missing scope to the app.
    let Some(text) = params.get("scope") else {
        return Ok(vec![]);
    };
    let scopes = scopes::parse(text).map_err(|_| unknown_scopes(client, text))?;
    let unknown: Vec<&str> = scopes::names(&scopes).into_iter().filter(|name| app.scope(name).is_none()).collect();
    if unknown.is_empty() { Ok(scopes) } else { Err(unknown_scopes(client, &unknown.join(", "))) }
}

fn unknown_scopes(client: &Client, list: &str) -> PageError {
    PageError {
        title: "Unknown scope(s)",
        detail: format!("{} requested unknown scopes: [{list}]", client.id()),
        code: "UNKNOWN_SCOPE_ERROR",
    }
}

fn needs_of(params: &Params) -> SessionNeeds {
    SessionNeeds {
        identities: params
            .list("session_required_identities")
            .into_iter()
            .map(|id| id.trim_start_matches("urn:globus:auth:identity:").to_owned())
            .collect(),
        domains: params.list("session_required_single_domain"),
        policies: params.list("session_required_policies"),
        mfa: params.is_true("session_required_mfa"),
    }
}

/// The first error of a request whose client, redirect URI and scopes are valid.
fn wrong_parameter(params: &Params, pending: &Pending) -> Option<AppError> {
    let invalid = |description| Some(AppError { error: "invalid_request", description });
    match params.get("response_type") {
        Some("code") => {}
        None => return invalid("Missing response_type parameter."),
        Some(_) => {
            return Some(AppError {
                error: "unsupported_response_type",
                description: "The sandbox supports the response type code.",
            });
        }
    }
    if pending.scopes.is_empty() {
        return Some(AppError { error: "invalid_scope", description: "Missing scope parameter." });
    }
    if !matches!(params.get("access_type"), None | Some("online" | "offline")) {
        return invalid("access_type must be online or offline.");
    }
    match (&pending.code_challenge, params.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) if is_s256_challenge(challenge) => None,
        (Some(_), Some("S256")) => invalid("code_challenge is not the base64url of a SHA-256."),
        (Some(_), _) => invalid("code_challenge_method must be S256."),
        (None, Some(_)) => invalid("code_challenge_method without code_challenge."),
        (None, None) if pending.client.is_native() => invalid("Code challenge required."),
        (None, None) => None,
    }
}

fn is_s256_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn error_page(error: PageError) -> Response {
    tracing::debug!(code = error.code, "sandbox: refused an authorization request");
    let page = AuthorizeErrorPage::new(error.title, error.detail, error.code);
    reply::page(StatusCode::BAD_REQUEST, &page, None)
}
