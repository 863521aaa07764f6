//! Tokens of a session: each API gets its own, they are renewed once for all who ask, and revoked when the session
//! ends.

use std::{str::FromStr as _, sync::Arc, time::Duration as Wait};

use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use globus_portal::{
    clock::Clock,
    error::AppError,
    globus::{
        auth::{ConfidentialAppAuthClient, TokenError},
        error::CallError,
        http::{HttpClient, Limits},
    },
    routes::logged_in::LoggedIn,
    secret::ClientSecret,
    session::{
        session_key,
        store::SessionKey,
        tokens::{TokenUnavailable, Tokens},
    },
    state::AppState,
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tower_sessions::session::Id;

use crate::harness::{
    Answer, Browser, Portal, PortalBuilder, Provider, parameter,
    place::on_every_store,
    provider::{CLIENT_ID, Request, id_token, token_response},
    steps::sessions_in,
};

const TRANSFER: &str = "transfer.api.globus.org";
const NOW: i64 = 1_800_000_000;
/// How long the tokens of these tests last.
const LIFE: i64 = 3600;

/// Changes a token response.
type Change<'a> = &'a dyn Fn(&mut Value);
/// Answers a refresh.
type Failure = Box<dyn Fn(&Request) -> Response + Send + Sync>;

on_every_store! {
    each_api_gets_its_own_token_however_many_there_are
    token_responses_of_every_allowed_form_are_taken
    token_responses_of_any_other_form_start_no_session
    a_redirect_of_an_api_is_not_followed_and_nothing_is_sent_where_it_points
    two_hundred_requests_at_expiry_make_one_refresh
    a_token_is_renewed_a_minute_before_it_expires_and_not_earlier
    a_token_without_a_refresh_token_is_used_to_its_end_and_then_asks_for_a_login
    a_refresh_token_is_kept_until_another_one_comes
    a_refresh_whose_id_token_is_about_somebody_else_is_refused_and_revoked
    a_refresh_changes_neither_the_person_nor_another_token_and_fewer_scopes_are_noted
    a_token_that_transfer_refuses_is_renewed_once_and_the_call_made_once_more
    a_call_that_is_not_allowed_renews_nothing
    a_refused_token_that_cannot_be_renewed_now_is_no_reason_to_sign_in_again
    a_refused_refresh_token_asks_for_a_login_and_keeps_the_rest_of_the_session
    a_globus_that_cannot_refresh_now_costs_neither_token_nor_session
    a_token_that_is_still_good_is_used_when_it_cannot_be_renewed_in_time
    a_refresh_that_takes_too_long_is_no_reason_to_sign_in_again
    a_token_that_comes_home_after_the_logout_is_revoked
    a_refresh_is_finished_and_kept_though_the_browser_has_left
    a_renewed_token_is_kept_though_the_page_that_needed_it_fails
    each_token_is_revoked_once_with_its_kind_and_our_credentials
    a_session_ends_when_it_is_unused_and_each_use_puts_that_off
    the_shortest_idle_limit_ends_no_session_in_use
    no_use_puts_off_the_absolute_end
    a_session_that_nobody_comes_back_to_is_swept_with_its_tokens
}

/// A portal whose clock stands still, and the provider it uses.
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

    /// The `Authorization` headers of all calls that are neither of logins nor of revocations.
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

fn invalid_grant(_: &Request) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response()
}

