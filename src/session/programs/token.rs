//! A bearer token, and its hash.

use std::fmt;

use crate::{secret::AccessToken, session::seal::hash};

/// The longest token that is read. Those of Globus have about 100 characters.
const MAX: usize = 2048;

/// The hash of a token (SHA-256): what is known of a token is found by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A token as a program sends it (RFC 6750 section 2.1). It does not print.
#[derive(Clone, Debug)]
pub struct BearerToken {
    /// The token itself.
    pub token: AccessToken,
    /// Its hash.
    pub hash: TokenHash,
}

impl BearerToken {
    /// Reads a token: `b64token` of RFC 6750 section 2.1, which is `token68` of RFC 9110 section 11.2, of at most 2048
    /// characters. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let characters = text.trim_end_matches('=');
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let is_token = !characters.is_empty() && text.len() <= MAX && characters.bytes().all(fits);
        is_token.then(|| Self { token: AccessToken::new(text), hash: TokenHash(hash(&[text.as_bytes()])) })
    }
}

#[cfg(test)]
mod tests {
    use super::{BearerToken, MAX};

    #[test]
    fn a_token_has_the_characters_of_token68_and_a_bounded_length() {
        for good in ["a", "AgX0-._~+/9==", &"a".repeat(MAX)] {
            assert!(BearerToken::parse(good).is_some(), "{good}");
        }
        for bad in ["", "=", "a=b", "a b", "a,b", "a\"", "a\0", "a\n", "ä", &"a".repeat(MAX + 1)] {
            assert!(BearerToken::parse(bad).is_none(), "{bad:?}");
        }
        let token = BearerToken::parse("SENTINEL").unwrap();
        assert!(!format!("{token:?}").contains("SENTINEL"));
        assert_ne!(token.hash, BearerToken::parse("SENTINEL=").unwrap().hash);
    }
}
