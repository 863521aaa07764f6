//! Why a command failed.

use std::{error::Error, fmt, io, net::SocketAddr, path::PathBuf};

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
    /// The portal does not answer, or not well.
    Unwell(String),
    /// Sessions are in the memory of another process.
    OwnMemory,
    /// There is no such store.
    NoStore(PathBuf),
    /// Nobody of this name, or no session of this id, is in this store.
    NoSession(String, String),
    /// The sandbox cannot listen there.
    BindSandbox(SocketAddr, io::Error),
    /// `init` cannot write a settings file.
    Init(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(problems) => problems.fmt(f),
            Self::Build(_) => f.write_str("cannot start"),
            Self::Bind(address, error) => write!(f, "cannot listen on {address}: {}", why_not(address, error)),
            Self::BindMetrics(address, error) => {
                write!(f, "cannot listen on {address} for metrics: {} (see METRICS_LISTEN)", why_not_another(error))
            }
            Self::Io(_) => f.write_str("failed"),
            Self::Check => f.write_str("some checks failed"),
            Self::OwnMemory => f.write_str(
                "SESSION_STORE is memory, so only the running portal has the sessions: restart it to end them all",
            ),
            Self::NoStore(path) => write!(
                f,
                "there is no session store {}: run this in the portal's folder, or name its settings file by --config",
                path.display()
            ),
            Self::NoSession(asked, store) => write!(f, "{asked:?} has no session in {store}"),
            Self::BindSandbox(address, error) => {
                write!(f, "cannot listen on {address}: {} (see --listen)", why_not_another(error))
            }
            Self::Unwell(text) | Self::Init(text) => f.write_str(text),
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
        (_, io::ErrorKind::AddrInUse) => "another program uses this port (choose another with LISTEN and SERVER_NAME)",
        (_, io::ErrorKind::AddrNotAvailable) => "this machine has no such address (see LISTEN)",
        (_, io::ErrorKind::PermissionDenied) => "not permitted; ports below 1024 need a privilege (see LISTEN)",
        _ => "see LISTEN",
    }
}

/// The same for listeners that have settings of their own.
fn why_not_another(error: &io::Error) -> &'static str {
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
            Self::Bind(_, error) | Self::BindMetrics(_, error) | Self::BindSandbox(_, error) | Self::Io(error) => {
                Some(error)
            }
            Self::Settings(_)
            | Self::Check
            | Self::Unwell(_)
            | Self::OwnMemory
            | Self::NoStore(_)
            | Self::NoSession(..)
            | Self::Init(_) => None,
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
