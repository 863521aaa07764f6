//! Tokens and keys as Globus Auth issues them, and id_tokens as it never would.

use std::sync::LazyLock;

use aws_lc_rs::{
    digest,
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA512, RsaSignatureEncoding},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// Two signing keys, made once for all tests.
static KEYS: LazyLock<[KeyPair; 2]> = LazyLock::new(|| [(); 2].map(|()| KeyPair::generate(KeySize::Rsa2048).unwrap()));

/// A valid token response: Globus Auth's own token at the top, and the id_token.
pub fn token_response(id_token: &str) -> Value {
    json!({
        "access_token": "SENTINEL-auth-access-token", "scope": "openid", "expires_in": 172_800, "token_type": "Bearer",
        "resource_server": "auth.globus.org", "id_token": id_token, "other_tokens": [],
    })
}

/// The public part of a key as a member of a key set.
pub fn jwk(key: usize, kid: Option<&str>) -> Value {
    let public = KEYS[key].public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut jwk = json!({
        "kty": "RSA", "alg": "RS512", "use": "sig",
        "n": number(public.modulus().big_endian_without_leading_zero()),
        "e": number(public.exponent().big_endian_without_leading_zero()),
    });
    if let Some(kid) = kid {
        jwk["kid"] = kid.into();
    }
    jwk
}

/// The public key as PEM text, which a careless verifier would take for an HMAC key.
pub fn public_key_pem(key: usize) -> String {
    let der = KEYS[key].public_key().as_der().unwrap();
    let body = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

/// Signs header and claims with RS512, whatever the header says.
pub fn sign(key: usize, header: &Value, claims: &Value) -> String {
    sign_with(&RSA_PKCS1_SHA512, key, header, claims)
}

/// Signs header and claims, by any RSA method.
pub fn sign_with(method: &'static RsaSignatureEncoding, key: usize, header: &Value, claims: &Value) -> String {
    sign_text(method, key, header, &claims.to_string())
}

/// Signs a header and a text instead of claims.
pub fn sign_text(method: &'static RsaSignatureEncoding, key: usize, header: &Value, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; KEYS[key].public_modulus_len()];
    KEYS[key].sign(method, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An id_token like those of Globus.
pub fn id_token(claims: &Value) -> String {
    sign(0, &json!({"typ": "JWT", "alg": "RS512", "kid": "0"}), claims)
}

pub fn at_hash(access_token: &str) -> String {
    let hash = digest::digest(&digest::SHA512, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..32])
}
