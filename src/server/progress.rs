//! What a connection is waiting for, recorded as its bytes pass. The connection limits depend on it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The rest of a request head: a new connection, or one whose next request has begun.
    Head,
    /// The next request, of which nothing has arrived.
    Idle,
    /// The body of a request.
    Body,
    /// Our response.
    Busy,
}

const PHASES: [Phase; 4] = [Phase::Head, Phase::Idle, Phase::Body, Phase::Busy];

/// No write is waiting.
const NOT_STALLED: u64 = u64::MAX;

/// What a connection is waiting for, and since when. Times are milliseconds since it was accepted.
#[derive(Debug)]
pub(super) struct Progress {
    accepted: Instant,
    phase: AtomicU8,
    since: AtomicU64,
    stalled: AtomicU64,
}

impl Progress {
    pub(super) fn of_new_connection() -> Self {
        Self {
            accepted: Instant::now(),
            phase: AtomicU8::new(Phase::Head as u8),
            since: AtomicU64::new(0),
            stalled: AtomicU64::new(NOT_STALLED),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(NOT_STALLED - 1)
    }

    pub(super) fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Ordering::Relaxed)) % PHASES.len()]
    }

    /// How long it has been in its phase. An idle connection counts from the last byte that was written.
    pub(super) fn for_how_long(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.since.load(Ordering::Relaxed)))
    }

    /// How long the client has not read any of the bytes that are waiting for it.
    pub(super) fn stalled_for(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.stalled.load(Ordering::Relaxed)))
    }

    fn enter(&self, phase: Phase) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// The head of a request has arrived.
    pub(super) fn head_is_here(&self) {
        self.enter(Phase::Body);
    }

    /// A request has arrived with its body.
    pub(super) fn request_is_whole(&self) {
        self.enter(Phase::Busy);
    }

    /// Its response is ready and is about to be written.
    pub(super) fn answered(&self) {
        self.enter(Phase::Idle);
    }

    fn has_read(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    fn has_written(&self) {
        self.stalled.store(NOT_STALLED, Ordering::Relaxed);
        if self.phase() == Phase::Idle {
            self.since.store(self.now(), Ordering::Relaxed);
        }
    }

    fn write_waits(&self) {
        // Time counts from the first wait.
        let _ = self.stalled.compare_exchange(NOT_STALLED, self.now(), Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A connection whose progress is recorded.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) progress: Arc<Progress>,
}

impl<S> Watched<S> {
    fn note_write<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &written {
            Poll::Ready(_) => self.progress.has_written(),
            Poll::Pending => self.progress.write_waits(),
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.progress.has_read();
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
