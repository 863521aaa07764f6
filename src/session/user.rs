//! Who is logged in, and where: the record of a session.

use std::{collections::HashMap, net::IpAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::globus::id_token::IdTokenClaims;

/// The name under which tower-sessions has it.
pub(super) const USER: &str = "user";

/// The first byte of a record that is packed: JSON begins with none like it.
const PACKED: u8 = 1;
/// The largest record, in bytes: [abridged](IdTokenClaims::abridged) claims are no longer than this.
const MAX_RECORD: usize = 256 << 10;

/// What a session says about its person. Written at login and not changed afterwards.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UserSession {
    /// What the id_token said.
    pub claims: IdTokenClaims,
    /// When the person logged in.
    #[serde(with = "time::serde::timestamp")]
    pub began: OffsetDateTime,
    /// The browser it was begun in, in a few words: "Firefox on Linux".
    #[serde(default)]
    pub browser: Option<String>,
    /// The address it was begun from.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Whether the login gave a token for all that Transfer does; not known of a session that an older version began.
    #[serde(default)]
    pub transfer: Option<bool>,
}

impl UserSession {
    /// The name to show: the person's, or the username, or the id.
    #[must_use]
    pub fn display_name(&self) -> &str {
        let claims = &self.claims;
        let names = [&claims.name, &claims.preferred_username];
        names.into_iter().flatten().find(|name| !name.trim().is_empty()).unwrap_or(&claims.sub)
    }

    /// Whether this is the person whom somebody calls by this id or username, of any linked identity.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let claims = &self.claims;
        let is = |text: Option<&str>| text.is_some_and(|text| text.eq_ignore_ascii_case(name));
        let linked = claims.identity_set.iter().any(|other| is(Some(&other.sub)) || is(other.username.as_deref()));
        linked || is(Some(&claims.sub)) || is(claims.preferred_username.as_deref())
    }

    /// Reads a record. One of a form that this version does not know is nobody's.
    pub(super) fn unpack(record: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Stored {
            user: UserSession,
        }
        let stored: Option<Stored> = match record.split_first() {
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

/// Writes a record of tower-sessions, in little space: names of members, and texts that are in it twice, are most of it.
/// Also gives the identity of the person, which is empty for a record that has none.
pub(super) fn packed(data: &HashMap<String, Value>) -> (Vec<u8>, &str) {
    let identity = data.get(USER).and_then(|user| user["claims"]["sub"].as_str()).unwrap_or_default();
    let json = serde_json::to_vec(data).unwrap_or_default();
    let mut packed = vec![PACKED];
    packed.extend(lz4_flex::block::compress_prepend_size(&json));
    packed.shrink_to_fit();
    (packed, identity)
}

/// A browser in a few words, from its `User-Agent`: what a person recognises, and no more.
#[must_use]
pub fn browser_of(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    // In this order: browsers name those whom they want to be taken for as well.
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
