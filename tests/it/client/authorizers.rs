//! What goes into the `Authorization` header, and when a token is renewed.

use std::sync::{Arc, Mutex};

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use globus_portal::{
    clock::Clock,
    globus::{
        Globus,
        auth::{AuthClient, ConfidentialAppAuthClient, RenewingAuthorizer},
        authorizer::{AccessTokenAuthorizer, Authorizer, BasicAuthorizer},
        error::CallError,
        http::Limits,
        transfer::TransferClient,
    },
    secret::{AccessToken, ClientSecret, CodeVerifier, RefreshToken},
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio::{sync::Notify, task::JoinSet};

use crate::harness::{
    Provider, Step, globus_at, loopback_client,
    provider::{CLIENT_ID, CLIENT_SECRET, Request},
};

fn start() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap()
}

/// The answer to a renewal: an access token of this name, and perhaps a new refresh token.
fn renewed(access_token: &str, refresh_token: Option<&str>) -> Value {
    let mut document = json!({
        "access_token": access_token, "scope": "s", "resource_server": "r", "expires_in": 3600, "token_type": "Bearer",
        "other_tokens": [],
    });
    if let Some(refresh_token) = refresh_token {
        document["refresh_token"] = refresh_token.into();
    }
    document
}

/// Globus Auth, which issues the tokens `A1`, `A2`, … and records refresh tokens, and a service that records its callers.
struct Bench {
    auth: Provider,
    service: Provider,
    clock: Clock,
}

impl Bench {
    async fn start(answers: impl IntoIterator<Item = Step>) -> Self {
        let auth = Provider::start().await;
        let count = Mutex::new(0);
        auth.on_token(move |_| {
            let mut count = count.lock().unwrap();
            *count += 1;
            Json(renewed(&format!("A{count}"), None)).into_response()
        });
        Self { auth, service: Provider::scripted(answers).await, clock: Clock::manual(start()) }
    }

    /// A service that accepts a number of requests.
    async fn content(requests: usize) -> Self {
        Self::start(std::iter::repeat_n(good(), requests)).await
    }

    fn app(&self) -> ConfidentialAppAuthClient {
        self.globus().confidential_app(CLIENT_ID, &ClientSecret::new(CLIENT_SECRET))
    }

    /// The clients of Globus Auth.
    fn globus(&self) -> Globus {
        globus_at(&self.auth.url, loopback_client(Limits::default()), &self.clock)
    }

    /// A refresh token authorizer with an access token that is valid for an hour.
    fn refreshing(&self) -> RenewingAuthorizer {
        let old = (AccessToken::new("OLD"), start() + Duration::HOUR);
        RenewingAuthorizer::refresh_token(RefreshToken::new("R"), self.app(), Some(old))
    }

    fn transfer(&self, authorizer: impl Into<Authorizer>) -> TransferClient {
        TransferClient::new(self.service.url.clone(), loopback_client(Limits::default()), authorizer)
    }

    /// The headers that the service got.
    fn headers(&self) -> Vec<Option<String>> {
        self.service.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect()
    }

    fn bearers(&self) -> Vec<String> {
        let bearer = |header: Option<String>| header.unwrap().strip_prefix("Bearer ").unwrap().to_owned();
        self.headers().into_iter().map(bearer).collect()
    }

    /// The refresh tokens that Globus Auth got.
    fn refresh_tokens(&self) -> Vec<String> {
        let calls = self.auth.token_calls();
        calls.iter().map(|call| call.field("refresh_token").unwrap().to_owned()).collect()
    }
}

fn good() -> Step {
    Step::answer(200, json!({"id": "e"}))
}

fn unauthorized() -> Step {
    Step::answer(401, json!({"code": "AuthenticationFailed", "message": "Token is not active"}))
}

async fn ask(client: &TransferClient) -> Result<(), CallError> {
    client.get_endpoint("e").await.map(drop)
}

#[tokio::test]
async fn without_authorization_there_is_no_header() {
    let bench = Bench::content(1).await;
    ask(&bench.transfer(Authorizer::Null)).await.unwrap();
    assert_eq!(bench.headers(), [None]);
}

