//! Token responses, read from the wire as the Python SDK reads them.

use std::collections::BTreeMap;

use axum::{Json, response::IntoResponse as _};
use globus_portal::{
    clock::Clock,
    globus::{
        auth::{ConfidentialAppAuthClient, DependentTokenOptions, TokenError},
        error::CallError,
        http::Limits,
        tokens::{DependentTokenResponse, Token, TokenResponse},
    },
    secret::{AccessToken, ClientSecret},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::harness::{
    Provider, fixture, globus_at, loopback_client,
    provider::{CLIENT_ID, CLIENT_SECRET},
};

const NOW: i64 = 1_700_000_000;

fn client(provider: &Provider) -> ConfidentialAppAuthClient {
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(NOW).unwrap());
    let globus = globus_at(&provider.url, loopback_client(Limits::default()), &clock);
    globus.confidential_app(CLIENT_ID, &ClientSecret::new(CLIENT_SECRET))
}

/// Calls a token endpoint that answers with this document.
async fn received(document: &Value) -> Result<TokenResponse, TokenError> {
    let provider = Provider::start().await;
    let document = document.clone();
    provider.on_token(move |_| Json(document.clone()).into_response());
    client(&provider).oauth2_token(&[("grant_type", "of the test's own")]).await
}

async fn received_dependent(document: &Value) -> Result<DependentTokenResponse, TokenError> {
    let provider = Provider::start().await;
    let document = document.clone();
    provider.on_token(move |_| Json(document.clone()).into_response());
    client(&provider).oauth2_get_dependent_tokens(&AccessToken::new("theirs"), &DependentTokenOptions::new()).await
}

/// A token in the form of the vectors, but for `token_type`.
fn entry(token: &Token) -> Value {
    json!({
        "scope": token.scopes.join(" "),
        "access_token": token.access_token.expose_secret(),
        "refresh_token": token.refresh_token.as_ref().map(|token| token.expose_secret()),
        "expires_at_seconds": token.expires_at.unix_timestamp(),
        "resource_server": token.resource_server,
    })
}

fn expected_entries(case: &Value) -> BTreeMap<String, Value> {
    let entries = case["by_resource_server"].as_object().unwrap().iter();
    let without_type = |(server, entry): (&String, &Value)| {
        let mut entry = entry.clone();
        entry.as_object_mut().unwrap().remove("token_type");
        (server.clone(), entry)
    };
    entries.map(without_type).collect()
}

/// Compares the result of a response with that of the Python SDK.
fn compare<'a>(
    case: &Value,
    tokens: &[Token],
    by_server: impl Fn(&str) -> Option<&'a Token>,
    by_scopes: impl Fn(&str) -> Option<&'a Token>,
) {
    let name = &case["name"];
    let expected = expected_entries(case);
    let entries: BTreeMap<_, _> = tokens.iter().map(|token| (token.resource_server.clone(), entry(token))).collect();
    assert_eq!(entries, expected, "{name}");
    assert_eq!(tokens.len(), expected.len(), "{name}");
    for (server, expected) in &expected {
        assert_eq!(entry(by_server(server).unwrap()), *expected, "{name}");
    }
    for look_up in case["by_scopes"].as_array().unwrap() {
        let found = by_scopes(look_up["key"].as_str().unwrap()).map(|token| token.access_token.expose_secret());
        assert_eq!(found, look_up["access_token"].as_str(), "{name}: {look_up}");
    }
}

/// The document with `token_type` where the vector leaves it out: only the Python SDK treats it as optional.
fn with_token_type(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(members) = document.as_object_mut() {
        members.entry("token_type").or_insert_with(|| "Bearer".into());
    }
    document
}

