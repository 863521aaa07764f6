//! A private server for a store that portals share, whichever it is.

use super::{PostgresServer, RedisServer};

/// The server of a store. Acknowledged writes survive [`StoreServer::stop`].
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

    /// Its URL, for a portal's settings.
    pub fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url("postgres"),
            Self::Redis(server) => server.url(0),
        }
    }

    /// Stops it, and waits until it has ended.
    pub async fn stop(&mut self) {
        match self {
            Self::Postgres(server) => server.stop_fast().await,
            Self::Redis(server) => server.stop(),
        }
    }

    /// Pauses all its processes.
    pub fn stand_still(&self) {
        match self {
            Self::Postgres(server) => server.stand_still(),
            Self::Redis(server) => server.stand_still(),
        }
    }

    /// Resumes it.
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