#[tokio::test]
async fn a_name_and_a_password_go_as_base64_of_utf_8() {
    let bench = Bench::content(2).await;
    ask(&bench.transfer(BasicAuthorizer::new("Aladdin", "open sesame"))).await.unwrap();
    ask(&bench.transfer(BasicAuthorizer::new("test", "123\u{a3}"))).await.unwrap();
    // The examples of RFC 7617, sections 2 and 2.1.
    let expected = ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic dGVzdDoxMjPCow=="];
    assert_eq!(bench.headers(), expected.map(|header| Some(header.to_owned())));
}

#[tokio::test]
async fn an_access_token_is_sent_and_its_refusal_goes_to_the_caller() {
    let bench = Bench::start([good(), unauthorized(), good()]).await;
    let transfer = bench.transfer(AccessTokenAuthorizer::new(AccessToken::new("T")));
    ask(&transfer).await.unwrap();
    let error = ask(&transfer).await.unwrap_err();
    assert!(matches!(error, CallError::Api(error) if error.http_status() == 401));
    assert_eq!(bench.bearers(), ["T", "T"]);
}

#[tokio::test]
async fn a_token_is_renewed_60_seconds_before_it_expires() {
    let bench = Bench::content(4).await;
    let transfer = bench.transfer(bench.refreshing());
    bench.clock.advance(Duration::HOUR - Duration::seconds(60));
    ask(&transfer).await.unwrap();
    bench.clock.advance(Duration::seconds(1));
    ask(&transfer).await.unwrap();
    bench.clock.advance(Duration::HOUR - Duration::seconds(60));
    ask(&transfer).await.unwrap();
    bench.clock.advance(Duration::seconds(1));
    ask(&transfer).await.unwrap();
    assert_eq!(bench.bearers(), ["OLD", "A1", "A1", "A2"]);
}

#[tokio::test]
async fn the_first_request_gets_a_token_where_none_is_known() {
    let bench = Bench::content(2).await;
    let authorizer = RenewingAuthorizer::refresh_token(RefreshToken::new("R"), bench.app(), None);
    ask(&bench.transfer(authorizer)).await.unwrap();
    let call = bench.auth.token_calls().pop().unwrap();
    assert_eq!((call.field("grant_type"), call.field("refresh_token")), (Some("refresh_token"), Some("R")));
    assert!(call.headers.contains_key("authorization") && call.field("client_id").is_none());

    let native = bench.globus().native_app(CLIENT_ID).unwrap();
    let authorizer = RenewingAuthorizer::refresh_token(RefreshToken::new("R"), native, None);
    ask(&bench.transfer(authorizer)).await.unwrap();
    let call = bench.auth.token_calls().pop().unwrap();
    assert!(!call.headers.contains_key("authorization") && call.field("client_id") == Some(CLIENT_ID));
    assert_eq!(bench.bearers(), ["A1", "A2"]);
}

