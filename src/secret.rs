//! Secrets: types that never print, random values, and comparison in constant time.
//!
//! A secret leaves its type only through `expose_secret()`, which is easy to search for: at the edge where a
//! request to Globus is made, and where a record is sealed.

use aws_lc_rs::constant_time;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        pub struct $name(SecretString);

        impl $name {
            /// Wraps the secret text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(SecretString::from(text.into()))
            }

            /// The secret itself: for the wire to Globus and for sealing, nowhere else.
            pub fn expose_secret(&self) -> &str {
                self.0.expose_secret()
            }
        }
    };
}

secret! {
    /// An OAuth2 access token (RFC 6749 section 1.4).
    AccessToken
}
secret! {
    /// An OAuth2 refresh token (RFC 6749 section 1.5).
    RefreshToken
}
secret! {
    /// The client secret of a registered app (RFC 6749 section 2.3.1).
    ClientSecret
}
secret! {
    /// An authorization code (RFC 6749 section 1.3.1): good for one exchange.
    AuthorizationCode
}
secret! {
    /// A PKCE code verifier (RFC 7636 section 4.1).
    CodeVerifier
}
secret! {
    /// An OpenID Connect ID token as it came, not verified (OpenID Connect Core section 2).
    IdToken
}
secret! {
    /// The URL of a session store, which may hold a password.
    StoreUrl
}
secret! {
    /// One key of `SECRET_KEY` or `SECRET_KEY_FALLBACKS`, as the operator wrote it.
    SecretKey
}

/// `N` bytes from the operating system's generator.
///
/// # Panics
/// When the operating system gives no random bytes: nothing this crate does is safe then.
#[must_use]
#[expect(clippy::expect_used, reason = "without randomness no answer is safe")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// `N` random bytes as base64url without padding.
#[must_use]
pub fn random_text<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}

/// Whether two byte strings are equal, in a time that depends on their lengths alone.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}
