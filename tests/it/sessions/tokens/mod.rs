//! Tokens of a session: each API gets its own, they are renewed once for all who ask, and revoked when the session
//! ends.

mod ends;
mod failures;
mod logins;
mod renewals;

use std::str::FromStr as _;

use axum::{Json, response::IntoResponse as _};
use globus_portal::{
    clock::Clock,
    session::{session_key, store::SessionKey},
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tower_sessions::session::Id;

use crate::harness::{
    Answer, Browser, Portal, PortalBuilder, Provider, parameter,
    provider::{Request, id_token, token_response},
};

const TRANSFER: &str = "transfer.api.globus.org";
const NOW: i64 = 1_800_000_000;
/// How long the tokens of these tests last.
const LIFE: i64 = 3600;

/// A portal with a manual clock, and its provider.
struct Stage {
    provider: Provider,
    portal: Portal,
    clock: Clock,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// With refresh tokens.
    async fn renewing() -> Self {
        Self::with(|builder| builder.set("REFRESH_TOKENS", "true")).await
    }

    async fn with(change: impl FnOnce(PortalBuilder) -> PortalBuilder) -> Self {
        let provider = Provider::start().await;
        provider.on_other(|_| Json(empty_page()).into_response());
        let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(NOW).unwrap());
        let portal = change(Portal::with().provider(&provider).clock(&clock)).start().await;
        Self { provider, portal, clock }
    }

    /// A login in a new browser. `change` makes the token response of a good one with no other tokens.
    async fn log_in(&self, change: impl FnOnce(&mut Value)) -> (Browser, Answer) {
        let browser = Browser::new();
        let answer = self.log_in_again(&browser, change).await;
        (browser, answer)
    }

    async fn log_in_again(&self, browser: &Browser, change: impl FnOnce(&mut Value)) -> Answer {
        let authorize = self.portal.begin_login(browser, "").await;
        let nonce = parameter(&authorize, "nonce").unwrap();
        let claims = self.provider.good_claims(&nonce, self.clock.now().unix_timestamp());
        let mut response = token_response(&id_token(&claims));
        change(&mut response);
        self.provider.on_token(move |_| Json(response.clone()).into_response());
        browser.get(&self.portal.callback(&authorize, "a-code")).await
    }

    /// A login that gives a Transfer token with a refresh token.
    async fn log_in_with_transfer(&self) -> Browser {
        let (browser, answer) = self.log_in(|response| response["other_tokens"] = json!([transfer("first")])).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser
    }

    fn key(&self, browser: &Browser) -> SessionKey {
        session_key(Id::from_str(&self.portal.session_cookie(browser).unwrap()).unwrap())
    }

    async fn endpoints(&self, browser: &Browser) -> Answer {
        browser.get(&self.portal.url("/endpoints")).await
    }

    /// The `Authorization` headers of all calls other than those of logins and revocations.
    fn bearers(&self) -> Vec<String> {
        self.provider
            .other_calls()
            .iter()
            .map(|call| call.headers["authorization"].to_str().unwrap().to_owned())
            .collect()
    }

    fn refreshes(&self) -> Vec<Request> {
        let calls = self.provider.token_calls();
        calls.into_iter().filter(|call| call.field("grant_type") == Some("refresh_token")).collect()
    }

    fn revoked(&self) -> Vec<String> {
        let calls = self.provider.revoke_calls();
        let mut tokens: Vec<_> = calls.iter().map(|call| call.field("token").unwrap().to_owned()).collect();
        tokens.sort();
        tokens
    }
}

fn empty_page() -> Value {
    json!({"DATA_TYPE": "endpoint_list", "DATA": [], "has_next_page": false, "limit": 25, "offset": 0})
}

/// A token document of a resource server, whose tokens begin with `name`.
fn document(resource_server: &str, name: &str) -> Value {
    json!({
        "access_token": format!("{name}-access"), "refresh_token": format!("{name}-refresh"), "scope": "one two",
        "expires_in": LIFE, "token_type": "Bearer", "resource_server": resource_server, "state": "s",
    })
}

fn transfer(name: &str) -> Value {
    document(TRANSFER, name)
}

/// What a refresh answers.
fn renewed(name: &str) -> Value {
    let mut response = transfer(name);
    response["other_tokens"] = json!([]);
    response
}