/// Row D2.
async fn each_api_gets_its_own_token_however_many_there_are() {
    for count in [0, 1, 20] {
        let stage = Stage::new().await;
        let names: Vec<String> =
            (0..count).map(|i| if i == 0 { TRANSFER.to_owned() } else { format!("api-{i}") }).collect();
        let others: Vec<Value> =
            names.iter().enumerate().map(|(i, name)| document(name, &format!("token-{i}"))).collect();
        let (browser, answer) = stage.log_in(|response| response["other_tokens"] = json!(others)).await;
        assert_eq!(answer.status, 303, "{count}: {}", answer.body);
        let key = stage.key(&browser);
        let facts = stage.portal.app.tokens.facts(key).await.unwrap();
        assert_eq!(facts.len(), count + 1);
        let own = stage.portal.app.tokens.fresh(key, "auth.globus.org").await.unwrap();
        assert_eq!(own.expose_secret(), "SENTINEL-auth-access-token");
        for (i, name) in names.iter().enumerate() {
            let token = stage.portal.app.tokens.fresh(key, name).await.unwrap();
            assert_eq!(token.expose_secret(), format!("token-{i}-access"), "{name}");
        }
        let unknown = stage.portal.app.tokens.fresh(key, "api-of-nobody").await;
        assert!(matches!(unknown, Err(TokenUnavailable::SignIn(_))));
        let page = stage.endpoints(&browser).await;
        if count == 0 {
            // Right after the login, another one would not help.
            assert_eq!(page.status, 403, "{}", page.body);
            assert!(stage.bearers().is_empty());
        } else {
            assert_eq!(page.status, 200, "{}", page.body);
            assert_eq!(stage.bearers(), ["Bearer token-0-access"]);
        }
        let profile = browser.get(&stage.portal.url("/profile")).await;
        assert!(!profile.body.contains("-access") && !profile.body.contains("-refresh"), "{}", profile.body);
    }
}

/// Row D2.
async fn token_responses_of_every_allowed_form_are_taken() {
    let without_refresh_token = |response: &mut Value| {
        response["refresh_token"] = json!("auth-refresh");
        response["other_tokens"] = json!([transfer("t"), document("api", "a")]);
        response["other_tokens"][0].as_object_mut().unwrap().remove("refresh_token");
    };
    let null_refresh_token = |response: &mut Value| {
        response["other_tokens"] = json!([transfer("t")]);
        response["other_tokens"][0]["refresh_token"] = Value::Null;
    };
    let twice =
        |response: &mut Value| response["other_tokens"] = json!([transfer("old"), document("api", "a"), transfer("t")]);
    let own_twice = |response: &mut Value| {
        response["other_tokens"] = json!([transfer("t"), document("auth.globus.org", "second-auth")]);
    };
    let unknown_fields = |response: &mut Value| {
        response["new"] = json!({"deep": [1, null, {"access_token": "no"}]});
        response["other_tokens"] = json!([transfer("t")]);
        response["other_tokens"][0]["other_tokens"] = json!("whatever");
        response["other_tokens"][0]["id_token"] = json!("not this one");
    };
    let lower_case_type = |response: &mut Value| {
        response["token_type"] = json!("bearer");
        response["other_tokens"] = json!([transfer("t")]);
    };
    let no_scope = |response: &mut Value| {
        response["scope"] = json!("");
        response["other_tokens"] = json!([transfer("t")]);
    };
    let cases: [(&str, Change<'_>); 7] = [
        ("an entry without a refresh token", &without_refresh_token),
        ("an entry whose refresh token is null", &null_refresh_token),
        ("a resource server twice", &twice),
        ("the resource server at the top twice", &own_twice),
        ("unknown members", &unknown_fields),
        ("a type in lower case", &lower_case_type),
        ("an empty scope", &no_scope),
    ];
    for (case, change) in cases {
        let stage = Stage::new().await;
        let (browser, answer) = stage.log_in(change).await;
        assert_eq!(answer.status, 303, "{case}: {}", answer.body);
        let page = stage.endpoints(&browser).await;
        assert_eq!(page.status, 200, "{case}: {}", page.body);
        assert_eq!(stage.bearers(), ["Bearer t-access"], "{case}");
    }
}

/// Row B11.
async fn token_responses_of_any_other_form_start_no_session() {
    let stage = Stage::new().await;
    let cases: [(&str, &str, Option<Value>); 11] = [
        ("no list of others", "other_tokens", None),
        ("no list but an object", "other_tokens", Some(json!({}))),
        ("an entry that is none", "other_tokens", Some(json!([null]))),
        ("an entry without an access token", "other_tokens", Some(json!([{"scope": "x", "resource_server": "y"}]))),
        ("no access token", "access_token", None),
        ("no scope", "scope", None),
        ("no resource server", "resource_server", None),
        ("no type", "token_type", None),
        ("another type", "token_type", Some(json!("mac"))),
        ("a text for a number", "expires_in", Some(json!("172800"))),
        ("an access token that is a number", "access_token", Some(json!(1))),
    ];
    for (case, member, value) in cases {
        let change = |response: &mut Value| match value {
            Some(value) => response[member] = value,
            None => drop(response.as_object_mut().unwrap().remove(member)),
        };
        let (browser, answer) = stage.log_in(change).await;
        assert_eq!(answer.status, 502, "{case}: {}", answer.body);
        assert_eq!(stage.portal.session_cookie(&browser), None, "{case}");
    }
}

/// Row D10.
async fn a_redirect_of_an_api_is_not_followed_and_nothing_is_sent_where_it_points() {
    let elsewhere = Provider::start().await;
    for status in [301, 302, 303, 307, 308] {
        let stage = Stage::new().await;
        let browser = stage.log_in_with_transfer().await;
        let target = format!("{}/v0.10/endpoint_search", elsewhere.base);
        stage.provider.on_other(move |_| {
            (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, target.clone())]).into_response()
        });
        let page = stage.endpoints(&browser).await;
        assert_eq!(page.status, 502, "{status}: {}", page.body);
        assert!(!page.body.contains(&elsewhere.base), "{status}: {}", page.body);
        assert_eq!(stage.bearers(), ["Bearer first-access"], "{status}");
    }
    assert!(elsewhere.other_calls().is_empty());
}

