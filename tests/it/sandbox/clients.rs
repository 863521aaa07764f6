//! Apps that are registered at the sandbox, and what Globus Auth allows which app.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use globus_portal::sandbox::{CLIENT_ID, CLIENT_SECRET, NATIVE_CLIENT_ID, NewClient, Options};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::sandbox::visit::*;

const GROUPS: &str = "urn:globus:auth:scope:groups.api.globus.org:all";
const VIEW_IDENTITY_SET: &str = "urn:globus:auth:scope:auth.globus.org:view_identity_set";
const GUEST: &str = "542f1a4c-1145-4604-b926-dd8c9916ae03";
/// The Globus CLI in production.
const GLOBUS_CLI: &str = "95fdeba8-fac2-42bd-a357-e068d82ff78e";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

impl Visit {
    async fn register(&self, document: &Value) -> (StatusCode, Value) {
        let answer = self.http.post(self.url("/sandbox/clients")).json(document).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Registers an app from a native one, as the CLI does; returns its id and secret.
    async fn made_from(&self, template: &str) -> (String, String) {
        let document = json!({"client": {"template_id": template, "name": "Globus CLI"}});
        let answer = self.http.post(self.url("/v2/api/clients")).json(&document).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let document: Value = answer.json().await.unwrap();
        assert_eq!(document["client"]["parent_client"], template);
        let credential = &document["included"]["client_credential"];
        let text = |name: &str| credential[name].as_str().unwrap().to_owned();
        (text("client"), text("secret"))
    }

    async fn exchange_as(&self, id: &str, secret: &str, code: &str, redirect_uri: &str) -> reqwest::Response {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        self.http.post(self.url("/v2/oauth2/token")).basic_auth(id, Some(secret)).form(&form).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_registered_app_logs_people_in_at_its_own_redirect_uri_until_it_is_taken_out() {
    let visit = Visit::start().await;
    let redirect_uri = "https://app.example.org/back?keep=1";
    let (status, app) = visit.register(&json!({"name": "My app", "redirect_uris": [redirect_uri]})).await;
    assert_eq!((status, &app["type"]), (StatusCode::CREATED, &json!("confidential")));
    let (id, secret) = (app["client_id"].as_str().unwrap(), app["client_secret"].as_str().unwrap());
    let own = [("client_id", id), ("redirect_uri", redirect_uri)];
    let page = visit.authorize(&request("openid", &own)).await.text().await.unwrap();
    assert!(page.contains("My app"), "{page}");
    let code = visit.code(MIRA, &request("openid", &own)).await;
    assert_error(visit.exchange(&code).await, 401, INVALID_GRANT).await;
    let answer: Value = visit.exchange_as(id, secret, &code, redirect_uri).await.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    assert_eq!(visit.bearer("/v2/oauth2/userinfo", &token).await.status(), 200);

    let elsewhere = [("client_id", id), ("redirect_uri", "https://app.example.org/other")];
    let refused = visit.authorize(&request("openid", &elsewhere)).await.text().await.unwrap();
    assert!(refused.contains("Mismatching redirect URI."), "{refused}");
    // The redirect URIs of one app are not those of another.
    let other = [("redirect_uri", redirect_uri)];
    assert_eq!(visit.authorize(&request("openid", &other)).await.status(), 400);

    let all: Value = visit.get("/sandbox/clients").await.json().await.unwrap();
    assert!(all["clients"].as_array().unwrap().contains(&app));
    let gone = visit.http.delete(visit.url(&format!("/sandbox/clients/{id}"))).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(visit.bearer("/v2/oauth2/userinfo", &token).await.status(), 401);
    assert_eq!(visit.authorize(&request("openid", &own)).await.status(), 400);
    let fixed = visit.http.delete(visit.url(&format!("/sandbox/clients/{CLIENT_ID}"))).send().await.unwrap();
    assert_eq!(fixed.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_registered_native_app_must_use_pkce_and_has_no_secret() {
    let visit = Visit::start().await;
    let id = "0d6b2f7e-3c1a-4c7f-8a65-0a9f3b1c2d4e";
    let (status, app) = visit.register(&json!({"type": "native", "client_id": id})).await;
    assert_eq!((status, &app["client_secret"]), (StatusCode::CREATED, &Value::Null));
    let without = visit.authorize(&request("openid", &[("client_id", id)])).await;
    assert_eq!(parameter(&location(&without), "error").as_deref(), Some("invalid_request"));
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let pkce = [("client_id", id), ("code_challenge", &challenge), ("code_challenge_method", "S256")];
    let code = visit.code(MIRA, &request("openid", &pkce)).await;
    let form = [
        ("client_id", id),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let answer = visit.http.post(visit.url("/v2/oauth2/token")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_registration_that_makes_no_sense_says_why() {
    let visit = Visit::start().await;
    for (document, word) in [
        (json!([]), "object"),
        (json!({"nmae": "x"}), "nmae"),
        (json!({"name": ""}), "name"),
        (json!({"type": "spa"}), "native"),
        (json!({"client_id": "mine"}), "UUID"),
        (json!({"type": "native", "client_secret": "x"}), "client_secret"),
        (json!({"redirect_uris": "http://a/"}), "list"),
        (json!({"redirect_uris": ["/back"]}), "absolute"),
        (json!({"redirect_uris": ["https://a.example/#x"]}), "fragment"),
    ] {
        let (status, answer) = visit.register(&document).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{document}");
        assert!(answer["error"].as_str().unwrap().contains(word), "{document}: {answer}");
    }
    let (status, _) = visit.register(&json!({"client_id": CLIENT_ID})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    // A form on a page cannot register an app.
    let form = visit.http.post(visit.url("/sandbox/clients")).form(&[("name", "x")]).send().await.unwrap();
    assert!(form.status().is_client_error());
}

#[tokio::test]
async fn apps_of_the_options_are_there_from_the_start() {
    let (id, native) = ("0d6b2f7e-3c1a-4c7f-8a65-0a9f3b1c2d4e", "6a1d5cf0-7a0e-4f4e-9c63-7be3f1b7a111");
    let app = |id: &str, secret: Option<&str>| NewClient {
        id: id.to_owned(),
        name: "Given".to_owned(),
        secret: secret.map(str::to_owned),
    };
    let clients = vec![app(id, Some("a secret")), app(native, None)];
    let redirect_uris = vec!["https://app.example.org/back".to_owned()];
    let visit = Visit::start_with(Options { clients, redirect_uris, ..Options::default() }).await;
    let own = [("client_id", id), ("redirect_uri", "https://app.example.org/back")];
    let code = visit.code(MIRA, &request("openid", &own)).await;
    let wrong = visit.exchange_as(id, "another secret", &code, own[1].1).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(visit.exchange_as(id, "a secret", &code, own[1].1).await.status(), StatusCode::OK);
    let form = [("token", "Agnothing"), ("client_id", native)];
    let revoked = visit.http.post(visit.url("/v2/oauth2/token/revoke")).form(&form).send().await.unwrap();
    assert_error(revoked, 200, r#"{"active":false}"#).await;
}

#[tokio::test]
async fn a_native_app_makes_an_app_of_its_own_and_ends_its_tokens() {
    let visit = Visit::start().await;
    let (id, secret) = visit.made_from(GLOBUS_CLI).await;
    let auth_code_page = visit.url("/v2/web/auth-code");
    let offline = [("client_id", id.as_str()), ("redirect_uri", &auth_code_page), ("access_type", "offline")];
    let code = visit.code(MIRA, &request("openid", &offline)).await;
    let answer: Value = visit.exchange_as(&id, &secret, &code, &auth_code_page).await.json().await.unwrap();
    let tokens = ["access_token", "refresh_token"].map(|name| answer[name].as_str().unwrap());
    let is_good = async |token: &str| -> bool {
        let request = visit.http.post(visit.url("/v2/oauth2/token/validate")).basic_auth(&id, Some(&secret));
        let answer: Value = request.form(&[("token", token)]).send().await.unwrap().json().await.unwrap();
        answer["active"].as_bool().unwrap()
    };
    let revoke = async |client: &str, token: &str| {
        let form = [("client_id", client), ("token", token)];
        let answer = visit.http.post(visit.url("/v2/oauth2/token/revoke")).form(&form).send().await.unwrap();
        assert_error(answer, 200, r#"{"active":false}"#).await;
    };
    for token in tokens {
        assert!(is_good(token).await);
        // Another app revokes nothing; the app it was registered from does.
        revoke(NATIVE_CLIENT_ID, token).await;
        assert!(is_good(token).await);
        revoke(GLOBUS_CLI, token).await;
        assert!(!is_good(token).await);
    }
    let path = format!("/v2/api/clients/{id}");
    let stranger = visit.http.delete(visit.url(&path)).basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    assert_eq!(stranger.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    for (method, status) in [(Method::GET, 200), (Method::DELETE, 200), (Method::GET, 401)] {
        let call = visit.http.request(method.clone(), visit.url(&path)).basic_auth(&id, Some(&secret));
        assert_eq!(call.send().await.unwrap().status(), status, "{method}");
    }
    for template in [CLIENT_ID, "nobody"] {
        let document = json!({"client": {"template_id": template, "name": "x"}});
        let answer = visit.http.post(visit.url("/v2/api/clients")).json(&document).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{template}");
    }
}

#[tokio::test]
async fn identities_are_for_tokens_that_may_see_identities_or_the_identity_set() {
    let visit = Visit::start().await;
    let view_identities = "urn:globus:auth:scope:auth.globus.org:view_identities";
    for (scope, status) in [
        (format!("openid profile email {VIEW_IDENTITY_SET}"), 200),
        (VIEW_IDENTITY_SET.to_owned(), 200),
        (view_identities.to_owned(), 200),
        ("openid profile email".to_owned(), 403),
    ] {
        let answer = visit.log_in(MIRA, &request(&scope, &[("prompt", "login")])).await;
        let token = token_of(&answer, "auth.globus.org");
        for path in ["identities?usernames=jonas@ridgeline.example", "identity_providers?domains=globusid.org"] {
            let found = visit.bearer(&format!("/v2/api/{path}"), token).await;
            assert_eq!(found.status(), status, "{scope} {path}");
        }
    }
}

#[tokio::test]
async fn an_app_in_its_own_name_has_consents_and_a_session_without_authentications() {
    let visit = Visit::start().await;
    let form = [("grant_type", "client_credentials"), ("scope", &format!("openid {TRANSFER}") as &str)];
    let answer: Value = visit.token(&form).await.json().await.unwrap();
    let token = token_of(&answer, "auth.globus.org");
    let form = [("token", token), ("include", "session_info,identity_set")];
    let document: Value = visit.as_app("/v2/oauth2/token/introspect", &form).await.json().await.unwrap();
    assert_eq!(document["session_info"]["authentications"], json!({}));
    assert!(document["session_info"]["session_id"].is_string());
    let consents = format!("/v2/api/identities/{CLIENT_ID}/consents");
    let document: Value = visit.bearer(&consents, token).await.json().await.unwrap();
    let mut names: Vec<_> = document["consents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|consent| consent["scope_name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["openid", TRANSFER]);
    // Another app has neither these consents nor this identity.
    let (_, app) = visit.register(&json!({})).await;
    let (id, secret) = (app["client_id"].as_str().unwrap(), app["client_secret"].as_str().unwrap());
    let form = [("grant_type", "client_credentials"), ("scope", "openid profile")];
    let request = visit.http.post(visit.url("/v2/oauth2/token")).basic_auth(id, Some(secret)).form(&form);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let other = answer["access_token"].as_str().unwrap();
    assert_eq!(visit.bearer(&consents, other).await.status(), StatusCode::FORBIDDEN);
    let claims: Value = visit.bearer("/v2/oauth2/userinfo", other).await.json().await.unwrap();
    assert_eq!(claims["preferred_username"], format!("{id}@clients.auth.globus.org"));
    let found = visit.http.get(visit.url(&format!("/v2/api/identities?ids={id}")));
    let found: Value = found.basic_auth(id, Some(secret)).send().await.unwrap().json().await.unwrap();
    assert_eq!(found["identities"][0]["id"], id);
}

#[tokio::test]
async fn collections_are_managed_by_the_scope_of_their_endpoint() {
    let visit = Visit::start().await;
    let token = visit.log_in(MIRA, &request(TRANSFER, &[])).await["access_token"].as_str().unwrap().to_owned();
    let owner = async |id: &str| -> String {
        let document: Value = visit.bearer(&format!("/v0.10/endpoint/{id}"), &token).await.json().await.unwrap();
        document["owner_id"].as_str().unwrap().to_owned()
    };
    let endpoint = owner(GUEST).await;
    assert_eq!(owner("542f1a4c-1145-4604-b926-dd8c9916ae01").await, endpoint);
    let document: Value = visit.bearer(&format!("/v0.10/endpoint/{endpoint}"), &token).await.json().await.unwrap();
    assert_eq!((&document["entity_type"], &document["owner_id"]), (&json!("GCSv5_endpoint"), &json!(endpoint)));
    for (id, status) in [
        (endpoint.as_str(), StatusCode::OK),
        (GUEST, StatusCode::OK),
        // A laptop has no such server.
        ("542f1a4c-1145-4604-b926-dd8c9916ae04", StatusCode::BAD_REQUEST),
    ] {
        let scope = format!("urn:globus:auth:scope:{id}:manage_collections");
        let page = visit.authorize(&request(&scope, &[("prompt", "login")])).await;
        assert_eq!(page.status(), status, "{id}");
    }
}

#[tokio::test]
async fn what_the_sandbox_lacks_is_said_in_the_words_of_each_service() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request(&format!("{TRANSFER} {GROUPS}"), &[])).await;
    let token = token_of(&answer, "transfer.api.globus.org");
    for (method, path, status, code) in [
        (Method::GET, "/v0.10/nonsense", 404, "ClientError.NotFound.NotInSandbox"),
        (Method::PATCH, "/v0.10/task_list", 405, "ClientError.MethodNotAllowed.NotInSandbox"),
        (Method::GET, "/v2/tunnels", 404, "ClientError.NotFound.NotInSandbox"),
        (Method::GET, "/v2/api/projects", 404, "NOT_IN_SANDBOX"),
        (Method::GET, "/v2/oauth2/token", 405, "NOT_IN_SANDBOX"),
        (Method::GET, "/v2/oauth2/nonsense", 404, "NOT_IN_SANDBOX"),
        (Method::GET, "/v2/preferences", 404, "NOT_IN_SANDBOX"),
        (Method::PATCH, "/v2/groups/my_groups", 405, "NOT_IN_SANDBOX"),
        (Method::GET, "/v1/index_list", 404, "NOT_IN_SANDBOX"),
    ] {
        let call = visit.http.request(method.clone(), visit.url(path)).bearer_auth(token);
        let answer = call.header("accept", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/json", "{method} {path}");
        assert_eq!(answer.headers().contains_key("allow"), status == 405, "{method} {path}");
        let document: Value = answer.json().await.unwrap();
        let found = document.get("code").unwrap_or(&document["errors"][0]["code"]);
        assert_eq!(found, code, "{method} {path}: {document}");
        let said = document.to_string();
        assert!(said.contains(&format!("{method} {path} is not in the sandbox")), "{said}");
    }
    // The error for a body that is too long is JSON too; a person gets a page.
    let long = visit.http.post(visit.url("/v0.10/transfer")).bearer_auth(token).body(vec![b'a'; 200_000]);
    let document: Value = long.send().await.unwrap().json().await.unwrap();
    assert_eq!(document["code"], "ClientError.PayloadTooLarge");
    let page = visit.send(visit.http.get(visit.url("/v2/web/nonsense")).header("accept", "text/html,*/*")).await;
    assert_eq!(
        (page.status().as_u16(), &page.headers()["content-type"]),
        (404, &"text/html; charset=utf-8".parse().unwrap())
    );
}

#[tokio::test]
async fn a_deletion_ignores_what_is_missing_only_when_asked_to() {
    let visit = Visit::start().await;
    let token = visit.log_in(MIRA, &request(TRANSFER, &[])).await["access_token"].as_str().unwrap().to_owned();
    let open = "7e57ab1e-0000-4000-8000-000000000001";
    let delete = async |paths: &[&str], more: Value| -> Value {
        let items: Vec<Value> = paths.iter().map(|path| json!({"DATA_TYPE": "delete_item", "path": path})).collect();
        let mut document = json!({"DATA_TYPE": "delete", "endpoint": open, "DATA": items});
        document["submission_id"] = json!(uuid::Uuid::new_v4().to_string());
        for (name, value) in more.as_object().unwrap() {
            document[name] = value.clone();
        }
        let call = visit.http.post(visit.url("/v0.10/delete")).bearer_auth(&token).json(&document);
        let submitted: Value = call.send().await.unwrap().json().await.unwrap();
        visit.submit("/sandbox/tasks/finish", &[]).await;
        let id = submitted["task_id"].as_str().unwrap();
        visit.bearer(&format!("/v0.10/task/{id}"), &token).await.json().await.unwrap()
    };
    let missing = delete(&["/nothing"], json!({})).await;
    assert_eq!((&missing["status"], &missing["fatal_error"]["code"]), (&json!("FAILED"), &json!("FILE_NOT_FOUND")));
    let ignored = delete(&["/nothing", "/README.txt"], json!({"ignore_missing": true})).await;
    assert_eq!(ignored["status"], "SUCCEEDED");
    let globs = json!({"interpret_globs": true, "ignore_missing": true});
    assert_eq!(delete(&["/data/*.txt", "/data/none-*"], globs).await["status"], "SUCCEEDED");
    let left = visit.bearer(&format!("/v0.10/operation/endpoint/{open}/ls?path=/data"), &token).await;
    let left: Value = left.json().await.unwrap();
    let names: Vec<&str> =
        left["DATA"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["frames.h5", "raw"]);
    // A denied folder differs from a missing one.
    assert_eq!(delete(&["/restricted/secret.txt"], json!({"ignore_missing": true})).await["status"], "FAILED");
}

#[tokio::test]
async fn an_access_rule_lets_somebody_in_as_far_as_it_says() {
    let visit = Visit::start().await;
    let log_in = async |who: &str| -> String {
        let answer = visit.log_in(who, &request(TRANSFER, &[("prompt", "login")])).await;
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let (mira, jonas) = (log_in(MIRA).await, log_in(JONAS).await);
    let listed = async |path: &str| {
        let path = format!("/v0.10/operation/endpoint/{GUEST}/ls?path={path}");
        visit.bearer(&path, &jonas).await.status().as_u16()
    };
    let folder = async |path: &str| {
        let url = visit.url(&format!("/v0.10/operation/endpoint/{GUEST}/mkdir"));
        let call = visit.http.post(url).bearer_auth(&jonas).json(&json!({"DATA_TYPE": "mkdir", "path": path}));
        call.send().await.unwrap().status().as_u16()
    };
    assert_eq!(listed("/data").await, 403);
    let rules = visit.url(&format!("/v0.10/endpoint/{GUEST}/access"));
    let jonas_id = "87c4309c-3bb8-4ada-8ad9-d8657eed2d2f";
    let rule = json!({"DATA_TYPE": "access", "principal_type": "identity", "principal": jonas_id, "path": "/data/", "permissions": "r"});
    let stranger = visit.http.post(&rules).bearer_auth(&jonas).json(&rule).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::FORBIDDEN);
    let made: Value =
        visit.http.post(&rules).bearer_auth(&mira).json(&rule).send().await.unwrap().json().await.unwrap();
    assert_eq!((listed("/data/raw").await, listed("/").await, folder("/data/new").await), (200, 403, 403));
    let rule_url = format!("{rules}/{}", made["access_id"].as_str().unwrap());
    let change = json!({"DATA_TYPE": "access", "permissions": "rw"});
    assert_eq!(visit.http.put(&rule_url).bearer_auth(&mira).json(&change).send().await.unwrap().status(), 200);
    assert_eq!((folder("/data/new").await, folder("/new").await), (200, 403));
    assert_eq!(visit.http.delete(&rule_url).bearer_auth(&mira).send().await.unwrap().status(), 200);
    assert_eq!(listed("/data").await, 403);
}
