//! Slow connections of every kind, and malformed HTTP: what they cost, and that they delay no one.

use std::{io::Read as _, time::Duration};

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::harness::{
    Browser, MIRA, Portal, Process, Provider, parameter, portal_at, start_sandbox,
    steps::{assert_logged_in, raw},
    until,
};

/// Longer than any limit of these tests, and much longer than their waits.
const LONG: Duration = Duration::from_secs(50);

async fn connect(portal: &Portal) -> TcpStream {
    TcpStream::connect(portal.app.settings.listen.tcp().unwrap()).await.unwrap()
}

/// Connections that send this much and then nothing more.
async fn silent(portal: &Portal, count: usize, sent: &[u8]) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..count {
        let mut stream = connect(portal).await;
        stream.write_all(sent).await.unwrap();
        all.push(stream);
    }
    all
}

/// Waits until the other side closes a connection; returns what it sent.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let closed = timeout(LONG, stream.read_to_end(&mut rest)).await;
    // A reset closes it as well.
    let _ = closed.unwrap_or_else(|_| panic!("the connection stays open"));
    rest
}

const HALF_A_HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_and_a_connection_that_says_nothing_are_closed() {
    let portal = Portal::with().set("REQUEST_HEAD_SECONDS", "1").start().await;
    for sent in [b"".as_slice(), b"G", HALF_A_HEAD] {
        let mut streams = silent(&portal, 3, sent).await;
        for stream in &mut streams {
            until_closed(stream).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_drips_is_closed_however_steadily_it_comes() {
    let portal = Portal::with().set("REQUEST_HEAD_SECONDS", "1").start().await;
    let (mut from, mut to) = connect(&portal).await.into_split();
    let dripping = tokio::spawn(async move {
        to.write_all(HALF_A_HEAD).await.unwrap();
        while to.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut rest = Vec::new();
    let _ = timeout(LONG, from.read_to_end(&mut rest)).await.unwrap();
    timeout(LONG, dripping).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    async fn slow() -> &'static str {
        tokio::time::sleep(Duration::from_secs(3)).await;
        "slow, and done"
    }
    let builder = Portal::with().set("KEEP_ALIVE_SECONDS", "1").set("REQUEST_HEAD_SECONDS", "1");
    let portal = builder.pages(Router::new().route("/slow", get(slow))).start().await;
    let mut idle = connect(&portal).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut busy = connect(&portal).await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let said = until_closed(&mut idle).await;
    assert!(said.starts_with(b"HTTP/1.1 200 OK\r\n"), "{said:?}");
    let said = String::from_utf8(until_closed(&mut busy).await).unwrap();
    assert!(said.ends_with("slow, and done"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_gets_an_answer_in_time() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let cookie = portal.session_cookie(&browser).unwrap();
    let (mut from, mut to) = connect(&portal).await.into_split();
    let head = format!(
        "POST /sessions HTTP/1.1\r\nHost: localhost\r\nCookie: session={cookie}\r\nContent-Length: 60000\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\nend="
    );
    let dripping = tokio::spawn(async move {
        to.write_all(head.as_bytes()).await.unwrap();
        while to.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut first = [0; 12];
    timeout(LONG, from.read_exact(&mut first)).await.unwrap().unwrap();
    assert_eq!(&first, b"HTTP/1.1 408");
    drop(from);
    timeout(LONG, dripping).await.unwrap().unwrap();
    assert_logged_in(&portal, &browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_there_may_be_close_those_that_wait_for_longest_and_nobody_else() {
    let portal = Portal::with().set("MAX_CONNECTIONS", "64").start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let streams = silent(&portal, 500, HALF_A_HEAD).await;
    // A new connection finds room, whatever others hold.
    for _ in 0..20 {
        assert_logged_in(&portal, &browser.twin()).await;
    }
    // Asked past the runtime, which may not know yet.
    let mut streams: Vec<_> = streams.into_iter().map(|stream| stream.into_std().unwrap()).collect();
    let is_open = |stream: &mut std::net::TcpStream| {
        stream.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    until("the others to be closed", || {
        streams.retain_mut(is_open);
        (streams.len() <= 64).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_owe_a_body_make_room_for_others_like_those_that_owe_a_head() {
    let portal = Portal::with().set("MAX_CONNECTIONS", "64").start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let _streams = silent(&portal, 200, b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n").await;
    for _ in 0..20 {
        assert_logged_in(&portal, &browser.twin()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_many_small_pieces_costs_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (process, base) = process_with_few_descriptors(folder.path(), 1024, 1024).await;
    let address = base.replace("http://localhost", "127.0.0.1");
    let before = memory_of(&process);
    let head = "POST /logout HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = format!("{head}{}", "1\r\na\r\n".repeat(60_000));
    let mut streams = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    // Nearly all of it has been read once a later request is answered; the limit leaves room for the rest.
    assert_eq!(health(&base).await, 200);
    let after = memory_of(&process);
    assert!(after < before + 40_000, "{before} kB, then {after} kB");
    process.signal("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_host() {
    let portal = Portal::start().await;
    let answers = [
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n", "200"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost:5000\r\n", "200"),
        ("GET /healthz HTTP/1.1\r\nHost: [::1]:5000\r\n", "200"),
        ("GET /healthz HTTP/1.1\r\nHost: anything.example.org\r\n", "200"),
        ("GET /healthz HTTP/1.0\r\n", "200"),
        ("GET /healthz HTTP/1.1\r\n", "400"),
        ("GET / HTTP/1.1\r\n", "400"),
        ("GET http://localhost/healthz HTTP/1.1\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", "400"),
        ("GET /healthz HTTP/1.0\r\nHost: localhost\r\nHost: evil.example\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: local host\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost/path\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: user@localhost\r\n", "400"),
        ("GET /login HTTP/1.1\r\nHost: a, b\r\n", "400"),
    ];
    for (head, status) in answers {
        let answer = raw(&portal, &format!("{head}Connection: close\r\n\r\n")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) || answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{head} {answer}"
        );
        if status == "400" {
            assert!(answer.contains("<h1") && answer.contains("x-request-id"), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_long_is_refused_before_it_is_whole() {
    let portal = Portal::start().await;
    let mut stream = connect(&portal).await;
    let mut head = HALF_A_HEAD.to_vec();
    head.resize(390_000, b'x');
    // The other side may have closed it before all is sent.
    let _ = stream.write_all(&head).await;
    let said = until_closed(&mut stream).await;
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&said));
}

/// How many kilobytes of memory a process has now.
fn memory_of(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A portal as a separate process, with few file descriptors.
async fn process_with_few_descriptors(folder: &std::path::Path, soft: u32, hard: u32) -> (Process, String) {
    let globus = start_sandbox().await;
    let (portal, base) = portal_at(folder, &globus);
    let mut command = std::process::Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" serve"))
        .arg(portal.get_program());
    command.env_clear().current_dir(folder);
    for (name, value) in portal.get_envs() {
        command.env(name, value.unwrap());
    }
    let mut process = Process::start(&mut command, &folder.join("printed"));
    process.says("Listening on").await;
    (process, base)
}

async fn health(base: &str) -> u16 {
    Browser::new().get(&format!("{base}/healthz")).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_heads_beyond_the_soft_limit_of_descriptors_hold_nobody_up_and_cost_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (process, base) = process_with_few_descriptors(folder.path(), 128, 2000).await;
    let address = base.replace("http://localhost", "127.0.0.1");
    let before = memory_of(&process);
    let mut streams = Vec::new();
    for _ in 0..1100 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(HALF_A_HEAD).await.unwrap();
        streams.push(stream);
    }
    assert_eq!(health(&base).await, 200);
    let after = memory_of(&process);
    assert!(after < before + 40_000, "{before} kB, then {after} kB");
    process.signal("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_without_descriptors_says_so_and_goes_on_serving() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, base) = process_with_few_descriptors(folder.path(), 64, 64).await;
    let address = base.replace("http://localhost", "127.0.0.1");
    let mut streams = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let _ = stream.write_all(HALF_A_HEAD).await;
        streams.push(stream);
    }
    assert_eq!(health(&base).await, 200);
    process.says("the limit on open files allows only").await;
    process.signal("TERM");
    assert!(process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_no_connection_that_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, base) = process_with_few_descriptors(folder.path(), 1024, 1024).await;
    let address = base.replace("http://localhost", "127.0.0.1");
    let mut streams = Vec::new();
    for sent in [b"".as_slice(), HALF_A_HEAD, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        for _ in 0..50 {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(sent).await.unwrap();
            streams.push(stream);
        }
    }
    assert_eq!(health(&base).await, 200);
    process.signal("TERM");
    assert!(process.ended().await.success());
    // Not how fast, but that it does not sit out the time that requests under way have.
    let printed = process.printed();
    assert!(!printed.contains("requests did not finish in time"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_under_way_are_bounded_and_those_beyond_may_be_tried_again() {
    let provider = Provider::start().await;
    let builder = Portal::with().provider(&provider).set("MAX_EXCHANGES", "8").set("TRUSTED_PROXIES", "127.0.0.1");
    let portal = builder.start().await;
    let gate = provider.hold_tokens();
    let visit = |address: &str| {
        let browser = Browser::new();
        let address = address.to_owned();
        let portal = &portal;
        async move {
            let authorize = portal.begin_login(&browser, "").await;
            let callback = portal.callback(&authorize, "a-code");
            browser.get_with(&callback, &[("x-forwarded-for", &address)]).await
        }
    };
    let answers = async {
        let (first, second) = tokio::join!(visit("192.0.2.1"), visit("192.0.2.1"));
        [first, second]
    };
    let refused = async {
        gate.arrival().await;
        gate.arrival().await;
        let refused = visit("192.0.2.1").await;
        gate.open();
        refused
    };
    let (answers, refused) = tokio::join!(answers, refused);
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    assert_eq!(refused.set_cookies(), [""; 0]);
    assert_eq!(provider.token_calls().len(), 2, "one of them had no place");
    for answer in answers {
        assert_ne!(answer.status, 503, "{}", answer.body);
    }
    // The places are free again.
    assert_ne!(visit("192.0.2.1").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_whose_exchange_found_no_place_is_still_good() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).set("MAX_EXCHANGES", "1").start().await;
    let gate = provider.hold_tokens();
    let (other, browser) = (Browser::new(), Browser::new());
    let held = portal.begin_login(&other, "").await;
    let authorize = portal.begin_login(&browser, "").await;
    let response = crate::harness::steps::let_in(&portal, &provider, &authorize, "person-1");
    let callback = portal.callback(&authorize, "a-good-code");
    let first = portal.callback(&held, "another-code");
    let (_, refused) = tokio::join!(other.get(&first), async {
        gate.arrival().await;
        let refused = browser.get(&callback).await;
        provider.on_token(move |_| axum::response::IntoResponse::into_response(axum::Json(response.clone())));
        gate.open();
        refused
    });
    assert_eq!(refused.status, 503);
    let again = browser.get(&callback).await;
    assert_eq!(again.status, 303, "{}", again.body);
    assert_logged_in(&portal, &browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_gets_its_line_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start().await;
    let (mut command, base) = portal_at(folder.path(), &provider.base);
    command.env("GLOBUS_PORTAL_APP_CLIENT_ID", crate::harness::provider::CLIENT_ID);
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;
    // The portal may have its answer before it notices that the client has gone: then another one leaves.
    for _ in 0..100 {
        let gate = provider.hold_tokens();
        let browser = Browser::new();
        let authorize = browser.get(&format!("{base}/login")).await.location();
        let state = parameter(&authorize, "state").unwrap();
        let callback = format!("{base}/login?code=a-code&state={state}");
        tokio::select! {
            _ = browser.get(&callback) => panic!("it was answered"),
            () = gate.arrival() => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        gate.open();
        tokio::time::sleep(Duration::from_millis(20)).await;
        if process.printed().contains("client left") {
            break;
        }
    }
    let line = process.says("client left").await;
    assert!(line.contains("/login") && line.contains("\"status\":50"), "{line}");
    process.signal("TERM");
    until("the end", || process.printed().contains("stopped").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_its_body_is_whole_gets_its_line_and_begins_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, base) = process_with_few_descriptors(folder.path(), 1024, 1024).await;
    let mut stream = TcpStream::connect(base.replace("http://localhost", "127.0.0.1")).await.unwrap();
    let head = "POST /logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nhalf";
    stream.write_all(head.as_bytes()).await.unwrap();
    // It has read the head when it has answered a request that came later.
    assert_eq!(health(&base).await, 200);
    drop(stream);
    let line = process.says("\"path\":\"/logout\"").await;
    assert!(line.contains("\"method\":\"POST\""), "{line}");
    // A close truncates the body; a reset drops the request altogether.
    assert!(
        line.contains("the request body ended early") || line.contains("client left before its request was whole"),
        "{line}"
    );
    process.signal("TERM");
    assert!(process.ended().await.success());
}
