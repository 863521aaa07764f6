//! id_tokens: one change at a time to a token that a login accepts, and every other one refused.

use std::sync::{Arc, atomic::Ordering};

use aws_lc_rs::{
    digest, hmac,
    signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA512},
};
use axum::{Json, response::IntoResponse as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::{
    clock::Clock,
    globus::{
        id_token::{Expected, IdTokenError, MAX_LENGTH},
        provider::{MIN_INTERVAL, REFRESH_AFTER},
    },
    secret::{AccessToken, IdToken},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::harness::{
    Answer, Browser, Portal, Provider, parameter,
    provider::{
        CLIENT_ID, CLIENT_SECRET, at_hash, id_token, jwk, public_key_pem, sign, sign_text, sign_with, token_response,
    },
};

const ACCESS_TOKEN: &str = "SENTINEL-auth-access-token";
const NOW: i64 = 1_800_000_000;

/// A portal whose clock stands still, and the provider it uses.
struct Stage {
    provider: Provider,
    portal: Portal,
    clock: Clock,
}

impl Stage {
    async fn new() -> Self {
        Self::on(Provider::start().await).await
    }

    async fn on(provider: Provider) -> Self {
        Self::at(provider, Clock::manual(OffsetDateTime::from_unix_timestamp(NOW).unwrap())).await
    }

    async fn at(provider: Provider, clock: Clock) -> Self {
        let portal = Portal::with().provider(&provider).clock(&clock).start().await;
        Self { provider, portal, clock }
    }

    /// A stage whose provider has this key set.
    async fn with_keys(keys: &[Value]) -> Self {
        let provider = Provider::start().await;
        *provider.inner.key_set.lock().unwrap() = json!({"keys": keys});
        Self::on(provider).await
    }

    fn claims(&self, nonce: &str) -> Value {
        self.provider.good_claims(nonce, self.clock.now().unix_timestamp())
    }

    /// A login in a new browser, whose id_token `make` makes of the nonce.
    async fn log_in(&self, make: impl FnOnce(&str) -> String) -> (Browser, Answer) {
        let browser = Browser::new();
        let authorize = self.portal.begin_login(&browser, "").await;
        self.provider.answer_with(make(&parameter(&authorize, "nonce").unwrap()));
        let answer = browser.get(&self.portal.callback(&authorize, "a-code")).await;
        (browser, answer)
    }

    async fn accepts(&self, case: &str, make: impl FnOnce(&str) -> String) {
        let (browser, answer) = self.log_in(make).await;
        assert_eq!(answer.status, 303, "{case}: {}", answer.body);
        assert!(self.portal.session_cookie(&browser).is_some(), "{case}");
        let front = browser.get(&self.portal.url("/")).await;
        assert_eq!(front.status, 200, "{case}");
    }

    async fn refuses(&self, case: &str, make: impl FnOnce(&str) -> String) {
        let (browser, answer) = self.log_in(make).await;
        assert_eq!(answer.status, 502, "{case}: {}", answer.body);
        assert_eq!(self.portal.session_cookie(&browser), None, "{case}");
        assert!(!answer.body.contains("SENTINEL"), "{case}: {}", answer.body);
        let front = browser.get(&self.portal.url("/")).await;
        assert_eq!(front.status, 303, "{case}");
    }

    /// That the login succeeds with the good claims, and fails with each change of one of them.
    async fn refuses_changes_of(&self, claim: &str, odd: &[(&str, Option<Value>)]) {
        self.accepts("unchanged", |nonce| id_token(&self.claims(nonce))).await;
        for (case, value) in odd {
            let case = format!("{claim} {case}");
            self.refuses(&case, |nonce| id_token(&changed(self.claims(nonce), claim, value.clone()))).await;
        }
    }

    async fn accepts_changes_of(&self, claim: &str, fine: &[(&str, Option<Value>)]) {
        for (case, value) in fine {
            let case = format!("{claim} {case}");
            self.accepts(&case, |nonce| id_token(&changed(self.claims(nonce), claim, value.clone()))).await;
        }
    }

    /// What the portal's verifier says of a token, without a login around it.
    async fn verify(&self, token: &str, nonce: &str) -> Result<(), IdTokenError> {
        let access_token = AccessToken::new(ACCESS_TOKEN);
        let expected = Expected { nonce: Some(nonce), access_token: Some(&access_token), of_a_refresh: false };
        self.portal.app.id_tokens.verify(&IdToken::new(token), &expected).await.map(drop)
    }
}

/// The claims with one of them changed, or taken out.
fn changed(mut claims: Value, claim: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => claims[claim] = value,
        None => drop(claims.as_object_mut().unwrap().remove(claim)),
    }
    claims
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header(alg: &Value) -> Value {
    json!({"typ": "JWT", "alg": alg, "kid": "0"})
}

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

/// Row C3.
#[tokio::test]
async fn the_issuer_is_compared_to_the_letter() {
    let stage = Stage::new().await;
    let base = stage.provider.base.clone();
    let odd = [
        ("missing", None),
        ("null", Some(Value::Null)),
        ("another", Some(json!("https://auth.globus.org"))),
        ("with a slash", Some(json!(format!("{base}/")))),
        ("with a path", Some(json!(format!("{base}/v2")))),
        ("of another case", Some(json!(base.to_uppercase()))),
        ("without its scheme", Some(json!(base.trim_start_matches("http://")))),
        ("in a list", Some(json!([base]))),
        ("empty", Some(json!(""))),
    ];
    stage.refuses_changes_of("iss", &odd).await;
}

/// Row C4.
#[tokio::test]
async fn the_token_is_for_this_app_and_no_other() {
    let stage = Stage::new().await;
    let odd = [
        ("missing", None),
        ("null", Some(Value::Null)),
        ("another", Some(json!("99999999-2222-4333-8444-555555555555"))),
        ("an empty list", Some(json!([]))),
        ("empty", Some(json!(""))),
        ("a list without us", Some(json!(["another", "third"]))),
        ("several without azp", Some(json!([CLIENT_ID, "another"]))),
        ("a list with a number", Some(json!([CLIENT_ID, 5]))),
        ("a number", Some(json!(5))),
        ("an object", Some(json!({CLIENT_ID: true}))),
        ("a longer id", Some(json!(format!("{CLIENT_ID}0")))),
        ("two ids in one text", Some(json!(format!("{CLIENT_ID} another")))),
    ];
    stage.refuses_changes_of("aud", &odd).await;
    let odd_azp = [
        ("null", Some(Value::Null)),
        ("another", Some(json!("another"))),
        ("empty", Some(json!(""))),
        ("a number", Some(json!(1))),
        ("a list", Some(json!([CLIENT_ID]))),
    ];
    stage.refuses_changes_of("azp", &odd_azp).await;
    stage
        .refuses("several with the azp of another", |nonce| {
            let claims = changed(stage.claims(nonce), "aud", Some(json!([CLIENT_ID, "another"])));
            id_token(&changed(claims, "azp", Some(json!("another"))))
        })
        .await;
    stage.accepts_changes_of("aud", &[("a list of us alone", Some(json!([CLIENT_ID])))]).await;
    stage.accepts_changes_of("azp", &[("us", Some(json!(CLIENT_ID)))]).await;
}

/// Row C5.
#[tokio::test]
async fn times_are_whole_seconds_in_range_and_anything_else_is_a_clean_refusal() {
    let stage = Stage::new().await;
    let odd = [
        ("huge", json!(1e300)),
        ("negative", json!(-1)),
        ("the least number", json!(i64::MIN)),
        ("a fraction", json!(1.5)),
        ("a fraction in range", json!(1_800_000_000.5)),
        ("a text", json!("123")),
        ("a text in range", json!("1800000000")),
        ("2^53", json!(1_i64 << 53)),
        ("2^63", json!(1_u64 << 63)),
        ("2^64 - 1", json!(u64::MAX)),
        ("2^63 - 1", json!(i64::MAX)),
        ("true", json!(true)),
        ("a list", json!([1_800_000_000])),
        ("an object", json!({})),
    ];
    let odd: Vec<_> = odd.into_iter().map(|(case, value)| (case, Some(value))).collect();
    for claim in ["exp", "iat", "nbf"] {
        stage.refuses_changes_of(claim, &odd).await;
    }
    stage.refuses_changes_of("exp", &[("missing", None), ("null", Some(Value::Null)), ("0", Some(json!(0)))]).await;
    stage.refuses_changes_of("iat", &[("missing", None), ("null", Some(Value::Null))]).await;
    stage.refuses_changes_of("nbf", &[("null", Some(Value::Null))]).await;
    // Numbers that no value of serde_json holds, and a claim that is there twice.
    for (case, text) in [("1e400", "\"exp\":1e400"), ("0x10", "\"exp\":0x10"), ("NaN", "\"exp\":NaN")] {
        stage
            .refuses(&format!("exp {case}"), |nonce| {
                let claims = stage.claims(nonce);
                let good = format!("\"exp\":{}", claims["exp"]);
                sign_text(&RSA_PKCS1_SHA512, 0, &header(&"RS512".into()), &claims.to_string().replace(&good, text))
            })
            .await;
    }
    stage
        .refuses("exp twice", |nonce| {
            let text = stage.claims(nonce).to_string().replacen('{', "{\"exp\":9999999999,", 1);
            sign_text(&RSA_PKCS1_SHA512, 0, &header(&"RS512".into()), &text)
        })
        .await;
}

/// Row C5.
#[tokio::test]
async fn a_clock_may_be_five_minutes_behind_and_an_expiry_a_minute_ago_and_no_more() {
    let stage = Stage::new().await;
    let edges = [("exp", -59, -60), ("iat", 300, 301), ("nbf", 300, 301)];
    for (claim, fine, odd) in edges {
        stage.accepts_changes_of(claim, &[("just within", Some(json!(NOW + fine)))]).await;
        stage.refuses_changes_of(claim, &[("just beyond", Some(json!(NOW + odd)))]).await;
    }
}

/// Row C6.
#[tokio::test]
async fn the_nonce_is_the_one_of_this_login() {
    let stage = Stage::new().await;
    let browser = Browser::new();
    let earlier = stage.portal.begin_login(&browser, "").await;
    let earlier_nonce = parameter(&earlier, "nonce").unwrap();
    let odd = [
        ("missing", None),
        ("null", Some(Value::Null)),
        ("empty", Some(json!(""))),
        ("another", Some(json!("another"))),
        ("a number", Some(json!(1))),
        ("of another browser's login", Some(json!(earlier_nonce))),
    ];
    stage.refuses_changes_of("nonce", &odd).await;
    // Two logins of one browser: neither is completed with the other's id_token.
    let later = stage.portal.begin_login(&browser, "").await;
    assert_ne!(parameter(&later, "nonce").unwrap(), earlier_nonce);
    stage.provider.answer_with(id_token(&stage.claims(&earlier_nonce)));
    let mixed = browser.get(&stage.portal.callback(&later, "a-code")).await;
    assert_eq!(mixed.status, 502);
    assert_eq!(stage.portal.session_cookie(&browser), None);
    let own = browser.get(&stage.portal.callback(&earlier, "a-code")).await;
    assert_eq!(own.status, 303, "{}", own.body);
}

/// Row C7.
#[tokio::test]
async fn the_subject_is_a_short_text() {
    let stage = Stage::new().await;
    let odd = [
        ("missing", None),
        ("null", Some(Value::Null)),
        ("empty", Some(json!(""))),
        ("a number", Some(json!(5))),
        ("a list", Some(json!(["person-1"]))),
        ("of 256 characters", Some(json!("p".repeat(256)))),
        ("of 10 kB", Some(json!("p".repeat(10_000)))),
        ("with a line end", Some(json!("person-1\n"))),
        ("with a NUL", Some(json!("person-1\0"))),
        ("with a space", Some(json!("person 1"))),
    ];
    stage.refuses_changes_of("sub", &odd).await;
    stage.accepts_changes_of("sub", &[("of 255 characters", Some(json!("p".repeat(255))))]).await;
}

/// Row C8.
#[tokio::test]
async fn a_hash_of_another_access_token_is_refused() {
    let stage = Stage::new().await;
    let sha512 = digest::digest(&digest::SHA512, ACCESS_TOKEN.as_bytes());
    let sha256 = digest::digest(&digest::SHA256, ACCESS_TOKEN.as_bytes());
    let text = |bytes: &[u8]| Some(json!(URL_SAFE_NO_PAD.encode(bytes)));
    let odd = [
        ("of another token", Some(json!(at_hash("another")))),
        ("null", Some(Value::Null)),
        ("the right half", text(&sha512.as_ref()[32..])),
        ("the whole hash", text(sha512.as_ref())),
        ("of SHA-256", text(sha256.as_ref())),
        ("the left half of SHA-256", text(&sha256.as_ref()[..16])),
        ("padded", Some(json!(format!("{}=", at_hash(ACCESS_TOKEN))))),
        ("empty", Some(json!(""))),
        ("a number", Some(json!(0))),
    ];
    stage.refuses_changes_of("at_hash", &odd).await;
    stage.accepts_changes_of("at_hash", &[("missing", None)]).await;
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

/// A header that names a key.
fn kid(kid: &str) -> Value {
    json!({"typ": "JWT", "alg": "RS512", "kid": kid})
}

/// Row C10.
#[tokio::test]
async fn the_first_login_after_a_rotation_works_however_recent_the_last_request_for_the_keys() {
    let stage = Stage::new().await;
    stage.accepts("the first key", |nonce| id_token(&stage.claims(nonce))).await;
    stage.accepts("the first key again", |nonce| id_token(&stage.claims(nonce))).await;
    assert_eq!(stage.provider.key_calls(), 1);
    *stage.provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1"))]});
    stage.accepts("the new key", |nonce| sign(1, &kid("1"), &stage.claims(nonce))).await;
    stage.accepts("the new key again", |nonce| sign(1, &kid("1"), &stage.claims(nonce))).await;
    assert_eq!(stage.provider.key_calls(), 2);
    stage.refuses("the old key", |nonce| id_token(&stage.claims(nonce))).await;
    assert_eq!(stage.provider.key_calls(), 2, "once an interval");

    // A second rotation within the interval is seen when it is over.
    *stage.provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(0, Some("2"))]});
    stage.refuses("too soon", |nonce| sign(0, &kid("2"), &stage.claims(nonce))).await;
    stage.clock.advance(MIN_INTERVAL);
    stage.accepts("the newest key", |nonce| sign(0, &kid("2"), &stage.claims(nonce))).await;
    assert_eq!(stage.provider.key_calls(), 3);
}

