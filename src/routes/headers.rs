//! The headers of every response. A `SetResponseHeaderLayer` of tower-http sets one header; nine of them take more than 5 % of
//! the CPU time of a session check, by the figure in `benches/README.md`.

use axum::{
    body::HttpBody as _,
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

use super::globus_pages;
use crate::{
    state::AppState,
    telemetry::{REQUEST_ID, RequestFacts},
};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Header values that are the same for every response.
#[derive(Debug)]
pub(super) struct Fixed {
    content_security_policy: HeaderValue,
    strict_transport_security: Option<HeaderValue>,
}

impl Fixed {
    /// Browsers apply `form-action` to redirects too: the sign-out form is redirected to Globus's logout page, another form to
    /// the file chooser of Globus's web app.
    pub(super) fn of(app: &AppState) -> Self {
        let globus = app.auth.browser_base().origin().ascii_serialization();
        let web_app = globus_pages::web_app(app, "").origin().ascii_serialization();
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {globus} {web_app}; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        let strict = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
        Self {
            content_security_policy: HeaderValue::from_str(&policy).unwrap_or(strict),
            strict_transport_security: app.settings.is_https().then(|| HeaderValue::from_static("max-age=31536000")),
        }
    }

    /// Security headers (OWASP; RFC 9700 section 4.16), and `no-store`. A response without a body needs only the latter.
    pub(super) fn put_on(&self, response: &mut Response, facts: &RequestFacts) {
        let is_bare = response.status().is_success() && response.body().is_end_stream();
        let headers = response.headers_mut();
        headers.reserve(if is_bare { 3 } else { 11 });
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        headers.insert(REQUEST_ID, facts.id.header());
        if let Some(value) = &self.strict_transport_security {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, value.clone());
        }
        if is_bare {
            return;
        }
        const FOR_PAGES: [(HeaderName, HeaderValue); 6] = [
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
            (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
            (
                HeaderName::from_static("permissions-policy"),
                HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
            ),
        ];
        headers.extend(FOR_PAGES);
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| self.content_security_policy.clone());
    }
}
