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

    /// Stops all its processes where they are.
    pub fn stand_still(&self) {
        match self {
            Self::Postgres(server) => server.stand_still(),
            Self::Redis(server) => server.stand_still(),
        }
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        match self {
            Self::Postgres(server) => server.go_on(),
            Self::Redis(server) => server.go_on(),
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
