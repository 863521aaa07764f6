//! The connections that proxies keep to the gate.

use std::fs;

use crate::harness::{Browser, KeptConnection, MIRA, Process, decide, portal_at, start_sandbox};

const CONNECTIONS: usize = 300;
/// What the process may grow by for each, in bytes: hyper has 16 KiB of buffers, and the rest is ours. The other end of the
/// connection is not in the process.
const EACH: usize = 32 << 10;

/// Resident memory of a process, in bytes.
fn memory_of(process: &Process) -> usize {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.id())).unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_a_proxy_keeps_answer_again_and_cost_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let globus = start_sandbox().await;
    let file = folder.path().join("portal.conf");
    fs::write(&file, "[policies.default]\ndomains = ['northfield.example']\n").unwrap();
    let (mut command, base) = portal_at(folder.path(), &globus);
    command.env("GLOBUS_PORTAL_CONFIG", &file).env("GLOBUS_PORTAL_TRUSTED_PROXIES", "127.0.0.1");
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;
    let browser = Browser::new();
    let authorize = browser.get(&format!("{base}/login")).await.location();
    let back = decide(&globus, &browser, &authorize, MIRA, "allow").await;
    assert_eq!(browser.get(back.as_str()).await.status, 303);
    let cookie = format!("session={}", browser.cookie("localhost", "session").unwrap());

    let open = async |count| {
        let mut connections = Vec::new();
        for _ in 0..count {
            let mut connection = KeptConnection::to(&base).await;
            assert_eq!(connection.get("/oauth2/auth/default", &cookie).await.status, 202);
            connections.push(connection);
        }
        connections
    };
    let mut kept = open(20).await;
    let before = memory_of(&process);
    kept.extend(open(CONNECTIONS).await);
    let each = memory_of(&process).saturating_sub(before) / CONNECTIONS;
    assert!(each < EACH, "{each} bytes");
    for connection in &mut kept {
        assert_eq!(connection.get("/oauth2/auth/default", &cookie).await.status, 202);
    }
    process.signal("TERM");
    assert!(process.ended().await.success());
}