/// Row C10.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_logins_at_once_after_a_rotation_share_the_one_request() {
    let stage = Arc::new(Stage::new().await);
    stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap();
    *stage.provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1"))]});
    let logins: Vec<_> = (0..100)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move { stage.verify(&sign(1, &kid("1"), &stage.claims("n")), "n").await.unwrap() })
        })
        .collect();
    for login in logins {
        login.await.unwrap();
    }
    assert_eq!(stage.provider.key_calls(), 2);
}

/// Row C10: the log says that the keys could not be had, not that the signature is wrong.
#[tokio::test]
async fn a_new_key_that_cannot_be_fetched_is_called_that() {
    let stage = Stage::new().await;
    stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap();
    stage.provider.inner.keys_down.store(true, Ordering::SeqCst);
    *stage.provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1"))]});
    for _ in 0..3 {
        let error = stage.verify(&sign(1, &kid("1"), &stage.claims("n")), "n").await.unwrap_err();
        assert!(matches!(&error, IdTokenError::Provider(_)) && error.to_string().contains("key set"), "{error}");
        stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap();
    }
    assert_eq!(stage.provider.key_calls(), 2);
    stage.provider.inner.keys_down.store(false, Ordering::SeqCst);
    stage.clock.advance(MIN_INTERVAL);
    stage.verify(&sign(1, &kid("1"), &stage.claims("n")), "n").await.unwrap();
    assert_eq!(stage.provider.key_calls(), 3);
}

