//! What the portal tells systemd (sd_notify(3)): that it is ready, that it is alive, and that it stops.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        net::{SocketAddr, UnixDatagram as Datagram},
    },
    process,
    time::Duration,
};

use tokio::{
    net::UnixDatagram,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{keep_running::keep_running, server::health::ask, settings::Listen, state::AppState};

/// How long a message may take.
const SEND_WITHIN: Duration = Duration::from_secs(2);

/// `stop`, of which systemd hears. Until then it hears that the portal is ready and alive. Without systemd this is `stop` alone.
pub(super) fn told(
    app: &AppState,
    listen: &Listen,
    stop: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    if let (Some(_), Some(period)) = (notify_socket(), watchdog_period()) {
        let (app, listen) = (app.clone(), listen.clone());
        keep_running("the watchdog", move || keep_alive(app.clone(), listen.clone(), period / 2));
    }
    async {
        tell("READY=1").await;
        stop.await;
        tell("STOPPING=1").await;
    }
}

/// Tells systemd that the portal is alive for as long as a visitor would get an answer: its listener, the accept loop and the
/// routes work. A database or a Globus that is down is no reason to restart the portal.
async fn keep_alive(app: AppState, listen: Listen, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // While it stops, its listener is closed.
        match if app.is_stopping() { Ok(()) } else { answers(&listen, every / 2).await } {
            Ok(()) => tell("WATCHDOG=1").await,
            Err(why) => tracing::error!(%listen, why, "the portal does not answer its own watchdog"),
        }
    }
}

/// Whether the portal answers at its own address. An address that it may not use says nothing about that.
async fn answers(listen: &Listen, within: Duration) -> Result<(), String> {
    if matches!(listen, Listen::Unix(path) if path.as_os_str().is_empty()) {
        return Ok(());
    }
    match ask(listen, "/healthz", within).await {
        Ok(health) if health.status == 200 => Ok(()),
        Ok(health) => Err(format!("/healthz answers {}", health.status)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// How often systemd wants to hear from this process, if it does (sd_watchdog_enabled(3)).
fn watchdog_period() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let is_for_us = env::var_os("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(process::id().into());
    number("WATCHDOG_USEC").filter(|micros| is_for_us && *micros > 0).map(Duration::from_micros)
}

fn notify_socket() -> Option<OsString> {
    env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())
}

async fn tell(message: &str) {
    let Some(name) = notify_socket() else { return };
    let sent = timeout(SEND_WITHIN, send(&name, message)).await;
    if let Err(error) = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        tracing::warn!(%error, notification = message, "cannot notify systemd");
    }
}

async fn send(name: &OsStr, message: &str) -> io::Result<()> {
    let socket = Datagram::unbound()?;
    socket.connect_addr(&address(name)?)?;
    socket.set_nonblocking(true)?;
    UnixDatagram::from_std(socket)?.send(message.as_bytes()).await.map(drop)
}

/// A path, or on Linux `@` and a name that is not in the file system.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt as _;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(OsStr::from_bytes(name.as_bytes()))
}
