//! A log that cannot be written: the portal still serves, and reports afterwards how much is missing.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, PipeReader, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::harness::{Browser, MIRA, Process, decide, free_port, machine_allows, sandboxed_portal, until};

/// A portal with its own sandbox, and its address.
fn portal(folder: &Path) -> (Command, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = sandboxed_portal(folder);
    command.env("GLOBUS_PORTAL_LISTEN", address.to_string());
    command.env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{}", address.port()));
    (command, address)
}

async fn listens(address: SocketAddr) -> String {
    until("the portal's port", || TcpStream::connect(address).ok()).await;
    format!("http://localhost:{}", address.port())
}

/// A login, many requests that each log a line, and a logout; each has its effect.
async fn visit(base: &str) {
    let browser = Browser::new();
    let authorize = browser.get(&format!("{base}/login")).await.location();
    let globus = authorize.origin().ascii_serialization();
    let back = decide(&globus, &browser, &authorize, MIRA, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert!(page.body.contains("You are successfully logged in!"), "{}", page.body);
    // More than a pipe holds.
    let missing = format!("{base}/{}", "x".repeat(190));
    for _ in 0..400 {
        assert_eq!(browser.get(&missing).await.status, 404);
    }
    let sessions = browser.get(&format!("{base}/sessions")).await;
    assert_eq!((sessions.status.as_u16(), sessions.body.matches("This browser").count().min(1)), (200, 1));
    let cookie = browser.cookie("localhost", "session").unwrap();
    browser.get(&format!("{base}/logout")).await;
    let old = [("cookie", format!("session={cookie}"))];
    let old = old.each_ref().map(|(name, value)| (*name, value.as_str()));
    let after = Browser::new().get_with(&format!("{base}/profile"), &old).await;
    assert_ne!(after.status, 200, "{}", after.body);
}

async fn stops(process: &mut Process) {
    process.signal("TERM");
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_at_the_other_end_of_its_output_the_portal_serves() {
    let folder = TempDir::new().unwrap();
    let (mut command, address) = portal(folder.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut process = Process::start_unheard(&mut command, writer.try_clone().unwrap(), writer);
    drop(command);
    visit(&listens(address).await).await;
    stops(&mut process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_under_its_output_the_portal_serves() {
    let full = OpenOptions::new().write(true).open("/dev/full");
    if !machine_allows("a full disk", full.is_ok(), "no /dev/full") {
        return;
    }
    let full = full.unwrap();
    let folder = TempDir::new().unwrap();
    let (mut command, address) = portal(folder.path());
    let mut process = Process::start_unheard(&mut command, full.try_clone().unwrap(), full);
    visit(&listens(address).await).await;
    stops(&mut process).await;
}

/// A pipe that is full, or about to be: a thread keeps filling it.
fn full_pipe() -> (PipeReader, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    thread::spawn(move || {
        // Ends with the pipe.
        while filler.write_all(&[b'.'; 4096]).is_ok() {}
    });
    (reader, writer)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_reader_that_never_reads_its_output_the_portal_serves_and_stops() {
    let folder = TempDir::new().unwrap();
    let (mut command, address) = portal(folder.path());
    let (_reader, writer) = full_pipe();
    let mut process = Process::start_unheard(&mut command, writer.try_clone().unwrap(), writer);
    drop(command);
    visit(&listens(address).await).await;
    stops(&mut process).await;
}

/// How many lines were lost, as a line says.
fn lost_in(line: &str) -> Option<u64> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    assert_eq!(line["level"], "WARN", "{line}");
    line["lost"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn once_somebody_reads_the_log_again_a_line_says_how_many_were_lost() {
    let folder = TempDir::new().unwrap();
    let fifo = folder.path().join("log");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (mut command, address) = portal(folder.path());
    // Opened for reading and writing, a FIFO does not block.
    let both = || OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let reader = both();
    let writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    let process = Process::start_unheard(&mut command, File::create("/dev/null").unwrap(), writer);
    drop(command);
    let base = listens(address).await;
    drop(reader);

    let browser = Browser::new();
    let mut missing = 0;
    for round in 0.. {
        assert!(round < 100, "no line says that lines were lost");
        // These are lost, unless the log is very slow; then there is another round.
        for _ in 0..20 {
            browser.get(&format!("{base}/unread")).await;
        }
        let mut lines = BufReader::new(File::open(&fifo).unwrap()).lines();
        missing += 20;
        browser.get(&format!("{base}/read-{round}")).await;
        let until_read: Vec<String> =
            lines.by_ref().map(Result::unwrap).take_while(|line| !line.contains(&format!("/read-{round}"))).collect();
        missing -= until_read.iter().filter(|line| line.contains("/unread")).count() as u64;
        if let Some(lost) = until_read.iter().filter(|line| line.contains("\"lost\"")).find_map(|line| lost_in(line)) {
            // A line or two of the start may be among them.
            assert!((missing..missing + 5).contains(&lost), "{lost} for {missing}");
            break;
        }
    }
    drop(process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_read_late_is_whole_after_a_stop() {
    let folder = TempDir::new().unwrap();
    let (mut command, address) = portal(folder.path());
    let (reader, writer) = std::io::pipe().unwrap();
    let mut process = Process::start_unheard(&mut command, File::create("/dev/null").unwrap(), writer);
    drop(command);
    let base = listens(address).await;
    let pages = async {
        for number in 0..400 {
            Browser::new().get(&format!("{base}/page-{number}-{}", "x".repeat(190))).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), pages).await.unwrap();
    process.signal("TERM");
    let lines = thread::spawn(|| BufReader::new(reader).lines().map(Result::unwrap).collect::<Vec<_>>());
    assert_eq!(process.ended().await.code(), Some(0));
    let lines = lines.join().unwrap();
    for number in 0..400 {
        assert!(lines.iter().any(|line| line.contains(&format!("/page-{number}-"))), "{number}");
    }
    assert!(lines.last().unwrap().contains("stopped"), "{:?}", lines.last());
    assert!(!lines.iter().any(|line| line.contains("\"lost\"")));
}
