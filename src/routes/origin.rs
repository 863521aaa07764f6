//! Who asks for something that changes something: the person, another site, or no page at all.

use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::logged_in::is_speculative;
use crate::settings::Settings;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The person: from one of our pages, or by the address bar.
    Person,
    /// A page of another site, which led the person here.
    OtherSite,
    /// Something that is not a page: an image, a frame, a script, or a browser ahead of its person.
    Subresource,
}

impl Asker {
    /// Reads the Fetch Metadata headers; a browser or program that sends none is believed.
    pub(super) fn of(method: &Method, headers: &HeaderMap, settings: &Settings) -> Self {
        let is =
            |name: &str, accepted: &[&[u8]]| headers.get(name).is_none_or(|value| accepted.contains(&value.as_bytes()));
        let is_page = is("sec-fetch-mode", &[b"navigate"]) && is("sec-fetch-dest", &[b"document"]);
        if !is_page || is_speculative(headers) {
            return Self::Subresource;
        }
        let public_origin = format!("{}://{}", settings.scheme, settings.server_name);
        // A form of ours is sent with the origin "null", because our pages send no referrer.
        let origins: &[&[u8]] = &[public_origin.as_bytes(), b"null"];
        let by_person = match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(site) => [&b"none"[..], b"same-origin"].contains(&site),
            None => method != Method::POST || is(header::ORIGIN.as_str(), origins),
        };
        if by_person { Self::Person } else { Self::OtherSite }
    }
}
