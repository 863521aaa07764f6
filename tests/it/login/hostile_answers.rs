//! Row B11 at the socket: whatever the token endpoint or any other call of Globus sends, the page comes within the deadline,
//! no one is logged in, and memory stays flat.

use std::{fs, time::Duration};

use globus_portal::globus::{
    auth::AuthClient,
    authorizer::Authorizer,
    error::CallError,
    groups::GroupsClient,
    http::{HttpClient, Limits},
    transfer::TransferClient,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use crate::harness::{
    Answer, Browser, Portal, Process, Provider, Step, loopback_client, parameter, portal_at,
    provider::{id_token, token_response},
    until,
};

/// The time limit for one answer, in seconds; the whole takes at most half as much more.
const TIMEOUT: &str = "1";
/// Well after that: the machine may be busy.
const IN_TIME: Duration = Duration::from_secs(30);

fn endless(head: &str, more: impl Into<Vec<u8>>, pause: u64) -> Step {
    Step::Endless { head: head.as_bytes().to_vec(), more: more.into(), pause: Duration::from_millis(pause) }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// The worst things a token endpoint can do.
fn troubles() -> Vec<(&'static str, Step)> {
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    vec![
        ("no answer", Step::Hold),
        ("a cut connection", Step::Cut),
        ("one byte at a time", endless(&format!("{OK}content-length: 100000\r\n\r\n{{"), " ", 100)),
        (
            "one byte at a time in chunks",
            endless(&format!("{OK}transfer-encoding: chunked\r\n\r\n"), "1\r\n \r\n", 100),
        ),
        ("a head that comes byte by byte", endless("HTTP/1.1 200 OK\r\nx: ", "y", 100)),
        ("headers without end", endless("HTTP/1.1 200 OK\r\n", "x-more: yes\r\n".repeat(1000), 0)),
        ("one header without end", endless("HTTP/1.1 200 OK\r\nx-more: ", "y".repeat(65_536), 0)),
        ("interim answers without end", endless("", "HTTP/1.1 103 Early Hints\r\n\r\n", 1)),
        ("a body without end", endless(&format!("{OK}transfer-encoding: chunked\r\n\r\n"), chunk, 0)),
        ("a body without end and without length", endless(&format!("{OK}\r\n"), " ".repeat(65_536), 0)),
        (
            "an error without end",
            endless("HTTP/1.1 400 No\r\ncontent-type: application/json\r\n\r\n", " ".repeat(65_536), 0),
        ),
        ("a length that is not kept", endless(&format!("{OK}content-length: 18446744073709551615\r\n\r\n"), " ", 100)),
        ("two lengths", endless(&format!("{OK}content-length: 1\r\ncontent-length: 2\r\n\r\n{{}}"), "", 100)),
        ("no HTTP", endless("SENTINEL\r\n\r\n", "SENTINEL\r\n", 1)),
        // A thousand times smaller than its decompressed size; nothing here decompresses it.
        ("a gzip bomb", Step::answer(200, "\u{1f}\u{8b}\u{8}").with("content-encoding", "gzip")),
    ]
}

/// A provider with valid documents, whose other answers are all the same trouble.
async fn provider_with(trouble: Step) -> Provider {
    let provider = Provider::start().await;
    let (token, revoke) = (trouble.clone(), trouble.clone());
    provider.on_token(move |_| token.clone());
    provider.on_revoke(move |_| revoke.clone());
    provider.on_other(move |_| trouble.clone());
    provider
}

async fn come_back(base: &str) -> (Browser, Answer) {
    let browser = Browser::new();
    let authorize = browser.get(&format!("{base}/login")).await.location();
    let state = parameter(&authorize, "state").unwrap();
    let back = format!("{base}/login?code=a-code&state={state}");
    let answer = timeout(IN_TIME, browser.get(&back)).await.unwrap();
    (browser, answer)
}

/// Row B11.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_token_endpoint_does_a_page_comes_in_time_and_nobody_is_logged_in() {
    for (case, trouble) in troubles() {
        let globus = provider_with(trouble).await;
        let portal = Portal::with().globus_at(&globus.base).set("GLOBUS_SDK_HTTP_TIMEOUT", TIMEOUT).start().await;
        let (browser, answer) = come_back(&portal.base).await;
        assert!(matches!(answer.status.as_u16(), 502 | 504), "{case}: {} {}", answer.status, answer.body);
        assert!(answer.body.contains("<h1") && !answer.body.contains("SENTINEL"), "{case}: {}", answer.body);
        assert_eq!((answer.set_cookies().len(), portal.session_cookie(&browser)), (0, None), "{case}");
        let exchanges = globus.token_calls().len();
        assert_eq!(exchanges, 1, "{case}: a code is sent once");
    }
}

/// The peak memory of a process, in kB.
fn most_memory(process: &Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Row B11.
#[tokio::test(flavor = "multi_thread")]
async fn answers_without_end_cost_a_bounded_amount_of_memory() {
    let floods = ["headers without end", "one header without end", "a body without end", "an error without end"];
    for (case, trouble) in troubles().into_iter().filter(|(case, _)| floods.contains(case)) {
        let folder = TempDir::new().unwrap();
        let globus = provider_with(trouble).await;
        let (mut command, base) = portal_at(folder.path(), &globus.base);
        command.env("GLOBUS_SDK_HTTP_TIMEOUT", TIMEOUT);
        let mut process = Process::start(&mut command, &folder.path().join("printed"));
        process.says("Listening").await;
        come_back(&base).await;
        let before = most_memory(&process);
        for _ in 0..10 {
            let (_, answer) = come_back(&base).await;
            assert!(answer.status.as_u16() >= 400, "{case}");
        }
        let grown = most_memory(&process) - before;
        assert!(grown < 24 << 10, "{case}: {grown} kB");
    }
}

/// Every other call is limited like those of the token endpoint: documents, Transfer, Groups, userinfo.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_any_other_call_meets_it_ends_within_its_deadline() {
    let limits = Limits::default().with_max_retries(0).with_timeout(Duration::from_secs(1));
    for (case, trouble) in troubles() {
        let globus = Provider::answering(move |_| trouble.clone()).await;
        let (base, http) = (globus.url.clone(), loopback_client(limits));
        let auth = AuthClient::new(base.clone(), http.clone(), Authorizer::Null);
        let transfer = TransferClient::new(base.clone(), http.clone(), Authorizer::Null);
        let groups = GroupsClient::new(base, http, Authorizer::Null);
        let all = async {
            tokio::join!(
                async { auth.get_openid_configuration().await.map(drop) },
                async { auth.userinfo().await.map(drop) },
                async { transfer.get_endpoint("e").await.map(drop) },
                async { groups.get_my_groups(&[]).await.map(drop) },
            )
        };
        let (a, b, c, d) = timeout(IN_TIME, all).await.unwrap();
        for result in [a, b, c, d] {
            let error = result.expect_err(case).to_string();
            assert!(!error.contains("SENTINEL"), "{case}: {error}");
        }
    }
}

/// The documents of a provider are small: a large one is refused before it fills the memory.
#[tokio::test]
async fn a_discovery_document_or_key_set_larger_than_any_is_refused() {
    let provider = Provider::start().await;
    provider.inner.discovery.lock().unwrap()["more"] = "m".repeat(300 << 10).into();
    let portal = Portal::with().provider(&provider).start().await;
    let said = portal.app.provider.discovery().await.unwrap_err().to_string();
    assert!(said.contains("larger than 262144 bytes"), "{said}");
    let provider = Provider::start().await;
    *provider.inner.key_set.lock().unwrap() = json!({"keys": vec![0; 300 << 10]});
    let portal = Portal::with().provider(&provider).start().await;
    let said = portal.app.provider.keys().await.unwrap_err().to_string();
    assert!(said.contains("larger than 262144 bytes"), "{said}");
}

/// A slow service takes up a limited number of connections, and does not delay calls of other services.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_service_that_hangs_do_not_pile_up() {
    let globus = Provider::answering(|request| {
        let quick = request.uri.path().starts_with("/v2/groups");
        if quick { Step::answer(200, json!([])) } else { Step::Hold }
    })
    .await;
    let http: HttpClient = loopback_client(Limits::default().with_max_retries(0));
    let transfer = TransferClient::new(globus.url.clone(), http.clone(), Authorizer::Null);
    let waiting: Vec<_> = (0..300)
        .map(|_| {
            let transfer = transfer.clone();
            tokio::spawn(async move { transfer.get_endpoint("e").await.map(drop) })
        })
        .collect();
    until("as many calls as there may be", || (globus.requests().len() == 256).then_some(())).await;
    let groups = GroupsClient::new(globus.url.clone(), http.clone(), Authorizer::Null);
    groups.get_my_groups(&[]).await.unwrap();
    assert_eq!(globus.requests().len(), 257);
    // A call that gets no connection within the deadline fails with that error; nothing was sent.
    let short = TransferClient::new(globus.url.clone(), http.with_timeout(Duration::from_millis(50)), Authorizer::Null);
    let begun = Instant::now();
    let error = short.get_endpoint("e").await.unwrap_err();
    assert!(matches!(error, CallError::Busy) && begun.elapsed() < IN_TIME, "{error:?}");
    assert_eq!(globus.requests().len(), 257);
    // A caller that leaves makes way for the next.
    for one in &waiting {
        one.abort();
    }
    let last = tokio::spawn(async move { transfer.get_endpoint("the last").await.map(drop) });
    until("the last one's turn", || {
        globus.requests().iter().any(|request| request.uri.path().ends_with("last")).then_some(())
    })
    .await;
    last.abort();
}

