//! id_tokens: one change at a time to a token that a login accepts, and every other one refused.

mod expected_claims;
mod forms;
mod rotation;
mod signatures;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::{
    clock::Clock,
    globus::id_token::{Expected, IdTokenError},
    secret::{AccessToken, IdToken},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::harness::{Answer, Browser, Portal, Provider, parameter, provider::id_token};

const ACCESS_TOKEN: &str = "SENTINEL-auth-access-token";
const NOW: i64 = 1_800_000_000;

/// A portal with a manual clock, and its provider.
struct Stage {
    provider: Provider,
    portal: Portal,
    clock: Clock,
}

impl Stage {
    async fn new() -> Self {
        Self::on(Provider::start().await).await
    }

    async fn on(provider: Provider) -> Self {
        Self::at(provider, Clock::manual(OffsetDateTime::from_unix_timestamp(NOW).unwrap())).await
    }

    async fn at(provider: Provider, clock: Clock) -> Self {
        let portal = Box::pin(Portal::with().provider(&provider).clock(&clock).start()).await;
        Self { provider, portal, clock }
    }

    /// A stage whose provider has this key set.
    async fn with_keys(keys: &[Value]) -> Self {
        let provider = Provider::start().await;
        *provider.inner.key_set.lock().unwrap() = json!({"keys": keys});
        Self::on(provider).await
    }

    fn claims(&self, nonce: &str) -> Value {
        self.provider.good_claims(nonce, self.clock.now().unix_timestamp())
    }

    /// A login in a new browser, whose id_token `make` creates from the nonce.
    async fn log_in(&self, make: impl FnOnce(&str) -> String) -> (Browser, Answer) {
        let browser = Browser::new();
        let authorize = self.portal.begin_login(&browser, "").await;
        self.provider.answer_with(make(&parameter(&authorize, "nonce").unwrap()));
        let answer = browser.get(&self.portal.callback(&authorize, "a-code")).await;
        (browser, answer)
    }

    async fn accepts(&self, case: &str, make: impl FnOnce(&str) -> String) {
        let (browser, answer) = self.log_in(make).await;
        assert_eq!(answer.status, 303, "{case}: {}", answer.body);
        assert!(self.portal.session_cookie(&browser).is_some(), "{case}");
        let front = browser.get(&self.portal.url("/")).await;
        assert_eq!(front.status, 200, "{case}");
    }

    async fn refuses(&self, case: &str, make: impl FnOnce(&str) -> String) {
        let (browser, answer) = self.log_in(make).await;
        assert_eq!(answer.status, 502, "{case}: {}", answer.body);
        assert_eq!(self.portal.session_cookie(&browser), None, "{case}");
        assert!(!answer.body.contains("SENTINEL"), "{case}: {}", answer.body);
        let front = browser.get(&self.portal.url("/")).await;
        assert_eq!(front.status, 303, "{case}");
    }

    /// Asserts that the login succeeds with the valid claims, and fails with each change of one of them.
    async fn refuses_changes_of(&self, claim: &str, odd: &[(&str, Option<Value>)]) {
        self.accepts("unchanged", |nonce| id_token(&self.claims(nonce))).await;
        for (case, value) in odd {
            let case = format!("{claim} {case}");
            self.refuses(&case, |nonce| id_token(&changed(self.claims(nonce), claim, value.clone()))).await;
        }
    }

    async fn accepts_changes_of(&self, claim: &str, fine: &[(&str, Option<Value>)]) {
        for (case, value) in fine {
            let case = format!("{claim} {case}");
            self.accepts(&case, |nonce| id_token(&changed(self.claims(nonce), claim, value.clone()))).await;
        }
    }

    /// The result of the portal's verifier for a token, without a login.
    async fn verify(&self, token: &str, nonce: &str) -> Result<(), IdTokenError> {
        let access_token = AccessToken::new(ACCESS_TOKEN);
        let expected = Expected::new().with_nonce(nonce).with_access_token(&access_token);
        self.portal.app.id_tokens.verify(&IdToken::new(token), &expected).await.map(drop)
    }
}

/// The claims with one of them changed or removed.
fn changed(mut claims: Value, claim: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => claims[claim] = value,
        None => drop(claims.as_object_mut().unwrap().remove(claim)),
    }
    claims
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header(alg: &Value) -> Value {
    json!({"typ": "JWT", "alg": alg, "kid": "0"})
}