/// Row C10: what comes of a request that began before the rotation is no reason to refuse the new key.
#[tokio::test]
async fn a_request_for_the_keys_that_began_before_the_rotation_does_not_hide_the_new_key() {
    let stage = Stage::new().await;
    stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap();
    stage.clock.advance(REFRESH_AFTER);
    let rotating = stage.provider.inner.clone();
    // The key set is rotated while a refresh in the background is being answered with the old one.
    *stage.provider.inner.on_keys.lock().unwrap() = Some(Arc::new(move || {
        if rotating.key_calls() == 3 {
            *rotating.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1"))]});
        }
    }));
    stage.verify(&sign(1, &kid("1"), &stage.claims("n")), "n").await.unwrap();
    assert_eq!(stage.provider.key_calls(), 3);
}

/// Row C10.
#[tokio::test]
async fn a_thousand_made_up_tokens_cost_one_request_an_interval_even_while_the_keys_cannot_be_had() {
    for (down, known) in [(false, true), (true, true), (true, false)] {
        let provider = Provider::start().await;
        provider.inner.keys_down.store(down && !known, Ordering::SeqCst);
        let stage = Stage::on(provider).await;
        let token = |number: usize| format!("{}.{}.AAAA", part(&kid(&format!("made-up-{number}"))), part(&json!({})));
        let met = stage.portal.app.provider.keys().await.is_ok();
        assert_eq!(met, known);
        stage.provider.inner.keys_down.store(down, Ordering::SeqCst);
        // What made the first request failed a moment ago.
        stage.clock.advance(MIN_INTERVAL * i32::from(!known));
        let before = stage.provider.key_calls();
        for interval in 1..=3 {
            for number in 0..1000 {
                assert!(stage.verify(&token(number), "n").await.is_err());
            }
            assert_eq!(stage.provider.key_calls() - before, interval, "down: {down}, known: {known}");
            stage.clock.advance(MIN_INTERVAL);
        }
        if known {
            stage.verify(&id_token(&stage.claims("n")), "n").await.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// Row C10.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_for_a_slow_key_set_do_not_each_ask_for_it_again() {
    let provider = Provider::start().await;
    provider.inner.keys_down.store(true, Ordering::SeqCst);
    // Each request for the key set takes as long as the interval, and then fails.
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(NOW).unwrap());
    let moving = clock.clone();
    *provider.inner.on_keys.lock().unwrap() = Some(Arc::new(move || moving.advance(MIN_INTERVAL)));
    let stage = Arc::new(Stage::at(provider, clock).await);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move { stage.verify(&id_token(&stage.claims("n")), "n").await.is_err() })
        })
        .collect();
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert_eq!(stage.provider.key_calls(), 1);
}

