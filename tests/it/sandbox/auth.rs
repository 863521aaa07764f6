//! The sandbox's Globus Auth: codes, tokens, id_tokens, introspection and identities.

use std::io;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use globus_portal::sandbox::{CLIENT_ID, CLIENT_SCOPE, CLIENT_SECRET, NATIVE_CLIENT_ID, Options, Sandbox};
use reqwest::StatusCode;
use serde_json::Value;

use crate::sandbox::visit::*;

#[tokio::test]
async fn only_loopback_addresses_are_bound() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let options = Options { listen: address.parse().unwrap(), ..Options::default() };
        let error = Sandbox::bind(options).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("loopback"), "{error}");
    }
}

#[tokio::test]
async fn the_issuer_is_the_base_url_without_a_final_slash() {
    let visit = Visit::start().await;
    let answer = visit.get("/.well-known/openid-configuration").await;
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["issuer"], *visit.base);
    assert!(!visit.base.ends_with('/'));
    assert_eq!(document["jwks_uri"], visit.url("/jwk.json"));
}

#[tokio::test]
async fn a_login_gives_a_token_for_each_service_and_the_state_back() {
    let visit = Visit::start().await;
    let scope = format!("{TRANSFER} openid email profile");
    let request = request(&scope, &[("state", "a&b=c é"), ("redirect_uri", "http://127.0.0.1:9/back?keep=this")]);
    let back = visit.decide(MIRA, "allow", &request).await;
    assert_eq!(parameter(&back, "keep").as_deref(), Some("this"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("a&b=c é"));
    let code = parameter(&back, "code").unwrap();
    assert!(code.len() == 30 && code.bytes().all(|b| b.is_ascii_alphanumeric()));

    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "http://127.0.0.1:9/back?keep=this"),
    ];
    let answer: Value = visit.token(&form).await.json().await.unwrap();
    assert_eq!(answer["resource_server"], "auth.globus.org");
    assert_eq!(answer["scope"], "profile email openid");
    assert_eq!(answer["expires_in"], 172_800);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["state"], "a&b=c é");
    assert_eq!(answer["other_tokens"][0]["scope"], TRANSFER);
    assert_eq!(answer["other_tokens"].as_array().unwrap().len(), 1);
    assert!(answer["other_tokens"][0].get("id_token").is_none());
    let token = answer["access_token"].as_str().unwrap();
    assert!(token.starts_with("Ag") && token.len() == 91);
}

