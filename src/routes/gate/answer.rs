//! Answers for proxies.

use std::borrow::Cow;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::judge::Passed;
use crate::{routes::ops::PlainText, state::AppState};

/// What is percent-encoded in an identity header (RFC 3986 section 2.1), besides all that is not ASCII: what could end the
/// header, begin another item of a list, or be taken for an encoding.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b',');

const NOTHING: HeaderValue = HeaderValue::from_static("");
const ASSERTION: HeaderName = HeaderName::from_static("x-auth-request-assertion");
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-auth-request-access-token");

/// A status and nothing else.
pub(super) fn bare(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response.extensions_mut().insert(PlainText);
    response
}

/// A yes to a request for this policy, or the default one: who it is, in headers. Each of them is always there once, so that none
/// that a visitor sends takes its place.
pub(super) fn passes(app: &AppState, status: StatusCode, policy: Option<&str>, passed: &Passed) -> Response {
    let claims = passed.claims();
    let groups =
        app.settings.policies.named(policy).map_or_else(Vec::new, |policy| policy.groups_for_app(&passed.groups));
    let joined = groups.iter().map(|group| encoded(group)).collect::<Vec<_>>().join(",");
    let auth_time = passed.auth_time().map(|seconds| seconds.to_string()).unwrap_or_default();
    // Names that are checked when this is compiled: each answer has them all.
    let identity: [(HeaderName, Cow<'_, str>); 8] = [
        (const { HeaderName::from_static("x-auth-request-user") }, encoded(&claims.sub)),
        (const { HeaderName::from_static("x-auth-request-subject") }, encoded(&claims.sub)),
        (const { HeaderName::from_static("x-auth-request-email") }, text(&claims.email)),
        (const { HeaderName::from_static("x-auth-request-preferred-username") }, text(&claims.preferred_username)),
        (const { HeaderName::from_static("x-auth-request-groups") }, joined.into()),
        (const { HeaderName::from_static("x-auth-request-identity-provider") }, text(&claims.identity_provider)),
        (const { HeaderName::from_static("x-auth-request-organization") }, text(&claims.organization)),
        (const { HeaderName::from_static("x-auth-request-auth-time") }, auth_time.into()),
    ];
    let for_the_app = [(ASSERTION, assertion(app, policy, passed, &groups)), (ACCESS_TOKEN, access_token(passed))];
    let mut response = bare(status);
    let headers = response.headers_mut();
    // With room for those of every response.
    headers.reserve(identity.len() + for_the_app.len() + 4);
    for (name, value) in identity {
        headers.insert(name, HeaderValue::from_str(&value).unwrap_or(NOTHING));
    }
    for (name, value) in for_the_app {
        headers.insert(name, value.unwrap_or(NOTHING));
    }
    response
}

fn assertion(app: &AppState, policy: Option<&str>, passed: &Passed, groups: &[&str]) -> Option<HeaderValue> {
    let policies = &app.settings.policies;
    let asks_for_groups = policies.named(policy).is_some_and(|policy| !policy.groups.is_empty());
    let groups = asks_for_groups.then_some(groups);
    let assertion = app.assertions.of(policies.name_of(policy)?, passed.claims(), passed.auth_time(), groups);
    if assertion.is_none() {
        tracing::error!("the gate cannot sign an assertion: the crypto library fails");
    }
    assertion
}

fn access_token(passed: &Passed) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(passed.access_token.as_ref()?.expose_secret()).ok()?;
    value.set_sensitive(true);
    Some(value)
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
