//! The lines of the log: of limited length, without terminal control sequences, and with probes only at debug level.

use std::net::SocketAddr;

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Browser, MIRA, Process, decide, free_port, portal_at, start_sandbox};

/// Whether a line is plain: no control character, and nothing that turns the direction of text or ends a line elsewhere.
fn is_plain(line: &str) -> bool {
    !line.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// Sends these bytes as they are, and waits for the answer.
async fn send(address: SocketAddr, request: &[u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses the request head need not read all of it.
    let _ = stream.write_all(request).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_request_leaves_one_short_plain_line() {
    for format in ["pretty", "json"] {
        let folder = TempDir::new().unwrap();
        let (mut command, base) = portal_at(folder.path(), &start_sandbox().await);
        command.env("GLOBUS_PORTAL_LOG_FORMAT", format);
        let mut process = Process::start(&mut command, &folder.path().join("printed"));
        process.says("Listening on").await;
        let port = base.rsplit_once(':').unwrap().1.parse().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let end = format!("HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
        let hostile = "\u{85}\u{9b}31m\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}é";
        for request in [
            format!("{} /long-method {end}", "M".repeat(70_000)),
            format!("GET /{hostile} {end}"),
            format!("GET /{} {end}", "p".repeat(60_000)),
            format!("GET /x%0a%1b[31m{hostile}?code=SENTINEL {end}"),
        ] {
            send(address, request.as_bytes()).await;
        }
        Browser::new().get(&format!("{base}/the-last-one")).await;
        process.says("/the-last-one").await;
        let printed = process.printed();
        let lines: Vec<&str> = printed.split('\n').filter(|line| !line.contains("Listening on")).collect();
        for line in &lines {
            assert!(is_plain(line) && line.len() < 6000, "{} bytes: {:?}", line.len(), &line[..line.len().min(300)]);
            assert!(format == "pretty" || line.is_empty() || serde_json::from_str::<serde_json::Value>(line).is_ok());
        }
        for shown in ["/ppp", "/x%0a%1b[31m"] {
            assert_eq!(lines.iter().filter(|line| line.contains(shown)).count(), 1, "{shown}: {printed}");
        }
        assert!(!printed.contains(&"M".repeat(100)) && !printed.contains("SENTINEL"), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_logged_for_debugging_and_as_a_warning_when_they_fail() {
    for (level, root) in [("info", ""), ("debug", "/portal")] {
        let folder = TempDir::new().unwrap();
        let nowhere = format!("http://127.0.0.1:{}", free_port());
        for (globus, ready) in [(start_sandbox().await, 200), (nowhere, 503)] {
            let (mut command, base) = portal_at(folder.path(), &globus);
            command.env("GLOBUS_PORTAL_APPLICATION_ROOT", format!("{root}/"));
            command
                .env("GLOBUS_PORTAL_LOG_FORMAT", "json")
                .env("RUST_LOG", format!("globus_portal={level},globus_sdk={level},globus_sandbox={level}"));
            let mut process = Process::start(&mut command, &folder.path().join("printed"));
            process.says("Listening on").await;
            let browser = Browser::new();
            assert_eq!(browser.get(&format!("{base}{root}/healthz")).await.status, 200);
            assert_eq!(browser.get(&format!("{base}/readyz")).await.status, ready);
            // A request that only resembles a probe is logged like any other.
            assert_eq!(browser.get(&format!("{base}/elsewhere/healthz")).await.status, 404);
            browser.get(&format!("{base}/the-last-one")).await;
            process.says("/the-last-one").await;
            let printed = process.printed();
            let levels = |path: &str| -> Vec<String> {
                let lines = printed.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
                let of_path = lines.filter(|line| line["path"] == path);
                of_path.map(|line| line["level"].as_str().unwrap().to_owned()).collect()
            };
            let debug: &[&str] = if level == "debug" { &["DEBUG"] } else { &[] };
            assert_eq!(levels(&format!("{root}/healthz")), debug, "{printed}");
            assert_eq!(levels("/readyz"), if ready == 503 { &["WARN"] } else { debug }, "{printed}");
            assert_eq!(printed.contains("cannot get the discovery document"), ready == 503, "{printed}");
            assert!(!levels("/elsewhere/healthz").contains(&"DEBUG".to_owned()), "{printed}");
            assert_eq!(levels("/elsewhere/healthz").len(), 1, "{printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_visitor_is_named_however_the_proxy_writes_the_address() {
    let folder = TempDir::new().unwrap();
    let (mut command, base) = portal_at(folder.path(), &start_sandbox().await);
    command.env("GLOBUS_PORTAL_TRUSTED_PROXIES", "127.0.0.1 10.0.0.0/8").env("GLOBUS_PORTAL_LOG_FORMAT", "json");
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;
    for (number, (written, visitor)) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("198.51.100.1:1, 203.0.113.7:51234, 10.0.0.2:80", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("\"[2001:db8::1]\"", "2001:db8::1"),
        ("unknown", "127.0.0.1"),
        ("203.0.113.7, _hidden, 10.0.0.2", "10.0.0.2"),
    ]
    .into_iter()
    .enumerate()
    {
        Browser::new().get_with(&format!("{base}/page-{number}"), &[("x-forwarded-for", written)]).await;
        let line = process.says(&format!("/page-{number}")).await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["peer"], visitor, "{written}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_no_setting_names_is_warned_of_once() {
    for (trusted, warnings) in [("", 1), ("10.0.0.0/8", 1), ("127.0.0.1", 0)] {
        let folder = TempDir::new().unwrap();
        let (mut command, base) = portal_at(folder.path(), &start_sandbox().await);
        command.env("GLOBUS_PORTAL_TRUSTED_PROXIES", trusted).env("GLOBUS_PORTAL_LOG_FORMAT", "json");
        let mut process = Process::start(&mut command, &folder.path().join("printed"));
        process.says("Listening on").await;
        Browser::new().get(&format!("{base}/without")).await;
        process.says("/without").await;
        assert!(!process.printed().contains("X-Forwarded-For"), "{}", process.printed());
        for visitor in 1..=3 {
            let header = [("x-forwarded-for", &*format!("203.0.113.{visitor}"))];
            Browser::new().get_with(&format!("{base}/page-{visitor}"), &header).await;
        }
        process.says("/page-3").await;
        let printed = process.printed();
        let said: Vec<_> = printed.lines().filter(|line| line.contains("X-Forwarded-For")).collect();
        assert_eq!(said.len(), warnings, "{printed}");
        for line in said {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["level"], &line["peer"]), (&"WARN".into(), &"127.0.0.1".into()), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_cannot_be_read_is_said_and_is_no_reason_to_be_silent() {
    let folder = TempDir::new().unwrap();
    let (mut command, _) = portal_at(folder.path(), &start_sandbox().await);
    command.env("RUST_LOG", "portal=loud,=,=");
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("RUST_LOG cannot be read").await;
    process.says("Listening on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_one_event_though_nginx_asks_twice_and_so_are_the_ends_of_a_step_up() {
    let folder = TempDir::new().unwrap();
    let globus = start_sandbox().await;
    let (mut command, base) = portal_at(folder.path(), &globus);
    std::fs::write(folder.path().join("example_app.conf"), "[policies.vault]\nmfa = true\n").unwrap();
    command.env("GLOBUS_PORTAL_LOG_FORMAT", "json");
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;
    let mira = Browser::new();
    let authorize = mira.get(&format!("{base}/login")).await.location();
    let back = decide(&globus, &mira, &authorize, MIRA, "allow").await;
    mira.follow(back.as_str()).await;
    assert_eq!(mira.get(&format!("{base}/oauth2/auth/vault")).await.status, 403);
    let login = mira.get(&format!("{base}/oauth2/denied/vault")).await.location();
    let authorize = mira.get(login.as_str()).await.location();
    let back = decide(&globus, &mira, &authorize, MIRA, "allow").await;
    mira.follow(back.as_str()).await;
    assert_eq!(mira.get(&format!("{base}/oauth2/auth/vault")).await.status, 202);
    mira.get(&format!("{base}/the-last-one")).await;
    process.says("/the-last-one").await;
    let printed = process.printed();
    for event in ["denied by a policy", "step-up began", "stepped up"] {
        assert_eq!(printed.matches(event).count(), 1, "{event}: {printed}");
    }
    let denied = printed.lines().find(|line| line.contains("denied by a policy")).unwrap();
    assert!(denied.contains("\"policy\":\"vault\"") && denied.contains("Mfa"), "{denied}");
}
