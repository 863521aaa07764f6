//! Which requests the sandbox serves: those for this machine, and from pages of other sites only those with credentials.

use globus_portal::sandbox::{Options, Sandbox};
use reqwest::header::{HOST, ORIGIN};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::sandbox::visit::*;

#[tokio::test]
async fn a_name_that_leads_to_loopback_by_rebinding_is_turned_away() {
    let visit = Visit::start().await;
    let ask = async |path: &str, host: &str| {
        let answer = visit.http.get(visit.url(path)).header(HOST, host).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for host in [
        "evil.example",
        "evil.example:5001",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
        "192.0.2.1",
    ] {
        for path in
            ["/", "/sandbox/clients", "/.well-known/openid-configuration", "/v0.10/task_list", "/v2/groups/my_groups"]
        {
            let (status, text) = ask(path, host).await;
            assert_eq!(status, 421, "{host} {path}");
            assert!(text.contains("this machine only") && text.contains("SANDBOX_PUBLIC_URL"), "{text}");
            assert!(!text.contains(globus_portal::sandbox::CLIENT_SECRET));
        }
    }
    for host in ["localhost", "LOCALHOST:1", "app.localhost", "127.0.0.1", "127.0.0.9:9", "[::1]:5001"] {
        assert_eq!(ask("/", host).await.0, 200, "{host}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let visit = Visit::start().await;
    let post = async |path: &str, headers: &[(&str, &str)]| {
        let mut call = visit.http.post(visit.url(path));
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        call.form(&[("identity", MIRA)]).send().await.unwrap().status().as_u16()
    };
    let changing = [
        "/sandbox/tasks/finish",
        "/sandbox/faults",
        "/sandbox/clients",
        "/v2/web/choose",
        "/v2/web/consent",
        "/v2/web/consents",
        "/v2/api/clients",
    ];
    for path in changing {
        for foreign in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://localhost.evil.example")],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
        ] {
            assert_eq!(post(path, foreign).await, 403, "{path} {foreign:?}");
        }
        for own in [
            &[][..],
            &[("origin", visit.base.as_str())],
            &[("origin", "http://localhost:3000")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
        ] {
            assert_ne!(post(path, own).await, 403, "{path} {own:?}");
        }
    }
    for path in ["/sandbox/faults", "/sandbox/seen"] {
        let call = visit.http.delete(visit.url(path)).header(ORIGIN, "https://evil.example");
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(answer.json::<Value>().await.unwrap()["error"].as_str().unwrap().contains("another site"));
    }
}

#[tokio::test]
async fn pages_of_any_site_may_call_the_apis_and_nothing_else() {
    let visit = Visit::start().await;
    let origin = "http://static.example:8080";
    let preflight = async |path: &str, method: &str| {
        let call = visit.http.request(Method::OPTIONS, visit.url(path)).header(ORIGIN, origin);
        let call = call.header("access-control-request-method", method);
        call.header("access-control-request-headers", "authorization,content-type").send().await.unwrap()
    };
    for (path, method) in [
        ("/v2/oauth2/token", "POST"),
        ("/v2/oauth2/token/revoke", "POST"),
        ("/v2/oauth2/userinfo", "GET"),
        ("/.well-known/openid-configuration", "GET"),
        ("/jwk.json", "GET"),
        ("/v2/api/identities", "GET"),
        ("/v0.10/task_list", "GET"),
        ("/v0.10/bookmark/x", "DELETE"),
        ("/v2/groups/my_groups", "GET"),
    ] {
        let answer = preflight(path, method).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{path}");
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert!(header("access-control-allow-methods").contains(method), "{path}");
        assert!(header("access-control-allow-headers").to_lowercase().contains("authorization"));
        // Errors can be read too.
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = visit.http.request(method, visit.url(path)).header(ORIGIN, origin).send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{path}");
    }
    for path in
        ["/", "/v2/oauth2/authorize", "/v2/web/consent", "/sandbox/faults", "/sandbox/clients", "/v2/api/clients"]
    {
        let answer = preflight(path, "POST").await;
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{path}");
        let answer = visit.http.get(visit.url(path)).header(ORIGIN, origin).send().await.unwrap();
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{path}");
    }
    // A page of another origin can read a fault's answer.
    let fault = json!({"fault": "status", "status": 503, "path": "/v2/oauth2/token", "times": 1});
    visit.http.post(visit.url("/sandbox/faults")).json(&fault).send().await.unwrap();
    let answer = visit.http.post(visit.url("/v2/oauth2/token")).header(ORIGIN, origin).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (503, &"*".parse().unwrap())
    );
}

#[tokio::test]
async fn a_static_portal_logs_in_with_pkce_from_a_page_of_its_own() {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let visit = Visit::start().await;
    let verifier = "v".repeat(64);
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let redirect_uri = "https://static.example/app/";
    let app = json!({"type": "native", "redirect_uris": [redirect_uri]});
    let app = visit.http.post(visit.url("/sandbox/clients")).json(&app).send().await.unwrap();
    let app: Value = app.json().await.unwrap();
    let id = app["client_id"].as_str().unwrap();
    let pkce = [
        ("client_id", id),
        ("redirect_uri", redirect_uri),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let code = visit.code(MIRA, &request("openid", &pkce)).await;
    let form = [
        ("client_id", id),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", &verifier),
    ];
    let call = visit.http.post(visit.url("/v2/oauth2/token")).header(ORIGIN, "https://static.example").form(&form);
    let answer = call.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (200, &"*".parse().unwrap())
    );
}

#[tokio::test]
async fn a_sandbox_whose_server_has_died_is_served_again_with_its_memory() {
    let sandbox = Sandbox::bind(Options::default()).await.unwrap();
    let base = sandbox.base_url();
    let first = tokio::spawn(sandbox.clone().serve(std::future::pending()));
    let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let made = http.post(format!("{base}/sandbox/clients")).json(&json!({})).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = tokio::spawn(sandbox.serve(std::future::pending()));
    let all: Value = http.get(format!("{base}/sandbox/clients")).send().await.unwrap().json().await.unwrap();
    assert!(all["clients"].as_array().unwrap().contains(&made));
    second.abort();
}
