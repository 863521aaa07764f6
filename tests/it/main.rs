//! The tests: they tell how the portal is used, over real HTTP, with the real router.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where it stopped")]
#![expect(unreachable_pub, reason = "one binary: nothing here is public")]

mod callback;
mod harness;
mod headers;
mod login_start;
mod logout;
mod own_page;
mod pages;
mod return_path;
mod sandbox;
mod walk;
