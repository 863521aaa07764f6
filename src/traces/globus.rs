//! Calls to Globus as spans.

use opentelemetry::{
    KeyValue,
    trace::{SpanKind, Tracer as _},
};
use url::Url;

use super::{context, handle::Traces, spans::CallSpan, spans::known};
use crate::globus::{
    error::Service,
    http::{Observer, Tried, Trying, Watched},
};

/// The longest part of a path that is taken for a word.
const MAX_WORD: usize = 32;

impl Observer for Traces {
    fn trying(&self, trying: &Trying<'_>) -> Option<Box<dyn Watched>> {
        let (tracer, parent) = (self.tracer()?, context::current()?);
        let method = known(trying.method).unwrap_or("_OTHER");
        let template = template(trying.url);
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("globus.service", service(trying.service)),
            KeyValue::new("server.address", trying.url.host_str().unwrap_or_default().to_owned()),
        ];
        attributes.extend(trying.url.port_or_known_default().map(|port| KeyValue::new("server.port", i64::from(port))));
        if trying.before > 0 {
            attributes.push(KeyValue::new("http.request.resend_count", i64::from(trying.before)));
        }
        let name = format!("{method} {template}");
        attributes.push(KeyValue::new("url.template", template));
        let builder = tracer.span_builder(name).with_kind(SpanKind::Client).with_attributes(attributes);
        Some(Box::new(CallSpan(tracer.build_with_context(builder, &parent))))
    }

    fn tried(&self, _: &Tried) {}
}

fn service(service: Service) -> &'static str {
    match service {
        Service::Auth => "auth",
        Service::Transfer => "transfer",
        Service::Groups => "groups",
        _ => "other",
    }
}

/// The path with `{id}` in place of ids, and of all else that is not a plain word: a visitor may have chosen it.
fn template(url: &Url) -> String {
    let part = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let is_word = part.len() <= MAX_WORD && part.bytes().all(is_plain) && uuid::Uuid::parse_str(part).is_err();
        if is_word { part.to_owned() } else { "{id}".to_owned() }
    };
    url.path().split('/').map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::template;

    #[test]
    fn a_template_names_the_operation_and_no_thing() {
        for (path, shown) in [
            ("/v2/oauth2/token?code=SENTINEL", "/v2/oauth2/token"),
            (
                "/v0.10/operation/endpoint/f8907a41-b87f-4770-b2b4-cabdd1f151d5/ls?path=/secret",
                "/v0.10/operation/endpoint/{id}/ls",
            ),
            ("/v0.10/task/f8907a41b87f4770b2b4cabdd1f151d5/cancel", "/v0.10/task/{id}/cancel"),
            ("/.well-known/openid-configuration", "/.well-known/openid-configuration"),
            ("/v2/Mira%20Solano/x", "/v2/{id}/x"),
            ("/", "/"),
        ] {
            assert_eq!(template(&Url::parse(&format!("https://globus.example{path}")).unwrap()), shown);
        }
    }
}