/// Row C11.
#[tokio::test]
async fn a_discovery_document_of_somebody_else_is_refused_before_anything_is_sent() {
    let good = Stage::new().await;
    good.accepts("unchanged", |nonce| id_token(&good.claims(nonce))).await;
    let base = good.provider.base.clone();
    let port = base.rsplit_once(':').unwrap().1.to_owned();
    let odd = [
        ("issuer", Some(json!("https://auth.globus.org"))),
        ("issuer", Some(json!(format!("{base}/")))),
        ("issuer", Some(json!(base.replace("127.0.0.1", "localhost")))),
        ("issuer", Some(json!(5))),
        ("issuer", None),
        ("jwks_uri", Some(json!(format!("http://localhost:{port}/jwk.json")))),
        ("jwks_uri", Some(json!("http://127.0.0.1:1/jwk.json"))),
        ("jwks_uri", Some(json!(format!("https://127.0.0.1:{port}/jwk.json")))),
        ("jwks_uri", Some(json!("file:///etc/passwd"))),
        ("jwks_uri", Some(json!("data:application/json,{}"))),
        ("jwks_uri", Some(json!("/jwk.json"))),
        ("jwks_uri", None),
    ];
    for (member, value) in odd {
        let provider = Provider::start().await;
        let value = value.map(|value| {
            let own_port = provider.base.rsplit_once(':').unwrap().1;
            value.as_str().map_or(value.clone(), |text| json!(text.replace(&port, own_port)))
        });
        let case = format!("{member} {value:?}");
        let document = provider.inner.discovery.lock().unwrap().clone();
        *provider.inner.discovery.lock().unwrap() = changed(document, member, value);
        let stage = Stage::on(provider).await;
        stage.refuses(&case, |nonce| id_token(&stage.claims(nonce))).await;
        assert!(stage.provider.token_calls().is_empty(), "{case}");
        assert_eq!(stage.provider.key_calls(), 0, "{case}");
    }
}

