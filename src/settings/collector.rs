//! Where traces are sent.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;
use url::Url;

use super::reader::Reader;
use crate::globus::environment::is_loopback;

/// The path of traces at a collector (OTLP 1.x, section "OTLP/HTTP Request").
const PATH: &str = "/v1/traces";
/// Headers that are the client's own.
const RESERVED: [HeaderName; 5] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::CONTENT_TYPE, header::HOST, header::TRANSFER_ENCODING];

/// An OpenTelemetry collector.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Where batches are posted.
    pub endpoint: Url,
    /// What is sent with them. The values are secret and do not print.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

pub(super) fn read(reader: &mut Reader) -> Option<Arc<Collector>> {
    let endpoint = reader.parsed("OTLP_ENDPOINT", endpoint);
    let is_good = endpoint.is_some() || reader.has_problem("OTLP_ENDPOINT");
    let is_open = endpoint.as_ref().is_some_and(|url| url.scheme() == "http" && !is_loopback(url));
    let headers = reader.parsed("OTLP_HEADERS", |text| {
        if is_open {
            return Err("headers may hold a key, and http would show it to the network: use https in OTLP_ENDPOINT \
                        (http is for a collector on loopback, or one that needs no headers)"
                .to_owned());
        }
        headers(text)
    });
    if headers.is_some() && !is_good {
        reader.warnings.push("OTLP_HEADERS has no effect without OTLP_ENDPOINT".to_owned());
    }
    Some(Arc::new(Collector { endpoint: endpoint?, headers: headers.unwrap_or_default() }))
}

/// A collector beside the portal is usually on plain http.
fn endpoint(text: &str) -> Result<Url, String> {
    let expected = || "expected the address of a collector, as in http://127.0.0.1:4318".to_owned();
    let mut url = Url::parse(text).map_err(|_| expected())?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err(expected());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address has no user name and no password: put a key into OTLP_HEADERS".to_owned());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&if path.ends_with(PATH) { path } else { path + PATH });
    Ok(url)
}

/// As in OTEL_EXPORTER_OTLP_HEADERS: `name=value`, with commas in between and values percent-encoded. No message quotes them.
fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let headers: Option<Vec<_>> = items.map(header).collect();
    headers.ok_or_else(|| {
        "expected headers as in api-key=KEY, with commas in between and special characters percent-encoded, none of which \
         HTTP itself uses"
            .to_owned()
    })
}

fn header(item: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = item.split_once('=')?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).ok().filter(|name| !RESERVED.contains(name))?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
