//! id_tokens: a real one from Globus, and generated ones that are each wrong in one way.

use axum::{Json, response::IntoResponse as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::{
    clock::Clock,
    globus::{
        auth::ConfidentialAppAuthClient,
        http::Limits,
        id_token::{Expected, IdTokenClaims, IdTokenError, IdTokenVerifier},
    },
    secret::{AccessToken, ClientSecret, IdToken},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::harness::{
    Provider, fixture, globus_at, loopback_client,
    provider::{self, CLIENT_ID, CLIENT_SECRET, id_token, jwk, token_response},
};

/// The app that the real id_token was issued to, and when.
const REAL_CLIENT_ID: &str = "7fb58e00-839d-44e3-8047-10a502612dca";
const REAL_IAT: i64 = 1_621_481_011;
const REAL_EXP: i64 = 1_621_653_811;

fn at(seconds: i64) -> Clock {
    Clock::manual(OffsetDateTime::from_unix_timestamp(seconds).unwrap())
}

fn document(name: &str) -> Option<Value> {
    fixture("id_tokens", name).map(|text| serde_json::from_str(&text).unwrap())
}

/// The id_token that Globus issued in 2021.
fn real_id_token() -> Option<String> {
    document("token_authorization_code_full.json").map(|response| response["id_token"].as_str().unwrap().to_owned())
}

/// A verifier with Globus's real documents.
fn real_verifier(client_id: &str, clock: Clock) -> Option<IdTokenVerifier> {
    let discovery = serde_json::from_value(document("oidc_discovery.json")?).unwrap();
    let keys = serde_json::from_value(document("jwks.json")?).unwrap();
    Some(IdTokenVerifier::from_documents(discovery, keys, client_id.to_owned(), clock))
}

async fn verified(verifier: &IdTokenVerifier, token: &str) -> Result<IdTokenClaims, IdTokenError> {
    verifier.verify(&IdToken::new(token), &Expected::default()).await
}

#[tokio::test]
async fn a_real_id_token_of_globus_verifies_from_its_first_second_to_its_last() {
    let Some(token) = real_id_token() else { return };
    for good in [REAL_IAT, REAL_EXP, REAL_IAT - 300, REAL_EXP + 59] {
        let claims = verified(&real_verifier(REAL_CLIENT_ID, at(good)).unwrap(), &token).await.unwrap();
        let told = serde_json::to_value(&claims).unwrap();
        let expected = document("id_token_claims.json").unwrap();
        for (name, value) in told
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| !name.starts_with("identit") || name.starts_with("identity_provider"))
        {
            assert_eq!(*value, expected[name], "{name}");
        }
        assert_eq!(claims.identity_set.len(), 3);
        assert_eq!(claims.identity_set[1].last_authentication, None);
    }
    for (wrong, claim) in [(REAL_IAT - 301, "iat"), (REAL_EXP + 60, "exp")] {
        let error = verified(&real_verifier(REAL_CLIENT_ID, at(wrong)).unwrap(), &token).await.unwrap_err();
        assert!(matches!(error, IdTokenError::Claim { name, .. } if name == claim), "{error}");
    }
    let other_app = real_verifier(CLIENT_ID, at(REAL_IAT)).unwrap();
    assert!(matches!(verified(&other_app, &token).await, Err(IdTokenError::Claim { name: "aud", .. })));
}

/// Its access token was replaced by a word, so `at_hash` matches no token that we have. It is checked only with a token.
#[tokio::test]
async fn at_hash_and_nonce_of_the_real_id_token_are_looked_at() {
    let Some(token) = real_id_token().map(IdToken::new) else { return };
    let verifier = real_verifier(REAL_CLIENT_ID, at(REAL_IAT)).unwrap();
    let access_token = AccessToken::new("auth_access_token");
    let expected = Expected::new().with_access_token(&access_token);
    assert!(matches!(verifier.verify(&token, &expected).await, Err(IdTokenError::Claim { name: "at_hash", .. })));
    let expected = Expected::new().with_nonce("n");
    assert!(matches!(verifier.verify(&token, &expected).await, Err(IdTokenError::Claim { name: "nonce", .. })));
}

#[tokio::test]
async fn one_bit_changed_anywhere_and_the_real_id_token_is_refused() {
    let Some(token) = real_id_token() else { return };
    let verifier = real_verifier(REAL_CLIENT_ID, at(REAL_IAT)).unwrap();
    verified(&verifier, &token).await.unwrap();
    // Each character of the text, even where the result still decodes.
    for index in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[index] ^= 1;
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verified(&verifier, &changed).await.is_err(), "character {index}");
    }
    // Each byte of header, claims and signature, in well-formed base64url.
    let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    for part in 0..3 {
        for index in 0..parts[part].len() {
            let mut changed = parts.clone();
            changed[part][index] ^= 1 << (index % 8);
            let changed: Vec<_> = changed.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
            assert!(verified(&verifier, &changed.join(".")).await.is_err(), "part {part}, byte {index}");
        }
    }
    // A part added, a part removed, and another encoding of the same bytes.
    for changed in
        [format!("{token}A"), format!("{token}="), format!("{token}."), format!(" {token}"), token[1..].to_owned()]
    {
        assert!(verified(&verifier, &changed).await.is_err(), "{changed}");
    }
}

