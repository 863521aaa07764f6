//! Bearer tokens: the header that carries one, and the live token behind it. Each service words its refusals itself.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::ground::moment::now;
use crate::memory::app::App;
use crate::memory::store::Token;

/// Why a request has no live token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// It has no `Authorization: Bearer` header, or a malformed one.
    Missing,
    /// The token is unknown, expired or revoked.
    Inactive,
}

/// The live access token of a request, for whatever service it was issued.
pub(crate) fn live_token(app: &App, headers: &HeaderMap) -> Result<Token, NoToken> {
    let text = text(headers).ok_or(NoToken::Missing)?;
    app.store().access_tokens.get(text, now()).cloned().ok_or(NoToken::Inactive)
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1).
pub(crate) fn text(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
