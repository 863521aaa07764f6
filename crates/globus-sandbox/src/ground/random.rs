//! Random values, hashes and comparison, all by `aws-lc-rs`.

use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const LETTERS_AND_DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Access and refresh tokens of Globus begin with `Ag` and are about 91 letters and digits long.
pub(crate) fn token() -> String {
    format!("Ag{}", letters_and_digits(89))
}

/// Authorization codes of Globus are 30 letters and digits.
pub(crate) fn code() -> String {
    letters_and_digits(30)
}

/// Client secrets of Globus are 32 bytes in base64.
pub(crate) fn client_secret() -> String {
    let bytes = digest::digest(&digest::SHA256, letters_and_digits(64).as_bytes());
    STANDARD.encode(bytes)
}

/// The value of the session cookie, or the name of a sign-in in progress.
pub(crate) fn handle() -> String {
    letters_and_digits(32)
}

/// Transfer's request ids have nine letters and digits.
pub(crate) fn request_id() -> String {
    letters_and_digits(9)
}

/// A random UUID, for ids that are not secret.
pub(crate) fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A UUID derived from a text, for ids that must stay the same.
pub(crate) fn uuid_of(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn letters_and_digits(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        assert!(getrandom::fill(&mut bytes).is_ok(), "the operating system gives random numbers");
        // 248 = 4 × 62: larger bytes are discarded, so that every character is equally likely.
        let usable = bytes.iter().filter(|&&byte| byte < 248);
        let missing = length - text.len();
        text.extend(usable.map(|byte| char::from(LETTERS_AND_DIGITS[usize::from(byte % 62)])).take(missing));
    }
    text
}

/// Whether two secrets are equal, compared in constant time.
pub(crate) fn same(left: &str, right: &str) -> bool {
    constant_time::verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}

/// The S256 code challenge of a code verifier (RFC 7636, section 4.2).
pub(crate) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// `at_hash` for RS512: the left half of SHA-512 (OpenID Connect Core, section 3.1.3.6).
pub(crate) fn at_hash(access_token: &str) -> String {
    let hash = digest::digest(&digest::SHA512, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..32])
}

/// SHA-256 as 64 hexadecimal digits.
pub(crate) fn hex_sha256(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let digits = |byte: &u8| [byte >> 4, byte & 15];
    hash.as_ref().iter().flat_map(digits).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
