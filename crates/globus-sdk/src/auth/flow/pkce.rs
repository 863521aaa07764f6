//! Proof Key for Code Exchange (RFC 7636).

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    error::UsageError,
    secret::{CodeVerifier, random_text},
};

/// The code challenge of a verifier by method `S256` (RFC 7636 section 4.2).
#[must_use]
pub fn code_challenge(verifier: &CodeVerifier) -> String {
    let hash = digest::digest(&digest::SHA256, verifier.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

/// A fresh code verifier: 32 random bytes as 43 characters (RFC 7636 section 4.1).
#[must_use]
pub fn random_verifier() -> CodeVerifier {
    CodeVerifier::new(random_text::<32>())
}

/// Whether a text may be a code verifier: 43 to 128 characters out of `A-Z a-z 0-9 ~ _ . -` (RFC 7636 section 4.1).
///
/// # Errors
/// [`UsageError`] with the Python SDK's words.
pub fn check_verifier(verifier: &CodeVerifier) -> Result<(), UsageError> {
    let text = verifier.expose_secret();
    let length = text.chars().count();
    if !(43..=128).contains(&length) {
        return Err(UsageError(format!("verifier must be 43-128 characters long: {length}")));
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"~_.-".contains(&b)) {
        return Err(UsageError("verifier contained invalid characters".to_owned()));
    }
    Ok(())
}
