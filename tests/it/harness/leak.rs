//! Searching for secrets that must not appear.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// A secret that must not be found.
#[derive(Debug)]
pub struct Secret {
    pub what: String,
    /// Byte by byte as characters, so that text search works on any bytes.
    pub needle: String,
}

pub fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether these bytes are in a text, as they are or in hexadecimal digits.
pub fn holds(text: &[u8], bytes: &[u8]) -> bool {
    let text = characters(text);
    text.contains(&characters(bytes)) || text.contains(&hex(bytes))
}

impl Secret {
    pub fn new(what: impl Into<String>, bytes: &[u8]) -> Self {
        Self { what: what.into(), needle: characters(bytes) }
    }

    /// A base64 value: itself and the bytes it encodes, in either byte order.
    pub fn encoded(what: &str, value: &str) -> Vec<Self> {
        let raw = URL_SAFE_NO_PAD.decode(value).unwrap();
        let reversed: Vec<u8> = raw.iter().rev().copied().collect();
        vec![
            Self::new(what, value.as_bytes()),
            Self::new(format!("{what}, decoded"), &raw),
            Self::new(format!("{what}, decoded, backwards"), &reversed),
        ]
    }

    /// The same in hexadecimal digits, as some dumps write bytes.
    pub fn in_hex(&self) -> Self {
        let bytes: Vec<u8> = self.needle.chars().filter_map(|c| u8::try_from(c).ok()).collect();
        Self { what: format!("{}, in hex", self.what), needle: hex(&bytes) }
    }
}

#[track_caller]
pub fn assert_free(place: &str, text: &[u8], secrets: &[Secret]) {
    let text = characters(text);
    for Secret { what, needle } in secrets {
        let at = text.find(needle.as_str());
        let around = at.map(|at| text[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect());
        let around: String = around.unwrap_or_default();
        assert!(at.is_none(), "{place} holds {what}, after: {around}");
    }
}
