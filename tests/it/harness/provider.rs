//! A provider under the test's control: it counts calls, and answers whatever the test wants.

use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    digest,
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA512},
};
use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub const CLIENT_ID: &str = "11111111-2222-4333-8444-555555555555";
pub const CLIENT_SECRET: &str = "SENTINEL-client-secret";

/// Two signing keys, made once for all tests.
static KEYS: LazyLock<[KeyPair; 2]> = LazyLock::new(|| [(); 2].map(|()| KeyPair::generate(KeySize::Rsa2048).unwrap()));

/// A call that came in.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub form: Vec<(String, String)>,
}

impl Call {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What it answers, and when.
type TokenAnswer = Arc<dyn Fn(&Call) -> Response + Send + Sync>;

/// What the provider knows and has seen.
pub struct Inner {
    base: String,
    /// Calls of the token endpoint.
    pub token_calls: Mutex<Vec<Call>>,
    /// Calls of the revocation endpoint.
    pub revoke_calls: Mutex<Vec<Call>>,
    /// How often the key set was asked for.
    pub key_calls: AtomicUsize,
    /// Answers the token endpoint.
    pub token_answer: Mutex<TokenAnswer>,
    /// Answers the revocation endpoint.
    pub revoke_answer: Mutex<TokenAnswer>,
    /// The discovery document.
    pub discovery: Mutex<Value>,
    /// The key set.
    pub key_set: Mutex<Value>,
}

/// A provider that listens.
pub struct Provider {
    pub base: String,
    pub inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Provider {
    /// A provider that behaves, but for `token_answer`, which the test sets.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            base: base.clone(),
            token_calls: Mutex::default(),
            revoke_calls: Mutex::default(),
            key_calls: AtomicUsize::new(0),
            token_answer: Mutex::new(Arc::new(|_| StatusCode::NOT_IMPLEMENTED.into_response())),
            revoke_answer: Mutex::new(Arc::new(|_| Json(json!({"active": false})).into_response())),
            discovery: Mutex::new(json!({"issuer": base, "jwks_uri": format!("{base}/jwk.json")})),
            key_set: Mutex::new(json!({"keys": [jwk(0, Some("0"))]})),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwk.json", get(key_set))
            .route("/v2/oauth2/token", post(token))
            .route("/v2/oauth2/token/revoke", post(revoke))
            .with_state(inner.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, inner, server }
    }

    /// Sets what the token endpoint answers.
    pub fn on_token(&self, answer: impl Fn(&Call) -> Response + Send + Sync + 'static) {
        *self.inner.token_answer.lock().unwrap() = Arc::new(answer);
    }

    pub fn on_revoke(&self, answer: impl Fn(&Call) -> Response + Send + Sync + 'static) {
        *self.inner.revoke_answer.lock().unwrap() = Arc::new(answer);
    }

    /// Lets the token endpoint answer with one token and this id_token.
    pub fn answer_with(&self, id_token: String) {
        self.on_token(move |_| Json(token_response(&id_token)).into_response());
    }

    pub fn token_calls(&self) -> Vec<Call> {
        self.inner.token_calls.lock().unwrap().clone()
    }

    pub fn revoke_calls(&self) -> Vec<Call> {
        self.inner.revoke_calls.lock().unwrap().clone()
    }

    /// The claims that a login must have to succeed, for an access token `SENTINEL-auth-access-token`.
    pub fn good_claims(&self, nonce: &str, now: i64) -> Value {
        json!({
            "iss": self.base, "sub": "person-1", "aud": CLIENT_ID, "exp": now + 3600, "iat": now, "nonce": nonce,
            "at_hash": at_hash("SENTINEL-auth-access-token"), "name": "Person One", "preferred_username": "one@example.org",
        })
    }
}

/// A good token response: Globus Auth's own token on top, and the id_token.
pub fn token_response(id_token: &str) -> Value {
    json!({
        "access_token": "SENTINEL-auth-access-token", "scope": "openid", "expires_in": 172_800, "token_type": "Bearer",
        "resource_server": "auth.globus.org", "id_token": id_token, "other_tokens": [],
    })
}

/// The public part of a key as a member of a key set.
pub fn jwk(key: usize, kid: Option<&str>) -> Value {
    let public = KEYS[key].public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut jwk = json!({
        "kty": "RSA", "alg": "RS512", "use": "sig",
        "n": number(public.modulus().big_endian_without_leading_zero()),
        "e": number(public.exponent().big_endian_without_leading_zero()),
    });
    if let Some(kid) = kid {
        jwk["kid"] = kid.into();
    }
    jwk
}

/// The public key as PEM text, which a careless verifier would take for an HMAC key.
pub fn public_key_pem(key: usize) -> String {
    let der = KEYS[key].public_key().as_der().unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

/// Signs header and claims with RS512, whatever the header says.
pub fn sign(key: usize, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; KEYS[key].public_modulus_len()];
    KEYS[key].sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An id_token as Globus makes it.
pub fn id_token(claims: &Value) -> String {
    sign(0, &json!({"typ": "JWT", "alg": "RS512", "kid": "0"}), claims)
}

pub fn at_hash(access_token: &str) -> String {
    let hash = digest::digest(&digest::SHA512, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..32])
}

async fn discovery(State(inner): State<Arc<Inner>>) -> Json<Value> {
    Json(inner.discovery.lock().unwrap().clone())
}

async fn key_set(State(inner): State<Arc<Inner>>) -> Json<Value> {
    inner.key_calls.fetch_add(1, Ordering::SeqCst);
    Json(inner.key_set.lock().unwrap().clone())
}

async fn token(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let call = Call { method, uri, headers, form };
    inner.token_calls.lock().unwrap().push(call.clone());
    let answer = inner.token_answer.lock().unwrap().clone();
    answer(&call)
}

async fn revoke(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let call = Call { method, uri, headers, form };
    inner.revoke_calls.lock().unwrap().push(call.clone());
    let answer = inner.revoke_answer.lock().unwrap().clone();
    answer(&call)
}