/// Row D3.
async fn two_hundred_requests_at_expiry_make_one_refresh() {
    let stage = Arc::new(Stage::renewing().await);
    let browser = Arc::new(stage.log_in_with_transfer().await);
    stage.clock.advance(Duration::seconds(LIFE));
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let (stage, browser) = (stage.clone(), browser.clone());
            tokio::spawn(async move { stage.endpoints(&browser).await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(stage.refreshes().len(), 1);
    assert_eq!(stage.refreshes()[0].field("refresh_token"), Some("first-refresh"));
    let bearers = stage.bearers();
    assert_eq!(bearers.len(), 200);
    assert!(bearers.iter().all(|bearer| bearer == "Bearer second-access"));
}

/// Row D3.
async fn a_token_is_renewed_a_minute_before_it_expires_and_not_earlier() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    stage.clock.advance(Duration::seconds(LIFE - 61));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    stage.clock.advance(Duration::seconds(1));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.bearers(), ["Bearer first-access", "Bearer second-access"]);
    assert_eq!(stage.refreshes().len(), 1);
}

/// Row D3.
async fn a_token_without_a_refresh_token_is_used_to_its_end_and_then_asks_for_a_login() {
    let stage = Stage::new().await;
    let (browser, _) = stage
        .log_in(|response| {
            response["other_tokens"] = json!([transfer("first")]);
            response["other_tokens"][0].as_object_mut().unwrap().remove("refresh_token");
        })
        .await;
    stage.clock.advance(Duration::seconds(LIFE - 1));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    stage.clock.advance(Duration::seconds(1));
    let page = stage.endpoints(&browser).await;
    assert_eq!((page.status.as_u16(), page.header("location")), (303, Some("/login?next=%2Fendpoints")));
    assert!(stage.refreshes().is_empty());
    assert_eq!(stage.bearers(), ["Bearer first-access"]);
}

/// Row D8.
async fn a_refresh_token_is_kept_until_another_one_comes() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let mut keeping = renewed("second");
    keeping.as_object_mut().unwrap().remove("refresh_token");
    stage.provider.on_token(move |_| Json(keeping.clone()).into_response());
    stage.clock.advance(Duration::seconds(LIFE));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    stage.provider.on_token(|_| Json(renewed("third")).into_response());
    stage.clock.advance(Duration::seconds(LIFE));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    stage.provider.on_token(|_| Json(renewed("fourth")).into_response());
    stage.clock.advance(Duration::seconds(LIFE));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    let refreshes = stage.refreshes();
    let used: Vec<_> = refreshes.iter().map(|call| call.field("refresh_token").unwrap()).collect();
    assert_eq!(used, ["first-refresh", "first-refresh", "third-refresh"]);
    assert_eq!(stage.bearers(), ["Bearer second-access", "Bearer third-access", "Bearer fourth-access"]);
}

