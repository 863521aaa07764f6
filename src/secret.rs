//! The portal's own secrets, in addition to those of the Globus client: types that never print, random values, and comparison
//! in constant time.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

pub use crate::globus::secret::{
    AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, IdToken, RefreshToken, TokenRef, equal, random_bytes,
    random_text,
};

/// The URL of a session store, which may hold a password.
#[derive(Clone, Debug, Deserialize)]
pub struct StoreUrl(SecretString);

impl StoreUrl {
    /// Wraps the URL.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The URL itself: for opening the store, nowhere else.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

/// One key of `SECRET_KEY` or `SECRET_KEY_FALLBACKS`, as the operator wrote it.
#[derive(Clone, Debug, Deserialize)]
pub struct SecretKey(SecretString);

impl SecretKey {
    /// Wraps the text of the key.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The key itself: for deriving keys from it, nowhere else.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}
