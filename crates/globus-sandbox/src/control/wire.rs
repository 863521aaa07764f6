//! Connections that can be cut in the middle of an answer, as bad networks do.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::Accept;
use tokio_rustls::server::TlsStream;

use crate::ground::tls::Tls;

/// No cut.
const UNCUT: u64 = u64::MAX;

/// A listener whose connections can be cut, and may use TLS.
pub(crate) struct CuttableListener {
    pub(crate) listener: Arc<TcpListener>,
    pub(crate) tls: Arc<Tls>,
}

/// The next connection. An error concerns one connection, or means too many open files: it tries again after a pause.
async fn accepted(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(error = %error, "sandbox: cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One such connection, and how many bytes it may still send.
pub(crate) struct Wire {
    stream: Stream,
    left: Arc<AtomicU64>,
}

/// A connection; its first byte shows whether it uses TLS.
enum Stream {
    New(TcpStream, Arc<Tls>),
    Handshake(Box<Accept<TcpStream>>),
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Taken apart, before its next state is set.
    Gone,
}

/// The first byte of every TLS connection (RFC 8446, section 5.1: a handshake record).
const HANDSHAKE: u8 = 22;

impl Stream {
    /// Detects TLS, and is ready once bytes can be read and written.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self {
                Self::Plain(_) | Self::Tls(_) => return Poll::Ready(Ok(())),
                Self::New(stream, _) => {
                    let mut first = [0];
                    let mut first = ReadBuf::new(&mut first);
                    ready!(stream.poll_peek(cx, &mut first))?;
                    let is_tls = first.filled() == [HANDSHAKE];
                    self.begin(is_tls)?;
                }
                Self::Handshake(accept) => {
                    let stream = ready!(Pin::new(accept).poll(cx))?;
                    *self = Self::Tls(Box::new(stream));
                }
                Self::Gone => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            }
        }
    }

    fn begin(&mut self, is_tls: bool) -> io::Result<()> {
        let Self::New(stream, tls) = std::mem::replace(self, Self::Gone) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        *self = match is_tls {
            false => Self::Plain(stream),
            true => {
                let acceptor = tls.acceptor().ok_or(io::ErrorKind::Unsupported)?;
                Self::Handshake(Box::new(acceptor.accept(stream)))
            }
        };
        Ok(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_ready(cx))?;
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            _ => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

/// Cuts the connection of a request.
#[derive(Clone)]
pub(crate) struct Shears(Arc<AtomicU64>);

impl Shears {
    /// Lets this many more bytes pass; then the connection is closed.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.0.store(bytes.min(UNCUT - 1), Ordering::Relaxed);
    }
}

impl Listener for CuttableListener {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = accepted(&self.listener).await;
        let stream = Stream::New(stream, self.tls.clone());
        (Wire { stream, left: Arc::new(AtomicU64::new(UNCUT)) }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Shears {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        Self(stream.io().left.clone())
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.poll_ready(cx))?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            _ => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.left.load(Ordering::Relaxed);
        if left == UNCUT {
            return self.stream.poll_write(cx, bytes);
        }
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let written = self.stream.poll_write(cx, &bytes[..length]);
        if let Poll::Ready(Ok(count)) = written {
            self.left.store(left.saturating_sub(count as u64), Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) | Stream::New(stream, _) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Handshake(_) | Stream::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) | Stream::New(stream, _) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Handshake(_) | Stream::Gone => Poll::Ready(Ok(())),
        }
    }
}
