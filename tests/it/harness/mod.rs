//! What the tests share: a running portal, a browser that visits it, and a provider that misbehaves on demand.

mod browser;
pub mod collector;
mod failing_store;
mod kept_connection;
pub mod leak;
mod other_app;
mod pause;
pub mod place;
mod portal;
mod process;
mod programs;
mod proofs;
pub mod provider;
mod services;
mod signals;
pub mod steps;
mod store_server;
mod wait;

pub use self::{
    browser::{Answer, Browser, parameter},
    failing_store::FailingStore,
    kept_connection::KeptConnection,
    other_app::{Controls, OtherApp, PORTAL_SCOPE},
    pause::{NotedPause, globus_at, loopback_client},
    portal::{Portal, PortalBuilder, decide},
    process::{Process, globus_portal, portal_at, sandboxed_portal, start_sandbox},
    programs::{Running, find_program, fixture, free_port, machine_allows, needs, skip_without},
    proofs::number,
    provider::{Provider, Step},
    services::{
        Pooler, PostgresServer, RedisServer, fresh_postgres, fresh_redis, skip_without_pgbouncer,
        skip_without_postgres, skip_without_redis,
    },
    store_server::StoreServer,
    wait::{PATIENCE, until},
};

/// The sandbox's people: an everyday researcher, one with 57 collections, one with none, and one whose texts break
/// careless pages.
pub const MIRA: &str = "mira@northfield.example";
pub const JONAS: &str = "jonas@ridgeline.example";
pub const AMARA: &str = "amara@globusid.org";
pub const QUIRK: &str = "quirk@hostile.example";
