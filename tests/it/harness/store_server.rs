//! A private server for a store that portals share, whichever it is.

use super::{PostgresServer, RedisServer};

/// The server of a store. What it says it has written is there after [`StoreServer::stop`].
#[derive(Debug)]
pub enum StoreServer {
    Postgres(PostgresServer),
    Redis(RedisServer),
}

impl StoreServer {
    pub async fn postgres() -> Self {
        Self::Postgres(PostgresServer::start_durable().await)
    }

    pub async fn redis() -> Self {
        Self::Redis(RedisServer::start().await)
    }

    /// What a portal is told to find it.
    pub fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url("postgres"),
            Self::Redis(server) => server.url(0),
        }
    }

    /// Stops it, and waits until it is gone.
    pub async fn stop(&mut self) {
        match self {
            Self::Postgres(server) => server.stop_fast().await,
            Self::Redis(server) => server.stop(),
        }
    }

    /// Sends a signal by its name to all its processes.
    pub fn signal(&self, name: &str) {
        match self {
            Self::Postgres(server) => server.signal(name),
            Self::Redis(server) => server.signal(name),
        }
    }

    /// Starts it again with the same port and data.
    pub async fn restart(&mut self) {
        match self {
            Self::Postgres(server) => server.restart().await,
            Self::Redis(server) => server.restart().await,
        }
    }
}
