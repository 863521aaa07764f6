//! Secrets: types that never print, random values, and comparison in constant time.
//!
//! A secret leaves its type only through `expose_secret()`, which is easy to search for: where a request to Globus is made,
//! and where tokens are stored. The types do not implement `Serialize`; a [`Token`](crate::tokens::Token) does.
//!
//! ```
//! use globus_sdk::secret::ClientSecret;
//!
//! let secret: ClientSecret = "SENTINEL".into();
//! assert!(!format!("{secret:?}").contains("SENTINEL"));
//! assert_eq!(ClientSecret::from("SENTINEL".to_owned()).expose_secret(), secret.expose_secret());
//! ```

use std::{cell::RefCell, fmt};

use aws_lc_rs::constant_time;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroize as _};
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

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
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
/// A token that Globus Auth is asked about or that is to be revoked: an access token, a refresh token, or the text of one
/// whose kind is not known. Like them, it does not print.
///
/// ```
/// use globus_sdk::secret::{AccessToken, RefreshToken, TokenRef};
///
/// let (access_token, refresh_token) = (AccessToken::new("SENTINEL"), RefreshToken::new("SENTINEL"));
/// for token in [TokenRef::from(&access_token), TokenRef::from(&refresh_token), "SENTINEL".into()] {
///     assert_eq!(format!("{token:?}"), "TokenRef(…)");
/// }
/// ```
#[derive(Clone, Copy)]
pub struct TokenRef<'a>(&'a str);

impl<'a> TokenRef<'a> {
    pub(crate) fn expose_secret(self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for TokenRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenRef(…)")
    }
}

impl<'a> From<&'a AccessToken> for TokenRef<'a> {
    fn from(token: &'a AccessToken) -> Self {
        Self(token.expose_secret())
    }
}

impl<'a> From<&'a RefreshToken> for TokenRef<'a> {
    fn from(token: &'a RefreshToken) -> Self {
        Self(token.expose_secret())
    }
}

impl<'a> From<&'a str> for TokenRef<'a> {
    fn from(text: &'a str) -> Self {
        Self(text)
    }
}

/// How many random bytes are asked for at a time: what a login needs, and no more than the operating system gives without
/// a pause (getrandom(2)).
const DRAWN: usize = 256;

/// Random bytes that were drawn and not yet given out; the others are zeros.
struct Drawn {
    bytes: [u8; DRAWN],
    left: usize,
}

thread_local! {
    static DRAWN_BYTES: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; DRAWN], left: 0 }) };
}

impl Drawn {
    /// Gives each byte once, and forgets it.
    fn give(&mut self, to: &mut [u8]) {
        if self.left < to.len() {
            fill(&mut self.bytes);
            self.left = DRAWN;
        }
        let given = &mut self.bytes[self.left - to.len()..self.left];
        to.copy_from_slice(given);
        given.zeroize();
        self.left -= to.len();
    }
}

#[expect(clippy::expect_used, reason = "without randomness no answer is safe")]
fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

/// `N` bytes from the operating system's generator, 256 at most.
///
/// # Panics
/// When the operating system gives no random bytes: nothing this crate does is safe then.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= DRAWN) };
    let mut bytes = [0; N];
    DRAWN_BYTES.with_borrow_mut(|drawn| drawn.give(&mut bytes));
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