#[tokio::test]
async fn an_app_gets_tokens_for_itself() {
    let bench = Bench::content(3).await;
    let held = (AccessToken::new("HELD"), start() + Duration::minutes(2));
    let authorizer = RenewingAuthorizer::client_credentials(bench.app(), "one two", Some(held));
    let transfer = bench.transfer(authorizer);
    ask(&transfer).await.unwrap();
    bench.clock.advance(Duration::minutes(2));
    ask(&transfer).await.unwrap();
    ask(&transfer).await.unwrap();
    assert_eq!(bench.bearers(), ["HELD", "A1", "A1"]);
    let calls = bench.auth.token_calls();
    let form = [("grant_type", "client_credentials"), ("scope", "one two")];
    assert_eq!(calls[0].form, form.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(calls.len(), 1);
}

/// Difference from the Python SDK, which encodes nothing: RFC 6749 section 2.3.1 wants both halves form-encoded. Secrets of
/// Globus are base64 text, which both send as it is.
#[tokio::test]
async fn an_app_says_who_it_is_as_globus_reads_it() {
    let bench = Bench::content(0).await;
    let (name, colon) = ("name", "a:b c");
    for (id, secret, expected) in [(name, "a+/B9==", "name:a+/B9=="), (colon, "\u{e9}%", "a%3Ab+c:%C3%A9%25")] {
        let app = bench.globus().confidential_app(id, &ClientSecret::new(secret));
        app.oauth2_client_credentials_tokens("s").await.unwrap();
        let call = bench.auth.token_calls().pop().unwrap();
        assert_eq!(call.headers["authorization"], format!("Basic {}", STANDARD.encode(expected)));
    }
}

#[tokio::test]
async fn a_token_that_a_service_refuses_is_renewed_once() {
    let bench = Bench::start([unauthorized(), good(), unauthorized(), unauthorized(), good()]).await;
    let transfer = bench.transfer(bench.refreshing());
    ask(&transfer).await.unwrap();
    let error = ask(&transfer).await.unwrap_err();
    assert!(matches!(error, CallError::Api(error) if error.code() == Some("AuthenticationFailed")));
    assert_eq!(bench.bearers(), ["OLD", "A1", "A1", "A2"]);
}

#[tokio::test]
async fn a_hundred_callers_at_the_same_time_make_one_renewal() {
    let bench = Bench::content(100).await;
    let transfer = bench.transfer(bench.refreshing());
    bench.clock.advance(Duration::HOUR);
    all_succeed(&transfer, 100).await;
    assert_eq!(bench.auth.token_calls().len(), 1);
    assert!(bench.bearers().iter().all(|bearer| bearer == "A1"));
}

#[tokio::test]
async fn a_hundred_callers_whose_token_is_refused_make_one_renewal() {
    let mut bench = Bench::content(0).await;
    bench.service = Provider::answering(|request| match request.header("authorization") {
        Some("Bearer A1") => good(),
        _ => unauthorized(),
    })
    .await;
    let transfer = bench.transfer(bench.refreshing());
    all_succeed(&transfer, 100).await;
    assert_eq!(bench.auth.token_calls().len(), 1);
}

async fn all_succeed(transfer: &TransferClient, callers: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let transfer = transfer.clone();
        tasks.spawn(async move { ask(&transfer).await });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
}

#[tokio::test]
async fn the_refresh_token_is_kept_when_the_answer_omits_it_and_replaced_when_there_is_a_new_one() {
    let bench = Bench::content(3).await;
    let transfer = bench.transfer(bench.refreshing());
    for _ in 0..2 {
        bench.clock.advance(Duration::HOUR);
        ask(&transfer).await.unwrap();
    }
    assert_eq!(bench.refresh_tokens(), ["R", "R"]);

    bench.auth.on_token(|_| Json(renewed("A", Some("R2"))).into_response());
    bench.clock.advance(Duration::HOUR);
    ask(&transfer).await.unwrap();
    bench.clock.advance(Duration::HOUR);
    drop(ask(&transfer).await);
    assert_eq!(bench.refresh_tokens(), ["R", "R", "R", "R2"]);
}

#[tokio::test]
async fn on_refresh_is_told_before_the_token_is_used() {
    let bench = Bench::content(2).await;
    let told: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let requests = bench.service.counter();
    let authorizer = bench.refreshing().on_refresh({
        let told = told.clone();
        move |response| {
            let token = response.tokens()[0].access_token.expose_secret().to_owned();
            told.lock().unwrap().push((token, requests()));
        }
    });
    let transfer = bench.transfer(authorizer);
    ask(&transfer).await.unwrap();
    assert!(told.lock().unwrap().is_empty());
    bench.clock.advance(Duration::HOUR);
    ask(&transfer).await.unwrap();
    // The callback got A1 when the service had seen one request: the one with the old token.
    assert_eq!(*told.lock().unwrap(), [("A1".to_owned(), 1)]);
    assert_eq!(bench.bearers(), ["OLD", "A1"]);
}

#[tokio::test]
async fn an_on_refresh_that_fails_fails_the_call_and_spoils_nothing() {
    let bench = Bench::content(1).await;
    let authorizer = bench.refreshing().on_refresh(|_| panic!("the store is away"));
    let transfer = bench.transfer(authorizer);
    bench.clock.advance(Duration::HOUR);
    assert!(matches!(ask(&transfer).await, Err(CallError::Malformed { .. })));
    ask(&transfer).await.unwrap();
    assert_eq!(bench.bearers(), ["A1"]);
}

#[tokio::test]
async fn a_renewal_with_two_tokens_is_an_error() {
    let bench = Bench::content(0).await;
    bench.auth.on_token(|_| {
        let mut document = renewed("SENTINEL", None);
        let mut other = renewed("SENTINEL", None);
        other["resource_server"] = "another".into();
        document["other_tokens"] = json!([other]);
        Json(document).into_response()
    });
    bench.clock.advance(Duration::HOUR);
    let error = ask(&bench.transfer(bench.refreshing())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer is not the document expected: a renewal gave 2 tokens where one was expected"
    );
    let authorizer = RenewingAuthorizer::client_credentials(bench.app(), "a b", None);
    assert!(matches!(ask(&bench.transfer(authorizer)).await, Err(CallError::Malformed { .. })));
}

fn refusal(_: &Request) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response()
}

