//! Why a command failed.

use std::{error::Error, fmt, io, net::SocketAddr};

use crate::{server::BindError, settings::Problems, state::BuildError};

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    Settings(Problems),
    Build(BuildError),
    Bind(SocketAddr, io::Error),
    BindMetrics(SocketAddr, io::Error),
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
            Self::Bind(address, error) => write!(f, "cannot listen on {address}: {}", why_not(error)),
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
fn why_not(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port (choose another with LISTEN and SERVER_NAME, or --listen for the sandbox)"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address (see LISTEN)",
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege (see LISTEN)",
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
