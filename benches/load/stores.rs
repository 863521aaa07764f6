//! The stores that portals are measured with, and private servers for those that need one.

use std::{
    cell::{Cell, OnceCell},
    path::Path,
};

use crate::private_servers::{PostgresServer, RedisServer, skip_without_postgres, skip_without_redis};

/// The servers, started when they are first needed.
pub struct Stores {
    runtime: tokio::runtime::Runtime,
    postgres: OnceCell<PostgresServer>,
    redis: OnceCell<RedisServer>,
    databases: Cell<u32>,
}

impl Default for Stores {
    fn default() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self { runtime, postgres: OnceCell::new(), redis: OnceCell::new(), databases: Cell::new(0) }
    }
}

impl Stores {
    /// Whether a store of this kind can be had; says why not.
    pub fn has(&self, kind: &str) -> bool {
        match kind.trim_end_matches("-cached") {
            "memory" | "sqlite" => true,
            "postgres" => !skip_without_postgres("load"),
            "redis" => !skip_without_redis("load"),
            other => panic!("no such store: {other}"),
        }
    }

    /// An empty store, as `SESSION_STORE` names it, and for how many seconds what it says is believed. `folder` is for its
    /// files.
    pub fn fresh(&self, kind: &str, folder: &Path) -> (String, u32) {
        let (kind, cache) = kind.strip_suffix("-cached").map_or((kind, 0), |kind| (kind, 30));
        let store = match kind {
            "memory" => "memory".to_owned(),
            "sqlite" => format!("sqlite:{}", folder.join("sessions.db").display()),
            "postgres" => {
                let start = || self.runtime.block_on(PostgresServer::start_durable());
                let server = self.postgres.get_or_init(start);
                server.url(&server.create_database())
            }
            "redis" => {
                let server = self.redis.get_or_init(|| self.runtime.block_on(RedisServer::start()));
                server.url(self.databases.replace(self.databases.get() + 1))
            }
            other => panic!("no such store: {other}"),
        };
        (store, cache)
    }
}
