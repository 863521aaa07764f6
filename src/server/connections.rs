//! The open connections: limited in number, closed when they stall or idle too long, and all closed at a stop.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::body::Body;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, watch},
    task::AbortHandle,
    time::sleep,
};

use super::{
    listener::{Accepted, Listener},
    progress::{Phase, Progress, Watched},
    troubles::Troubles,
};
use crate::{
    metrics::{Closed, Metrics},
    routes::frame::Frame,
    settings::ConnectionLimits,
};

/// The longest head of a request, in bytes; the answer to a longer one is 431. Cookies of a whole host may take 60 kB.
const MAX_HEAD: usize = 64 << 10;
/// How long a client may read nothing of its response.
const STALLED: Duration = Duration::from_secs(20);
/// How often connections are checked against the limits.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a connection without a request in progress is kept when the process stops: its last response, or its next
/// request, may be on its way.
const LAST_ANSWER: Duration = Duration::from_millis(500);
/// How many connections may wait to be accepted when the process stops (Linux's default, `net.core.somaxconn`). Whoever keeps
/// connecting must not keep the process from stopping.
const MAX_WAITING: usize = 4096;
/// The pause after a failed accept.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// The open connections. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: ConnectionLimits,
    metrics: Metrics,
    open: Mutex<Open>,
    closed_one: Notify,
    stopping: watch::Sender<bool>,
    troubles: Troubles,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, Connection>,
    last: u64,
}

#[derive(Debug)]
struct Connection {
    progress: Arc<Progress>,
    task: AbortHandle,
}

/// Removes a connection from the list when its task ends, however it ends.
struct Listed {
    connections: Connections,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.open().connections.remove(&self.number);
        self.connections.0.closed_one.notify_waiters();
    }
}

impl Open {
    /// The connection that has waited longest for its client. Incomplete requests come before idle connections; a connection
    /// that waits for us is never chosen.
    fn least_wanted(&self) -> Option<u64> {
        let rank = |(number, connection): (&u64, &Connection)| {
            let waits = (connection.progress.phase(), connection.progress.for_how_long());
            match waits {
                (Phase::Busy, _) => None,
                (phase, time) => Some(((phase != Phase::Idle, time), *number)),
            }
        };
        self.connections.iter().filter_map(rank).max().map(|(_, number)| number)
    }

