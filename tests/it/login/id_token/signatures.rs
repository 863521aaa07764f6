//! The signature, its algorithm and its key.

use aws_lc_rs::{
    hmac,
    signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA512},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::globus::id_token::IdTokenError;
use serde_json::{Value, json};

use crate::harness::provider::{CLIENT_SECRET, id_token, jwk, public_key_pem, sign, sign_with};

use super::{Stage, changed, header, part};

/// A token whose signature is an HMAC.
fn hmac_token(method: hmac::Algorithm, key: &[u8], alg: &str, claims: &Value) -> String {
    let message = format!("{}.{}", part(&header(&alg.into())), part(claims));
    let tag = hmac::sign(&hmac::Key::new(method, key), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn flip(token: &str, bit: usize) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Row C1.
#[tokio::test]
async fn only_rs512_is_believed_whatever_the_header_says() {
    let stage = Stage::new().await;
    stage.accepts("unchanged", |nonce| id_token(&stage.claims(nonce))).await;
    for none in ["none", "None", "NONE", "nOnE"] {
        let unsigned = |claims: &Value| format!("{}.{}.", part(&header(&none.into())), part(claims));
        stage.refuses(&format!("alg {none}, no signature"), |nonce| unsigned(&stage.claims(nonce))).await;
        let signed = |claims: &Value| sign(0, &header(&none.into()), claims);
        stage.refuses(&format!("alg {none}, a good signature"), |nonce| signed(&stage.claims(nonce))).await;
    }
    for (case, odd) in [
        ("of another case", json!("rs512")),
        ("with a space", json!("RS512 ")),
        ("empty", json!("")),
        ("null", Value::Null),
        ("a number", json!(512)),
        ("a list", json!(["RS512"])),
    ] {
        stage.refuses(&format!("alg {case}"), |nonce| sign(0, &header(&odd), &stage.claims(nonce))).await;
    }
    stage.refuses("no alg", |nonce| sign(0, &json!({"typ": "JWT", "kid": "0"}), &stage.claims(nonce))).await;
    let methods = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("RS384", &RSA_PKCS1_SHA384),
        ("PS512", &RSA_PSS_SHA512),
        ("RS256", &RSA_PSS_SHA512),
    ];
    for (alg, method) in methods {
        stage.refuses(alg, |nonce| sign_with(method, 0, &header(&alg.into()), &stage.claims(nonce))).await;
    }
    for (said, method) in [("RS512", &RSA_PKCS1_SHA256), ("RS512", &RSA_PSS_SHA512)] {
        let case = format!("alg {said}, signed by {method:?}");
        stage.refuses(&case, |nonce| sign_with(method, 0, &header(&said.into()), &stage.claims(nonce))).await;
    }
}

/// Row C1.
#[tokio::test]
async fn no_text_that_others_know_serves_as_an_hmac_key() {
    let stage = Stage::new().await;
    let pem = public_key_pem(0);
    let n = jwk(0, None)["n"].as_str().unwrap().to_owned();
    let keys = [
        ("the client secret", CLIENT_SECRET.as_bytes().to_vec()),
        ("the public key's PEM", pem.clone().into_bytes()),
        ("the PEM without its last line end", pem.trim_end().as_bytes().to_vec()),
        ("the modulus as text", n.clone().into_bytes()),
        ("the modulus", URL_SAFE_NO_PAD.decode(n).unwrap()),
        ("nothing", Vec::new()),
    ];
    for (case, key) in &keys {
        for (alg, method) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512), ("RS512", hmac::HMAC_SHA512)]
        {
            let case = format!("alg {alg}, HMAC keyed with {case}");
            stage.refuses(&case, |nonce| hmac_token(method, key, alg, &stage.claims(nonce))).await;
        }
    }
}

/// Row C2.
#[tokio::test]
async fn one_changed_bit_of_the_signature_or_another_kid_is_refused() {
    let stage = Stage::new().await;
    stage.accepts("unchanged", |nonce| id_token(&stage.claims(nonce))).await;
    stage.refuses("first bit", |nonce| flip(&id_token(&stage.claims(nonce)), 0)).await;
    stage.refuses("last bit", |nonce| flip(&id_token(&stage.claims(nonce)), 256 * 8 - 1)).await;
    let with_kid = |kid: Value| json!({"typ": "JWT", "alg": "RS512", "kid": kid});
    for (case, kid) in [("another", json!("1")), ("empty", json!("")), ("a number", json!(0)), ("longer", json!("00"))]
    {
        stage.refuses(&format!("kid {case}"), |nonce| sign(0, &with_kid(kid), &stage.claims(nonce))).await;
    }
    stage.refuses("another key's signature", |nonce| sign(1, &with_kid(json!("0")), &stage.claims(nonce))).await;
    stage
        .refuses("the signature of other claims", |nonce| {
            let other = id_token(&stage.claims("another nonce"));
            let (_, signature) = other.rsplit_once('.').unwrap();
            let own = id_token(&stage.claims(nonce));
            format!("{}.{signature}", own.rsplit_once('.').unwrap().0)
        })
        .await;
}

