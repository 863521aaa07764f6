//! Cross-site request forgery: a request that changes something must come from a page of this site, and a form must carry a
//! token that only the session's own pages know (OWASP, "Cross-Site Request Forgery Prevention").
//!
//! The token is a MAC of the session's key. Each page masks it with other random bytes, so that compression does not give it
//! away (BREACH).

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::form_urlencoded;

use super::{bounds::MAX_BODY, cookies::SentSessions, origin};
use crate::{
    error::AppError,
    secret::{equal, random_bytes},
    session::store::SessionKey,
    state::AppState,
};

/// The name of the form field.
pub const FIELD: &str = "csrf_token";
/// The name of the header, for scripts.
pub const HEADER: &str = "x-csrf-token";
const LENGTH: usize = 16;

/// A token for the forms of a session.
#[must_use]
pub fn token(app: &AppState, session: SessionKey) -> String {
    let pad = random_bytes::<LENGTH>();
    let masked = app.vault.keys.derive(0, LABEL, &[&session.0]).map(|mac| xor(&mac, &pad)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode([pad, masked].concat())
}

const LABEL: &[u8] = b"csrf token";

fn xor(bytes: &[u8], pad: &[u8; LENGTH]) -> [u8; LENGTH] {
    std::array::from_fn(|place| bytes.get(place).copied().unwrap_or_default() ^ pad[place])
}

/// Whether a token belongs to the session. One that was made with an earlier key is good as long as that key opens sessions.
fn is_token_of(app: &AppState, session: SessionKey, token: &[u8]) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
    let Some((pad, masked)) = bytes.split_first_chunk::<LENGTH>() else { return false };
    let proof = xor(masked, pad);
    let macs = (0..).map_while(|key| app.vault.keys.derive(key, LABEL, &[&session.0]));
    masked.len() == LENGTH && macs.fold(false, |found, mac| found | equal(&mac[..LENGTH], &proof))
}

/// Whether a method changes nothing (RFC 9110 section 9.2.1).
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Checks a request that may change something. Returns it, and the fields of a form without the token.
///
/// # Errors
/// [`AppError::Refused`].
pub(super) async fn check(app: &AppState, request: Request) -> Result<(Request, Option<String>), AppError> {
    if !origin::is_own(request.headers(), &app.settings) {
        return Err(refused("the request came from a page of another site"));
    }
    let session = SentSessions::of(request.headers(), &app.settings).only().unwrap_or_default();
    let Some(session) = session.filter(|_| *request.method() == Method::POST && can_be_a_form(request.headers()))
    else {
        return Ok((request, None));
    };
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| AppError::TooLarge)?;
    let sent = parts.headers.get(HEADER).map(|value| value.as_bytes().to_vec());
    let sent = sent.or_else(|| field(&parts.headers, &body)).unwrap_or_default();
    if !is_token_of(app, session, &sent) {
        return Err(refused(if sent.is_empty() {
            "the form has no CSRF token"
        } else {
            "the CSRF token is of another session"
        }));
    }
    let fields = is_urlencoded(&parts.headers).then(|| fields(&body));
    Ok((Request::from_parts(parts, Body::from(body)), fields))
}

fn refused(cause: &'static str) -> AppError {
    AppError::Refused {
        title: "Nothing was changed".into(),
        message: "This form was not sent from a page of your current session: it is out of date, or another site has sent it. Open the page again and send it from there.".into(),
        cause: cause.into(),
        sign_in: None,
    }
}

/// What a form of another site can send without being asked first (Fetch standard, "CORS-safelisted request-header"). All
/// else needs the leave of this site, which it never gives.
fn can_be_a_form(headers: &HeaderMap) -> bool {
    let Some(kind) = media_type(headers) else { return true };
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"].contains(&&*kind)
}

fn is_urlencoded(headers: &HeaderMap) -> bool {
    media_type(headers).as_deref() == Some("application/x-www-form-urlencoded")
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The token among the fields of a form.
fn field(headers: &HeaderMap, body: &Bytes) -> Option<Vec<u8>> {
    if is_urlencoded(headers) {
        let mut fields = form_urlencoded::parse(body);
        return fields.find(|(name, _)| name == FIELD).map(|(_, value)| value.into_owned().into_bytes());
    }
    of_multipart(body)
}

/// The token in a multipart body (RFC 7578): the first line of the part of that name.
fn of_multipart(body: &[u8]) -> Option<Vec<u8>> {
    let named = format!("name=\"{FIELD}\"");
    let after_name = after(body, named.as_bytes())?;
    let value = after(after_name, b"\r\n\r\n")?;
    let length = value.iter().position(|byte| *byte == b'\r')?;
    Some(value[..length].to_vec())
}

fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    text.get(at + mark.len()..)
}

/// The fields of a form without the token, form-encoded.
fn fields(body: &[u8]) -> String {
    let pairs = form_urlencoded::parse(body).filter(|(name, _)| name != FIELD);
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