#[tokio::test]
async fn every_token_response_is_read_as_the_python_sdk_reads_it() {
    let Some(text) = fixture("token responses", "vectors/token_responses.json") else { return };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    for case in &cases {
        assert_eq!(case["now"], NOW);
        let document = with_token_type(&case["response"]);
        if document.is_array() {
            let response = received_dependent(&document).await.unwrap();
            compare(case, response.tokens(), |s| response.by_resource_server(s), |s| response.by_scopes(s));
        } else if let Some(error) = case["error"].as_str() {
            let refused = received(&document).await.unwrap_err();
            assert!(matches!(refused, TokenError::Call(CallError::Malformed { .. })), "{error}: {refused:?}");
        } else {
            let response = received(&document).await.unwrap();
            compare(case, response.tokens(), |s| response.by_resource_server(s), |s| response.by_scopes(s));
            assert_eq!(response.id_token().map(|token| token.expose_secret()), document["id_token"].as_str());
        }
    }
    assert_eq!(cases.len(), 10);
}

#[tokio::test]
async fn a_token_is_found_by_the_names_of_its_scopes_whatever_they_depend_on() {
    let response = received(&full_response()).await.unwrap();
    let found = |scopes: &str| response.by_scopes(scopes).map(|token| token.resource_server.as_str());
    for scopes in ["t[*data]", "*t", "t[a[b] *c]", "t[openid] t[nope]"] {
        assert_eq!(found(scopes), Some("u"), "{scopes}");
    }
    assert_eq!(found("*openid[t] email"), Some("r"));
    for scopes in ["nope[t]", "t[a] openid", "t[", "t]", "*", "t[openid] openid[t]"] {
        assert_eq!(found(scopes), None, "{scopes}");
    }
    let dependent = received_dependent(&json!([full_response()["other_tokens"][0]])).await.unwrap();
    assert_eq!(dependent.by_scopes("t[*data]").unwrap().resource_server, "u");
}

/// A response with all that one can have, and a time that is no whole second.
fn full_response() -> Value {
    let other = json!({
        "access_token": "SENTINEL-other", "scope": "t", "resource_server": "u", "expires_in": 60, "token_type": "Bearer",
    });
    json!({
        "access_token": "SENTINEL-access", "refresh_token": "SENTINEL-refresh", "id_token": "SENTINEL-id",
        "scope": "openid email", "resource_server": "r", "expires_in": 60.5, "token_type": "Bearer",
        "other_tokens": [other],
    })
}

#[tokio::test]
async fn a_token_response_is_written_with_its_secrets_and_read_again() {
    let response = received(&full_response()).await.unwrap();
    let written = serde_json::to_value(&response).unwrap();
    assert_eq!(written["tokens"], Value::from_iter(response.tokens().iter().map(entry)));
    let read: TokenResponse = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
    assert_eq!(read.access_token().expose_secret(), "SENTINEL-access");
    assert_eq!(read.id_token().unwrap().expose_secret(), "SENTINEL-id");
    let entries = |response: &TokenResponse| response.tokens().iter().map(entry).collect::<Vec<_>>();
    assert_eq!(entries(&read), entries(&response));
    assert_eq!(read.by_scopes("email openid").unwrap().expires_at.unix_timestamp(), NOW + 60);

    let token: Token = serde_json::from_value(written["tokens"][1].clone()).unwrap();
    assert_eq!((entry(&token), token.refresh_token.is_none()), (written["tokens"][1].clone(), true));
    let shown = format!("{response:?} {read:?} {token:?}");
    assert!(shown.contains("email"), "{shown}");
    assert!(!shown.contains("SENTINEL"), "{shown}");
}

#[tokio::test]
async fn a_dependent_token_response_is_written_with_its_secrets_and_read_again() {
    let response = received_dependent(&json!([full_response()])).await.unwrap();
    let written = serde_json::to_string(&response).unwrap();
    assert!(written.contains("SENTINEL-access") && written.contains("SENTINEL-refresh"), "{written}");
    let read: DependentTokenResponse = serde_json::from_str(&written).unwrap();
    assert_eq!(entry(&read.tokens()[0]), entry(&response.tokens()[0]));
    assert!(!format!("{response:?} {read:?}").contains("SENTINEL"));
}

