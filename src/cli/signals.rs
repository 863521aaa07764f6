//! Signals: which ones stop a command, and which one does not.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Ignores SIGHUP from now on: a terminal that closes, or a service manager's `reload`, must not stop the portal.
pub(super) fn ignore_hangup() -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP is ignored: settings are read at the start only, so restart to change them");
        }
    });
    Ok(())
}

/// Ready when the process is asked to stop: SIGINT or SIGTERM.
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
