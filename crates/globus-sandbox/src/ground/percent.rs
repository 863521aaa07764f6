//! Paths of URLs (RFC 3986, section 2.1).

/// A path of a URL as text. What is not UTF-8 becomes U+FFFD.
pub(crate) fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match (first, after.split_at_checked(2).and_then(|(digits, after)| Some((byte(digits)?, after)))) {
            (b'%', Some((byte, after))) => {
                bytes.push(byte);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn byte(digits: &[u8]) -> Option<u8> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let [high, low] = digits else { return None };
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// A text as a path of a URL. Slashes stay.
pub(crate) fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{decoded, encoded};

    #[test]
    fn every_text_is_the_same_after_both() {
        for text in ["/a b/c#d%20?e&\n\t\\é🔬\u{202e}", "/", "%", "%4", "%zz", "+"] {
            assert_eq!(decoded(&encoded(text)), text);
        }
        assert_eq!((encoded("/ä%"), decoded("/%C3%a4%25%%4")), ("/%C3%A4%25".into(), "/ä%%%4".into()));
        assert_eq!(decoded("/%FF"), "/\u{fffd}");
    }
}
