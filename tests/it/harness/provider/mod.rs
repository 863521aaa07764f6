//! A stand-in for Globus under the test's control. It records requests as they came over the wire, and answers whatever
//! the test wants: valid documents and signed id_tokens, a script, or bytes that are not HTTP at all.

mod endpoints;
mod gate;
mod request;
mod step;
mod tokens;
mod wire;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum::http::Method;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

use self::endpoints::{Answer, DISCOVERY, Inner, KEY_SET, REVOKE, TOKEN};
pub use self::{
    gate::Gate,
    request::Request,
    step::Step,
    tokens::{at_hash, id_token, jwk, public_key_pem, sign, sign_text, sign_with, token_response},
};

pub const CLIENT_ID: &str = "11111111-2222-4333-8444-555555555555";
pub const CLIENT_SECRET: &str = "SENTINEL-client-secret";

/// A listening provider. Dropping it cuts its connections.
pub struct Provider {
    /// Without a trailing slash.
    pub base: String,
    /// The same with a trailing slash, as clients expect it.
    pub url: Url,
    pub inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Provider {
    /// A provider that works, except for the token endpoint: the test sets its answer.
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    /// Answers every request by what it is, whatever its path.
    pub async fn answering<S: Into<Step>>(answer: impl Fn(&Request) -> S + Send + Sync + 'static) -> Self {
        Self::serve(Some(shared(answer))).await
    }

    /// Answers one request after the other with these steps, whatever their paths.
    pub async fn scripted(steps: impl IntoIterator<Item = Step>) -> Self {
        let provider = Self::answering(|_| Step::answer(418, "the script is at its end")).await;
        provider.inner.script.lock().unwrap().extend(steps);
        provider
    }

    /// Answers every request with the same document.
    pub async fn with(document: impl Into<String>) -> Self {
        let answer = Step::text(200, document);
        Self::answering(move |_| answer.clone()).await
    }

    async fn serve(everything: Option<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner::new(&base, everything));
        let answering = inner.clone();
        let server = tokio::spawn(wire::serve(listener, move |request| answering.clone().answer(request)));
        Self { url: base.parse().unwrap(), base, inner, server }
    }

    /// Sets what the token endpoint answers.
    pub fn on_token<S: Into<Step>>(&self, answer: impl Fn(&Request) -> S + Send + Sync + 'static) {
        *self.inner.token_answer.lock().unwrap() = shared(answer);
    }

    /// Sets what the revocation endpoint answers.
    pub fn on_revoke<S: Into<Step>>(&self, answer: impl Fn(&Request) -> S + Send + Sync + 'static) {
        *self.inner.revoke_answer.lock().unwrap() = shared(answer);
    }

    /// Sets what every path answers that has no answer of its own.
    pub fn on_other<S: Into<Step>>(&self, answer: impl Fn(&Request) -> S + Send + Sync + 'static) {
        *self.inner.other_answer.lock().unwrap() = shared(answer);
    }

    /// Lets the token endpoint answer with one token and this id_token.
    pub fn answer_with(&self, id_token: String) {
        self.on_token(move |_| Step::text(200, token_response(&id_token).to_string()));
    }

    /// Holds back calls of the token endpoint from now on.
    pub fn hold_tokens(&self) -> Arc<Gate> {
        let gate = Gate::closed();
        *self.inner.token_gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Lets later calls of the token endpoint pass a gate at which others keep waiting.
    pub fn let_others_pass(&self) {
        *self.inner.token_gate.lock().unwrap() = None;
    }

    /// Holds back answers of the token endpoint that are already created: the tokens in them are issued.
    pub fn hold_answers(&self) -> Arc<Gate> {
        let gate = Gate::closed();
        *self.inner.answer_gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Makes calls of the token endpoint take this long while `slow` is set.
    pub fn delay_tokens(&self, slow: Arc<AtomicBool>, by: Duration) {
        *self.inner.token_delay.lock().unwrap() = Some((slow, by));
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

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.inner.calls(|_| true)
    }

    /// Counts requests, for use where the provider itself is not at hand.
    pub fn counter(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let inner = self.inner.clone();
        move || inner.requests.lock().unwrap().len()
    }

    /// The requests since the last call of this.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.inner.requests.lock().unwrap())
    }

    /// The one request since the last call of this.
    pub fn the_only(&self) -> Request {
        let mut requests = self.take();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// How many steps of the script are left.
    pub fn steps_left(&self) -> usize {
        self.inner.script.lock().unwrap().len()
    }

    pub fn token_calls(&self) -> Vec<Request> {
        self.inner.calls(|request| request.is(&Method::POST, TOKEN))
    }

    pub fn revoke_calls(&self) -> Vec<Request> {
        self.inner.calls(|request| request.is(&Method::POST, REVOKE))
    }

    /// Calls of any path without an answer of its own.
    pub fn other_calls(&self) -> Vec<Request> {
        self.inner.calls(|request| ![DISCOVERY, KEY_SET, TOKEN, REVOKE].contains(&request.uri.path()))
    }

    pub fn discovery_calls(&self) -> usize {
        self.inner.calls(|request| request.is(&Method::GET, DISCOVERY)).len()
    }

    pub fn key_calls(&self) -> usize {
        self.inner.key_calls()
    }

    /// The claims that a login must have to succeed, for an access token `SENTINEL-auth-access-token`.
    pub fn good_claims(&self, nonce: &str, now: i64) -> Value {
        json!({
            "iss": self.base, "sub": "person-1", "aud": CLIENT_ID, "exp": now + 3600, "iat": now, "nonce": nonce,
            "at_hash": at_hash("SENTINEL-auth-access-token"), "name": "Person One", "preferred_username": "one@example.org",
        })
    }
}

fn shared<S: Into<Step>>(answer: impl Fn(&Request) -> S + Send + Sync + 'static) -> Answer {
    Arc::new(move |request| answer(request).into())
}
