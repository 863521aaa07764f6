//! A running sandbox and one browser that visits it.

use std::io;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use globus_portal::sandbox::{CLIENT_ID, CLIENT_SECRET, Options, Sandbox};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;
use url::Url;

pub const REDIRECT_URI: &str = "http://localhost:5000/login";
pub const TRANSFER: &str = "urn:globus:auth:scope:transfer.api.globus.org:all";
pub const MIRA: &str = "mira@northfield.example";
pub const JONAS: &str = "jonas@ridgeline.example";
pub const PRIYA: &str = "priya@coastal.example";
pub const QUIRK: &str = "quirk@hostile.example";

/// A running sandbox and one browser that visits it.
pub struct Visit {
    pub base: String,
    pub http: Client,
    cookie: std::sync::Mutex<Option<String>>,
    server: JoinHandle<io::Result<()>>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Visit {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        let sandbox = Sandbox::bind(options).await.unwrap();
        let http = Client::builder().redirect(Policy::none()).no_proxy();
        Self {
            base: sandbox.base_url(),
            http: http.build().unwrap(),
            cookie: None.into(),
            server: tokio::spawn(sandbox.serve(std::future::pending())),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request as the browser does and keeps the cookie that comes back.
    pub async fn send(&self, request: RequestBuilder) -> Response {
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

    pub async fn get(&self, path: &str) -> Response {
        self.send(self.http.get(self.url(path))).await
    }

    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send(self.http.post(self.url(path)).form(fields)).await
    }

    pub async fn authorize(&self, request: &[(&str, &str)]) -> Response {
        let url = Url::parse_with_params(&self.url("/v2/oauth2/authorize"), request).unwrap();
        self.send(self.http.get(url)).await
    }

    /// Signs in as a person and decides; returns the address that the browser is sent to.
    pub async fn decide(&self, who: &str, decision: &str, request: &[(&str, &str)]) -> Url {
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

    pub async fn code(&self, who: &str, request: &[(&str, &str)]) -> String {
        let back = self.decide(who, "allow", request).await;
        parameter(&back, "code").unwrap()
    }

    pub async fn token(&self, form: &[(&str, &str)]) -> Response {
        let request = self.http.post(self.url("/v2/oauth2/token")).form(form);
        let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        request.send().await.unwrap()
    }

    pub async fn exchange(&self, code: &str) -> Response {
        self.token(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI)]).await
    }

    /// A complete login.
    pub async fn log_in(&self, who: &str, request: &[(&str, &str)]) -> Value {
        let code = self.code(who, request).await;
        let answer = self.exchange(&code).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.json().await.unwrap()
    }

    pub async fn bearer(&self, path: &str, token: &str) -> Response {
        let request = self.http.get(self.url(path)).bearer_auth(token);
        request.send().await.unwrap()
    }

    pub async fn as_app(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = self.http.post(self.url(path)).form(form);
        let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        request.send().await.unwrap()
    }

    pub async fn is_active(&self, token: &str) -> bool {
        let answer = self.as_app("/v2/oauth2/token/introspect", &[("token", token)]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json::<Value>().await.unwrap()["active"] == true
    }

    pub async fn my_endpoints(&self, token: &str, more: &str) -> Value {
        let path = format!("/v0.10/endpoint_search?filter_scope=my-endpoints{more}");
        let answer = self.bearer(&path, token).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }
}

/// Parameters of a request that differ from the usual ones.
pub type Change<'a> = &'a [(&'a str, &'a str)];

/// The usual parameters of a request, with the given ones added or replaced.
pub fn request<'a>(scope: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
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

pub fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.split_once(&start).unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

pub fn location(response: &Response) -> Url {
    let text = response.headers()[LOCATION].to_str().unwrap();
    Url::parse(text).unwrap()
}

pub fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs.find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
}

pub fn token_of<'a>(answer: &'a Value, resource_server: &str) -> &'a str {
    let mut all = std::iter::once(answer).chain(answer["other_tokens"].as_array().unwrap());
    let found = all.find(|token| token["resource_server"] == resource_server);
    found.unwrap()["access_token"].as_str().unwrap()
}

pub fn members(document: &Value) -> Vec<&str> {
    let object = document.as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

pub fn jwt_part(token: &str, index: usize) -> String {
    let part = token.split('.').nth(index).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

pub async fn assert_error(answer: Response, status: u16, body: &str) {
    assert_eq!(answer.status().as_u16(), status);
    assert_eq!(answer.text().await.unwrap(), body);
}

pub const INVALID_GRANT: &str = r#"{"error":"invalid_grant"}"#;

/// Whether a token has the RS512 signature of a key of a key set.
pub fn verify(token: &str, key: &Value) -> bool {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
    key.verify(&RSA_PKCS1_2048_8192_SHA512, input.as_bytes(), &signature).is_ok()
}
