//! Bearer tokens in requests (RFC 6750): how they are read, and how they are refused.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::session::programs::BearerToken;

/// Why a request with, or without, a bearer token is refused (RFC 6750 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It has none.
    NoToken,
    /// Its credentials are not one token.
    Malformed,
    /// The token is not accepted.
    Invalid,
    /// The token is good and does not have this scope.
    Scope(String),
    /// The token has the scope, and who it is of may not pass.
    Denied,
}

/// The token of a request; `None` if it has no credentials of the scheme `Bearer`. A token is read from the header alone.
///
/// # Errors
/// [`Refusal::Malformed`] for credentials that are not one token: several headers, for example.
pub(super) fn sent(headers: &HeaderMap) -> Result<Option<BearerToken>, Refusal> {
    let all = headers.get_all(header::AUTHORIZATION);
    if !all.iter().any(|value| of_bearer(value.as_bytes()).is_some()) {
        return Ok(None);
    }
    let mut all = all.iter();
    let (Some(value), None) = (all.next(), all.next()) else { return Err(Refusal::Malformed) };
    let rest = of_bearer(value.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
    let text = rest.and_then(|rest| std::str::from_utf8(rest).ok());
    let token = text.and_then(|text| BearerToken::parse(text.trim_start_matches(' ')));
    token.map(Some).ok_or(Refusal::Malformed)
}

/// What is behind the scheme, if that is `Bearer`, in whatever case (RFC 9110 section 11.1).
fn of_bearer(value: &[u8]) -> Option<&[u8]> {
    let end = value.iter().position(|byte| matches!(byte, b' ' | b'\t' | b',')).unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    scheme.eq_ignore_ascii_case(b"bearer").then_some(rest)
}

impl Refusal {
    /// In a word: the error codes of RFC 6750 section 3.1, and more.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Malformed => "invalid_request",
            Self::Invalid => "invalid_token",
            Self::Scope(_) => "insufficient_scope",
            Self::Denied => "access_denied",
        }
    }

    /// The header that says what a token would have to be (RFC 6750 section 3). Nobody is told why Globus does not accept one.
    pub(super) fn challenge(&self, realm: &str) -> Option<(HeaderName, HeaderValue)> {
        let error = match self {
            Self::NoToken => String::new(),
            Self::Malformed => ", error=\"invalid_request\"".to_owned(),
            Self::Invalid => ", error=\"invalid_token\"".to_owned(),
            Self::Scope(scope) => format!(", error=\"insufficient_scope\", scope=\"{}\"", quoted(scope)),
            Self::Denied => return None,
        };
        let value = format!("Bearer realm=\"{}\"{error}", quoted(realm));
        let value = HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
        Some((header::WWW_AUTHENTICATE, value))
    }
}

/// A text within quotes (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Refusal, sent};

    fn read(values: &[&[u8]]) -> Result<Option<String>, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        let token = sent(&headers)?;
        Ok(token.map(|token| token.token.expose_secret().to_owned()))
    }

    #[test]
    fn one_header_with_one_token_is_read_and_other_schemes_are_passed_over() {
        for good in ["Bearer abc", "bearer abc", "BEARER   abc"] {
            assert_eq!(read(&[good.as_bytes()]), Ok(Some("abc".to_owned())), "{good}");
        }
        let others: [&[&[u8]]; 6] =
            [&[], &[b""], &[b"Basic abc"], &[b"Basic abc", b"Digest x"], &[b"Bearerabc"], &[b"abc"]];
        for other in others {
            assert_eq!(read(other), Ok(None), "{other:?}");
        }
        let long = [b"Bearer ".as_slice(), &[b'a'; 10_000]].concat();
        for bad in [
            &[&b"Bearer"[..]][..],
            &[b"Bearer "],
            &[b"Bearer\tabc"],
            &[b"Bearer\t abc"],
            &[b"Bearer abc def"],
            &[b"Bearer abc,"],
            &[b"Bearer, abc"],
            &[b"Bearer \"abc\""],
            &[b"Bearer \xff"],
            &[&long],
            &[b"Bearer abc", b"Bearer abc"],
            &[b"Basic abc", b"Bearer abc"],
            &[b"Bearer abc", b""],
        ] {
            assert_eq!(read(bad), Err(Refusal::Malformed), "{bad:?}");
        }
    }
}