#[tokio::test]
async fn a_refused_renewal_is_the_error_of_globus_auth() {
    let bench = Bench::start([unauthorized()]).await;
    bench.auth.on_token(refusal);
    let transfer = bench.transfer(bench.refreshing());
    let error = ask(&transfer).await.unwrap_err();
    assert!(matches!(error, CallError::Api(error) if error.http_status() == 400 && error.is_invalid_grant()));
    // The service got no further request, and Globus Auth one for each call.
    let error = ask(&transfer).await.unwrap_err();
    assert!(matches!(error, CallError::Api(error) if error.is_invalid_grant()));
    assert_eq!((bench.service.requests().len(), bench.auth.token_calls().len()), (1, 2));
}

#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_of_a_renewal_loses_nothing() {
    let gate = Arc::new(Notify::new());
    let first = Step::Behind(gate.clone(), Box::new(Step::answer(200, renewed("A1", Some("R2")))));
    let auth = Provider::scripted([first, Step::answer(200, renewed("A2", None))]).await;
    let mut bench = Bench::content(2).await;
    bench.auth = auth;
    let transfer = bench.transfer(bench.refreshing());
    bench.clock.advance(Duration::HOUR);

    let caller = tokio::spawn({
        let transfer = transfer.clone();
        async move { ask(&transfer).await }
    });
    while bench.auth.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    gate.notify_one();
    // The renewal continued without its caller: the next call uses its token, and a later one its refresh token.
    ask(&transfer).await.unwrap();
    assert_eq!((bench.bearers(), bench.auth.requests().len()), (vec!["A1".to_owned()], 1));
    bench.clock.advance(Duration::HOUR);
    ask(&transfer).await.unwrap();
    assert!(bench.auth.requests()[1].body.contains("refresh_token=R2&"), "{:?}", bench.auth.requests());
}

#[tokio::test]
async fn nothing_public_prints_a_secret() {
    let bench = Bench::content(0).await;
    let secret = |name: &str| format!("SENTINEL-{name}");
    let http = loopback_client(Limits::default());
    let client_secret = ClientSecret::new(secret("secret"));
    let (base, globus) = (bench.auth.url.clone(), bench.globus());
    let app = globus.confidential_app(CLIENT_ID, &client_secret);
    let native = globus.native_app(CLIENT_ID).unwrap();
    let token = (AccessToken::new(secret("access")), start());
    let refresh = RefreshToken::new(secret("refresh"));
    let refreshing = RenewingAuthorizer::refresh_token(refresh, app.clone(), Some(token.clone()));
    let for_itself = RenewingAuthorizer::client_credentials(app.clone(), "s", Some(token.clone()));
    let fixed = AccessTokenAuthorizer::new(token.0);
    let basic = BasicAuthorizer::new("user", &secret("password"));
    let encoded = STANDARD.encode(format!("user:{}", secret("password")));
    let verifier = CodeVerifier::new(secret("verifier") + &"x".repeat(43));
    let flow = app.oauth2_start_flow("http://localhost/", ["openid"]).unwrap().with_verifier(verifier.clone()).unwrap();
    let native_flow = native.oauth2_start_flow(["openid"]).unwrap().with_verifier(verifier).unwrap();
    let printed = format!(
        "{globus:?} {app:?} {native:?} {refreshing:?} {for_itself:?} {fixed:?} {basic:?} {flow:?} {native_flow:?} {:?} {:?} {:?} {:?}",
        AuthClient::new(base.clone(), http.clone(), fixed.clone()),
        TransferClient::new(base, http, basic.clone()),
        [Authorizer::from(refreshing.clone()), fixed.clone().into(), basic.clone().into()],
        app.id_token_verifier(),
    );
    assert!(!printed.contains("SENTINEL"), "{printed}");
    assert!(!printed.contains(&encoded), "{printed}");
}