/// Row C13.
#[tokio::test]
async fn whatever_is_no_plain_signed_token_is_refused() {
    let stage = Stage::new().await;
    stage.accepts("unchanged", |nonce| id_token(&stage.claims(nonce))).await;
    let with = |name: &str, value: Value| {
        let mut header = json!({"typ": "JWT", "alg": "RS512", "kid": "0"});
        header[name] = value;
        header
    };
    let headers = [
        with("crit", json!(["exp"])),
        with("crit", json!([])),
        with("crit", Value::Null),
        with("zip", Value::Null),
        with("enc", Value::Null),
        with("kid", Value::Null),
        with("zip", json!("DEF")),
        with("enc", json!("A256GCM")),
    ];
    for header in headers {
        stage.refuses(&header.to_string(), |nonce| sign(0, &header, &stage.claims(nonce))).await;
    }
    let jwe = json!({"alg": "RSA-OAEP", "enc": "A256GCM"});
    let texts = [
        ("a JWE", format!("{}.AA.AA.AA.AA", part(&jwe))),
        ("dots alone", "...".to_owned()),
        ("two dots", "..".to_owned()),
        ("empty", String::new()),
        ("no dot", "token".to_owned()),
        ("a header that is no JSON", "AAAA.AAAA.AAAA".to_owned()),
        ("a header that is a list", format!("{}.{}.AAAA", part(&json!([])), part(&json!({})))),
        ("deep nesting", format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode("[".repeat(40_000)))),
        ("no base64", "\u{e9}.\u{e9}.\u{e9}".to_owned()),
        ("1 MiB", "A".repeat(1 << 20)),
        ("1 MiB of dots", ".".repeat(1 << 20)),
    ];
    for (case, text) in texts {
        stage.refuses(case, |_| text).await;
    }
    stage.refuses("four parts", |nonce| format!("{}.AAAA", id_token(&stage.claims(nonce)))).await;
    stage.refuses("a space in front", |nonce| format!(" {}", id_token(&stage.claims(nonce)))).await;
    stage
        .refuses("a good signature over 1 MiB", |nonce| {
            id_token(&changed(stage.claims(nonce), "more", Some(json!("m".repeat(1 << 20)))))
        })
        .await;
    let fits = json!("m".repeat(MAX_LENGTH / 2));
    stage.accepts_changes_of("more", &[("of half the limit", Some(fits))]).await;
}

/// Row C13.
#[tokio::test]
async fn a_token_response_without_an_id_token_or_with_an_odd_one_starts_no_session() {
    let stage = Stage::new().await;
    for odd in [None, Some(Value::Null), Some(json!(5)), Some(json!([])), Some(json!({}))] {
        let browser = Browser::new();
        let authorize = stage.portal.begin_login(&browser, "").await;
        let case = format!("{odd:?}");
        stage.provider.on_token(move |_| Json(changed(token_response(""), "id_token", odd.clone())).into_response());
        let answer = browser.get(&stage.portal.callback(&authorize, "a-code")).await;
        assert_eq!(answer.status, 502, "{case}: {}", answer.body);
        assert_eq!(stage.portal.session_cookie(&browser), None, "{case}");
    }
}