/// Difference from the Python SDK, which takes a token of any type or of none and sends it as Bearer. A client must not
/// use a token of a type that it does not know (RFC 6749 section 7.1), and the type is required (section 5.1).
#[tokio::test]
async fn a_token_must_be_of_the_type_bearer_in_any_case_of_its_letters() {
    let good = json!({
        "access_token": "SENTINEL", "scope": "s", "resource_server": "r", "expires_in": 60, "token_type": "Bearer",
        "other_tokens": [],
    });
    for kind in ["Bearer", "bearer", "BEARER"] {
        let mut document = good.clone();
        document["token_type"] = kind.into();
        assert!(received(&document).await.is_ok(), "{kind}");
    }
    for kind in [json!("mac"), json!("DPoP"), json!(""), json!(null), json!(7)] {
        let mut document = good.clone();
        document["token_type"] = kind.clone();
        let refused = received(&document).await.unwrap_err();
        assert!(matches!(refused, TokenError::Call(CallError::Malformed { .. })), "{kind}: {refused:?}");
        assert!(!refused.to_string().contains("SENTINEL"));
    }
    let mut document = good.clone();
    document.as_object_mut().unwrap().remove("token_type");
    assert!(received(&document).await.is_err());
    let mut document = good.clone();
    document["other_tokens"] = json!([{"access_token": "A", "scope": "t", "resource_server": "u", "expires_in": 60}]);
    assert!(received(&document).await.is_err(), "each token of a response has its type");
    assert!(received_dependent(&json!([good])).await.is_ok());
}

#[tokio::test]
async fn what_globus_sends_is_read() {
    let files = [
        ("token_authorization_code.json", 1, false),
        ("token_authorization_code_openid.json", 1, true),
        ("token_authorization_code_full.json", 2, true),
        ("token_client_credentials.json", 1, false),
        ("token_client_credentials_openid.json", 1, true),
        ("token_refresh.json", 1, false),
    ];
    for (file, tokens, has_id_token) in files {
        let Some(text) = fixture("token documents", file) else { return };
        let document: Value = serde_json::from_str(&text).unwrap();
        let response = received(&document).await.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!((response.tokens().len(), response.id_token().is_some()), (tokens, has_id_token), "{file}");
        let top = &response.tokens()[0];
        assert_eq!(top.resource_server, document["resource_server"].as_str().unwrap(), "{file}");
        assert_eq!(top.expires_at.unix_timestamp(), NOW + document["expires_in"].as_i64().unwrap(), "{file}");
        assert_eq!(top.refresh_token.is_some(), document["refresh_token"].is_string(), "{file}");
    }
    for (file, refresh) in [("token_dependent.json", false), ("token_dependent_refresh.json", true)] {
        let Some(text) = fixture("token documents", file) else { return };
        let response = received_dependent(&serde_json::from_str(&text).unwrap()).await.unwrap();
        let token = response.by_resource_server("groups.api.globus.org").unwrap();
        assert_eq!(token.refresh_token.is_some(), refresh, "{file}");
    }
}

#[tokio::test]
async fn a_token_response_prints_no_token() {
    let document = json!({
        "access_token": "SENTINEL-a", "refresh_token": "SENTINEL-r", "scope": "s", "resource_server": "r",
        "expires_in": 60, "token_type": "Bearer", "id_token": "SENTINEL-i", "other_tokens": [],
    });
    let response = received(&document).await.unwrap();
    let dependent = received_dependent(&json!([document])).await.unwrap();
    assert!(!format!("{response:?} {dependent:?}").contains("SENTINEL"));
    // Nor does an error made from one.
    let mut broken = document.clone();
    broken["expires_in"] = "SENTINEL".into();
    let error = received(&broken).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("SENTINEL"));
}

/// What the log says about a token response that cannot be read.
async fn problem(document: &Value) -> String {
    let TokenError::Call(error) = received(document).await.unwrap_err() else { panic!("another error") };
    let said = error.to_string();
    assert!(!said.contains("SENTINEL"), "{said}");
    said
}

fn full() -> Value {
    let token = |server: &str| {
        json!({
            "access_token": "SENTINEL-a", "refresh_token": "SENTINEL-r", "scope": "SENTINEL-s", "expires_in": 60,
            "token_type": "Bearer", "resource_server": server, "state": "SENTINEL-t",
        })
    };
    let mut document = token("auth.globus.org");
    document["id_token"] = "SENTINEL-i".into();
    document["other_tokens"] = json!([token("transfer.api.globus.org"), token("groups.api.globus.org")]);
    document
}

