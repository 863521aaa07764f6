//! The portal as a service: what systemd hears (sd_notify(3)), and `globus-portal health`.

use std::{
    os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr},
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;
use tokio::{net::UnixDatagram, time::timeout};

use crate::harness::{PATIENCE, Process, globus_portal, portal_at, start_sandbox, until};

/// A portal that needs no Globus as long as nobody logs in.
fn portal(folder: &Path) -> (Command, String) {
    portal_at(folder, "http://127.0.0.1:9")
}

async fn heard(socket: &UnixDatagram) -> String {
    let mut message = [0; 100];
    let length = timeout(PATIENCE, socket.recv(&mut message)).await.unwrap().unwrap();
    String::from_utf8(message[..length].to_vec()).unwrap()
}

/// What has been heard by now.
fn heard_so_far(socket: &UnixDatagram) -> Vec<String> {
    let mut message = [0; 100];
    let texts = std::iter::from_fn(|| socket.try_recv(&mut message).ok().map(|length| message[..length].to_vec()));
    texts.map(|text| String::from_utf8(text).unwrap()).collect()
}

async fn stopped(mut process: Process) {
    process.signal("TERM");
    assert!(process.ended().await.success(), "{}", process.printed());
}

#[tokio::test]
async fn systemd_hears_that_the_portal_is_ready_alive_and_stopping() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let name = format!("globus-portal-test-{}", std::process::id());
    let abstract_one = || {
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = std::os::unix::net::UnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        UnixDatagram::from_std(socket).unwrap()
    };
    let sockets =
        [(path.display().to_string(), UnixDatagram::bind(&path).unwrap()), (format!("@{name}"), abstract_one())];
    for (address, socket) in sockets {
        let (mut command, _) = portal(folder.path());
        command.env("NOTIFY_SOCKET", address).env("WATCHDOG_USEC", "1000000");
        let process = Process::start(&mut command, &folder.path().join("log"));
        let mut messages = vec![heard(&socket).await];
        // It is alive again and again.
        while messages.iter().filter(|message| *message == "WATCHDOG=1").count() < 2 || messages.len() < 3 {
            messages.push(heard(&socket).await);
        }
        assert_eq!(messages.iter().filter(|message| *message == "READY=1").count(), 1, "{messages:?}");
        stopped(process).await;
        let last = heard_so_far(&socket);
        assert!(last.iter().any(|message| message == "STOPPING=1"), "{last:?}");
    }
}

#[tokio::test]
async fn a_portal_that_nobody_can_reach_does_not_say_that_it_is_alive() {
    let folder = TempDir::new().unwrap();
    let (notify, path) = (folder.path().join("notify"), folder.path().join("portal.sock"));
    let socket = UnixDatagram::bind(&notify).unwrap();
    let (mut command, _) = portal(folder.path());
    command.env("GLOBUS_PORTAL_LISTEN", format!("unix:{}", path.display()));
    command.env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "200000");
    let process = Process::start(&mut command, &folder.path().join("log"));
    while heard(&socket).await != "WATCHDOG=1" {}
    std::fs::remove_file(&path).unwrap();
    let complaints = || process.printed().matches("does not answer its own watchdog").count();
    let first = until("a complaint", || Some(complaints()).filter(|count| *count > 0)).await;
    heard_so_far(&socket);
    until("more complaints", || (complaints() >= first + 3).then_some(())).await;
    assert_eq!(heard_so_far(&socket), [""; 0]);
    stopped(process).await;
}

#[tokio::test]
async fn systemd_hears_of_life_only_where_it_asks_for_it() {
    let folder = TempDir::new().unwrap();
    for variables in [&[][..], &[("WATCHDOG_USEC", "20000"), ("WATCHDOG_PID", "1")], &[("WATCHDOG_USEC", "soon")]] {
        let notify = folder.path().join("notify");
        let socket = UnixDatagram::bind(&notify).unwrap();
        let (mut command, base) = portal(folder.path());
        command.env("NOTIFY_SOCKET", &notify).envs(variables.iter().copied());
        let process = Process::start(&mut command, &folder.path().join("log"));
        assert_eq!(heard(&socket).await, "READY=1");
        for _ in 0..10 {
            assert_eq!(reqwest::get(format!("{base}/healthz")).await.unwrap().status(), 200);
        }
        stopped(process).await;
        assert_eq!(heard_so_far(&socket), ["STOPPING=1"]);
        std::fs::remove_file(notify).unwrap();
    }
}

#[tokio::test]
async fn a_service_manager_that_does_not_listen_stops_nothing() {
    let folder = TempDir::new().unwrap();
    for address in ["/nowhere/notify", "relative", "@"] {
        let (mut command, base) = portal(folder.path());
        command.env("NOTIFY_SOCKET", address).env("WATCHDOG_USEC", "20000");
        let mut process = Process::start(&mut command, &folder.path().join("log"));
        process.says("cannot notify systemd").await;
        assert_eq!(reqwest::get(format!("{base}/healthz")).await.unwrap().status(), 200);
        stopped(process).await;
    }
}

/// `health` of the portal at this address. It has no other setting, and no secret.
fn health(folder: &Path, listen: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = globus_portal(folder, [&["health"], arguments].concat());
    let Output { status, stdout, stderr } = command.env("GLOBUS_PORTAL_LISTEN", listen).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout) + &text(stderr))
}

fn address_of(command: &Command) -> String {
    let listen = command.get_envs().find(|(name, _)| *name == "GLOBUS_PORTAL_LISTEN").unwrap();
    listen.1.unwrap().to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_whether_the_portal_can_serve() {
    let folder = TempDir::new().unwrap();
    let unix = format!("unix:{}/portal.sock", folder.path().display());
    let globus = start_sandbox().await;
    for (globus, listen, ready) in [
        (&*globus, None, true),
        (&globus, Some(&*unix), true),
        (&globus, Some("0.0.0.0"), true),
        ("http://127.0.0.1:9", None, false),
    ] {
        let (mut command, _) = portal_at(folder.path(), globus);
        let port = address_of(&command).rsplit(':').next().unwrap().to_owned();
        let listen = match listen {
            Some("0.0.0.0") => format!("0.0.0.0:{port}"),
            Some(listen) => listen.to_owned(),
            None => address_of(&command),
        };
        let path = folder.path().join("log");
        let mut process = Process::start(command.env("GLOBUS_PORTAL_LISTEN", &listen), &path);
        process.says("Listening on").await;
        assert_eq!(health(folder.path(), &listen, &["--live"]), (Some(0), "ok\n".to_owned()));
        let (status, text) = health(folder.path(), &listen, &["--timeout", "60"]);
        if ready {
            assert_eq!((status, &*text), (Some(0), "ok\n"));
        } else {
            assert_eq!(status, Some(1));
            assert!(text.contains("/readyz answers 503: Globus Auth does not answer"), "{text}");
        }
        stopped(process).await;
        let (status, text) = health(folder.path(), &listen, &[]);
        assert_eq!(status, Some(1));
        assert!(text.contains(&listen) && text.contains("does not answer /readyz"), "{text}");
    }
}

#[test]
fn health_has_the_status_1_whatever_is_wrong() {
    let folder = TempDir::new().unwrap();
    // It accepts, and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().to_string();
    for (listen, said) in [
        (&*silent, "timed out"),
        ("systemd", "only its socket unit says"),
        ("everywhere", "LISTEN = everywhere (from the environment variable"),
        ("unix:/nowhere/portal.sock", "unix:/nowhere/portal.sock does not answer"),
    ] {
        let (status, text) = health(folder.path(), listen, &["--timeout", "1"]);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(said), "{text}");
    }
}
