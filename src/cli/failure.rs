//! Why a command failed.

use std::{error::Error, fmt, io};

use crate::{
    server::BindError,
    settings::{Listen, Problems},
    state::BuildError,
};

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    Settings(Problems),
    Build(BuildError),
    Bind(Listen, io::Error),
    BindMetrics(Listen, io::Error),
    Io(io::Error),
    /// What is wrong has been printed.
    Check,
    /// Sessions are in the memory of another process.
    OwnMemory,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(problems) => problems.fmt(f),
            Self::Build(_) => f.write_str("cannot start"),
            Self::Bind(address, error) => write!(f, "cannot listen on {address}: {}", why_not(address, error)),
            Self::BindMetrics(address, error) => {
                write!(f, "cannot listen on {address} for metrics: {} (see METRICS_LISTEN)", why_not_metrics(error))
            }
            Self::Io(_) => f.write_str("failed"),
            Self::Check => f.write_str("some checks failed"),
            Self::OwnMemory => f.write_str(
                "SESSION_STORE is memory, so only the running portal has the sessions: restart it to end them all",
            ),
        }
    }
}

/// Why an address cannot be bound, and what to do.
fn why_not(address: &Listen, error: &io::Error) -> &'static str {
    match (address, error.kind()) {
        (Listen::Systemd, _) => {
            "expected one stream socket from systemd: start the portal by a socket unit (see deploy/globus-portal.socket)"
        }
        (Listen::Unix(_), io::ErrorKind::AddrInUse) => "another program listens on this socket",
        (Listen::Unix(_), io::ErrorKind::AlreadyExists) => "something else has this path: choose another with LISTEN",
        (Listen::Unix(_), io::ErrorKind::NotFound) => {
            "its folder is missing (RuntimeDirectory= in the unit of systemd)"
        }
        (Listen::Unix(_), io::ErrorKind::PermissionDenied) => {
            "the portal's user must be allowed to write to its folder"
        }
        (_, io::ErrorKind::AddrInUse) => {
            "another program uses this port (choose another with LISTEN and SERVER_NAME, or --listen for the sandbox)"
        }
        (_, io::ErrorKind::AddrNotAvailable) => "this machine has no such address (see LISTEN)",
        (_, io::ErrorKind::PermissionDenied) => "not permitted; ports below 1024 need a privilege (see LISTEN)",
        _ => "see LISTEN",
    }
}

/// The same for the listener for metrics.
fn why_not_metrics(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program uses this port",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege",
        _ => "it failed",
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Build(error) => Some(error),
            Self::Bind(_, error) | Self::BindMetrics(_, error) | Self::Io(error) => Some(error),
            Self::Settings(_) | Self::Check | Self::OwnMemory => None,
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        let BindError { setting, address, source } = error;
        if setting == "LISTEN" { Self::Bind(address, source) } else { Self::BindMetrics(address, source) }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