/// Row D7. In one thread: each of these requests is in line before the first one has its answer.
#[tokio::test]
async fn those_who_wait_for_a_renewal_that_fails_do_not_all_try_it_again() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let key = stage.key(&browser);
    stage.clock.advance(Duration::seconds(LIFE));
    stage.provider.on_token(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    let gate = stage.provider.hold_tokens();
    let ask = || {
        let tokens = stage.portal.app.tokens.clone();
        tokio::spawn(async move { tokens.fresh(key, TRANSFER).await })
    };
    let asked: Vec<_> = (0..20).map(|_| ask()).collect();
    gate.arrival().await;
    gate.open();
    let mut failures = Vec::new();
    for answer in asked {
        failures.push(answer.await.unwrap().unwrap_err());
    }
    assert!(matches!(failures[0], TokenUnavailable::Globus(_)), "{:?}", failures[0]);
    assert!(failures[1..].iter().all(|failure| matches!(failure, TokenUnavailable::JustFailed)), "{failures:?}");
    assert_eq!(stage.refreshes().len(), 1);
    // Whoever comes afterwards tries it again.
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.refreshes().len(), 2);
}

/// Row D8.
async fn a_refresh_whose_id_token_is_about_somebody_else_is_refused_and_revoked() {
    for (claim, value) in [("sub", "person-2"), ("iss", "https://evil.example"), ("aud", "another app")] {
        let stage = Stage::renewing().await;
        let browser = stage.log_in_with_transfer().await;
        let mut answer = renewed("foreign");
        let mut claims = stage.provider.good_claims("", NOW);
        claims[claim] = json!(value);
        answer["id_token"] = json!(id_token(&claims));
        stage.provider.on_token(move |_| Json(answer.clone()).into_response());
        stage.clock.advance(Duration::seconds(LIFE));
        let page = stage.endpoints(&browser).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (303, Some("/login?next=%2Fendpoints")), "{claim}");
        assert!(stage.bearers().is_empty(), "{claim}");
        // Those of before as well: nobody has them any more.
        let all = ["first-access", "first-refresh", "foreign-access", "foreign-refresh"];
        assert_eq!(stage.revoked(), all, "{claim}");
        let front = browser.get(&stage.portal.url("/")).await;
        assert!(front.body.contains("Person One"), "{claim}: {}", front.body);
    }
}

/// Row D8.
async fn a_refresh_changes_neither_the_person_nor_another_token_and_fewer_scopes_are_noted() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let key = stage.key(&browser);
    let mut answer = renewed("second");
    answer["scope"] = json!("one");
    answer["other_tokens"] = json!([document("auth.globus.org", "another-auth")]);
    let mut claims = stage.provider.good_claims("", NOW);
    claims["name"] = json!("Person Two");
    answer["id_token"] = json!(id_token(&claims));
    stage.provider.on_token(move |_| Json(answer.clone()).into_response());
    stage.clock.advance(Duration::seconds(LIFE));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    let facts = stage.portal.app.tokens.facts(key).await.unwrap();
    let of_transfer = facts.iter().find(|facts| facts.resource_server == TRANSFER).unwrap();
    assert_eq!(of_transfer.scopes, ["one"]);
    let own = stage.portal.app.tokens.fresh(key, "auth.globus.org").await.unwrap();
    assert_eq!(own.expose_secret(), "SENTINEL-auth-access-token");
    let front = browser.get(&stage.portal.url("/")).await;
    assert!(front.body.contains("Person One") && !front.body.contains("Person Two"), "{}", front.body);
}

/// Row D9.
async fn a_token_that_transfer_refuses_is_renewed_once_and_the_call_made_once_more() {
    let refusal = || (StatusCode::UNAUTHORIZED, Json(json!({"code": "AuthenticationFailed", "message": "no"})));
    for (refused, status, bearers) in [
        ("first", 200, vec!["Bearer first-access", "Bearer second-access"]),
        ("all", 303, vec!["Bearer first-access", "Bearer second-access"]),
    ] {
        let stage = Stage::renewing().await;
        let browser = stage.log_in_with_transfer().await;
        stage.clock.advance(Duration::seconds(120));
        stage.provider.on_token(|_| Json(renewed("second")).into_response());
        stage.provider.on_other(move |call| {
            let is_first = call.headers["authorization"] == "Bearer first-access";
            if is_first || refused == "all" { refusal().into_response() } else { Json(empty_page()).into_response() }
        });
        assert_eq!(stage.endpoints(&browser).await.status, status, "{refused}");
        assert_eq!((stage.bearers(), stage.refreshes().len()), (bearers.iter().map(ToString::to_string).collect(), 1));
    }
}

