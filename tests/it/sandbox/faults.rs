//! The sandbox's controls: faults, and the record of calls.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use globus_portal::sandbox::{CLIENT_ID, NATIVE_CLIENT_ID};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::visit::*;

const DISCOVERY: &str = "/.well-known/openid-configuration";

async fn switch_on(visit: &Visit, faults: &Value) -> Value {
    let answer = visit.http.post(visit.url("/sandbox/faults")).json(faults).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED, "{faults}");
    answer.json().await.unwrap()
}

async fn clear(visit: &Visit) {
    let answer = visit.http.delete(visit.url("/sandbox/faults")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

async fn document(visit: &Visit, path: &str) -> Value {
    visit.get(path).await.json().await.unwrap()
}

/// A login with a fault of the token endpoint; returns the whole token response.
async fn login_with(visit: &Visit, fault: &str) -> Value {
    switch_on(visit, &json!({"fault": fault, "times": 1})).await;
    visit.log_in(MIRA, &request("openid", &[("nonce", "the nonce"), ("prompt", "login")])).await
}

#[tokio::test]
async fn a_fault_meets_as_many_calls_as_it_was_told() {
    let visit = Visit::start().await;
    let on =
        switch_on(&visit, &json!({"fault": "status", "status": 503, "retry_after": 1, "path": "/.well", "times": 2}))
            .await;
    assert_eq!(on["faults"][0]["times"], 2);
    assert_eq!(visit.get("/jwk.json").await.status(), StatusCode::OK);
    for _ in 0..2 {
        let answer = visit.get(DISCOVERY).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "1");
    }
    assert_eq!(visit.get(DISCOVERY).await.status(), StatusCode::OK);
    assert_eq!(document(&visit, "/sandbox/faults").await, json!({"faults": []}));
}

#[tokio::test]
async fn a_list_of_faults_is_a_sequence_and_can_be_cleared() {
    let visit = Visit::start().await;
    let faults = json!([
        {"fault": "status", "status": 429, "times": 1, "method": "get"},
        {"fault": "status", "status": 500, "times": 1, "body": {"code": "ExternalError.X", "message": "m"}},
        {"fault": "status", "status": 504}
    ]);
    switch_on(&visit, &faults).await;
    let mut seen = vec![];
    for _ in 0..4 {
        let answer = visit.get("/v0.10/endpoint_search").await;
        let status = answer.status().as_u16();
        let document: Value = answer.json().await.unwrap();
        seen.push((status, document["code"].as_str().unwrap().to_owned()));
    }
    let expected =
        [(429, "TooManyRequests"), (500, "ExternalError.X"), (504, "GatewayTimeout"), (504, "GatewayTimeout")];
    assert_eq!(seen, expected.map(|(status, code)| (status, code.to_owned())));
    assert_eq!(visit.get("/").await.status(), StatusCode::OK);
    clear(&visit).await;
    assert_eq!(visit.get(DISCOVERY).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn answers_come_late_as_a_page_or_under_another_type() {
    let visit = Visit::start().await;
    switch_on(&visit, &json!({"fault": "slow", "ms": 300, "times": 1})).await;
    let started = Instant::now();
    visit.get(DISCOVERY).await;
    assert!(started.elapsed() >= Duration::from_millis(300));

    switch_on(&visit, &json!([{"fault": "html", "times": 1}, {"fault": "html", "status": 502, "times": 1}])).await;
    for status in [200, 502] {
        let answer = visit.get(DISCOVERY).await;
        assert_eq!(answer.status(), status);
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    }
    switch_on(&visit, &json!([{"fault": "content-type", "value": "application/vnd.api+json", "times": 1}])).await;
    let answer = visit.get(DISCOVERY).await;
    assert_eq!(answer.headers()["content-type"], "application/vnd.api+json");
    assert_eq!(answer.json::<Value>().await.unwrap()["issuer"], *visit.base);
}

#[tokio::test]
async fn connections_are_cut_before_and_in_the_middle_of_answers() {
    let visit = Visit::start().await;
    switch_on(&visit, &json!({"fault": "cut", "times": 1})).await;
    assert!(visit.http.get(visit.url(DISCOVERY)).send().await.is_err());
    switch_on(&visit, &json!({"fault": "cut", "after": 300, "times": 1})).await;
    let begun = visit.http.get(visit.url(DISCOVERY)).send().await.unwrap();
    assert_eq!(begun.status(), StatusCode::OK);
    assert!(begun.text().await.is_err());
    assert_eq!(visit.get(DISCOVERY).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_cut_request_has_taken_effect_only_if_that_was_wished() {
    let visit = Visit::start().await;
    for (processed, status) in [(false, 200), (true, 401)] {
        let code = visit.code(MIRA, &request("openid", &[("prompt", "login")])).await;
        let fault = json!({"fault": "cut", "processed": processed, "times": 1, "path": "/v2/oauth2/token"});
        switch_on(&visit, &fault).await;
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
        assert!(
            visit
                .http
                .post(visit.url("/v2/oauth2/token"))
                .form(&form)
                .basic_auth(CLIENT_ID, Some(globus_portal::sandbox::CLIENT_SECRET))
                .send()
                .await
                .is_err()
        );
        assert_eq!(visit.exchange(&code).await.status(), status);
    }
}

#[tokio::test]
async fn an_id_token_is_wrong_in_the_way_that_was_asked_for() {
    let visit = Visit::start().await;
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let claims = async |fault: &str| -> Value {
        let answer = login_with(&visit, fault).await;
        serde_json::from_str(&jwt_part(answer["id_token"].as_str().unwrap(), 1)).unwrap()
    };
    assert!(claims("id-token-expired").await["exp"].as_i64().unwrap() < now - 3600);
    assert!(claims("id-token-not-yet-valid").await["iat"].as_i64().unwrap() > now + 3600);
    assert_eq!(claims("id-token-aud").await["aud"], NATIVE_CLIENT_ID);
    assert_ne!(claims("id-token-iss").await["iss"], *visit.base);
    assert_ne!(claims("id-token-nonce").await["nonce"], "the nonce");
    let answer = login_with(&visit, "id-token-at-hash").await;
    let good = visit.log_in(MIRA, &request("openid", &[("nonce", "the nonce"), ("prompt", "login")])).await;
    let hash = |answer: &Value| {
        let claims: Value = serde_json::from_str(&jwt_part(answer["id_token"].as_str().unwrap(), 1)).unwrap();
        let half =
            &aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, answer["access_token"].as_str().unwrap().as_bytes());
        (claims["at_hash"] == URL_SAFE_NO_PAD.encode(&half.as_ref()[..32]), claims["nonce"].clone())
    };
    assert_eq!(hash(&answer), (false, json!("the nonce")));
    assert_eq!(hash(&good), (true, json!("the nonce")));
    assert!(login_with(&visit, "id-token-missing").await.get("id_token").is_none());
    assert!(login_with(&visit, "id-token-expired").await.get("other_tokens").is_some());
}

#[tokio::test]
async fn signatures_are_missing_or_made_with_what_is_no_key_of_the_set() {
    let visit = Visit::start().await;
    let set = document(&visit, "/jwk.json").await;
    let kid = set["keys"][0]["kid"].clone();
    for (fault, alg, own_kid) in [
        ("id-token-alg-none", "none", None),
        ("id-token-alg-hs256", "HS256", None),
        ("id-token-kid", "RS512", Some(false)),
        ("id-token-signature", "RS512", Some(true)),
    ] {
        let answer = login_with(&visit, fault).await;
        let token = answer["id_token"].as_str().unwrap();
        let header: Value = serde_json::from_str(&jwt_part(token, 0)).unwrap();
        assert_eq!(header["alg"], alg);
        assert_eq!(header.get("kid").map(|given| *given == kid), own_kid, "{fault}");
        let verifies = verify(token, &set["keys"][0]);
        assert_eq!(verifies, fault == "id-token-kid", "{fault}");
        assert_eq!(token.ends_with('.'), fault == "id-token-alg-none");
    }
}

#[tokio::test]
async fn keys_rotate_overlap_and_lose_their_names() {
    let visit = Visit::start().await;
    let before = document(&visit, "/jwk.json").await["keys"][0].clone();
    let answer = login_with(&visit, "refresh-rotates").await;
    let old_token = answer["id_token"].as_str().unwrap().to_owned();
    clear(&visit).await;

    switch_on(&visit, &json!({"fault": "keys-rotated"})).await;
    let keys = document(&visit, "/jwk.json").await["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 1);
    assert_ne!(keys[0]["kid"], before["kid"]);
    let answer = visit.log_in(MIRA, &request("openid", &[("prompt", "login")])).await;
    let token = answer["id_token"].as_str().unwrap();
    assert!(verify(token, &keys[0]) && !verify(token, &before) && verify(&old_token, &before));
    let header: Value = serde_json::from_str(&jwt_part(token, 0)).unwrap();
    assert_eq!(header["kid"], keys[0]["kid"]);

    switch_on(&visit, &json!([{"fault": "keys-overlap"}, {"fault": "keys-without-kid"}])).await;
    let keys = document(&visit, "/jwk.json").await["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 2);
    assert!(keys[0].get("kid").is_none() && keys[0]["n"] == before["n"]);
    let answer = visit.log_in(MIRA, &request("openid", &[("prompt", "login")])).await;
    let token = answer["id_token"].as_str().unwrap();
    assert_eq!(jwt_part(token, 0), r#"{"typ":"JWT","alg":"RS512"}"#);
    assert!(verify(token, &keys[1]));
}

#[tokio::test]
async fn a_token_answer_lacks_its_other_tokens() {
    let visit = Visit::start().await;
    let answer = login_with(&visit, "other-tokens-missing").await;
    assert!(answer.get("other_tokens").is_none() && answer.get("id_token").is_some());
}

#[tokio::test]
async fn refresh_tokens_rotate_and_reuse_is_punished_if_wished() {
    let visit = Visit::start().await;
    for (fault, survives) in [("refresh-rotates", true), ("refresh-rotates-strictly", false)] {
        let asked = request("openid", &[("access_type", "offline"), ("prompt", "login")]);
        let answer = visit.log_in(MIRA, &asked).await;
        let refresh =
            async |token: &str| visit.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await;
        let old = answer["refresh_token"].as_str().unwrap();
        switch_on(&visit, &json!({"fault": fault, "times": 1})).await;
        let renewed: Value = refresh(old).await.json().await.unwrap();
        let new = renewed["refresh_token"].as_str().unwrap();
        assert_ne!(new, old);
        assert_error(refresh(old).await, 400, INVALID_GRANT).await;
        assert_eq!(refresh(new).await.status() == StatusCode::OK, survives, "{fault}");
        assert_eq!(visit.is_active(renewed["access_token"].as_str().unwrap()).await, survives);
    }
}

#[tokio::test]
async fn access_tokens_may_live_for_a_second() {
    let visit = Visit::start().await;
    switch_on(&visit, &json!({"fault": "token-life", "seconds": 1, "times": 1})).await;
    let answer = visit.log_in(MIRA, &request("openid", &[])).await;
    assert_eq!(answer["expires_in"], 1);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(!visit.is_active(answer["access_token"].as_str().unwrap()).await);
    let next = visit.log_in(MIRA, &request("openid", &[("prompt", "login")])).await;
    assert_eq!(next["expires_in"], 172_800);
}

#[tokio::test]
async fn nonsense_is_no_fault() {
    let visit = Visit::start().await;
    for body in [
        json!({}),
        json!("slow"),
        json!({"fault": "nonsense"}),
        json!({"fault": "status"}),
        json!({"fault": "status", "status": 99}),
        json!({"fault": "slow", "ms": 600_000}),
        json!({"fault": "slow", "seconds": 1}),
        json!({"fault": "keys-rotated", "times": 1}),
        json!({"fault": "id-token-aud", "path": "/"}),
        json!({"fault": "status", "status": 429, "retry_after": "1\r\nX: y"}),
        json!({"fault": "html", "times": 0}),
        json!([{"fault": "html"}, {"fault": "nonsense"}]),
        Value::Array(vec![json!({"fault": "html"}); 101]),
    ] {
        let answer = visit.http.post(visit.url("/sandbox/faults")).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
    let form = visit.http.post(visit.url("/sandbox/faults")).body(r#"{"fault": "html"}"#);
    assert_eq!(form.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(document(&visit, "/sandbox/faults").await, json!({"faults": []}));
}

#[tokio::test]
async fn requests_are_seen_without_what_is_secret() {
    let visit = Visit::start().await;
    let needs = [("session_required_single_domain", "northfield.example"), ("nonce", "the nonce")];
    let answer = visit.log_in(MIRA, &request("openid", &needs)).await;
    let token = answer["access_token"].as_str().unwrap();
    visit.as_app("/v2/oauth2/token/revoke", &[("token", token), ("token_type_hint", "access_token")]).await;
    visit.get("/v2/web/logout?client_id=x&redirect_name=y").await;
    visit.get("/v2/groups/my_groups").await;
    visit.get("/v2/groups/abc").await;
    visit.get("/nonsense/at/all").await;
    let text = visit.get("/sandbox/seen").await.text().await.unwrap();
    assert!(!text.contains(token));
    let seen: Value = serde_json::from_str(&text).unwrap();
    let requests = &seen["requests"];
    assert_eq!(requests["authorize"][0]["session_required_single_domain"], "northfield.example");
    assert_eq!(requests["authorize"][0]["nonce"], "the nonce");
    assert_eq!(requests["logout"], json!([{"client_id": "x", "redirect_name": "y"}]));
    assert_eq!(requests["token"][0]["code"], "(hidden)");
    assert_eq!(requests["token"][0]["grant_type"], "authorization_code");
    assert_eq!(requests["revoke"], json!([{"token": "(hidden)", "token_type_hint": "access_token"}]));
    for (route, count) in
        [("POST /v2/oauth2/token", 1), ("GET /v2/groups/my_groups", 1), ("GET /v2/groups/{id}", 1), ("GET (other)", 1)]
    {
        assert_eq!(seen["calls"][route], count, "{route}");
    }
    visit.http.delete(visit.url("/sandbox/seen")).send().await.unwrap();
    assert_eq!(document(&visit, "/sandbox/seen").await, json!({"calls": {}, "requests": {}}));
}
