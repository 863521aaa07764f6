//! What the portal accepts connections from: TCP, a Unix socket of its own, or a socket that systemd passes.

use std::{
    io,
    net::SocketAddr,
    os::fd::AsFd as _,
    sync::{Mutex, OnceLock, PoisonError},
};

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::socket_file::SocketFile;
use crate::settings::Listen;

/// A listener. Of a Unix socket that the portal has created, it holds the file.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, Option<SocketFile>),
}

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listener {
    pub(super) async fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            Listen::Unix(path) => {
                let (listener, file) = SocketFile::bind(path).await?;
                Ok(Self::Unix(listener, Some(file)))
            }
            Listen::Systemd => Self::passed(),
        }
    }

    /// The first socket that systemd has passed, of either kind. It can be taken once.
    fn passed() -> io::Result<Self> {
        let mut passed = passed_sockets().lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Some(listener)) = passed.take_unix_listener(0) {
            listener.set_nonblocking(true)?;
            return Ok(Self::Unix(UnixListener::from_std(listener)?, None));
        }
        let none = || io::Error::new(io::ErrorKind::NotFound, "systemd has passed no socket (LISTEN_PID, LISTEN_FDS)");
        let listener = passed.take_tcp_listener(0)?.ok_or_else(none)?;
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(TcpListener::from_std(listener)?))
    }

    /// Where it listens, with the actual port or path.
    pub(super) fn place(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Self::Unix(listener, _) => {
                let address = listener.local_addr()?;
                Ok(Listen::Unix(address.as_pathname().map(ToOwned::to_owned).unwrap_or_default()))
            }
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| Accepted::Tcp(stream, peer)),
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        }
    }

    /// Accepts the next connection that waits in the kernel: the runtime may not know of the last ones yet.
    pub(super) fn accept_waiting(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let waiting = std::net::TcpListener::from(listener.as_fd().try_clone_to_owned()?);
                let (stream, peer) = waiting.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Accepted::Tcp(TcpStream::from_std(stream)?, peer))
            }
            Self::Unix(listener, _) => {
                let waiting = std::os::unix::net::UnixListener::from(listener.as_fd().try_clone_to_owned()?);
                let (stream, _) = waiting.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Accepted::Unix(UnixStream::from_std(stream)?))
            }
        }
    }

    /// Removes the file of a Unix socket that the portal has created: nobody connects to it any more.
    pub(super) fn remove_file(&self) {
        if let Self::Unix(_, Some(file)) = self {
            file.remove();
        }
    }
}

/// The sockets that systemd has passed to this process.
fn passed_sockets() -> &'static Mutex<ListenFd> {
    static PASSED: OnceLock<Mutex<ListenFd>> = OnceLock::new();
    PASSED.get_or_init(|| Mutex::new(ListenFd::from_env()))
}

/// Takes note of the sockets that systemd has passed, and removes its variables from the environment. Call it while the process
/// has one thread, because changing the environment later is not safe.
pub fn adopt_passed_sockets() {
    passed_sockets();
}