/// Row D9.
async fn a_call_that_is_not_allowed_renews_nothing() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_other(|_| {
        (StatusCode::FORBIDDEN, Json(json!({"code": "PermissionDenied", "message": "no"}))).into_response()
    });
    assert_eq!(stage.endpoints(&browser).await.status, 403);
    assert_eq!((stage.bearers().len(), stage.refreshes().len()), (1, 0));
}

/// Rows D7 and D9.
async fn a_refused_token_that_cannot_be_renewed_now_is_no_reason_to_sign_in_again() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_token(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    stage.provider.on_other(|_| {
        (StatusCode::UNAUTHORIZED, Json(json!({"code": "AuthenticationFailed", "message": "no"}))).into_response()
    });
    let page = stage.endpoints(&browser).await;
    assert_eq!(page.status, 503, "{}", page.body);
    assert!(page.header("retry-after").is_some());
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
}

/// Row D7.
async fn a_refused_refresh_token_asks_for_a_login_and_keeps_the_rest_of_the_session() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_token(invalid_grant);
    stage.clock.advance(Duration::seconds(LIFE));
    let page = stage.endpoints(&browser).await;
    assert_eq!((page.status.as_u16(), page.header("location")), (303, Some("/login?next=%2Fendpoints")));
    assert!(stage.bearers().is_empty());
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    let own = stage.portal.app.tokens.fresh(stage.key(&browser), "auth.globus.org").await.unwrap();
    assert_eq!(own.expose_secret(), "SENTINEL-auth-access-token");
    // The login that follows mends it.
    let answer = stage.log_in_again(&browser, |response| response["other_tokens"] = json!([transfer("second")])).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.bearers(), ["Bearer second-access"]);
}

/// Row D7.
async fn a_globus_that_cannot_refresh_now_costs_neither_token_nor_session() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let cookie = stage.portal.session_cookie(&browser);
    stage.clock.advance(Duration::seconds(LIFE));
    let auth_error = |status: u16, body: Value| {
        move |_: &Request| (StatusCode::from_u16(status).unwrap(), Json(body.clone())).into_response()
    };
    let failures: [(&str, Failure); 7] = [
        ("500", Box::new(auth_error(500, json!({"error": "server_error"})))),
        (
            "503 with HTML",
            Box::new(|_| (StatusCode::SERVICE_UNAVAILABLE, axum::response::Html("<p>down</p>")).into_response()),
        ),
        ("429", Box::new(auth_error(429, json!({"error": "slow_down"})))),
        ("invalid_client", Box::new(auth_error(401, json!({"error": "invalid_client"})))),
        ("success without JSON", Box::new(|_| "<p>fine</p>".into_response())),
        ("success cut short", Box::new(|_| renewed("second").to_string()[..40].to_owned().into_response())),
        ("a redirect", Box::new(|_| (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response())),
    ];
    for (case, failure) in failures {
        stage.provider.on_token(failure);
        let page = stage.endpoints(&browser).await;
        assert_eq!(page.status, 503, "{case}: {}", page.body);
        assert!(page.header("retry-after").is_some(), "{case}");
        assert!(page.set_cookies().is_empty(), "{case}: {:?}", page.set_cookies());
        assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200, "{case}");
    }
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.refreshes().last().unwrap().field("refresh_token"), Some("first-refresh"));
    assert_eq!(stage.portal.session_cookie(&browser), cookie);
    assert_eq!(stage.bearers(), ["Bearer second-access"]);
}

/// Row D7.
async fn a_token_that_is_still_good_is_used_when_it_cannot_be_renewed_in_time() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    stage.provider.on_token(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    stage.clock.advance(Duration::seconds(LIFE - 30));
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.bearers(), ["Bearer first-access"]);
}

