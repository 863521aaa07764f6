//! Answers for proxies.

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
    let auth_time = passed.auth_time().map(|seconds| seconds.to_string());
    let text = |text: &Option<String>| text.as_deref().map(encoded).unwrap_or_default();
    let identity: [(&'static str, String); 8] = [
        ("x-auth-request-user", encoded(&claims.sub)),
        ("x-auth-request-subject", encoded(&claims.sub)),
        ("x-auth-request-email", text(&claims.email)),
        ("x-auth-request-preferred-username", text(&claims.preferred_username)),
        ("x-auth-request-groups", groups.iter().map(|group| encoded(group)).collect::<Vec<_>>().join(",")),
        ("x-auth-request-identity-provider", text(&claims.identity_provider)),
        ("x-auth-request-organization", text(&claims.organization)),
        ("x-auth-request-auth-time", auth_time.unwrap_or_default()),
    ];
    let mut response = bare(status);
    for (name, value) in identity {
        let value = HeaderValue::try_from(value).unwrap_or(NOTHING);
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    let for_the_app = [
        ("x-auth-request-assertion", assertion(app, policy, passed, &groups)),
        ("x-auth-request-access-token", access_token(passed)),
    ];
    for (name, value) in for_the_app {
        response.headers_mut().insert(HeaderName::from_static(name), value.unwrap_or(NOTHING));
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

fn encoded(text: &str) -> String {
    utf8_percent_encode(text.trim(), ENCODED).to_string()
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
