//! A portal that listens: bind, serve, sweep, and stop without breaking off what is under way.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use tokio::net::TcpListener;

use crate::{
    routes::{self, frame::MakeFrame},
    state::AppState,
};

/// How often ended sessions are swept and revocations tried again.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How many sessions one sweep ends at most.
const SWEEP_LIMIT: u32 = 1000;
/// How long requests under way may take after the signal to stop.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// A portal that is bound to its address.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: AppState,
    router: Router,
}

impl Server {
    /// Binds to the address of the settings. `more` holds pages of your own; `Router::new()` for none.
    ///
    /// # Errors
    /// When the address is in use or not this machine's.
    pub async fn bind(app: AppState, more: Router<AppState>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(app.settings.listen).await?;
        let address = listener.local_addr()?;
        let router = routes::router(&app, more);
        Ok(Self { listener, address, app, router })
    }

    /// The address it is bound to: with its port, where the settings asked for any.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready. Then `/readyz` says so for as long as the settings want, while everything is served as
    /// before; then no new connection is taken, and requests under way finish, with what they have begun at Globus though
    /// nobody waits for it, for at most 20 seconds.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let (stopping, mut stopped) = tokio::sync::watch::channel(false);
        let (store, underway) = (self.app.vault.store.clone(), self.app.vault.underway.clone());
        let sweeping = tokio::spawn(sweep(self.app.clone()));
        let service = MakeFrame::new(self.app.clone(), self.router);
        let app = self.app;
        let graceful = axum::serve(self.listener, service).with_graceful_shutdown(async move {
            stop.await;
            app.begin_stopping();
            tokio::time::sleep(app.settings.shutdown_delay).await;
            // The receiver is gone only when nobody waits any more.
            let _ = stopping.send(true);
        });
        let deadline = async move {
            if stopped.wait_for(|stopping| *stopping).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(STOP_WITHIN).await;
        };
        let served = async {
            let served = graceful.await;
            underway.finished().await;
            served
        };
        let result = tokio::select! {
            result = served => result,
            () = deadline => Ok(()),
        };
        sweeping.abort();
        store.close().await;
        result
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
            Err(error) => tracing::error!(error = %error, "cannot sweep"),
        }
        match app.tokens.revoke_due(None).await {
            Ok((0, 0)) => {}
            Ok((revoked, failed)) => tracing::info!(revoked, failed, "revoked tokens of ended sessions"),
            Err(error) => tracing::error!(error = %error, "cannot revoke"),
        }
    }
}
