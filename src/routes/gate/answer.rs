//! Answers for proxies.

use std::{borrow::Cow, sync::Arc};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::judge::{Passed, Who};
use crate::{
    routes::ops::PlainText,
    session::{assertions::Signed, presented::Presented},
    state::AppState,
};

/// What is percent-encoded in an identity header (RFC 3986 section 2.1), besides all that is not ASCII: what could end the
/// header, begin another item of a list, or be taken for an encoding.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b',');

const NOTHING: HeaderValue = HeaderValue::from_static("");
const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-auth-request-access-token");

/// What says who it is. The values of an identity stand in this order.
const NAMES: [HeaderName; 9] = [
    HeaderName::from_static("x-auth-request-user"),
    HeaderName::from_static("x-auth-request-subject"),
    HeaderName::from_static("x-auth-request-email"),
    HeaderName::from_static("x-auth-request-preferred-username"),
    HeaderName::from_static("x-auth-request-groups"),
    HeaderName::from_static("x-auth-request-identity-provider"),
    HeaderName::from_static("x-auth-request-organization"),
    HeaderName::from_static("x-auth-request-auth-time"),
    HeaderName::from_static("x-auth-request-assertion"),
];

/// A status and nothing else.
pub(super) fn bare(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response.extensions_mut().insert(PlainText);
    response
}

/// A yes to a request for this policy, or the default one: who it is, in headers. Each of them is always there once, so that none
/// that a visitor sends takes its place.
pub(super) fn passes(app: &AppState, status: StatusCode, policy: Option<&str>, passed: &Passed) -> Response {
    let policy = app.settings.policies.name_of(policy).unwrap_or_default();
    let values = said_before(app, policy, passed).unwrap_or_else(|| said(app, policy, passed));
    let mut response = bare(status);
    let headers = response.headers_mut();
    // With room for those of every response.
    headers.reserve(NAMES.len() + 5);
    for (name, value) in NAMES.into_iter().zip(&*values) {
        headers.insert(name, value.clone());
    }
    headers.insert(ACCESS_TOKEN, access_token(passed).unwrap_or(NOTHING));
    response
}

/// What was said a moment ago about the same session for the same policy, if nothing has changed.
fn said_before(app: &AppState, policy: &str, passed: &Passed) -> Option<Arc<[HeaderValue]>> {
    let Who::Person(live) = &passed.who else { return None };
    let last = live.presented.get()?;
    let is_the_same = last.is_about(policy, &passed.groups, passed.auth_time());
    (is_the_same && app.assertions.is_current(last.signed_at)).then(|| last.values.clone())
}

/// The values of [`NAMES`].
fn said(app: &AppState, policy: &str, passed: &Passed) -> Arc<[HeaderValue]> {
    let (claims, auth_time) = (passed.claims(), passed.auth_time());
    let groups = app.settings.policies.named(Some(policy)).map(|policy| policy.groups_for_app(&passed.groups));
    let groups = groups.unwrap_or_default();
    let signed = sign(app, policy, passed, &groups);
    let texts: [Cow<'_, str>; 8] = [
        encoded(&claims.sub),
        encoded(&claims.sub),
        text(&claims.email),
        text(&claims.preferred_username),
        groups.iter().map(|group| encoded(group)).collect::<Vec<_>>().join(",").into(),
        text(&claims.identity_provider),
        text(&claims.organization),
        auth_time.map(|seconds| seconds.to_string()).unwrap_or_default().into(),
    ];
    let values = texts.iter().map(|text| HeaderValue::from_str(text).unwrap_or(NOTHING));
    let assertion = signed.as_ref().map_or(NOTHING, |signed| signed.assertion.clone());
    let values: Arc<[HeaderValue]> = values.chain([assertion]).collect();
    if let (Who::Person(live), Some(Signed { signed_at, .. })) = (&passed.who, signed) {
        let (policy, groups, values) = (policy.to_owned(), passed.groups.clone(), values.clone());
        live.presented.set(Presented { policy, groups, auth_time, signed_at, values });
    }
    values
}

fn sign(app: &AppState, policy: &str, passed: &Passed, groups: &[&str]) -> Option<Signed> {
    let asks_for_groups = app.settings.policies.named(Some(policy)).is_some_and(|policy| !policy.groups.is_empty());
    let groups = asks_for_groups.then_some(groups);
    let signed = app.assertions.of(policy, passed.claims(), passed.auth_time(), groups);
    if signed.is_none() {
        tracing::error!("the gate cannot sign an assertion: the crypto library fails");
    }
    signed
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
