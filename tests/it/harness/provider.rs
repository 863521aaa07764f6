//! A provider under the test's control: it counts calls, and answers whatever the test wants.

use std::{
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    digest,
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA512, RsaSignatureEncoding},
};
use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinHandle};
use url::form_urlencoded;

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

/// Something to do.
type Hook = Arc<dyn Fn() + Send + Sync>;

/// Holds calls back until the test lets them go on.
#[derive(Debug)]
pub struct Gate {
    arrived: Semaphore,
    open: Semaphore,
    waiting: AtomicUsize,
}

/// A call that waits at a gate, until it goes on or its caller has gone.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    fn closed() -> Arc<Self> {
        Arc::new(Self { arrived: Semaphore::new(0), open: Semaphore::new(0), waiting: AtomicUsize::new(0) })
    }

    /// Ready when a call has come in and waits.
    pub async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets this and every later call go on.
    pub fn open(&self) {
        self.open.close();
    }

    /// How many calls wait: those whose callers have gone do not.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    async fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        self.arrived.add_permits(1);
        // A closed gate has a semaphore that is open, and gives no permit.
        drop(self.open.acquire().await);
    }
}

/// What the provider knows and has seen.
pub struct Inner {
    /// Calls of the token endpoint.
    pub token_calls: Mutex<Vec<Call>>,
    /// Calls of any other path.
    pub other_calls: Mutex<Vec<Call>>,
    /// Calls of the revocation endpoint.
    pub revoke_calls: Mutex<Vec<Call>>,
    /// How often the discovery document was asked for.
    pub discovery_calls: AtomicUsize,
    /// Whether the discovery document is answered with status 500.
    pub discovery_down: AtomicBool,
    /// While there is one, calls of the discovery document wait here before they are answered.
    pub discovery_gate: Mutex<Option<Arc<Gate>>>,
    /// The same for the key set.
    pub key_gate: Mutex<Option<Arc<Gate>>>,
    /// The `Date` of answers with the discovery document; the real one where there is none.
    pub date: Mutex<Option<String>>,
    /// How often the key set was asked for.
    pub key_calls: AtomicUsize,
    /// Whether the key set is answered with status 500.
    pub keys_down: AtomicBool,
    /// Called whenever the key set is asked for, before it is answered.
    pub on_keys: Mutex<Option<Hook>>,
    /// Answers the token endpoint.
    pub token_answer: Mutex<TokenAnswer>,
    /// While there is one, calls of the token endpoint wait here before they are answered.
    pub token_gate: Mutex<Option<Arc<Gate>>>,
    /// While the first is set, calls of the token endpoint take so long.
    pub token_delay: Mutex<Option<(Arc<AtomicBool>, Duration)>>,
    /// The same for answers of the token endpoint that are made, but not yet sent.
    pub answer_gate: Mutex<Option<Arc<Gate>>>,
    /// Answers the revocation endpoint.
    pub revoke_answer: Mutex<TokenAnswer>,
    /// Answers any other path.
    pub other_answer: Mutex<TokenAnswer>,
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
            token_calls: Mutex::default(),
            revoke_calls: Mutex::default(),
            other_calls: Mutex::default(),
            discovery_calls: AtomicUsize::new(0),
            discovery_down: AtomicBool::new(false),
            discovery_gate: Mutex::default(),
            key_gate: Mutex::default(),
            date: Mutex::default(),
            key_calls: AtomicUsize::new(0),
            keys_down: AtomicBool::new(false),
            on_keys: Mutex::default(),
            token_gate: Mutex::default(),
            token_delay: Mutex::default(),
            answer_gate: Mutex::default(),
            token_answer: Mutex::new(Arc::new(|_| StatusCode::NOT_IMPLEMENTED.into_response())),
            revoke_answer: Mutex::new(Arc::new(|_| Json(json!({"active": false})).into_response())),
            other_answer: Mutex::new(Arc::new(|_| StatusCode::NOT_FOUND.into_response())),
            discovery: Mutex::new(json!({"issuer": base, "jwks_uri": format!("{base}/jwk.json")})),
            key_set: Mutex::new(json!({"keys": [jwk(0, Some("0"))]})),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwk.json", get(key_set))
            .route("/v2/oauth2/token", post(token))
            .route("/v2/oauth2/token/revoke", post(revoke))
            .fallback(other)
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

