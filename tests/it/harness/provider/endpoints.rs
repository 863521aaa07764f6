//! The state of the provider, the requests it got, and how it answers by path.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json,
    http::{Method, StatusCode},
    response::IntoResponse as _,
};
use serde_json::{Value, json};

use super::{gate::Gate, request::Request, step::Step, tokens::jwk};

pub const DISCOVERY: &str = "/.well-known/openid-configuration";
pub const KEY_SET: &str = "/jwk.json";
pub const TOKEN: &str = "/v2/oauth2/token";
pub const REVOKE: &str = "/v2/oauth2/token/revoke";

/// Decides by the request.
pub type Answer = Arc<dyn Fn(&Request) -> Step + Send + Sync>;

/// Something to do.
type Hook = Arc<dyn Fn() + Send + Sync>;

/// A gate, while there is one.
type MaybeGate = Mutex<Option<Arc<Gate>>>;

pub struct Inner {
    /// Every request, in order.
    pub requests: Mutex<Vec<Request>>,
    /// Answers every path, where there is one.
    pub everything: Option<Answer>,
    /// The steps that [`everything`](Self::everything) takes one by one.
    pub script: Mutex<VecDeque<Step>>,
    /// Answers the token endpoint.
    pub token_answer: Mutex<Answer>,
    /// Answers the revocation endpoint.
    pub revoke_answer: Mutex<Answer>,
    /// Answers any other path.
    pub other_answer: Mutex<Answer>,
    /// The discovery document.
    pub discovery: Mutex<Value>,
    /// Whether the discovery document is answered with status 500.
    pub discovery_down: AtomicBool,
    /// Calls of the discovery document wait here before they are answered.
    pub discovery_gate: MaybeGate,
    /// The `Date` of answers with the discovery document; the real time by default.
    pub date: Mutex<Option<String>>,
    /// The key set.
    pub key_set: Mutex<Value>,
    /// Whether the key set is answered with status 500.
    pub keys_down: AtomicBool,
    /// Calls of the key set wait here before they are answered.
    pub key_gate: MaybeGate,
    /// Called on each request for the key set, before the answer.
    pub on_keys: Mutex<Option<Hook>>,
    /// Calls of the token endpoint wait here before their answer is created.
    pub token_gate: MaybeGate,
    /// While the flag is set, calls of the token endpoint take this long.
    pub token_delay: Mutex<Option<(Arc<AtomicBool>, Duration)>>,
    /// Answers of the token endpoint wait here before they are sent.
    pub answer_gate: MaybeGate,
}

impl Inner {
    pub fn new(base: &str, everything: Option<Answer>) -> Self {
        let always = |status: StatusCode| Mutex::new(Arc::new(move |_: &Request| refusal(status)) as Answer);
        let revoked = |_: &Request| Json(json!({"active": false})).into_response().into();
        Self {
            requests: Mutex::default(),
            everything,
            script: Mutex::default(),
            token_answer: always(StatusCode::NOT_IMPLEMENTED),
            revoke_answer: Mutex::new(Arc::new(revoked)),
            other_answer: always(StatusCode::NOT_FOUND),
            discovery: Mutex::new(json!({"issuer": base, "jwks_uri": format!("{base}{KEY_SET}")})),
            discovery_down: AtomicBool::new(false),
            discovery_gate: Mutex::default(),
            date: Mutex::default(),
            key_set: Mutex::new(json!({"keys": [jwk(0, Some("0"))]})),
            keys_down: AtomicBool::new(false),
            key_gate: Mutex::default(),
            on_keys: Mutex::default(),
            token_gate: Mutex::default(),
            token_delay: Mutex::default(),
            answer_gate: Mutex::default(),
        }
    }

    /// The calls so far that match.
    pub fn calls(&self, like: impl Fn(&Request) -> bool) -> Vec<Request> {
        self.requests.lock().unwrap().iter().filter(|request| like(request)).cloned().collect()
    }

    /// How often the key set was requested.
    pub fn key_calls(&self) -> usize {
        self.calls(|request| request.is(&Method::GET, KEY_SET)).len()
    }

    pub async fn answer(self: Arc<Self>, request: Request) -> Step {
        self.requests.lock().unwrap().push(request.clone());
        if let Some(everything) = &self.everything {
            let scripted = self.script.lock().unwrap().pop_front();
            return scripted.unwrap_or_else(|| everything(&request));
        }
        match (request.method.as_str(), request.uri.path()) {
            ("GET", DISCOVERY) => self.discovery().await,
            ("GET", KEY_SET) => self.key_set().await,
            ("POST", TOKEN | REVOKE) if !request.is_form() => refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("POST", TOKEN) => self.token(&request).await,
            ("POST", REVOKE) => made(&self.revoke_answer, &request),
            _ => made(&self.other_answer, &request),
        }
    }

    async fn discovery(&self) -> Step {
        pass(&self.discovery_gate).await;
        if self.discovery_down.load(Ordering::SeqCst) {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR);
        }
        let answer = Step::text(200, self.discovery.lock().unwrap().to_string());
        match &*self.date.lock().unwrap() {
            Some(date) => answer.with("date", date),
            None => answer,
        }
    }

    async fn key_set(&self) -> Step {
        let hook = self.on_keys.lock().unwrap().clone();
        if let Some(hook) = hook {
            hook();
        }
        pass(&self.key_gate).await;
        if self.keys_down.load(Ordering::SeqCst) {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Step::text(200, self.key_set.lock().unwrap().to_string())
    }

    async fn token(&self, request: &Request) -> Step {
        pass(&self.token_gate).await;
        let delay = self.token_delay.lock().unwrap().clone();
        if let Some((slow, by)) = delay
            && slow.load(Ordering::SeqCst)
        {
            tokio::time::sleep(by).await;
        }
        let answer = made(&self.token_answer, request);
        pass(&self.answer_gate).await;
        answer
    }
}

fn refusal(status: StatusCode) -> Step {
    status.into_response().into()
}

/// Creates an answer; other calls may be answered meanwhile.
fn made(answer: &Mutex<Answer>, request: &Request) -> Step {
    let answer = answer.lock().unwrap().clone();
    answer(request)
}

async fn pass(gate: &MaybeGate) {
    let gate = gate.lock().unwrap().clone();
    if let Some(gate) = gate {
        gate.pass().await;
    }
}
