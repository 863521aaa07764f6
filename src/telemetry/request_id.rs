//! The id of a request: in the log, on the error page, and in the answer.

use std::{
    fmt,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::secret::random_bytes;

/// Where the id stands, in a proxy's request and in the answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a proxy, in bytes. A UUID has 36, nginx's `$request_id` 32.
const MAX_ID: usize = 128;

/// A request ID for the log, error pages and answers: that of a trusted proxy, or a random number per process and a counter.
/// It is not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Id);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Id {
    Own {
        process: u32,
        number: u32,
    },
    /// ASCII: see [`is_safe`].
    Given(HeaderValue),
}

impl RequestId {
    /// The id that a trusted proxy sent, if it sent exactly one and that one is safe; else a fresh one.
    pub(super) fn of(headers: &HeaderMap, by_proxy: bool) -> Self {
        let given = if by_proxy { given(headers) } else { None };
        given.map_or_else(Self::next, |id| Self(Id::Given(id.clone())))
    }

    fn next() -> Self {
        static PROCESS: LazyLock<u32> = LazyLock::new(|| u32::from_be_bytes(random_bytes()));
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(Id::Own { process: *PROCESS, number: NEXT.fetch_add(1, Ordering::Relaxed) })
    }

    /// As the value of a header.
    pub(crate) fn header(&self) -> HeaderValue {
        match &self.0 {
            Id::Own { process, number } => {
                HeaderValue::from_bytes(&digits(*process, *number)).unwrap_or(HeaderValue::from_static("-"))
            }
            Id::Given(id) => id.clone(),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Own { process, number } => write!(f, "{process:08x}{number:08x}"),
            Id::Given(id) => f.write_str(id.to_str().unwrap_or("-")),
        }
    }
}

fn digits(process: u32, number: u32) -> [u8; 16] {
    let number = (u64::from(process) << 32) | u64::from(number);
    std::array::from_fn(|place| b"0123456789abcdef"[(number >> (60 - 4 * place) & 0xf) as usize])
}

fn given(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut ids = headers.get_all(REQUEST_ID).iter();
    let (Some(id), None) = (ids.next(), ids.next()) else { return None };
    is_safe(id.as_bytes()).then_some(id)
}

/// Letters, digits, and what stands in UUIDs, base64 and the ids of clouds: nothing that ends a line, a field or a header, or
/// that separates two ids that a proxy has joined.
fn is_safe(id: &[u8]) -> bool {
    (1..=MAX_ID).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=:@".contains(byte))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{MAX_ID, REQUEST_ID, RequestId};

    fn id(values: &[&[u8]], by_proxy: bool) -> RequestId {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::of(&headers, by_proxy)
    }

    #[test]
    fn one_safe_id_of_a_proxy_is_taken_as_it_is() {
        let longest = "x".repeat(MAX_ID);
        for safe in
            ["7", "2f1c0e9a4b7d4c0e8a6f5d3c2b1a0987", "Root=1-67891233-abcdef", "YWJj+/==", "a.b_c~d:e@f", &longest]
        {
            let id = id(&[safe.as_bytes()], true);
            assert_eq!((id.to_string().as_str(), id.header().to_str().unwrap()), (safe, safe));
        }
    }

    #[test]
    fn any_other_id_is_replaced() {
        let too_long = "x".repeat(MAX_ID + 1);
        let unsafe_ones: [&[u8]; 10] = [
            b"",
            b"a b",
            b"a,b",
            b"a\tb",
            b"\x1b[31m",
            b"<b>",
            b"a\"b",
            b"a\\b",
            "\u{e9}".as_bytes(),
            too_long.as_bytes(),
        ];
        let refused =
            unsafe_ones.iter().filter(|value| HeaderValue::from_bytes(value).is_ok()).map(|value| id(&[value], true));
        let others = [id(&[b"one", b"two"], true), id(&[b"one", b"one"], true), id(&[], true), id(&[b"one"], false)];
        for fresh in refused.chain(others) {
            let text = fresh.to_string();
            assert!(text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
            assert_eq!(fresh.header(), text);
        }
    }
}
