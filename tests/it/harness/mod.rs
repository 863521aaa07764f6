//! What the tests share: a portal that runs, a browser that visits it, and a provider that misbehaves on demand.

mod browser;
mod portal;
mod programs;
pub mod provider;
mod scripted;

pub use self::{
    browser::{Answer, Browser, parameter},
    portal::{Portal, PortalBuilder},
    programs::{Running, fixture, free_port, needs, skip_without},
    provider::Provider,
    scripted::{NotedPause, Scripted, Seen, Step, loopback_client},
};

/// The sandbox's people: an everyday researcher, one with 57 collections, one with none, and one whose texts break
/// careless pages.
pub const MIRA: &str = "mira@northfield.example";
pub const JONAS: &str = "jonas@ridgeline.example";
pub const AMARA: &str = "amara@globusid.org";
pub const QUIRK: &str = "quirk@hostile.example";