#[tokio::test]
async fn a_code_is_spent_by_its_first_use_and_a_second_use_ends_its_tokens() {
    let visit = Visit::start().await;
    let code = visit.code(MIRA, &request("openid", &[])).await;
    let answer: Value = visit.exchange(&code).await.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    assert!(visit.is_active(token).await);
    assert_error(visit.exchange(&code).await, 401, INVALID_GRANT).await;
    assert!(!visit.is_active(token).await);
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri() {
    let visit = Visit::start().await;
    let code = visit.code(MIRA, &request("openid", &[])).await;
    let form = [("grant_type", "authorization_code"), ("code", &code)];
    assert_error(visit.token(&form).await, 401, INVALID_GRANT).await;
    let other = [form[0], form[1], ("redirect_uri", "http://localhost:5000/other")];
    assert_error(visit.token(&other).await, 401, INVALID_GRANT).await;
}

#[tokio::test]
async fn a_code_with_a_challenge_needs_its_verifier() {
    let visit = Visit::start().await;
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let pkce = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let code = visit.code(MIRA, &request("openid", &pkce)).await;
    let form = |verifier| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", verifier),
        ]
    };
    for wrong in ["", "wrong", &challenge] {
        assert_error(visit.token(&form(wrong)).await, 401, INVALID_GRANT).await;
    }
    assert_eq!(visit.token(&form(verifier)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_verifier_for_a_code_without_challenge_is_refused() {
    let visit = Visit::start().await;
    let code = visit.code(MIRA, &request("openid", &[])).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ];
    assert_error(visit.token(&form).await, 401, INVALID_GRANT).await;
}

#[tokio::test]
async fn a_code_is_bound_to_its_client() {
    let visit = Visit::start().await;
    let verifier = "a".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let native = [("client_id", NATIVE_CLIENT_ID), ("code_challenge", &challenge), ("code_challenge_method", "S256")];
    let code = visit.code(MIRA, &request("openid", &native)).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", &verifier),
    ];
    assert_error(visit.token(&form).await, 401, INVALID_GRANT).await;
    let own = [&form[..], &[("client_id", NATIVE_CLIENT_ID)]].concat();
    let request = visit.http.post(visit.url("/v2/oauth2/token")).form(&own);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_secret_gets_the_document_of_globus_auth() {
    let visit = Visit::start().await;
    for path in ["token", "token/introspect", "token/revoke"] {
        let request = visit.http.post(visit.url(&format!("/v2/oauth2/{path}")));
        let request = request.form(&[("grant_type", "client_credentials"), ("token", "x")]);
        let request = request.basic_auth(CLIENT_ID, Some("wrong"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let document: Value = answer.json().await.unwrap();
        assert_eq!(document["error"], "unauthorized");
        let error = &document["errors"][0];
        assert_eq!(error["detail"], "Basic auth failed");
        assert_eq!(error["code"], "UNAUTHORIZED");
        assert_eq!(error["status"], "401");
    }
}

#[tokio::test]
async fn the_secret_may_come_raw_or_encoded_or_in_the_form() {
    let visit = Visit::start().await;
    let encoded: String = url::form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    assert_ne!(encoded, CLIENT_SECRET);
    let form = [("grant_type", "client_credentials"), ("scope", TRANSFER)];
    for secret in [CLIENT_SECRET, &encoded] {
        let request = visit.http.post(visit.url("/v2/oauth2/token")).form(&form);
        let header = STANDARD.encode(format!("{CLIENT_ID}:{secret}"));
        let request = request.header("authorization", format!("Basic {header}"));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
    let body = [form[0], form[1], ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    let request = visit.http.post(visit.url("/v2/oauth2/token")).form(&body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_introspecting_stranger_is_an_invalid_client() {
    let visit = Visit::start().await;
    let request = visit.http.post(visit.url("/v2/oauth2/token/introspect"));
    let request = request.form(&[("token", "x")]).basic_auth("nobody", Some("x"));
    let answer = request.send().await.unwrap();
    assert_error(answer, 401, r#"{"error":"invalid_client"}"#).await;
}

#[tokio::test]
async fn only_offline_access_gives_refresh_tokens_and_they_keep_working() {
    let visit = Visit::start().await;
    let scope = format!("openid {TRANSFER}");
    let online = visit.log_in(MIRA, &request(&scope, &[])).await;
    assert!(online.get("refresh_token").is_none());
    assert!(online["other_tokens"][0].get("refresh_token").is_none());

    let offline = visit.log_in(JONAS, &request(&scope, &[("access_type", "offline"), ("prompt", "login")])).await;
    let refresh = offline["other_tokens"][0]["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    for _ in 0..2 {
        let answer: Value = visit.token(&form).await.json().await.unwrap();
        assert_eq!(answer["refresh_token"], refresh);
        assert_eq!(answer["resource_server"], "transfer.api.globus.org");
        assert_eq!(answer["other_tokens"], Value::Array(vec![]));
        let token = answer["access_token"].as_str().unwrap();
        visit.my_endpoints(token, "").await;
    }
    let unknown = [("grant_type", "refresh_token"), ("refresh_token", "Agnonsense")];
    assert_error(visit.token(&unknown).await, 400, INVALID_GRANT).await;
}

#[tokio::test]
async fn a_revoked_token_is_dead_everywhere() {
    let visit = Visit::start().await;
    let scope = format!("openid {TRANSFER}");
    let answer = visit.log_in(MIRA, &request(&scope, &[])).await;
    let auth = token_of(&answer, "auth.globus.org");
    let transfer = token_of(&answer, "transfer.api.globus.org");
    assert_eq!(visit.bearer("/v2/oauth2/userinfo", auth).await.status(), StatusCode::OK);
    for token in [auth, transfer, "Agunknown", auth] {
        let answer = visit.as_app("/v2/oauth2/token/revoke", &[("token", token)]).await;
        assert_error(answer, 200, r#"{"active":false}"#).await;
    }
    assert!(!visit.is_active(auth).await);
    let userinfo = visit.bearer("/v2/oauth2/userinfo", auth).await;
    assert_eq!(userinfo.status(), StatusCode::UNAUTHORIZED);
    let search = visit.bearer("/v0.10/endpoint_search?filter_scope=my-endpoints", transfer).await;
    assert_eq!(search.status(), StatusCode::UNAUTHORIZED);
    let document: Value = search.json().await.unwrap();
    assert_eq!(document["code"], "AuthenticationFailed");
    assert_eq!(document["message"], "Token is not active");
    assert_eq!(document["resource"], "/v0.10/endpoint_search");
    assert_eq!(document["request_id"].as_str().unwrap().len(), 9);
}

#[tokio::test]
async fn the_id_token_verifies_and_its_claims_come_in_globus_order() {
    let visit = Visit::start().await;
    let request = request("openid email profile", &[("nonce", "the nonce")]);
    let answer = visit.log_in(MIRA, &request).await;
    let id_token = answer["id_token"].as_str().unwrap();
    let keys: Value = visit.get("/jwk.json").await.json().await.unwrap();
    let key = &keys["keys"][0];
    assert!(verify(id_token, key));
    let kid = key["kid"].as_str().unwrap();
    assert!(kid.bytes().all(|byte| byte.is_ascii_digit()));
    let header = format!(r#"{{"typ":"JWT","alg":"RS512","kid":"{kid}"}}"#);
    assert_eq!(jwt_part(id_token, 0), header);

    let text = jwt_part(id_token, 1);
    let claims: Value = serde_json::from_str(&text).unwrap();
    let order = [
        "sub",
        "organization",
        "name",
        "preferred_username",
        "identity_provider",
        "identity_provider_display_name",
        "email",
        "last_authentication",
        "identity_set",
        "iss",
        "aud",
        "exp",
        "iat",
        "at_hash",
        "nonce",
    ];
    // Entries of the identity set use some of the names too, so for members after it the last occurrence counts.
    let at = |name: &str| match name {
        "iss" | "aud" | "exp" | "iat" | "at_hash" | "nonce" => text.rfind(&format!("\"{name}\":")),
        _ => text.find(&format!("\"{name}\":")),
    };
    assert!(order.map(|name| at(name).unwrap()).is_sorted());
    assert_eq!(members(&claims).len(), order.len());

    assert_eq!(claims["iss"], *visit.base);
    assert_eq!(claims["aud"], CLIENT_ID);
    assert_eq!(claims["nonce"], "the nonce");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 172_800);
    let hash = digest(&SHA512, answer["access_token"].as_str().unwrap().as_bytes());
    assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..32]));
    let linked = &claims["identity_set"][1];
    assert_eq!(linked["username"], "msolano@globusid.org");
    assert_eq!(linked["name"], Value::Null);
    assert_eq!(linked["last_authentication"], Value::Null);
    assert!(linked.get("organization").is_none());
}

#[tokio::test]
async fn userinfo_tells_what_the_scopes_allow() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request("openid", &[])).await;
    let userinfo = visit.bearer("/v2/oauth2/userinfo", token_of(&answer, "auth.globus.org")).await;
    let claims: Value = userinfo.json().await.unwrap();
    assert_eq!(members(&claims), ["identity_set", "last_authentication", "sub"]);
    assert_eq!(members(&claims["identity_set"][0]), ["last_authentication", "sub"]);

    let answer = visit.log_in(MIRA, &request("email", &[("prompt", "login")])).await;
    let without_openid = token_of(&answer, "auth.globus.org");
    assert!(answer.get("id_token").is_none());
    let refused = visit.bearer("/v2/oauth2/userinfo", without_openid).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(visit.get("/v2/oauth2/userinfo").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn introspection_tells_what_is_included_and_only_to_whom_it_concerns() {
    let visit = Visit::start().await;
    let scope = format!("openid {TRANSFER}");
    let answer = visit.log_in(PRIYA, &request(&scope, &[])).await;
    assert!(!visit.is_active(token_of(&answer, "transfer.api.globus.org")).await);
    let token = token_of(&answer, "auth.globus.org");
    let form = [("token", token), ("include", "identity_set,identity_set_detail,session_info")];
    let document = visit.as_app("/v2/oauth2/token/introspect", &form).await;
    let document: Value = document.json().await.unwrap();
    assert_eq!(document["username"], PRIYA);
    assert_eq!(document["aud"], serde_json::json!(["auth.globus.org", CLIENT_ID]));
    assert_eq!(document["identity_set"].as_array().unwrap().len(), 3);
    assert_eq!(document["identity_set_detail"][1]["username"], "praman@northfield.example");
    let sub = document["sub"].as_str().unwrap();
    assert!(document["session_info"]["authentications"][sub]["auth_time"].is_i64());
}

#[tokio::test]
async fn a_silent_sign_in_to_a_second_app_leaves_its_session_empty() {
    let visit = Visit::start().await;
    visit.code(MIRA, &request("openid", &[])).await;
    let verifier = "v".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let native =
        [("client_id", NATIVE_CLIENT_ID), ("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let page = visit.authorize(&request(CLIENT_SCOPE, &native)).await.text().await.unwrap();
    let allow = [("request", hidden(&page, "request")), ("decision", "allow".into())];
    let fields = allow.each_ref().map(|(name, value)| (*name, value.as_str()));
    let back = visit.submit("/v2/web/consent", &fields).await;
    let code = parameter(&location(&back), "code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", NATIVE_CLIENT_ID),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", &verifier),
    ];
    let answer = visit.http.post(visit.url("/v2/oauth2/token")).form(&form).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    // The token is for the confidential app's own service, so that app may introspect it.
    let form = [("token", answer["access_token"].as_str().unwrap()), ("include", "session_info")];
    let document = visit.as_app("/v2/oauth2/token/introspect", &form).await;
    let document: Value = document.json().await.unwrap();
    assert_eq!(document["active"], true);
    assert_eq!(document["session_info"]["authentications"], serde_json::json!({}));
}

#[tokio::test]
async fn client_credentials_speak_for_the_app() {
    let visit = Visit::start().await;
    let form = [("grant_type", "client_credentials"), ("scope", "openid profile")];
    let answer: Value = visit.token(&form).await.json().await.unwrap();
    assert!(answer.get("refresh_token").is_none() && answer.get("state").is_none());
    let claims: Value = serde_json::from_str(&jwt_part(answer["id_token"].as_str().unwrap(), 1)).unwrap();
    assert_eq!(claims["sub"], CLIENT_ID);
    let username = format!("{CLIENT_ID}@clients.auth.globus.org");
    assert_eq!(claims["preferred_username"], *username);
    let unknown = [("grant_type", "client_credentials"), ("scope", "nonsense")];
    assert_error(visit.token(&unknown).await, 400, r#"{"error":"invalid_scope"}"#).await;
    let password = [("grant_type", "password")];
    assert_error(visit.token(&password).await, 400, r#"{"error":"unsupported_grant_type"}"#).await;
}

#[tokio::test]
async fn a_service_gets_dependent_tokens_for_what_was_consented() {
    let visit = Visit::start().await;
    let scope = format!("{CLIENT_SCOPE}[{TRANSFER}]");
    let answer = visit.log_in(JONAS, &request(&scope, &[])).await;
    let token = answer["access_token"].as_str().unwrap();
    let grant = ("grant_type", "urn:globus:auth:grant_type:dependent_token");
    let dependent: Value = visit.token(&[grant, ("token", token)]).await.json().await.unwrap();
    assert_eq!(dependent[0]["resource_server"], "transfer.api.globus.org");
    let transfer = dependent[0]["access_token"].as_str().unwrap();
    visit.my_endpoints(transfer, "").await;

    let more = visit.token(&[grant, ("token", token), ("scope", "email")]).await;
    assert_eq!(more.status(), StatusCode::FORBIDDEN);
    let document: Value = more.json().await.unwrap();
    assert_eq!(document["error"], "dependent_consent_required");
    assert_eq!(document["errors"][0]["unapproved_scopes"][0], "email");
    let bad = visit.token(&[grant, ("token", transfer)]).await;
    assert_error(bad, 400, INVALID_GRANT).await;
}

#[tokio::test]
async fn identities_are_found_by_username_and_by_id() {
    let visit = Visit::start().await;
    let get = |query: &str| {
        let url = visit.url(&format!("/v2/api/identities?{query}"));
        visit.http.get(url).basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send()
    };
    let found: Value = get("usernames=mira@northfield.example,nobody@nowhere.example&provision=false")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(found["identities"].as_array().unwrap().len(), 1);
    let mira = &found["identities"][0];
    assert_eq!(
        members(mira),
        ["email", "id", "identity_provider", "identity_type", "name", "organization", "status", "username"]
    );
    let query = format!("ids={}&include=identity_provider", mira["id"].as_str().unwrap());
    let found: Value = get(&query).await.unwrap().json().await.unwrap();
    assert_eq!(found["included"]["identity_providers"][0]["name"], "Northfield University");
    for query in ["", "usernames=x", "usernames=a@b.example&ids=x"] {
        assert_eq!(get(query).await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
    let nobody = visit.get("/v2/api/identities?ids=x").await;
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nonsense_is_refused_and_not_a_panic() {
    let visit = Visit::start().await;
    let long = "x".repeat(20_000);
    let scope = "a[".repeat(3_000);
    for change in [("state", long.as_str()), ("scope", &scope), ("scope", "\0 \u{ffff}")] {
        let answer = visit.authorize(&request("openid", &[change])).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    for path in ["/v2/oauth2/token", "/v2/web/choose", "/v2/web/consent"] {
        let request = visit.http.post(visit.url(path)).body(vec![0xff; 1000]);
        let status = visit.send(request).await.status();
        assert!(status.is_client_error(), "{path}: {status}");
        let request = visit.http.post(visit.url(path)).body(vec![b'a'; 200_000]);
        let status = visit.send(request).await.status();
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    for header in ["Basic", "Basic !!!", "Basic eA==", "Bearer", "Bearer  ", "\u{e9}"] {
        let request = visit.http.post(visit.url("/v2/oauth2/token"));
        let request = request.header("authorization", header.as_bytes());
        let status = visit.send(request).await.status();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{header}");
    }
    assert_eq!(visit.get("/v0.10/nonsense").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(visit.get("/nonsense").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_call_with_two_mistakes_is_told_the_one_that_its_service_checks_first() {
    let visit = Visit::start().await;
    let long = "x".repeat(70_000);
    for (method, path, body, status) in [
        // Globus Auth reads parameters before credentials, the others read the token first.
        ("GET", "/v2/api/identities?ids=a&ids=b", "", 400),
        ("GET", "/v2/api/identity_providers?ids=a&ids=b", "", 400),
        ("GET", "/v2/api/identities/a/consents?all=1&all=2", "", 400),
        ("GET", "/v2/groups/my_groups?statuses=a&statuses=b", "", 401),
        ("GET", "/api/collections?filter=a&filter=b", "", 401),
        ("POST", "/v2/oauth2/token", "token=a&token=b", 400),
        ("POST", "/v2/oauth2/token/introspect", "token=a&token=b", 400),
        ("POST", "/v2/groups", "not JSON", 401),
        // A body that is too long is not read at all.
        ("POST", "/v2/oauth2/token/introspect", &long, 413),
        ("POST", "/v2/groups", &long, 413),
    ] {
        let request = visit.http.request(method.parse().unwrap(), visit.url(path)).body(body.to_owned());
        assert_eq!(request.send().await.unwrap().status(), status, "{method} {path}");
    }
}

#[tokio::test]
async fn forms_are_seen_even_when_the_app_is_refused() {
    let visit = Visit::start().await;
    for (path, kept) in [("token", true), ("token/revoke", true), ("token/introspect", true), ("token/validate", false)]
    {
        let url = visit.url(&format!("/v2/oauth2/{path}"));
        let answer = visit.http.post(url).form(&[("hint", path)]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let seen: Value = visit.get("/sandbox/seen").await.json().await.unwrap();
        assert_eq!(seen["requests"].to_string().contains(&format!("{{\"hint\":\"{path}\"}}")), kept, "{path}: {seen}");
    }
}
