//! The stand-in itself: what it refuses, what it gives, and that its documents have Globus's shapes.

use std::collections::BTreeSet;
use std::io;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use globus_portal::sandbox::{CLIENT_ID, CLIENT_SCOPE, CLIENT_SECRET, NATIVE_CLIENT_ID, Options, Sandbox};
use reqwest::header::{CONTENT_SECURITY_POLICY, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;
use url::Url;

const REDIRECT_URI: &str = "http://localhost:5000/login";
const TRANSFER: &str = "urn:globus:auth:scope:transfer.api.globus.org:all";
const MIRA: &str = "mira@northfield.example";
const JONAS: &str = "jonas@ridgeline.example";
const PRIYA: &str = "priya@coastal.example";
const QUIRK: &str = "quirk@hostile.example";

/// A running sandbox and one browser that visits it.
struct Visit {
    base: String,
    http: Client,
    cookie: std::sync::Mutex<Option<String>>,
    server: JoinHandle<io::Result<()>>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Visit {
    async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    async fn start_with(options: Options) -> Self {
        let sandbox = Sandbox::bind(options).await.unwrap();
        let http = Client::builder().redirect(Policy::none()).no_proxy();
        Self {
            base: sandbox.base_url(),
            http: http.build().unwrap(),
            cookie: None.into(),
            server: tokio::spawn(sandbox.serve(std::future::pending())),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request as the browser does and keeps the cookie that comes back.
    async fn send(&self, request: RequestBuilder) -> Response {
        let cookie = self.cookie.lock().unwrap().clone();
        let request = match cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        };
        let response = request.send().await.unwrap();
        if let Some(set) = response.headers().get(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            *self.cookie.lock().unwrap() = Some(pair);
        }
        response
    }

    async fn get(&self, path: &str) -> Response {
        self.send(self.http.get(self.url(path))).await
    }

    async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send(self.http.post(self.url(path)).form(fields)).await
    }

    async fn authorize(&self, request: &[(&str, &str)]) -> Response {
        let url = Url::parse_with_params(&self.url("/v2/oauth2/authorize"), request).unwrap();
        self.send(self.http.get(url)).await
    }

    /// Signs in as somebody and decides; gives the address that the browser is sent to.
    async fn decide(&self, who: &str, decision: &str, request: &[(&str, &str)]) -> Url {
        let page = self.authorize(request).await;
        assert_eq!(page.status(), StatusCode::OK);
        let name = hidden(&page.text().await.unwrap(), "request");
        let chosen = self.submit("/v2/web/choose", &[("request", &name), ("identity", who)]).await;
        assert_eq!(chosen.status(), StatusCode::SEE_OTHER);
        let fields = [("request", name.as_str()), ("decision", decision)];
        let back = self.submit("/v2/web/consent", &fields).await;
        assert_eq!(back.status(), StatusCode::SEE_OTHER);
        location(&back)
    }

    async fn code(&self, who: &str, request: &[(&str, &str)]) -> String {
        let back = self.decide(who, "allow", request).await;
        parameter(&back, "code").unwrap()
    }

    async fn token(&self, form: &[(&str, &str)]) -> Response {
        let request = self.http.post(self.url("/v2/oauth2/token")).form(form);
        let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        request.send().await.unwrap()
    }

    async fn exchange(&self, code: &str) -> Response {
        self.token(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI)]).await
    }

    /// A whole login.
    async fn log_in(&self, who: &str, request: &[(&str, &str)]) -> Value {
        let code = self.code(who, request).await;
        let answer = self.exchange(&code).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.json().await.unwrap()
    }

    async fn bearer(&self, path: &str, token: &str) -> Response {
        let request = self.http.get(self.url(path)).bearer_auth(token);
        request.send().await.unwrap()
    }

    async fn as_app(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = self.http.post(self.url(path)).form(form);
        let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        request.send().await.unwrap()
    }

    async fn is_active(&self, token: &str) -> bool {
        let answer = self.as_app("/v2/oauth2/token/introspect", &[("token", token)]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json::<Value>().await.unwrap()["active"] == true
    }

    async fn my_endpoints(&self, token: &str, more: &str) -> Value {
        let path = format!("/v0.10/endpoint_search?filter_scope=my-endpoints{more}");
        let answer = self.bearer(&path, token).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }
}

/// Parameters of a request that differ from the usual.
type Change<'a> = &'a [(&'a str, &'a str)];

/// The parameters that every request has, and the given ones. A given one replaces.
fn request<'a>(scope: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT_URI),
        ("scope", scope),
        ("state", "the state"),
        ("response_type", "code"),
    ];
    all.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    all.extend(more);
    all
}

fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.split_once(&start).unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

fn location(response: &Response) -> Url {
    let text = response.headers()[LOCATION].to_str().unwrap();
    Url::parse(text).unwrap()
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs.find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
}

fn token_of<'a>(answer: &'a Value, resource_server: &str) -> &'a str {
    let mut all = std::iter::once(answer).chain(answer["other_tokens"].as_array().unwrap());
    let found = all.find(|token| token["resource_server"] == resource_server);
    found.unwrap()["access_token"].as_str().unwrap()
}

fn members(document: &Value) -> Vec<&str> {
    let object = document.as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

fn jwt_part(token: &str, index: usize) -> String {
    let part = token.split('.').nth(index).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn assert_error(answer: Response, status: u16, body: &str) {
    assert_eq!(answer.status().as_u16(), status);
    assert_eq!(answer.text().await.unwrap(), body);
}

const INVALID_GRANT: &str = r#"{"error":"invalid_grant"}"#;

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
async fn what_is_wrong_with_the_app_is_told_on_a_page_and_never_redirected() {
    let visit = Visit::start().await;
    let guest_data_access =
        format!("{TRANSFER}[*https://auth.globus.org/scopes/542f1a4c-1145-4604-b926-dd8c9916ae03/data_access]");
    let cases: [(Change<'_>, &str, &str); 10] = [
        (&[("client_id", "")], "Missing client_id parameter.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("client_id", "x")], "Invalid client_id parameter value.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("redirect_uri", "")], "Missing redirect URI.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("redirect_uri", "/login")], "Invalid redirect URI.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("redirect_uri", "http://localhost/#x")], "Invalid redirect URI.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (&[("redirect_uri", "https://evil.example/")], "Mismatching redirect URI.", "OAUTH_AUTH_REQUEST_FAILURE"),
        (
            &[("redirect_uri", "http://localhost.evil.example/")],
            "Mismatching redirect URI.",
            "OAUTH_AUTH_REQUEST_FAILURE",
        ),
        (
            &[("redirect_uri", "http://localhost@evil.example/")],
            "Mismatching redirect URI.",
            "OAUTH_AUTH_REQUEST_FAILURE",
        ),
        (&[("scope", "openid <b>nonsense</b>")], "&#60;b&#62;nonsense&#60;/b&#62;", "UNKNOWN_SCOPE_ERROR"),
        (&[("scope", &guest_data_access)], "data_access", "UNKNOWN_SCOPE_ERROR"),
    ];
    for (change, detail, code) in cases {
        let answer = visit.authorize(&request("openid", change)).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert!(answer.headers().get(LOCATION).is_none());
        let page = answer.text().await.unwrap();
        for text in [detail, code, "Occurred at time:", "Error ID:", "Error code:"] {
            assert!(page.contains(text), "{text} is missing in:\n{page}");
        }
    }
    let twice = [request("openid", &[]), vec![("state", "again")]].concat();
    let answer = visit.authorize(&twice).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.text().await.unwrap().contains("Duplicate state parameter."));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_to_the_app() {
    let visit = Visit::start().await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let cases: [(Change<'_>, &str); 8] = [
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("scope", "")], "invalid_scope"),
        (&[("access_type", "sometimes")], "invalid_request"),
        (&[("code_challenge", challenge)], "invalid_request"),
        (&[("code_challenge", challenge), ("code_challenge_method", "plain")], "invalid_request"),
        (&[("client_id", NATIVE_CLIENT_ID)], "invalid_request"),
        (&[("prompt", "none")], "login_required"),
    ];
    for (change, error) in cases {
        let answer = visit.authorize(&request("openid", change)).await;
        assert_eq!(answer.status(), StatusCode::FOUND);
        let back = location(&answer);
        assert!(back.as_str().starts_with(REDIRECT_URI));
        assert_eq!(parameter(&back, "error").as_deref(), Some(error), "{change:?}");
        assert_eq!(parameter(&back, "state").as_deref(), Some("the state"));
        assert_eq!(parameter(&back, "code"), None);
    }
}

#[tokio::test]
async fn registered_redirect_uris_have_to_match_exactly() {
    let uri = "https://portal.example/login";
    let visit = Visit::start_with(Options { redirect_uris: vec![uri.into()], ..Options::default() }).await;
    let page = visit.authorize(&request("openid", &[("redirect_uri", uri)])).await;
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://portal.example;"), "{policy}");
    let longer = format!("{uri}/");
    let answer = visit.authorize(&request("openid", &[("redirect_uri", &longer)])).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refusal_comes_back_as_access_denied() {
    let visit = Visit::start().await;
    let back = visit.decide(MIRA, "deny", &request("openid", &[])).await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("the state"));
    assert!(parameter(&back, "error_description").is_some());
    assert_eq!(parameter(&back, "code"), None);
}

#[tokio::test]
async fn a_sign_in_is_answered_once() {
    let visit = Visit::start().await;
    let page = visit.authorize(&request("openid", &[])).await.text().await.unwrap();
    let name = hidden(&page, "request");
    let deny = [("request", name.as_str()), ("decision", "deny")];
    let first = visit.submit("/v2/web/consent", &deny).await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    let second = visit.submit("/v2/web/consent", &deny).await;
    assert_eq!(second.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nobody_can_allow_who_is_not_signed_in() {
    let visit = Visit::start().await;
    let page = visit.authorize(&request("openid", &[])).await.text().await.unwrap();
    let name = hidden(&page, "request");
    let allow = [("request", name.as_str()), ("decision", "allow")];
    let answer = visit.submit("/v2/web/consent", &allow).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().contains("Who are you?"));
}

#[tokio::test]
async fn a_consent_is_remembered_until_more_is_asked() {
    let visit = Visit::start().await;
    visit.code(MIRA, &request("openid profile", &[])).await;
    let silent = visit.authorize(&request("profile", &[])).await;
    assert_eq!(silent.status(), StatusCode::FOUND);
    assert!(parameter(&location(&silent), "code").is_some());
    let more = visit.authorize(&request("openid email", &[])).await;
    assert!(more.text().await.unwrap().contains("would like to:"));
    let again = visit.authorize(&request("openid", &[("prompt", "login")])).await;
    assert!(again.text().await.unwrap().contains("Who are you?"));
}

#[tokio::test]
async fn after_prompt_login_the_choice_leads_straight_back() {
    let visit = Visit::start().await;
    visit.code(MIRA, &request("openid", &[])).await;
    let page = visit.authorize(&request("openid", &[("prompt", "login")])).await;
    let name = hidden(&page.text().await.unwrap(), "request");
    let chosen = visit.submit("/v2/web/choose", &[("request", &name), ("identity", MIRA)]).await;
    let next = chosen.headers()[LOCATION].to_str().unwrap().to_owned();
    let back = visit.get(&next).await;
    assert!(parameter(&location(&back), "code").is_some());
}

#[tokio::test]
async fn a_rescinded_consent_ends_all_tokens_at_once() {
    let visit = Visit::start().await;
    let scope = format!("openid {TRANSFER}");
    let answer = visit.log_in(MIRA, &request(&scope, &[("access_type", "offline")])).await;
    let unspent = visit.authorize(&request(&scope, &[])).await;
    let unspent = parameter(&location(&unspent), "code").unwrap();

    let page = visit.get("/v2/web/consents").await.text().await.unwrap();
    let consent = hidden(&page, "consent");
    let rescinded = visit.submit("/v2/web/consents", &[("consent", &consent)]).await;
    assert_eq!(rescinded.status(), StatusCode::SEE_OTHER);

    assert!(!visit.is_active(token_of(&answer, "auth.globus.org")).await);
    let transfer = token_of(&answer, "transfer.api.globus.org");
    let search = visit.bearer("/v0.10/endpoint_search?filter_scope=my-endpoints", transfer).await;
    assert_eq!(search.status(), StatusCode::UNAUTHORIZED);
    let refresh = answer["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_error(visit.token(&form).await, 400, INVALID_GRANT).await;
    assert_error(visit.exchange(&unspent).await, 401, INVALID_GRANT).await;
    let again = visit.authorize(&request(&scope, &[])).await;
    assert_eq!(again.status(), StatusCode::OK);
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
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let (input, signature) = id_token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: number("n"), e: number("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA512, input.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
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
    // The last occurrence, because entries of the identity set have some of the names, too; those before it the first.
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
    // The token is for the confidential app's own service, so that app may look at it.
    let form = [("token", answer["access_token"].as_str().unwrap()), ("include", "session_info")];
    let document = visit.as_app("/v2/oauth2/token/introspect", &form).await;
    let document: Value = document.json().await.unwrap();
    assert_eq!(document["active"], true);
    assert_eq!(document["session_info"]["authentications"], serde_json::json!({}));
}

#[tokio::test]
async fn a_required_domain_asks_until_an_identity_of_it_signs_in() {
    let visit = Visit::start().await;
    visit.code(PRIYA, &request("openid", &[])).await;
    let needs = [("session_required_single_domain", "northfield.example")];
    let page = visit.authorize(&request("openid", &needs)).await.text().await.unwrap();
    assert!(page.contains("Who are you?") && page.contains("northfield.example"));
    let name = hidden(&page, "request");
    for (identity, satisfied) in [(PRIYA, false), ("praman@northfield.example", true)] {
        let fields = [("request", name.as_str()), ("identity", identity)];
        visit.submit("/v2/web/choose", &fields).await;
        let next = visit.get(&format!("/v2/web/consent?request={name}")).await;
        assert_eq!(next.status() == StatusCode::FOUND, satisfied, "{identity}");
    }
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
async fn fifty_seven_endpoints_come_on_three_pages() {
    let visit = Visit::start().await;
    let answer = visit.log_in(JONAS, &request(TRANSFER, &[])).await;
    let token = answer["access_token"].as_str().unwrap();
    let mut seen = BTreeSet::new();
    for (offset, count, more) in [(0, 25, true), (25, 25, true), (50, 7, false)] {
        let page = visit.my_endpoints(token, &format!("&offset={offset}")).await;
        assert_eq!(members(&page), ["DATA", "DATA_TYPE", "has_next_page", "limit", "offset"]);
        let endpoints = page["DATA"].as_array().unwrap();
        assert_eq!((endpoints.len(), &page["has_next_page"]), (count, &more.into()));
        assert_eq!((&page["limit"], &page["offset"]), (&25.into(), &offset.into()));
        seen.extend(endpoints.iter().map(|e| e["id"].to_string()));
    }
    assert_eq!(seen.len(), 57);
    assert_eq!(visit.my_endpoints(token, "&limit=5000").await["limit"], 100);
}

#[tokio::test]
async fn everybody_has_endpoints_of_their_own() {
    let visit = Visit::start().await;
    let everybody = [
        (MIRA, 4),
        (JONAS, 57),
        ("amara@globusid.org", 0),
        ("0009-0004-7312-5580@scholar-id.example", 1),
        (PRIYA, 3),
        (QUIRK, 4),
    ];
    let mut seen = BTreeSet::new();
    let mut unnamed = 0;
    for (who, count) in everybody {
        let answer = visit.log_in(who, &request(TRANSFER, &[("prompt", "login")])).await;
        let page = visit.my_endpoints(answer["access_token"].as_str().unwrap(), "&limit=100").await;
        let endpoints = page["DATA"].as_array().unwrap();
        assert_eq!(endpoints.len(), count, "{who}");
        for endpoint in endpoints {
            assert!(seen.insert(endpoint["id"].to_string()));
            unnamed += usize::from(endpoint["display_name"].is_null());
        }
    }
    assert_eq!(unnamed, 1);
}

#[tokio::test]
async fn a_search_finds_by_words_kind_and_sharing() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request(TRANSFER, &[])).await;
    let token = answer["access_token"].as_str().unwrap();
    for (query, count) in [
        ("filter_fulltext=beamline+run+05", 4),
        ("filter_fulltext=cryo", 1),
        ("filter_fulltext=cryo+nonsense", 0),
        ("filter_scope=shared-with-me", 1),
        ("filter_scope=shared-by-me", 1),
        ("filter_scope=recently-used", 2),
        ("filter_scope=my-gcp-endpoints", 1),
        ("filter_scope=in-use", 0),
        ("filter_scope=my-endpoints&filter_entity_type=GCSv5_mapped_collection", 2),
        ("filter_scope=my-endpoints&filter_fulltext=SCRATCH", 1),
    ] {
        let answer = visit.bearer(&format!("/v0.10/endpoint_search?{query}"), token).await;
        let page: Value = answer.json().await.unwrap();
        assert_eq!(page["DATA"].as_array().unwrap().len(), count, "{query}");
    }
    for query in
        ["", "filter_scope=nonsense", "filter_scope=my-endpoints&limit=0", "filter_scope=my-endpoints&offset=-1"]
    {
        let answer = visit.bearer(&format!("/v0.10/endpoint_search?{query}"), token).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    let short = visit.my_endpoints(token, "&fields=id,display_name").await;
    assert_eq!(members(&short["DATA"][0]), ["DATA_TYPE", "display_name", "id"]);
}

#[tokio::test]
async fn transfer_tells_missing_dead_and_unfit_tokens_apart() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request("openid", &[])).await;
    let unfit = answer["access_token"].as_str().unwrap();
    let path = "/v0.10/endpoint/542f1a4c-1145-4604-b926-dd8c9916ae01";
    let missing = visit.get(path).await;
    assert_eq!(missing.status(), StatusCode::BAD_REQUEST);
    let document: Value = missing.json().await.unwrap();
    assert_eq!(document["code"], "ClientError.AuthenticationFailed");
    assert_eq!(document["message"], "No credentials supplied");
    assert_eq!(visit.bearer(path, "Agdead").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(visit.bearer(path, unfit).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn one_endpoint_is_a_full_document() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request(TRANSFER, &[])).await;
    let token = answer["access_token"].as_str().unwrap();
    let path = "/v0.10/endpoint/542f1a4c-1145-4604-b926-dd8c9916ae01";
    let document: Value = visit.bearer(path, token).await.json().await.unwrap();
    assert_eq!(document["display_name"], "Northfield Cryo-EM Instrument");
    assert_eq!(document["entity_type"], "GCSv5_mapped_collection");
    assert_eq!(document["owner_string"], MIRA);
    assert!(members(&document).len() > 60);
    let unknown = visit.bearer("/v0.10/endpoint/nonsense", token).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let document: Value = unknown.json().await.unwrap();
    assert_eq!(document["code"], "EndpointNotFound");
    assert_eq!(document["message"], "No such endpoint 'nonsense'");
}

#[tokio::test]
async fn data_access_exists_for_mapped_collections() {
    let visit = Visit::start().await;
    let scope = format!("{TRANSFER}[*https://auth.globus.org/scopes/542f1a4c-1145-4604-b926-dd8c9916ae01/data_access]");
    let page = visit.authorize(&request(&scope, &[])).await;
    assert_eq!(page.status(), StatusCode::OK);
    let answer = visit.log_in(MIRA, &request(&scope, &[])).await;
    assert_eq!(answer["scope"], TRANSFER);
    assert_eq!(answer["other_tokens"], Value::Array(vec![]));
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
async fn logging_out_forgets_the_sign_in_but_revokes_nothing() {
    let visit = Visit::start().await;
    let answer = visit.log_in(MIRA, &request("openid", &[])).await;
    let query =
        format!("client_id={CLIENT_ID}&redirect_uri=http://localhost:5000/?a%3D1%26b&redirect_name=A+%3Cportal%3E");
    let page = visit.get(&format!("/v2/web/logout?{query}")).await;
    assert_eq!(page.status(), StatusCode::OK);
    let cookie = page.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("sandbox_globus_auth=;") && cookie.contains("Max-Age=0"));
    let html = page.text().await.unwrap();
    assert!(html.contains("Logged out of Sandbox App"));
    assert!(html.contains("href=\"http://localhost:5000/?a=1&#38;b\""), "{html}");
    assert!(html.contains("Continue to <bdi>A &#60;portal&#62;</bdi>"));
    let again = visit.authorize(&request("openid", &[])).await;
    assert!(again.text().await.unwrap().contains("Who are you?"));
    assert!(visit.is_active(answer["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn the_logout_page_links_to_nothing_but_http() {
    let visit = Visit::start().await;
    for query in [
        "redirect_uri=javascript:alert(1)&redirect_name=x",
        "redirect_uri=data:text/html,x&redirect_name=x",
        "redirect_uri=//evil.example&redirect_name=x",
        "redirect_uri=https://a.example",
        "redirect_name=x",
    ] {
        let html = visit.get(&format!("/v2/web/logout?{query}")).await.text().await.unwrap();
        assert!(!html.contains("Continue to"), "{query}");
    }
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let visit = Visit::start().await;
    let message = "<script>alert('message')</script>";
    let request = request("openid", &[("session_message", message)]);
    let page = visit.authorize(&request).await;
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';"));
    assert!(policy.contains("form-action 'self' http://localhost:5000;"), "{policy}");
    let html = page.text().await.unwrap();
    let name = hidden(&html, "request");
    visit.submit("/v2/web/choose", &[("request", &name), ("identity", QUIRK)]).await;
    let consent = visit.get(&format!("/v2/web/consent?request={name}")).await.text().await.unwrap();
    assert!(consent.contains("O&#39;Tables"));
    let front = visit.get("/").await.text().await.unwrap();
    for html in [html, consent, front] {
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("style="), "{html}");
    }
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
