//! Tokens that are not plain signed tokens of this provider.

use axum::{Json, response::IntoResponse as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::globus::id_token::MAX_LENGTH;
use serde_json::{Value, json};

use crate::harness::{
    Browser, Provider,
    provider::{id_token, sign, token_response},
};

use super::{Stage, changed, part};

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