/// Row C2.
#[tokio::test]
async fn every_bit_of_the_signature_matters_and_every_way_to_write_it_but_one_is_refused() {
    let stage = Stage::new().await;
    let token = id_token(&stage.claims("n"));
    stage.verify(&token, "n").await.unwrap();
    for bit in 0..256 * 8 {
        let said = stage.verify(&flip(&token, bit), "n").await;
        assert!(matches!(said, Err(IdTokenError::Signature)), "bit {bit}: {said:?}");
    }
    let (message, signature) = token.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let standard = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes);
    let odd = [
        ("none", String::new()),
        ("padded", format!("{signature}==")),
        ("a byte shorter", URL_SAFE_NO_PAD.encode(&bytes[..255])),
        ("a byte longer", URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat())),
        ("a zero in front", URL_SAFE_NO_PAD.encode([&[0], &bytes[..]].concat())),
        ("a line end after it", format!("{signature}\n")),
        ("twice", format!("{signature}{signature}")),
        ("base64 with + and /", if standard == signature { String::new() } else { standard }),
    ];
    for (case, odd) in odd {
        let said = stage.verify(&format!("{message}.{odd}"), "n").await;
        assert!(matches!(said, Err(IdTokenError::Signature | IdTokenError::Form(_))), "{case}: {said:?}");
    }
}

/// Row C9.
#[tokio::test]
async fn a_token_or_a_key_without_a_kid_is_judged_by_the_signature_alone() {
    let plain = json!({"typ": "JWT", "alg": "RS512"});
    let zero = json!({"typ": "JWT", "alg": "RS512", "kid": "0"});
    let of = |key: usize, header: &Value| {
        let header = header.clone();
        move |stage: &Stage, nonce: &str| sign(key, &header, &stage.claims(nonce))
    };
    let odd_keys = [
        json!({"kty": "RSA", "kid": "0"}),
        json!({"kty": "RSA", "n": 5, "e": "AQAB"}),
        json!({"kty": "RSA", "n": "!!!", "e": "AQAB", "kid": "0"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "new"}),
        json!("text"),
        Value::Null,
        json!([]),
        jwk(0, Some("0")),
    ];
    type Make = Box<dyn Fn(&Stage, &str) -> String>;
    let cases: Vec<(&str, Vec<Value>, Make, bool)> = vec![
        ("no kid, one key", vec![jwk(0, None)], Box::new(of(0, &plain)), true),
        ("no kid, one key with one", vec![jwk(0, Some("0"))], Box::new(of(0, &plain)), true),
        ("a kid, one key without", vec![jwk(0, None)], Box::new(of(0, &zero)), true),
        ("no kid, two keys, the first fits", vec![jwk(0, Some("0")), jwk(1, Some("1"))], Box::new(of(0, &plain)), true),
        ("no kid, two keys, the second fits", vec![jwk(0, None), jwk(1, None)], Box::new(of(1, &plain)), true),
        ("no kid, no key fits", vec![jwk(0, None)], Box::new(of(1, &plain)), false),
        ("no kid, the same key twice", vec![jwk(0, Some("0")), jwk(0, Some("1"))], Box::new(of(0, &plain)), false),
        ("one kid for two keys", vec![jwk(1, Some("0")), jwk(0, Some("0"))], Box::new(of(0, &zero)), true),
        ("odd keys beside a good one", odd_keys.to_vec(), Box::new(of(0, &zero)), true),
        ("odd keys alone", odd_keys[..8].to_vec(), Box::new(of(0, &zero)), false),
        ("no keys", vec![], Box::new(of(0, &zero)), false),
        (
            "a key for encryption",
            vec![changed(jwk(0, Some("0")), "use", Some(json!("enc")))],
            Box::new(of(0, &zero)),
            false,
        ),
        (
            "a key for RS256",
            vec![changed(jwk(0, Some("0")), "alg", Some(json!("RS256")))],
            Box::new(of(0, &zero)),
            false,
        ),
        ("a key that names no alg", vec![changed(jwk(0, Some("0")), "alg", None)], Box::new(of(0, &zero)), true),
        (
            "a key that is no RSA key",
            vec![changed(jwk(0, Some("0")), "kty", Some(json!("oct")))],
            Box::new(of(0, &zero)),
            false,
        ),
    ];
    for (case, keys, make, good) in cases {
        let stage = Stage::with_keys(&keys).await;
        if good {
            stage.accepts(case, |nonce| make(&stage, nonce)).await;
        } else {
            stage.refuses(case, |nonce| make(&stage, nonce)).await;
        }
    }
}
