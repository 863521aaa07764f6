//! What is retried, after which pauses, and what never is: compared with the Python SDK, with the reason for each
//! difference.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use globus_portal::{
    clock::Clock,
    globus::{
        auth::{ConfidentialAppAuthClient, RenewingAuthorizer, TokenError},
        authorizer::{AccessTokenAuthorizer, Authorizer},
        error::{CallError, Service},
        flow::FlowManager as _,
        groups::GroupsClient,
        http::{HttpClient, Limits, Observer, Tried, Trying, Watched},
        transfer::TransferClient,
    },
    secret::{AccessToken, AuthorizationCode, ClientSecret, RefreshToken},
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::{TcpSocket, TcpStream};
use url::Url;

use crate::harness::{NotedPause, Provider, Step, fixture, globus_at, loopback_client, provider::Request};

const CLIENT_ID: &str = "6f0a8e0c-1111-4222-8333-444455556666";
const BASIC: &str = "Basic NmYwYThlMGMtMTExMS00MjIyLTgzMzMtNDQ0NDU1NTU2NjY2OnM=";

fn start_of_time() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap()
}

/// A server, and its clients, whose pauses are recorded.
struct Bench {
    server: Provider,
    pause: Arc<NotedPause>,
    limits: Limits,
}

impl Bench {
    async fn with(limits: Limits, steps: impl IntoIterator<Item = Step>) -> Self {
        Self { server: Provider::scripted(steps).await, pause: Arc::default(), limits }
    }

    async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::with(Limits::default(), steps).await
    }

    fn http(&self) -> HttpClient {
        loopback_client(self.limits).with_pause(self.pause.clone())
    }

    fn app(&self) -> ConfidentialAppAuthClient {
        app(&self.server.url, self.http())
    }

    /// A client of Transfer whose token is renewed with a refresh token.
    fn renewing(&self) -> TransferClient {
        let old = Some((AccessToken::new("OLD"), start_of_time() + time::Duration::HOUR));
        let authorizer = RenewingAuthorizer::refresh_token(RefreshToken::new("R"), self.app(), old);
        TransferClient::new(self.server.url.clone(), self.http(), authorizer)
    }

    fn fixed(&self) -> TransferClient {
        TransferClient::new(self.server.url.clone(), self.http(), old_token())
    }

    fn requests(&self) -> Vec<(String, Option<String>)> {
        let by = |request: &Request| request.header("authorization").map(str::to_owned);
        self.server.requests().iter().map(|request| (request.method.to_string(), by(request))).collect()
    }
}

fn app(base: &Url, http: HttpClient) -> ConfidentialAppAuthClient {
    globus_at(base, http, &Clock::manual(start_of_time())).confidential_app(CLIENT_ID, &ClientSecret::new("s"))
}

fn old_token() -> Authorizer {
    AccessTokenAuthorizer::new(AccessToken::new("OLD")).into()
}

fn endpoint() -> Step {
    Step::answer(200, json!({"id": "e", "ok": 1}))
}

fn new_token() -> Value {
    json!({
        "access_token": "NEW", "scope": "s", "resource_server": "transfer.api.globus.org", "expires_in": 172_800,
        "token_type": "Bearer", "refresh_token": "NEWR", "other_tokens": [],
    })
}

fn trouble(status: u16) -> Step {
    Step::answer(status, json!({"code": "X", "message": "m"}))
}

/// The result of a call, in the words of the vectors. They name the class of an error by its service too.
fn outcome<T>(result: Result<T, CallError>) -> String {
    match result {
        Ok(_) => "HTTP 200".to_owned(),
        Err(CallError::Api(error)) => format!("APIError {}", error.http_status()),
        Err(error) if error.is_network() => "network error".to_owned(),
        Err(error) => panic!("{error:?}"),
    }
}

fn expected_outcome(case: &Value) -> String {
    let result = case["result"].as_str().unwrap();
    match result.split_once("APIError") {
        Some((_, status)) => format!("APIError{status}"),
        None if result.starts_with("Globus") => "network error".to_owned(),
        None => result.to_owned(),
    }
}

fn step(answer: &Value) -> Step {
    match answer.as_str() {
        Some("conn") => return Step::Cut,
        Some("timeout") => return Step::Hold,
        Some(other) => panic!("{other}"),
        None => {}
    }
    let mut body = answer["body"].clone();
    if body["ok"] == 1 {
        body["id"] = "e".into(); // So that it is the document of an endpoint,
        body["name"] = "g".into(); // of a group,
        body["code"] = "DirectoryCreated".into(); // and of a folder that was made.
    }
    let mut step = Step::answer(u16::try_from(answer["status"].as_u64().unwrap()).unwrap(), body);
    for (name, value) in answer["headers"].as_object().unwrap() {
        step = step.with(name, value.as_str().unwrap());
    }
    step
}

