//! The claims that a login depends on.

use aws_lc_rs::{digest, signature::RSA_PKCS1_SHA512};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::harness::{
    Browser, parameter,
    provider::{CLIENT_ID, at_hash, id_token, sign_text},
};

use super::{ACCESS_TOKEN, NOW, Stage, changed, header};

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
    // Numbers that serde_json cannot represent, and a claim that occurs twice.
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