/// Row D7.
async fn a_refresh_that_takes_too_long_is_no_reason_to_sign_in_again() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let gate = stage.provider.hold_tokens();
    stage.clock.advance(Duration::seconds(LIFE));
    // The same vault with a client that waits less long, for an answer that never comes.
    let limits = Limits { timeout: Wait::from_millis(50), ..Limits::default() };
    let http = HttpClient::direct(limits).unwrap();
    let base = stage.provider.url.clone();
    let auth =
        ConfidentialAppAuthClient::new(base, http, stage.clock.clone(), CLIENT_ID.to_owned(), &ClientSecret::new("s"));
    let app = &stage.portal.app;
    let hasty = Tokens::new(app.vault.clone(), auth, Wait::from_millis(50), app.id_tokens.clone());
    let key = stage.key(&browser);
    let error = hasty.fresh(key, TRANSFER).await.unwrap_err();
    assert!(matches!(error, TokenUnavailable::Globus(TokenError::Call(CallError::Timeout))), "{error}");
    gate.open();
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.bearers(), ["Bearer second-access"]);
}

/// Row F3.
async fn a_token_that_comes_home_after_the_logout_is_revoked() {
    let stage = Arc::new(Stage::renewing().await);
    let browser = Arc::new(stage.log_in_with_transfer().await);
    stage.clock.advance(Duration::seconds(LIFE));
    let gate = stage.provider.hold_tokens();
    stage.provider.on_token(|_| Json(renewed("late")).into_response());
    let slow = {
        let (stage, browser) = (stage.clone(), browser.clone());
        tokio::spawn(async move { stage.endpoints(&browser).await })
    };
    gate.arrival().await;
    let out = browser.submit(&stage.portal.url("/logout"), &[]).await;
    assert_eq!(out.status, 303);
    let own = "SENTINEL-auth-access-token";
    assert_eq!(stage.revoked(), [own, "first-access", "first-refresh"]);
    gate.open();
    let page = slow.await.unwrap();
    assert_eq!((page.status.as_u16(), page.header("location")), (303, Some("/login?next=%2Fendpoints")));
    assert!(stage.bearers().is_empty());
    // What the sweep does once a minute.
    stage.portal.app.tokens.revoke_due(None).await.unwrap();
    assert_eq!(stage.revoked(), [own, "first-access", "first-refresh", "late-access", "late-refresh"]);
    assert_eq!(stage.portal.app.tokens.revoke_due(None).await.unwrap(), (0, 0));
}

/// Row D6.
async fn a_refresh_is_finished_and_kept_though_the_browser_has_left() {
    let stage = Arc::new(Stage::renewing().await);
    let browser = Arc::new(stage.log_in_with_transfer().await);
    stage.clock.advance(Duration::seconds(LIFE));
    let gate = stage.provider.hold_tokens();
    stage.provider.on_token(|_| Json(renewed("second")).into_response());
    let leaving = {
        let (stage, browser) = (stage.clone(), browser.clone());
        tokio::spawn(async move { stage.endpoints(&browser).await.status })
    };
    gate.arrival().await;
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    gate.open();
    assert_eq!(stage.endpoints(&browser).await.status, 200);
    assert_eq!(stage.refreshes().len(), 1);
    assert!(stage.bearers().iter().all(|bearer| bearer == "Bearer second-access"), "{:?}", stage.bearers());
}

/// A page that needs a token, and then fails: by an error of its own, or by a panic.
fn failing_pages() -> Router<AppState> {
    async fn fails(user: LoggedIn) -> Result<StatusCode, AppError> {
        user.token(TRANSFER).await?;
        Ok(StatusCode::INTERNAL_SERVER_ERROR)
    }
    async fn panics(user: LoggedIn) -> Result<StatusCode, AppError> {
        user.token(TRANSFER).await?;
        panic!("right after the renewal");
    }
    Router::new().route("/fails", get(fails)).route("/panics", get(panics))
}

/// Row D6.
async fn a_renewed_token_is_kept_though_the_page_that_needed_it_fails() {
    let stage = Stage::with(|builder| builder.set("REFRESH_TOKENS", "true").pages(failing_pages())).await;
    let browser = stage.log_in_with_transfer().await;
    for (round, path) in ["/fails", "/panics"].into_iter().enumerate() {
        stage.clock.advance(Duration::seconds(LIFE));
        let name = format!("renewed-{round}");
        stage.provider.on_token(move |_| Json(renewed(&name)).into_response());
        let page = browser.get(&stage.portal.url(path)).await;
        assert_eq!((page.status.as_u16(), page.set_cookies()), (500, vec![]), "{}", page.body);
        // The next page finds the token in the store, and the next renewal the refresh token.
        assert_eq!(stage.endpoints(&browser).await.status, 200);
        assert_eq!(stage.bearers().last().unwrap(), &format!("Bearer renewed-{round}-access"));
    }
    let used: Vec<_> = stage.refreshes().iter().map(|call| call.field("refresh_token").unwrap().to_owned()).collect();
    assert_eq!(used, ["first-refresh", "renewed-0-refresh"]);
}