/// The case with the intended differences; each has its own test below.
fn with_differences(mut case: Value) -> Value {
    let get = |token: &str| json!({"method": "GET", "authorization": format!("Bearer {token}")});
    let name = case["name"].as_str().unwrap().to_owned();
    match name.as_str() {
        "401_refresh" | "401_refresh_then_401" | "401_refresh_token_refused" => case["sleeps"] = json!([]),
        "retry_after_negative" => case["sleeps"] = json!([0.5]),
        "redirect_status_is_success" => case["result"] = "TransferAPIError 304".into(),
        "500_then_401_refresh" => {
            let renewal = json!({"method": "POST", "authorization": BASIC});
            case["requests_sent"] = json!([get("OLD"), get("OLD"), renewal, get("NEW")]);
            case["result"] = "HTTP 200".into();
            case["answers_left"] = 0.into();
        }
        _ => {}
    }
    case
}

async fn call(bench: &Bench, case: &Value) -> String {
    let (base, http) = (bench.server.url.clone(), bench.http());
    match (case["method"].as_str().unwrap(), case["client"].as_str().unwrap(), case["authorizer"].as_str().unwrap()) {
        ("POST", "transfer", "access") => outcome(bench.fixed().operation_mkdir("e", "/x", None).await),
        ("GET", "groups", "access") => outcome(GroupsClient::new(base, http, old_token()).get_group("g", &[]).await),
        ("GET", "transfer", "access") => outcome(bench.fixed().get_endpoint("e").await),
        ("GET", "transfer", "refresh") => outcome(bench.renewing().get_endpoint("e").await),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_tried_again_and_after_which_pauses_is_as_in_the_python_sdk() {
    let Some(text) = fixture("retries", "vectors/retries.json") else { return };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 35);
    // Failed connections have their own test.
    for case in cases.iter().filter(|case| case["name"] != "connect_timeout_all") {
        let case = with_differences(case.clone());
        let answers = case["answers"].as_array().unwrap();
        let held_back = answers.iter().any(|answer| answer == "timeout");
        let timeout = Duration::from_secs(if held_back { 1 } else { 60 });
        let bench = Bench::with(
            Limits::default().with_timeout(timeout).with_deadline(Limits::default().deadline),
            answers.iter().map(step),
        )
        .await;
        let outcome = call(&bench, &case).await;

        let name = &case["name"];
        assert_eq!(outcome, expected_outcome(&case), "{name}");
        let sent = bench.requests().into_iter();
        let sent: Vec<Value> = sent.map(|(method, by)| json!({"method": method, "authorization": by})).collect();
        assert_eq!(json!(sent), case["requests_sent"], "{name}");
        let sleeps: Vec<f64> = case["sleeps"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
        assert_eq!(bench.pause.seconds(), sleeps, "{name}");
        assert_eq!(
            bench.server.steps_left(),
            usize::try_from(case["answers_left"].as_u64().unwrap()).unwrap(),
            "{name}"
        );
    }
}

/// A port whose backlog is full: a further connection is neither accepted nor refused.
async fn full_port() -> (Url, Vec<TcpStream>, tokio::net::TcpListener) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    (Url::parse(&format!("http://{address}/")).unwrap(), waiting, listener)
}

/// The case `connect_timeout_all`. A request that finds no connection leaves no trace: the pauses tell how many there were.
#[tokio::test]
async fn a_connection_that_cannot_be_made_in_time_is_tried_again() {
    let (base, _waiting, _listener) = full_port().await;
    let pause: Arc<NotedPause> = Arc::default();
    let limits = Limits::default().with_timeout(Duration::from_millis(100)).with_deadline(Limits::default().deadline);
    let http = loopback_client(limits).with_pause(pause.clone());
    let error = TransferClient::new(base, http, old_token()).get_endpoint("e").await.unwrap_err();
    assert!(matches!(error, CallError::Timeout), "{error:?}");
    assert_eq!(pause.seconds(), [0.5, 1.0, 2.0, 4.0, 8.0]);
}

/// Answers after which a request may have been processed: any other request would be retried after each.
fn doubtful() -> [Step; 5] {
    [Step::Cut, Step::Hold, trouble(500), trouble(503).with("Retry-After", "1"), trouble(429)]
}

/// Difference from the Python SDK, which retries them. A second use of a code revokes all tokens of the first (RFC 6749
/// section 4.1.2), and one of a rotated refresh token looks like theft (RFC 9700 section 4.14.2).
#[tokio::test]
async fn a_one_use_code_and_a_refresh_token_are_never_sent_twice() {
    let limits = Limits::default().with_timeout(Duration::from_secs(1)).with_deadline(Limits::default().deadline);
    for first in doubtful() {
        let bench = Bench::with(limits, [first.clone(), Step::answer(200, new_token())]).await;
        let flow = bench.app().oauth2_start_flow("http://localhost/login", ["openid"]).unwrap();
        let result = flow.exchange_code_for_tokens(AuthorizationCode::new("c")).await;
        assert!(matches!(result, Err(TokenError::Call(_))), "{first:?}: {result:?}");
        assert_eq!((bench.server.requests().len(), bench.pause.seconds().len()), (1, 0), "{first:?}");

        let bench = Bench::with(limits, [first.clone(), Step::answer(200, new_token())]).await;
        let result = bench.app().oauth2_refresh_token(&RefreshToken::new("R")).await;
        assert!(matches!(result, Err(TokenError::Call(_))), "{first:?}: {result:?}");
        assert_eq!((bench.server.requests().len(), bench.pause.seconds().len()), (1, 0), "{first:?}");

        let bench = Bench::with(limits, [first.clone(), Step::answer(200, new_token())]).await;
        drop(bench.app().oauth2_token(&[("code", "c"), ("grant_type", "authorization_code")]).await);
        assert_eq!(bench.server.requests().len(), 1, "{first:?}");

        // A grant that uses up nothing is retried.
        let bench = Bench::with(limits, [first.clone(), Step::answer(200, new_token())]).await;
        bench.app().oauth2_client_credentials_tokens("s").await.unwrap();
        assert_eq!((bench.server.requests().len(), bench.pause.seconds().len()), (2, 1), "{first:?}");
    }
}

/// Difference from the Python SDK, which crashes when it has to sleep for a negative time.
#[tokio::test]
async fn a_negative_retry_after_is_harmless() {
    let bench = Bench::start([trouble(429).with("Retry-After", "-5"), endpoint()]).await;
    bench.fixed().get_endpoint("e").await.unwrap();
    assert_eq!(bench.pause.seconds(), [0.5]);
}

#[tokio::test]
async fn a_retry_after_that_is_no_number_or_a_huge_one_is_harmless() {
    for (value, pause) in [("soon", 0.5), ("1.5", 0.5), ("", 0.5), ("99999999999999999999", 0.5), ("9999999999", 10.0)]
    {
        let bench = Bench::start([trouble(503).with("Retry-After", value), endpoint()]).await;
        bench.fixed().get_endpoint("e").await.unwrap();
        assert_eq!(bench.pause.seconds(), [pause], "{value}");
    }
}

/// Difference from the Python SDK, which checks only the first answer: there a call fails if its token expires during a retry.
#[tokio::test]
async fn a_401_after_a_500_still_renews() {
    let bench = Bench::start([trouble(500), trouble(401), Step::answer(200, new_token()), endpoint()]).await;
    bench.renewing().get_endpoint("e").await.unwrap();
    let sent = bench.requests();
    let by: Vec<_> = sent.iter().map(|(_, authorization)| authorization.as_deref().unwrap()).collect();
    assert_eq!(by, ["Bearer OLD", "Bearer OLD", BASIC, "Bearer NEW"]);
    // And a failure after the renewal is retried with the new token.
    let bench = Bench::start([trouble(401), Step::answer(200, new_token()), trouble(500), endpoint()]).await;
    bench.renewing().get_endpoint("e").await.unwrap();
    assert_eq!(bench.requests().last().unwrap().1.as_deref(), Some("Bearer NEW"));
    assert_eq!(bench.pause.seconds(), [0.5]);
}

/// Difference from the Python SDK, which sleeps first: a new token is valid at once.
#[tokio::test]
async fn a_renewal_after_a_401_is_made_at_once_and_once() {
    let bench = Bench::start([trouble(401), Step::answer(200, new_token()), trouble(401), endpoint()]).await;
    assert_eq!(outcome(bench.renewing().get_endpoint("e").await), "APIError 401");
    assert_eq!((bench.server.steps_left(), bench.pause.seconds()), (1, vec![]));
    // Also where nothing else would be tried again.
    let limits = Limits::default().with_max_retries(0);
    let bench = Bench::with(limits, [trouble(401), Step::answer(200, new_token()), endpoint()]).await;
    bench.renewing().get_endpoint("e").await.unwrap();
}

/// Difference from the Python SDK, which has no such bound: its call can last for six minutes.
#[tokio::test]
async fn a_pause_that_would_pass_the_deadline_is_not_begun() {
    let limits = Limits::default().with_deadline(Duration::from_secs(60)).with_max_sleep(Duration::from_secs(100));
    let late = trouble(503).with("Retry-After", "61");
    let bench = Bench::with(limits, [trouble(500), late, endpoint()]).await;
    assert_eq!(outcome(bench.fixed().get_endpoint("e").await), "APIError 503");
    assert_eq!((bench.pause.seconds(), bench.server.steps_left()), (vec![0.5], 1));
}

/// The server would keep the caller waiting for a minute at each try, and the caller has a fraction of a second.
#[tokio::test]
async fn the_callers_deadline_bounds_the_whole() {
    let long = Duration::from_secs(60);
    let limits = Limits::default().with_timeout(long).with_deadline(Duration::from_millis(300));
    let bench = Bench::with(limits, std::iter::repeat_n(Step::Hold, 9)).await;
    let begun = Instant::now();
    assert!(matches!(bench.fixed().get_endpoint("e").await, Err(CallError::Timeout)));
    assert!(bench.server.requests().len() <= 1 && bench.pause.seconds().is_empty());

    // A renewal counts, though Globus Auth would be given more time by others: this caller leaves.
    let patient = loopback_client(limits.with_deadline(long));
    let authorizer = RenewingAuthorizer::client_credentials(app(&bench.server.url, patient), "s", None);
    let transfer = TransferClient::new(bench.server.url.clone(), bench.http(), authorizer);
    for _ in 0..2 {
        // The second caller waits for the renewal that the first one began.
        assert!(matches!(transfer.get_endpoint("e").await, Err(CallError::Timeout)));
    }
    let renewals = bench.server.token_calls().len();
    assert!(renewals <= 1, "{renewals}");
    assert!(begun.elapsed() < long / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn no_limit_is_no_limit() {
    let limits = Limits::default().with_timeout(Duration::MAX).with_deadline(Duration::MAX);
    let bench = Bench::with(limits, [trouble(500), endpoint()]).await;
    bench.fixed().get_endpoint("e").await.unwrap();
}

/// Difference from the Python SDK, which calls a 3xx a success (and follows one that says where to). Credentials must not go
/// where a redirect points (RFC 9700 section 4.12).
#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    for status in [301, 302, 303, 304, 307, 308] {
        let elsewhere = Provider::scripted([endpoint()]).await;
        let away = Step::answer(status, "").with("Location", elsewhere.url.as_str());
        let bench = Bench::start([away, endpoint()]).await;
        assert_eq!(outcome(bench.fixed().get_endpoint("e").await), format!("APIError {status}"));
        assert_eq!((elsewhere.requests().len(), bench.server.requests().len()), (0, 1));
    }
}

/// Notes the service and the status of each try, and how many of its call came before.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<(Service, Option<u16>)>>, Mutex<Vec<u32>>);

impl Observer for Noted {
    fn trying(&self, trying: &Trying<'_>) -> Option<Box<dyn Watched>> {
        self.1.lock().unwrap().push(trying.before);
        None
    }

    fn tried(&self, tried: &Tried) {
        assert!(tried.time > Duration::ZERO);
        self.0.lock().unwrap().push((tried.service, tried.status));
    }
}

#[tokio::test]
async fn an_observer_hears_of_every_try() {
    let noted = Arc::new(Noted::default());
    let bench = Bench::start([Step::Cut, trouble(503), endpoint(), trouble(404)]).await;
    let http = bench.http().with_observer(noted.clone());
    let transfer = TransferClient::new(bench.server.url.clone(), http.clone(), old_token());
    transfer.get_endpoint("e").await.unwrap();
    GroupsClient::new(bench.server.url.clone(), http, old_token()).get_group("g", &[]).await.unwrap_err();
    assert_eq!(*noted.1.lock().unwrap(), [0, 1, 2, 0]);
    let transfer = [None, Some(503), Some(200)].map(|status| (Service::Transfer, status));
    assert_eq!(noted.0.lock().unwrap().as_slice(), [&transfer[..], &[(Service::Groups, Some(404))]].concat());
}
