//! Answers for proxies.

use std::borrow::Cow;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::judge::Passed;
use crate::routes::ops::PlainText;

/// What is percent-encoded in an identity header (RFC 3986 section 2.1), besides all that is not ASCII: what could end the
/// header, begin another item of a list, or be taken for an encoding.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b',');

/// A status and nothing else.
pub(super) fn bare(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response.extensions_mut().insert(PlainText);
    response
}

/// A yes: who it is, in headers. Each of them is always there once, so that none that a visitor sends takes its place.
pub(super) fn passes(status: StatusCode, passed: &Passed) -> Response {
    let claims = &passed.live.user.claims;
    let auth_time = claims.last_authentication.map(|seconds| seconds.to_string());
    let groups = passed.groups.iter().map(|group| encoded(group)).collect::<Vec<_>>().join(",");
    // Names that are checked when this is compiled: each answer has them all.
    let identity: [(HeaderName, Cow<'_, str>); 8] = [
        (const { HeaderName::from_static("x-auth-request-user") }, encoded(&claims.sub)),
        (const { HeaderName::from_static("x-auth-request-subject") }, encoded(&claims.sub)),
        (const { HeaderName::from_static("x-auth-request-email") }, text(&claims.email)),
        (const { HeaderName::from_static("x-auth-request-preferred-username") }, text(&claims.preferred_username)),
        (const { HeaderName::from_static("x-auth-request-groups") }, groups.into()),
        (const { HeaderName::from_static("x-auth-request-identity-provider") }, text(&claims.identity_provider)),
        (const { HeaderName::from_static("x-auth-request-organization") }, text(&claims.organization)),
        (const { HeaderName::from_static("x-auth-request-auth-time") }, auth_time.unwrap_or_default().into()),
    ];
    let mut response = bare(status);
    // With room for those of every response.
    response.headers_mut().reserve(identity.len() + 4);
    for (name, value) in identity {
        let value = HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static(""));
        response.headers_mut().insert(name, value);
    }
    response
}

fn text(text: &Option<String>) -> Cow<'_, str> {
    text.as_deref().map(encoded).unwrap_or_default()
}

fn encoded(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text.trim(), ENCODED).into()
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn no_value_ends_its_header_or_adds_an_item() {
        assert_eq!(encoded(" Mira Solano "), "Mira Solano");
        assert_eq!(encoded("a\r\nX-Evil: 1,admins%00\0é"), "a%0D%0AX-Evil: 1%2Cadmins%2500%00%C3%A9");
    }
}
