//! Who caused a request: the person, another site, a subresource or a prefetch.

use axum::http::{HeaderMap, Method, header};

use crate::settings::Settings;

/// Who caused a request that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The person: from one of our pages, or by the address bar.
    Person,
    /// A page of another site.
    OtherSite,
    /// An image, a frame, a script, or a prefetch.
    Subresource,
}

impl Asker {
    /// Reads the Fetch Metadata headers; a client that sends none is trusted.
    pub(super) fn of(method: &Method, headers: &HeaderMap, settings: &Settings) -> Self {
        let is =
            |name: &str, accepted: &[&[u8]]| headers.get(name).is_none_or(|value| accepted.contains(&value.as_bytes()));
        let is_page = is("sec-fetch-mode", &[b"navigate"]) && is("sec-fetch-dest", &[b"document"]);
        if !is_page || is_speculative(headers) {
            return Self::Subresource;
        }
        // A GET without a word about its origin is a navigation of a browser that sends none.
        let says_nothing = method != Method::POST && !headers.contains_key("sec-fetch-site");
        if says_nothing || is_own(headers, settings) { Self::Person } else { Self::OtherSite }
    }
}

/// Whether a request comes from this site itself, or from nobody's page: by Fetch Metadata, else by `Origin`; a client that
/// sends neither is no browser of today.
pub(super) fn is_own(headers: &HeaderMap, settings: &Settings) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return [&b"none"[..], b"same-origin"].contains(&site.as_bytes());
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let public_origin = format!("{}://{}", settings.scheme, settings.server_name);
    // Our own forms have the origin "null", because our pages send no referrer.
    [public_origin.as_bytes(), b"null"].contains(&origin.as_bytes())
}

/// Whether a browser is prefetching a page that its person may never open.
pub(super) fn is_speculative(headers: &HeaderMap) -> bool {
    headers.iter().any(|(name, value)| {
        matches!(name.as_str(), "sec-purpose" | "purpose") && holds_some(value.as_bytes(), &["prefetch"])
    })
}

/// Whether a request is a top-level navigation. Scripts, frames, images and programs get a plain 401 instead of a redirect
/// to a login that they could not complete.
pub(super) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET
        && headers.iter().all(|(name, value)| {
            let value = value.as_bytes();
            match name.as_str() {
                "sec-fetch-mode" => value.eq_ignore_ascii_case(b"navigate"),
                "sec-fetch-dest" => value.eq_ignore_ascii_case(b"document"),
                "accept" => holds_some(value, &["text/html", "text/*", "*/*", "xhtml"]),
                // Only these values count: Android's WebViews send their app's name, and some clients offer h2c.
                "x-requested-with" => !lists(value, b"XMLHttpRequest"),
                "upgrade" => !lists(value, b"websocket"),
                _ => true,
            }
        })
}

/// Whether a header's list contains a word, ignoring case.
fn lists(value: &[u8], word: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

/// Whether a header's value contains one of these words, ignoring case.
fn holds_some(value: &[u8], words: &[&str]) -> bool {
    let begins = |rest: &[u8], word: &str| {
        rest.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
    };
    (0..value.len()).any(|from| words.iter().any(|word| begins(&value[from..], word)))
}
