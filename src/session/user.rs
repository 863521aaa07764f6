//! Who is logged in, and in which browser: the record of a session.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::globus::id_token::IdTokenClaims;

/// The first byte of a packed record. JSON never begins with it.
const PACKED: u8 = 1;
/// The largest record, in bytes. [Abridged](IdTokenClaims::abridged) claims fit into it.
const MAX_RECORD: usize = 256 << 10;

/// What a session holds about its person. Written at login and not changed afterwards.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UserSession {
    /// The claims of the id_token.
    pub claims: IdTokenClaims,
    /// When the person logged in.
    #[serde(with = "time::serde::timestamp")]
    pub began: OffsetDateTime,
    /// The browser of the login, in a few words: "Firefox on Linux".
    #[serde(default)]
    pub browser: Option<String>,
    /// The address of the login.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Whether the login gave a token for Transfer's scope `all`; unknown for a session that an older version began.
    #[serde(default)]
    pub transfer: Option<bool>,
}

/// The stored form.
#[derive(Deserialize, Serialize)]
struct Record<User> {
    user: User,
}

impl UserSession {
    /// The name to show: the full name, else the username, else the id.
    #[must_use]
    pub fn display_name(&self) -> &str {
        let claims = &self.claims;
        let names = [&claims.name, &claims.preferred_username];
        names.into_iter().flatten().find(|name| !name.trim().is_empty()).unwrap_or(&claims.sub)
    }

    /// Whether `name` is an id or a username of this person, of any linked identity.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let claims = &self.claims;
        let is = |text: Option<&str>| text.is_some_and(|text| text.eq_ignore_ascii_case(name));
        let linked = claims.identity_set.iter().any(|other| is(Some(&other.sub)) || is(other.username.as_deref()));
        linked || is(Some(&claims.sub)) || is(claims.preferred_username.as_deref())
    }

    /// Writes a compressed record: most of the JSON is member names and repeated texts.
    pub(super) fn pack(&self) -> Vec<u8> {
        let json = serde_json::to_vec(&Record { user: self }).unwrap_or_default();
        let mut packed = vec![PACKED];
        packed.extend(lz4_flex::block::compress_prepend_size(&json));
        packed.shrink_to_fit();
        packed
    }

    /// Reads a record; `None` if its form is unknown.
    pub(super) fn unpack(record: &[u8]) -> Option<Self> {
        let stored: Option<Record<Self>> = match record.split_first() {
            Some((&PACKED, packed)) => {
                let (size, _) = lz4_flex::block::uncompressed_size(packed).ok()?;
                let json = (size <= MAX_RECORD).then(|| lz4_flex::block::decompress_size_prepended(packed))?;
                serde_json::from_slice(&json.ok()?).ok()
            }
            _ => serde_json::from_slice(record).ok(),
        };
        stored.map(|stored| stored.user)
    }
}

/// A browser in a few words that people recognise, from its `User-Agent`.
#[must_use]
pub fn browser_of(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    // The order matters: browsers also name the ones they imitate.
    let browsers = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("Chromium", "Chromium"),
        ("Chrome", "Chrome"),
        ("CriOS", "Chrome"),
        ("Safari", "Safari"),
        ("curl", "curl"),
        ("python", "a Python program"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    match (first(&browsers), first(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "An unknown browser".to_owned(),
    }
}