#[tokio::test]
async fn a_token_response_that_cannot_be_read_names_the_call_and_the_member_that_is_missing_or_odd() {
    received(&full()).await.unwrap();
    for member in ["access_token", "token_type", "scope", "resource_server"] {
        let mut document = full();
        document.as_object_mut().unwrap().remove(member);
        let said = problem(&document).await;
        assert!(said.contains(&format!("POST /v2/oauth2/token: {member} is missing (line 1")), "{said}");
        let mut document = full();
        document["other_tokens"][1].as_object_mut().unwrap().remove(member);
        let said = problem(&document).await;
        assert!(said.contains(&format!("POST /v2/oauth2/token: other_tokens[1].{member} is missing")), "{said}");
        for odd in [json!(null), json!(7), json!({"SENTINEL": "SENTINEL"}), json!(["SENTINEL, expected SENTINEL"])] {
            let mut document = full();
            document["other_tokens"][0][member] = odd;
            let said = problem(&document).await;
            assert!(said.contains(&format!("other_tokens[0].{member} is not a string")), "{said}");
        }
    }
    let odd = [
        ("expires_in", json!("SENTINEL, expected SENTINEL"), "expires_in is not a number"),
        ("expires_in", json!(null), "expires_in is not a number"),
        ("refresh_token", json!(7), "refresh_token is not a string"),
        ("id_token", json!({}), "id_token is not a string"),
        ("other_tokens", json!("SENTINEL"), "other_tokens is not a list"),
        ("other_tokens", json!(null), "other_tokens is not a list"),
        ("other_tokens", json!([["SENTINEL", null, "Bearer", "s", "r", 60]]), "other_tokens[0] is not an object"),
        ("token_type", json!("mac"), "token_type is not Bearer"),
    ];
    for (member, value, text) in odd {
        let mut document = full();
        document[member] = value;
        let said = problem(&document).await;
        assert!(said.contains(&format!("POST /v2/oauth2/token: {text}")), "{said}");
    }
    let mut document = full();
    document.as_object_mut().unwrap().remove("other_tokens");
    assert!(problem(&document).await.contains("other_tokens is missing"));
    assert!(problem(&json!([full()])).await.contains("the document is not an object"));
    assert!(problem(&json!("SENTINEL")).await.contains("the document is not an object"));
}

#[tokio::test]
async fn what_is_no_json_is_called_that() {
    let provider = Provider::start().await;
    let cases = [
        ("<html>SENTINEL</html>".to_owned(), "it is not JSON"),
        (full().to_string()[..200].to_owned(), "it ends too early"),
        (format!("{} SENTINEL", full()), "it is not JSON"),
        (full().to_string().replacen('{', "{\"resource_server\":\"SENTINEL\",", 1), "resource_server is there twice"),
        (String::new(), "it ends too early"),
    ];
    for (body, text) in cases {
        provider.on_token(move |_| body.clone().into_response());
        let said = client(&provider).oauth2_token(&[("grant_type", "g")]).await.unwrap_err().to_string();
        assert!(said.contains(text) && said.contains("(line ") && !said.contains("SENTINEL"), "{said}");
    }
}

/// Ignored members are skipped without recursion.
#[tokio::test]
async fn a_member_that_is_not_known_may_be_nested_as_deep_as_it_likes() {
    let provider = Provider::start().await;
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let body = full().to_string().replacen('{', &format!("{{\"more\":{deep},"), 1);
    provider.on_token(move |_| body.clone().into_response());
    client(&provider).oauth2_token(&[("grant_type", "g")]).await.unwrap();
}

/// As the Python SDK reads it: any number, and `None` when it is missing.
#[tokio::test]
async fn a_lifetime_is_any_number_of_seconds() {
    for (value, seconds) in
        [(json!(60), 60), (json!(60.9), 60), (json!(0), 0), (json!(-5), 0), (json!(1e300), i64::MAX)]
    {
        let mut document = full();
        document["expires_in"] = value.clone();
        let response = received(&document).await.unwrap();
        let left = response.tokens()[0].expires_at.unix_timestamp() - NOW;
        assert!(left == seconds || seconds == i64::MAX && left > 1 << 30, "{value}: {left}");
    }
}
