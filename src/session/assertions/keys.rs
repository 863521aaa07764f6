//! The keys of assertions: P-256 key pairs that every portal with the same `SECRET_KEY` derives, so that none is stored.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    hkdf::Prk,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    secret::SecretKey,
    session::seal::{expand, root},
};

/// No other key is derived with it.
const LABEL: &[u8] = b"globus-portal/1/assertion";
const SCALAR: usize = 32;
/// An `ECPrivateKey` (RFC 5915 section 3) of the curve P-256 (RFC 5480 section 2.1.1.1), before and behind the private key.
const BEFORE: [u8; 7] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
const BEHIND: [u8; 12] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// A key that signs by ES256 (RFC 7518 section 3.4).
pub(super) struct SigningKey {
    pair: EcdsaKeyPair,
    /// Its thumbprint (RFC 7638).
    kid: String,
    /// The header of what it signs (RFC 7515 section 4), encoded.
    header: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    /// Derives it: the first of the outputs of HKDF-Expand (RFC 5869) with the label and a counter that is a private key of the
    /// curve (FIPS 186-5 appendix A.2.2).
    #[expect(clippy::expect_used, reason = "one of 2^32 outputs is no private key, so 256 in a row never happen")]
    pub(super) fn derive(secret: &SecretKey) -> Self {
        let root = root(secret);
        (0..=u8::MAX).find_map(|counter| pair(&scalar(&root, counter))).map(Self::new).expect("a private key")
    }

    fn new(pair: EcdsaKeyPair) -> Self {
        let (x, y) = coordinates(&pair);
        // The required members in the order of their names, without spaces (RFC 7638 section 3).
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"JWT"}}"#));
        Self { pair, kid, header }
    }

    /// The public key (RFC 7517 section 4; RFC 7518 section 6.2.1).
    pub(super) fn jwk(&self) -> Value {
        let (x, y) = coordinates(&self.pair);
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig", "alg": "ES256"})
    }

    /// A JSON Web Signature of the payload in compact form (RFC 7515 section 7.1); `None` if the crypto library fails.
    pub(super) fn sign(&self, payload: &[u8]) -> Option<String> {
        let mut text = self.header.clone();
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut text);
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).ok()?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Some(text)
    }
}

fn scalar(root: &Prk, counter: u8) -> [u8; SCALAR] {
    expand(root, &[LABEL, &[counter]])
}

/// `None` for 0, and for what is not below the order of the curve.
fn pair(scalar: &[u8; SCALAR]) -> Option<EcdsaKeyPair> {
    let der = [&BEFORE[..], scalar, &BEHIND].concat();
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok()
}

/// The public key's coordinates, encoded.
fn coordinates(pair: &EcdsaKeyPair) -> (String, String) {
    // An uncompressed point: a 4 and both (SEC 1 section 2.3.3).
    let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
    let (x, y) = point.split_at(point.len() / 2);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

#[cfg(test)]
mod tests {
    use super::{LABEL, SecretKey, SigningKey, expand, pair, root, scalar};

    /// The order of the curve (FIPS 186-4 appendix D.1.2.3).
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];

    fn last_changed(by: i8) -> [u8; 32] {
        let mut scalar = ORDER;
        scalar[31] = scalar[31].wrapping_add_signed(by);
        scalar
    }

    #[test]
    fn what_is_no_private_key_is_passed_over() {
        assert!([[0; 32], ORDER, last_changed(1), [0xff; 32]].iter().all(|scalar| pair(scalar).is_none()));
        let one: [u8; 32] = std::array::from_fn(|at| u8::from(at == 31));
        assert!(pair(&one).is_some() && pair(&last_changed(-1)).is_some());
        // The private key 1 gives the base point.
        let jwk = pair(&one).map(SigningKey::new).map(|key| key.jwk()).unwrap_or_default();
        assert_eq!(jwk["x"], "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY");
        assert_eq!(jwk["y"], "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
    }

    #[test]
    fn no_other_key_is_derived_in_the_same_way() {
        let (beginning, root) = ("globus-portal/1/", root(&SecretKey::new("one")));
        let others = include_str!("../seal.rs").split(beginning).skip(1).filter_map(|rest| rest.split('"').next());
        let others: Vec<_> = others.map(|label| [beginning, label].concat()).collect();
        assert!(others.len() >= 8, "{others:?}");
        for label in &others {
            assert!(!LABEL.starts_with(label.as_bytes()) && !label.as_bytes().starts_with(LABEL), "{label}");
            assert_ne!(expand::<32>(&root, &[label.as_bytes()]), scalar(&root, 0), "{label}");
        }
    }

    #[test]
    fn equal_secrets_give_equal_keys_and_each_counter_another_one() {
        let secret = |text: &str| SecretKey::new(text);
        let key = |text: &str| SigningKey::derive(&secret(text)).kid;
        assert_eq!(key("one"), key("one"));
        assert_ne!(key("one"), key("two"));
        let root = root(&secret("one"));
        assert_ne!(scalar(&root, 0), scalar(&root, 1));
        assert_eq!(pair(&scalar(&root, 0)).map(|pair| SigningKey::new(pair).kid), Some(key("one")));
    }
}
