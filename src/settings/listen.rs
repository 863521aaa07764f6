//! Where the portal listens.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::reader::Reader;

/// The longest path of a Unix socket on Linux, in bytes (unix(7)).
const LONGEST_PATH: usize = 107;

/// Where the portal listens (`LISTEN`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At an address (`127.0.0.1:5000`).
    Tcp(SocketAddr),
    /// At a Unix socket that the portal creates (`unix:/run/globus-portal/portal.sock`).
    Unix(PathBuf),
    /// At the first socket that systemd passes (`systemd`).
    Systemd,
}

impl Listen {
    /// The address, unless it is a socket of another kind.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        if let Self::Tcp(address) = self { Some(*address) } else { None }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd => f.write_str("systemd"),
        }
    }
}

pub(super) fn listen(reader: &mut Reader) -> Listen {
    reader.parsed("LISTEN", parse).unwrap_or(Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 5000))))
}

fn parse(text: &str) -> Result<Listen, String> {
    if text == "systemd" {
        return Ok(Listen::Systemd);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path).map(Listen::Unix);
    }
    let address = text.parse::<SocketAddr>().map(Listen::Tcp);
    address.map_err(|_| {
        "expected an address and a port, as in 127.0.0.1:5000 or [::]:5000, a Unix socket, as in \
         unix:/run/globus-portal/portal.sock, or systemd"
            .to_owned()
    })
}

fn unix(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if !path.is_absolute() || path.file_name().is_none() || text.ends_with('/') || text.contains('\0') {
        return Err(
            "expected the whole path of a socket after unix:, as in unix:/run/globus-portal/portal.sock".to_owned()
        );
    }
    if text.len() > LONGEST_PATH {
        return Err(format!("the path of a Unix socket may have {LONGEST_PATH} bytes at most: choose a shorter one"));
    }
    Ok(path.to_owned())
}