    /// Closes the least wanted connection. Returns whether there was one.
    fn make_room(&mut self) -> bool {
        let closed = self.least_wanted().and_then(|number| self.connections.remove(&number));
        if let Some(connection) = &closed {
            connection.task.abort();
        }
        closed.is_some()
    }
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits, metrics: Metrics) -> Self {
        let shared = Shared {
            limits,
            metrics,
            open: Mutex::default(),
            closed_one: Notify::new(),
            stopping: watch::Sender::new(false),
            troubles: Troubles::default(),
        };
        Self(Arc::new(shared))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.open().connections.len()
    }

    /// Closes the least wanted connection. Returns whether there was one.
    fn make_room(&self, open: &mut Open) -> bool {
        let made = open.make_room();
        if made {
            self.0.metrics.connection_closed(Closed::Replaced);
        }
        made
    }

    /// Accepts connections for as long as it is polled.
    pub(super) async fn accept(self, listener: Arc<Listener>, frame: Frame) {
        loop {
            match listener.accept().await {
                Ok(accepted) => self.take(accepted, &frame),
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    self.0.troubles.note("cannot accept connections", &error);
                    // Most likely the process has no free descriptors.
                    self.make_room(&mut self.open());
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Serves the connections that the kernel has established but that are not accepted yet: closing the listener would reset
    /// them.
    pub(super) fn accept_waiting(&self, listener: &Listener, frame: &Frame) {
        for _ in 0..MAX_WAITING {
            match listener.accept_waiting() {
                Ok(accepted) => self.take(accepted, frame),
                Err(error) if is_of_one_client(&error) => {}
                // There is none, or no descriptor for it.
                Err(_) => return,
            }
        }
    }

    fn take(&self, accepted: Accepted, frame: &Frame) {
        match accepted {
            Accepted::Tcp(stream, peer) => {
                // A response is written as a whole, so waiting for more data gains nothing.
                let _ = stream.set_nodelay(true);
                self.serve(stream, frame, Some(peer));
            }
            Accepted::Unix(stream) => self.serve(stream, frame, None),
        }
    }

    /// Serves a connection in a task of its own. At the limit it replaces the least wanted connection.
    fn serve<S>(&self, stream: S, frame: &Frame, peer: Option<SocketAddr>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut open = self.open();
        if open.connections.len() >= self.0.limits.max && !self.make_room(&mut open) {
            drop(open);
            self.0.metrics.connection_closed(Closed::Refused);
            let peer = peer.map_or_else(|| "a proxy on the socket".to_owned(), |peer| peer.ip().to_string());
            self.0.troubles.note("too many connections", &format!("refused the connection from {peer}"));
            return;
        }
        open.last += 1;
        let number = open.last;
        let progress = Arc::new(Progress::of_new_connection());
        let listed = Listed { connections: self.clone(), number };
        let stopping = self.0.stopping.subscribe();
        let serving = serve_connection(Watched { stream, progress: progress.clone() }, frame.for_peer(peer), stopping);
        let task = tokio::spawn(async move {
            let _listed = listed;
            serving.await;
        });
        open.connections.insert(number, Connection { progress, task: task.abort_handle() });
    }

    /// Closes overdue connections, for as long as it is polled.
    pub(super) async fn keep_limits(self) {
        let mut stopping_since = None;
        loop {
            sleep(LOOK_EVERY).await;
            if *self.0.stopping.borrow() {
                stopping_since.get_or_insert_with(Instant::now);
            }
            let stopping = stopping_since.is_some_and(|since: Instant| since.elapsed() >= LAST_ANSWER);
            for connection in self.open().connections.values() {
                if self.is_overdue(&connection.progress, stopping) {
                    let idle = connection.progress.phase() == Phase::Idle;
                    connection.task.abort();
                    if !stopping {
                        self.0.metrics.connection_closed(if idle { Closed::Idle } else { Closed::Overdue });
                    }
                }
            }
        }
    }

    fn is_overdue(&self, progress: &Progress, stopping: bool) -> bool {
        let limit = match progress.phase() {
            Phase::Busy => return progress.stalled_for() > STALLED,
            _ if stopping => LAST_ANSWER,
            // `bounds` limits its time, and answers 408.
            Phase::Body => return progress.stalled_for() > STALLED,
            Phase::Head => self.0.limits.head,
            Phase::Idle => self.0.limits.idle,
        };
        progress.for_how_long() > limit || progress.stalled_for() > STALLED
    }

    /// Lets each connection end after its current response.
    pub(super) fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Waits until no connection is open.
    pub(super) async fn closed(&self) {
        loop {
            let closed_one = self.0.closed_one.notified();
            if self.open().connections.is_empty() {
                return;
            }
            closed_one.await;
        }
    }

    /// Closes all remaining connections.
    pub(super) fn close(&self) {
        for connection in self.open().connections.values() {
            connection.task.abort();
        }
    }
}

/// Whether an accept failed because its client has already gone.
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_connection<S>(io: Watched<S>, frame: Frame, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let progress = io.progress.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        progress.head_is_here();
        let (frame, progress) = (frame.clone(), progress.clone());
        async move {
            let response = frame.answer(request.map(Body::new), || progress.request_is_whole()).await;
            progress.answered();
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).header_read_timeout(None);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service).with_upgrades());
    // At once it would close a connection whose next request, or first one, has been sent and not been read.
    let stop = async {
        drop(stopping.wait_for(|stopping| *stopping).await);
        sleep(LAST_ANSWER).await;
    };
    let done = tokio::select! {
        biased; // What has come is read first.
        done = connection.as_mut() => done,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = done {
        tracing::debug!(error = %error, "a connection ended early");
    }
}
