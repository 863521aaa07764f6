//! Whom to tell of a weakness: `/.well-known/security.txt` (RFC 9116).

use std::fmt;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use url::Url;

use super::reader::Reader;

/// What `/.well-known/security.txt` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityTxt {
    /// Where to report, the preferred address first (`SECURITY_CONTACT`).
    pub contacts: Vec<Url>,
    /// Until when this holds (`SECURITY_EXPIRES`).
    pub expires: OffsetDateTime,
}

/// Its lines (RFC 9116 sections 2.5.3 and 2.5.5).
impl fmt::Display for SecurityTxt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.contacts.iter().try_for_each(|contact| writeln!(f, "Contact: {contact}"))?;
        writeln!(f, "Expires: {}", self.expires.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

/// `SECURITY_CONTACT` and `SECURITY_EXPIRES`, of which each needs the other.
pub(super) fn read(reader: &mut Reader) -> Option<SecurityTxt> {
    let expires = reader.parsed("SECURITY_EXPIRES", expires);
    let (items, origin) = reader.list("SECURITY_CONTACT", &[' ', '\n', '\r', '\t']).unwrap_or_default();
    let mut contacts = Vec::new();
    for item in items {
        match contact(item.trim()) {
            Ok(url) => contacts.push(url),
            Err(text) => reader.problem("SECURITY_CONTACT", Some(origin.clone()), text),
        }
    }
    let is_wrong = ["SECURITY_CONTACT", "SECURITY_EXPIRES"].iter().any(|key| reader.has_problem(key));
    match expires {
        _ if is_wrong => None,
        Some(expires) if !contacts.is_empty() => Some(SecurityTxt { contacts, expires }),
        Some(_) => {
            reader.problem("SECURITY_CONTACT", None, "missing: SECURITY_EXPIRES needs it");
            None
        }
        None if contacts.is_empty() => None,
        None => {
            let text = "missing: SECURITY_CONTACT needs it, a time less than a year ahead, as in 2030-06-30T00:00:00Z";
            reader.problem("SECURITY_EXPIRES", Some(origin), text);
            None
        }
    }
}

/// A mail address, a page or a telephone number, as a URL. Pages need https.
fn contact(text: &str) -> Result<Url, String> {
    let is_contact = |url: &Url| match url.scheme() {
        "https" => url.password().is_none(),
        "mailto" => url.path().contains('@'),
        "tel" => !url.path().is_empty(),
        _ => false,
    };
    let url = Url::parse(text).ok().filter(is_contact);
    url.ok_or_else(|| {
        format!("{text:?} is no contact: expected mailto:security@example.org, https://example.org/security or tel:+1-201-555-0123")
    })
}

fn expires(text: &str) -> Result<OffsetDateTime, String> {
    let expected = || "expected a time as in 2030-06-30T00:00:00Z".to_owned();
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| expected())
}