async fn app(provider: &Provider, now: i64) -> ConfidentialAppAuthClient {
    let globus = globus_at(&provider.url, loopback_client(Limits::default()), &at(now));
    globus.confidential_app(CLIENT_ID, &ClientSecret::new(CLIENT_SECRET))
}

#[tokio::test]
async fn a_nonce_has_to_come_back_when_one_was_sent_and_only_then() {
    let provider = Provider::start().await;
    let verifier = app(&provider, REAL_IAT).await.id_token_verifier();
    let with_nonce = IdToken::new(id_token(&provider.good_claims("N", REAL_IAT)));
    let mut claims = provider.good_claims("N", REAL_IAT);
    claims.as_object_mut().unwrap().remove("nonce");
    let without = IdToken::new(id_token(&claims));
    claims["nonce"] = 7.into();
    let odd = IdToken::new(id_token(&claims));
    let verify = async |token: &IdToken, nonce: Option<&str>| {
        let mut expected = Expected::new();
        expected.nonce = nonce;
        verifier.verify(token, &expected).await.map(drop)
    };
    verify(&with_nonce, Some("N")).await.unwrap();
    verify(&without, None).await.unwrap();
    for (token, nonce) in [
        (&with_nonce, Some("M")),
        (&with_nonce, Some("")),
        (&with_nonce, None),
        (&without, Some("N")),
        (&without, Some("")),
        (&odd, Some("7")),
        (&odd, None),
    ] {
        assert!(matches!(verify(token, nonce).await, Err(IdTokenError::Claim { name: "nonce", .. })), "{nonce:?}");
    }
}

#[tokio::test]
async fn a_token_response_decodes_its_id_token() {
    let provider = Provider::start().await;
    provider.answer_with(id_token(&provider.good_claims("N", REAL_IAT)));
    let app = app(&provider, REAL_IAT).await;
    let verifier = app.id_token_verifier();
    let response = app.oauth2_client_credentials_tokens("openid").await.unwrap();
    for _ in 0..3 {
        let claims = response.decode_id_token(&verifier, Some("N")).await.unwrap();
        assert_eq!(claims.sub, "person-1");
    }
    assert_eq!(provider.key_calls(), 1);

    // An id_token that came with another access token.
    let mut claims = provider.good_claims("N", REAL_IAT);
    claims["at_hash"] = provider::at_hash("another").into();
    provider.answer_with(id_token(&claims));
    let response = app.oauth2_client_credentials_tokens("openid").await.unwrap();
    let error = response.decode_id_token(&verifier, Some("N")).await.unwrap_err();
    assert!(matches!(error, IdTokenError::Claim { name: "at_hash", .. }));

    let mut document = token_response("");
    document.as_object_mut().unwrap().remove("id_token");
    provider.on_token(move |_| Json(document.clone()).into_response());
    let response = app.oauth2_client_credentials_tokens("openid").await.unwrap();
    assert!(matches!(response.decode_id_token(&verifier, None).await, Err(IdTokenError::Missing)));
}

/// Difference from the Python SDK, which takes the first key whichever the token names, and does not check `iss`.
#[tokio::test]
async fn the_key_that_the_token_names_counts_and_the_issuer_is_checked() {
    let provider = Provider::start().await;
    *provider.inner.key_set.lock().unwrap() = json!({"keys": [jwk(1, Some("1")), jwk(0, Some("0"))]});
    let verifier = app(&provider, REAL_IAT).await.id_token_verifier();
    let expected = Expected::new().with_nonce("N");
    let good = IdToken::new(id_token(&provider.good_claims("N", REAL_IAT)));
    verifier.verify(&good, &expected).await.unwrap();
    let mut claims = provider.good_claims("N", REAL_IAT);
    claims["iss"] = "https://auth.globus.org".into();
    let foreign = IdToken::new(id_token(&claims));
    assert!(matches!(verifier.verify(&foreign, &expected).await, Err(IdTokenError::Claim { name: "iss", .. })));
}