/// Row F1.
async fn each_token_is_revoked_once_with_its_kind_and_our_credentials() {
    let stage = Stage::renewing().await;
    let browser = stage.log_in_with_transfer().await;
    let _ = browser.submit(&stage.portal.url("/logout"), &[]).await;
    let calls = stage.provider.revoke_calls();
    let mut sent: Vec<_> =
        calls.iter().map(|call| (call.field("token").unwrap(), call.field("token_type_hint").unwrap())).collect();
    sent.sort_unstable();
    let expected = [
        ("SENTINEL-auth-access-token", "access_token"),
        ("first-access", "access_token"),
        ("first-refresh", "refresh_token"),
    ];
    assert_eq!(sent, expected);
    assert!(calls.iter().all(|call| call.headers["authorization"].to_str().unwrap().starts_with("Basic ")));
}

/// Row E3.
async fn a_session_ends_when_it_is_unused_and_each_use_puts_that_off() {
    let stage = Stage::with(|builder| builder.set("SESSION_IDLE_SECONDS", "600")).await;
    let browser = stage.log_in_with_transfer().await;
    let cookie = stage.portal.session_cookie(&browser).unwrap();
    for _ in 0..5 {
        stage.clock.advance(Duration::seconds(599));
        assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    }
    stage.clock.advance(Duration::seconds(600));
    browser.set_cookie("localhost", "session", &cookie);
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
    // Ended, and not asleep: a clock that is put back does not wake it.
    stage.clock.advance(Duration::seconds(-600));
    browser.set_cookie("localhost", "session", &cookie);
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
    stage.clock.advance(Duration::seconds(600));
    stage.portal.app.tokens.revoke_due(None).await.unwrap();
    assert_eq!(stage.revoked(), ["SENTINEL-auth-access-token", "first-access", "first-refresh"]);
}

/// Row E3.
async fn the_shortest_idle_limit_ends_no_session_in_use() {
    let stage = Stage::with(|builder| builder.set("SESSION_IDLE_SECONDS", "60")).await;
    let browser = stage.log_in_with_transfer().await;
    for _ in 0..12 {
        stage.clock.advance(Duration::seconds(20));
        assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    }
    stage.clock.advance(Duration::seconds(60));
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
}

/// Row E3.
async fn no_use_puts_off_the_absolute_end() {
    let change =
        |builder: PortalBuilder| builder.set("SESSION_IDLE_SECONDS", "600").set("PERMANENT_SESSION_LIFETIME", "3600");
    let stage = Stage::with(change).await;
    let browser = stage.log_in_with_transfer().await;
    let cookie = stage.portal.session_cookie(&browser).unwrap();
    for _ in 0..7 {
        stage.clock.advance(Duration::seconds(500));
        assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    }
    stage.clock.advance(Duration::seconds(99));
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 200);
    stage.clock.advance(Duration::seconds(1));
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
    browser.set_cookie("localhost", "session", &cookie);
    assert_eq!(browser.get(&stage.portal.url("/")).await.status, 303);
}

/// Row E3.
async fn a_session_that_nobody_comes_back_to_is_swept_with_its_tokens() {
    let stage = Stage::with(|builder| builder.set("SESSION_IDLE_SECONDS", "600")).await;
    let gone = stage.log_in_with_transfer().await;
    stage.clock.advance(Duration::seconds(300));
    let (here, _) = stage.log_in(|_| {}).await;
    stage.clock.advance(Duration::seconds(300));
    assert_eq!(stage.portal.app.vault.sweep(10).await.unwrap(), 1);
    assert_eq!(sessions_in(&stage.portal).await, 1);
    stage.portal.app.tokens.revoke_due(None).await.unwrap();
    assert_eq!(stage.revoked(), ["SENTINEL-auth-access-token", "first-access", "first-refresh"]);
    assert_eq!(gone.get(&stage.portal.url("/")).await.status, 303);
    assert_eq!(here.get(&stage.portal.url("/")).await.status, 200);
}
