//! The tests: they use the portal over real HTTP, with the real router.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where it stopped")]
#![expect(unreachable_pub, reason = "one binary: nothing here is public")]

mod client;
mod gate;
mod harness;
mod layers;
mod login;
mod pages;
mod process;
mod proxies;
mod sandbox;
mod sessions;
mod stores;
mod tasks;
