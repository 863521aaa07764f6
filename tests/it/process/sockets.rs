//! `LISTEN`: Unix sockets, and sockets that systemd passes.

use std::{
    fs,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};

use crate::harness::{Process, portal_at};

/// A portal that needs no Globus as long as nobody logs in.
fn portal(folder: &Path, listen: &str) -> Command {
    let (mut command, _) = portal_at(folder, "http://127.0.0.1:9");
    command.env("GLOBUS_PORTAL_LISTEN", listen).env("GLOBUS_PORTAL_LOG_FORMAT", "json");
    command
}

fn unix(folder: &Path) -> (String, PathBuf) {
    let path = folder.join("portal.sock");
    (format!("unix:{}", path.display()), path)
}

async fn started(command: &mut Command, folder: &Path, name: &str) -> Process {
    let mut process = Process::start(command, &folder.join(name));
    process.says("Listening on").await;
    process
}

async fn stopped(mut process: Process) -> String {
    process.signal("TERM");
    assert!(process.ended().await.success(), "{}", process.printed());
    process.printed()
}

/// What a command that cannot start prints.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    stderr
}

async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn is_served(path: &Path) {
    let answer = get(UnixStream::connect(path).await.unwrap(), "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_unix_socket_is_for_the_group_and_goes_with_the_portal() {
    let folder = TempDir::new().unwrap();
    let (listen, path) = unix(folder.path());
    let process = started(&mut portal(folder.path(), &listen), folder.path(), "log").await;
    let found = fs::symlink_metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
    is_served(&path).await;
    let missing = get(UnixStream::connect(&path).await.unwrap(), "/nowhere").await;
    assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    let printed = stopped(process).await;
    assert!(printed.contains(&format!("Listening on {listen}. Visit http://localhost")), "{printed}");
    // The proxy is trusted, without TRUSTED_PROXIES.
    assert!(printed.contains("\"peer\":\"203.0.113.7\"") && !printed.contains("TRUSTED_PROXIES"), "{printed}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_is_replaced_only_if_nobody_listens_on_it() {
    let folder = TempDir::new().unwrap();
    let (listen, path) = unix(folder.path());
    let first = started(&mut portal(folder.path(), &listen), folder.path(), "first").await;
    let told = refused(&mut portal(folder.path(), &listen));
    assert!(told.contains(&listen) && told.contains("another program listens on this socket"), "{told}");
    is_served(&path).await;
    // Dropping it kills it, and it leaves its file.
    drop(first);
    assert!(path.exists());
    let second = started(&mut portal(folder.path(), &listen), folder.path(), "second").await;
    is_served(&path).await;
    // The file of a portal that has taken over is left alone.
    fs::remove_file(&path).unwrap();
    let third = started(&mut portal(folder.path(), &listen), folder.path(), "third").await;
    stopped(second).await;
    is_served(&path).await;
    stopped(third).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn two_portals_that_start_together_do_not_take_each_others_socket() {
    let folder = TempDir::new().unwrap();
    let (listen, path) = unix(folder.path());
    drop(UnixListener::bind(&path).unwrap());
    let mut both =
        ["a", "b"].map(|name| Process::start(&mut portal(folder.path(), &listen), &folder.path().join(name)));
    let [a, b] = &mut both;
    let loser = tokio::select! { status = a.ended() => status, status = b.ended() => status };
    assert_eq!(loser.code(), Some(1));
    is_served(&path).await;
}

#[tokio::test]
async fn a_socket_whose_queue_is_full_is_not_replaced() {
    let folder = TempDir::new().unwrap();
    let (listen, path) = unix(folder.path());
    let _listener = UnixListener::bind(&path).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = UnixStream::connect(&path).await {
        waiting.push(stream);
        assert!(waiting.len() < 10_000);
    }
    let told = refused(&mut portal(folder.path(), &listen));
    assert!(told.contains("another program listens on this socket"), "{told}");
}

#[test]
fn what_is_no_socket_is_not_replaced() {
    let folder = TempDir::new().unwrap();
    let (listen, path) = unix(folder.path());
    fs::write(&path, "precious").unwrap();
    let told = refused(&mut portal(folder.path(), &listen));
    assert!(told.contains("something else has this path"), "{told}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let told = refused(&mut portal(folder.path(), &format!("unix:{}/none/portal.sock", folder.path().display())));
    assert!(told.contains("its folder is missing"), "{told}");
}

/// Passes a socket as systemd does: as descriptor 3, with the process's own id. No test may create a descriptor by its number,
/// so a shell does.
fn activated(folder: &Path, socket: OwnedFd) -> Command {
    let portal = portal(folder, "systemd");
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve"])
        .arg(portal.get_program());
    command.env_clear().envs(portal.get_envs().filter_map(|(key, value)| Some((key, value?)))).current_dir(folder);
    command.stdin(socket);
    command
}

#[tokio::test]
async fn a_portal_serves_the_socket_that_systemd_passes() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // This one comes before the portal runs, and waits for it.
    let early = TcpStream::connect(address).await.unwrap();
    let process = started(&mut activated(folder.path(), listener.into()), folder.path(), "tcp").await;
    for stream in [early, TcpStream::connect(address).await.unwrap()] {
        assert!(get(stream, "/healthz").await.starts_with("HTTP/1.1 200 "));
    }
    let printed = stopped(process).await;
    assert!(printed.contains(&format!("Listening on {address}. ")), "{printed}");

    let (listen, path) = unix(folder.path());
    let listener = UnixListener::bind(&path).unwrap();
    let process = started(&mut activated(folder.path(), listener.into()), folder.path(), "unix").await;
    is_served(&path).await;
    let printed = stopped(process).await;
    assert!(printed.contains(&format!("Listening on {listen}. ")), "{printed}");
    assert!(path.exists(), "the file is systemd's");
}

#[test]
fn without_a_socket_of_systemd_the_portal_says_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let told = refused(&mut portal(folder.path(), "systemd"));
    assert!(told.contains("cannot listen on systemd") && told.contains("globus-portal.socket"), "{told}");
    // Of another process.
    let told = refused(portal(folder.path(), "systemd").env("LISTEN_PID", "1").env("LISTEN_FDS", "1"));
    assert!(told.contains("has passed no socket"), "{told}");
    // A file instead of a socket.
    let file = fs::File::open(folder.path()).unwrap();
    let told = refused(&mut activated(folder.path(), file.into()));
    assert!(told.contains("expected one stream socket"), "{told}");
}
