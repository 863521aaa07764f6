//! Asks a portal that listens whether it is well, as the proxy would: through its own listener.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::settings::Listen;

/// The most that is read of an answer.
const MAX_ANSWER: u64 = 16 << 10;

/// What a portal has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The HTTP status.
    pub status: u16,
    /// The text, with what is missing on a line each.
    pub text: String,
}

/// Asks the portal that listens there for `path`, which is `/readyz` or `/healthz`. An address that stands for all is asked on
/// loopback.
///
/// # Errors
/// If it does not answer within this time, or not in HTTP; if systemd has opened the socket, whose address only systemd knows.
pub async fn ask(listen: &Listen, path: &str, within: Duration) -> io::Result<Health> {
    let asking = async {
        match listen {
            Listen::Tcp(address) => exchange(TcpStream::connect(reachable(*address)).await?, path).await,
            Listen::Unix(socket) => exchange(UnixStream::connect(socket).await?, path).await,
            Listen::Systemd => Err(io::Error::new(io::ErrorKind::Unsupported, "only systemd knows the address")),
        }
    };
    timeout(within, asking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// No app has this host, so it leads to the portal's own routes (RFC 6761 section 6.4).
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> io::Result<Health> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: health.invalid\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not HTTP"))
}

fn parse(answer: &str) -> Option<Health> {
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Health { status, text: text.to_owned() })
}
