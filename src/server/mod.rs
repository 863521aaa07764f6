//! A portal that listens: bind, serve, sweep, and stop gracefully.

mod connections;
mod descriptors;
pub mod health;
mod listener;
mod metrics;
mod progress;
mod socket_file;
mod troubles;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

pub use self::listener::adopt_passed_sockets;
use self::{connections::Connections, listener::Listener};
use crate::{
    keep_running::keep_running,
    routes::{self, Pages, frame::Frame},
    settings::{ConnectionLimits, Listen},
    state::AppState,
};

/// How often ended sessions are swept and revocations tried again.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How many sessions one sweep ends at most.
const SWEEP_LIMIT: u32 = 1000;
/// How long requests may take when the process stops.
const REQUESTS_WITHIN: Duration = Duration::from_secs(10);
/// How long calls to Globus may take then.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// How long the last traces may take after that.
const TRACES_WITHIN: Duration = Duration::from_secs(3);

/// Why a portal cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({setting})")]
pub struct BindError {
    /// The setting that asks for the address.
    pub setting: &'static str,
    /// The address.
    pub address: Listen,
    /// It is in use, or does not belong to this machine.
    pub source: io::Error,
}

impl BindError {
    fn of(setting: &'static str, address: &Listen) -> impl FnOnce(io::Error) -> Self + use<> {
        let address = address.clone();
        move |source| Self { setting, address, source }
    }
}

/// A portal that is bound to its address.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    metrics: Option<Arc<TcpListener>>,
    address: Listen,
    app: AppState,
    router: Router,
    sweeps: bool,
}

impl Server {
    /// Listens at the addresses or sockets of the settings. `more` holds pages of your own; `Router::new()` for none.
    ///
    /// # Errors
    /// [`BindError`]: an address is in use, or does not belong to this machine; a Unix socket cannot be created; systemd has
    /// passed no socket.
    pub async fn bind(app: AppState, more: impl Into<Pages>) -> Result<Self, BindError> {
        let failed = BindError::of("LISTEN", &app.settings.listen);
        let listener = Listener::bind(&app.settings.listen).await;
        let listener = listener.and_then(|listener| Ok((listener.place()?, listener)));
        let (address, listener) = listener.map_err(failed)?;
        let metrics = match app.settings.metrics_listen {
            Some(at) => {
                let failed = BindError::of("METRICS_LISTEN", &Listen::Tcp(at));
                Some(TcpListener::bind(at).await.map_err(failed)?)
            }
            None => None,
        };
        let router = routes::router(&app, more.into());
        Ok(Self { listener, metrics: metrics.map(Arc::new), address, app, router, sweeps: true })
    }

    /// Where it listens, with the actual port if the settings ask for port 0, and the actual socket if systemd has passed it.
    #[must_use]
    pub fn address(&self) -> &Listen {
        &self.address
    }

    /// The address of the listener for metrics, if there is one.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Leaves [`Vault::sweep`](crate::session::Vault::sweep) and
    /// [`Tokens::revoke_due`](crate::session::tokens::Tokens::revoke_due) to the caller. For tests that move the clock by hand:
    /// the sweep would take expired sessions and queued tokens at a time of its own.
    #[must_use]
    pub fn without_sweep(self) -> Self {
        Self { sweeps: false, ..self }
    }

    /// Serves until `stop` is ready. Then it keeps serving for `SHUTDOWN_DELAY_SECONDS` while `/readyz` answers 503, and stops
    /// accepting connections. Requests have 10 seconds to finish; idle connections are closed half a second later, because a
    /// request may be on its way. Calls to Globus, such as a code exchange or a token renewal, have 20 seconds,
    /// and the last traces three more.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        let Self { listener, metrics, app, router, sweeps, .. } = self;
        let frame = Frame::new(app.clone(), router);
        let limits = app.settings.connections;
        let limits = ConnectionLimits { max: descriptors::make_room(limits.max), ..limits };
        let connections = Connections::new(limits, app.metrics.clone());
        let measuring = metrics.map(|listener| answer_metrics(listener, app.clone(), connections.clone()));
        let listener = Arc::new(listener);
        let accepting = accept(listener.clone(), connections.clone(), frame.clone());
        let limiting = connections.clone();
        let limiting = Aborts(keep_running("the limits of connections", move || limiting.clone().keep_limits()));
        let sweeping = sweeps.then(|| start_sweep(app.clone()));
        let refreshing = Aborts(app.provider.keep_fresh());
        stop.await;
        app.begin_stopping();
        if !app.settings.shutdown_delay.is_zero() {
            sleep(app.settings.shutdown_delay).await;
        }
        accepting.ended().await;
        listener.remove_file();
        connections.accept_waiting(&listener, &frame);
        drop(listener);
        finish(&app, &connections).await;
        if let Some(measuring) = measuring {
            measuring.ended().await;
        }
        drop((limiting, sweeping, refreshing));
        app.traces.flush(TRACES_WITHIN).await;
        app.vault.close().await;
    }
}

/// Waits for requests and calls to Globus, for as long as each may take.
async fn finish(app: &AppState, connections: &Connections) {
    let asked = Instant::now();
    connections.stop();
    // A closed tracker still accepts tasks, and `wait` returns when it has none left.
    app.requests.close();
    app.vault.underway.close();
    let finishing = async {
        connections.closed().await;
        app.requests.wait().await;
    };
    if timeout_at(asked + REQUESTS_WITHIN, finishing).await.is_err() {
        tracing::warn!("requests did not finish in time; stopping without them");
    }
    connections.close();
    let at_globus = async {
        // A call's result may go to a request that is still running, and that request may start new work: a login whose
        // client has left ends its session.
        app.vault.underway.wait().await;
        app.requests.wait().await;
        app.vault.underway.wait().await;
    };
    if timeout_at(asked + STOP_WITHIN, at_globus).await.is_err() {
        tracing::warn!("calls to Globus did not finish in time; stopping without them");
    }
}

fn accept(listener: Arc<Listener>, connections: Connections, frame: Frame) -> Aborts {
    let start = move || connections.clone().accept(listener.clone(), frame.clone());
    Aborts(keep_running("the accept loop", start))
}

fn answer_metrics(listener: Arc<TcpListener>, app: AppState, connections: Connections) -> Aborts {
    let start = move || metrics::serve(listener.clone(), app.clone(), connections.clone());
    Aborts(keep_running("the listener for metrics", start))
}

fn start_sweep(app: AppState) -> Aborts {
    Aborts(keep_running("the sweep", move || sweep(app.clone())))
}

/// A task that is aborted when this is dropped.
struct Aborts(JoinHandle<()>);

impl Aborts {
    /// Aborts the task, and waits until it has ended, with all that it owns.
    async fn ended(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends sessions by age and tries revocations again, once a minute.
async fn sweep(app: AppState) {
    let mut interval = tokio::time::interval(SWEEP_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match app.vault.sweep(SWEEP_LIMIT).await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "ended sessions by age"),
            Err(error) => tracing::error!(error = %error, "cannot end expired sessions"),
        }
        match app.tokens.revoke_due(None).await {
            Ok((0, 0)) => {}
            Ok((revoked, failed)) => tracing::info!(revoked, failed, "revoked tokens of ended sessions"),
            Err(error) => tracing::error!(error = %error, "cannot revoke tokens of ended sessions"),
        }
    }
}