    /// Sets what every path answers that has no answer of its own.
    pub fn on_other(&self, answer: impl Fn(&Call) -> Response + Send + Sync + 'static) {
        *self.inner.other_answer.lock().unwrap() = Arc::new(answer);
    }

    /// Holds back the answers of the token endpoint from now on.
    pub fn hold_tokens(&self) -> Arc<Gate> {
        let gate = Gate::closed();
        *self.inner.token_gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Lets calls of the token endpoint take so long while `slow` is set.
    pub fn delay_tokens(&self, slow: Arc<AtomicBool>, by: Duration) {
        *self.inner.token_delay.lock().unwrap() = Some((slow, by));
    }

    /// The same with answers that are made already: what they tell has happened.
    pub fn hold_answers(&self) -> Arc<Gate> {
        let gate = Gate::closed();
        *self.inner.answer_gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Holds back the discovery document from now on.
    pub fn hold_discovery(&self) -> Arc<Gate> {
        let gate = Gate::closed();
        *self.inner.discovery_gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Holds back the key set from now on.
    pub fn hold_keys(&self) -> Arc<Gate> {
        let gate = Gate::closed();
        *self.inner.key_gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Lets later calls of the token endpoint pass a gate at which others go on waiting.
    pub fn let_others_pass(&self) {
        *self.inner.token_gate.lock().unwrap() = None;
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

    pub fn other_calls(&self) -> Vec<Call> {
        self.inner.other_calls.lock().unwrap().clone()
    }

    pub fn discovery_calls(&self) -> usize {
        self.inner.discovery_calls.load(Ordering::SeqCst)
    }

    pub fn key_calls(&self) -> usize {
        self.inner.key_calls.load(Ordering::SeqCst)
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
    sign_with(&RSA_PKCS1_SHA512, key, header, claims)
}

/// Signs header and claims, by any RSA method.
pub fn sign_with(method: &'static RsaSignatureEncoding, key: usize, header: &Value, claims: &Value) -> String {
    sign_text(method, key, header, &claims.to_string())
}

/// Signs a header and a text in the place of the claims.
pub fn sign_text(method: &'static RsaSignatureEncoding, key: usize, header: &Value, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; KEYS[key].public_modulus_len()];
    KEYS[key].sign(method, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
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

async fn pass(gate: &Mutex<Option<Arc<Gate>>>) {
    let gate = gate.lock().unwrap().clone();
    if let Some(gate) = gate {
        gate.pass().await;
    }
}

async fn discovery(State(inner): State<Arc<Inner>>) -> Response {
    inner.discovery_calls.fetch_add(1, Ordering::SeqCst);
    pass(&inner.discovery_gate).await;
    if inner.discovery_down.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = Json(inner.discovery.lock().unwrap().clone()).into_response();
    if let Some(date) = &*inner.date.lock().unwrap() {
        response.headers_mut().insert("date", date.parse().unwrap());
    }
    response
}

async fn key_set(State(inner): State<Arc<Inner>>) -> Response {
    inner.key_calls.fetch_add(1, Ordering::SeqCst);
    let hook = inner.on_keys.lock().unwrap().clone();
    if let Some(hook) = hook {
        hook();
    }
    pass(&inner.key_gate).await;
    if inner.keys_down.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    Json(inner.key_set.lock().unwrap().clone()).into_response()
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
    let gate = inner.token_gate.lock().unwrap().clone();
    if let Some(gate) = gate {
        gate.pass().await;
    }
    let delay = inner.token_delay.lock().unwrap().clone();
    if let Some((slow, by)) = delay
        && slow.load(Ordering::SeqCst)
    {
        tokio::time::sleep(by).await;
    }
    let answer = inner.token_answer.lock().unwrap().clone();
    let response = answer(&call);
    let gate = inner.answer_gate.lock().unwrap().clone();
    if let Some(gate) = gate {
        gate.pass().await;
    }
    response
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

async fn other(State(inner): State<Arc<Inner>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let form = form_urlencoded::parse(&body).into_owned().collect();
    let call = Call { method, uri, headers, form };
    inner.other_calls.lock().unwrap().push(call.clone());
    let answer = inner.other_answer.lock().unwrap().clone();
    answer(&call)
}