/// Row B11: a token response that is a list, also one whose items are what the members would be, in their order.
#[tokio::test]
async fn a_token_response_that_is_a_list_in_the_order_of_the_members_logs_nobody_in() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browser = Browser::new();
    let authorize = portal.begin_login(&browser, "").await;
    let nonce = parameter(&authorize, "nonce").unwrap();
    let good = token_response(&id_token(&provider.good_claims(&nonce, portal.app.clock.now().unix_timestamp())));
    let member = |name: &str| good[name].clone();
    let list =
        json!([member("access_token"), null, "Bearer", "openid", "auth.globus.org", 172_800, [], member("id_token")]);
    provider.on_token(move |_| axum::response::IntoResponse::into_response(axum::Json(list.clone())));
    let answer = browser.get(&portal.callback(&authorize, "a-code")).await;
    assert_eq!((answer.status.as_u16(), portal.session_cookie(&browser)), (502, None), "{}", answer.body);
}

#[tokio::test]
async fn a_timeout_of_the_python_sdk_is_the_portals_too() {
    let globus = provider_with(Step::Hold).await;
    let portal = Portal::with().globus_at(&globus.base).set("GLOBUS_SDK_HTTP_TIMEOUT", "1.5").start().await;
    assert_eq!(portal.app.settings.globus_timeout, Duration::from_millis(1500));
    let (_, answer) = come_back(&portal.base).await;
    assert_eq!(answer.status, 504);
    assert_eq!(globus.url, portal.app.settings.environment.auth);
}
