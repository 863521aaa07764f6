//! The tests: they tell how the portal is used, over real HTTP, with the real router.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where it stopped")]
#![expect(missing_docs, unreachable_pub, reason = "one binary: nothing here is public")]
#![expect(unused_qualifications, reason = "in tests a longer name may read better")]

mod harness;
mod own_page;
mod pages;
mod sandbox;
mod sandbox_faults;
mod sandbox_groups;
mod sandbox_sign_in;
mod sandbox_transfer;
mod sandbox_visit;
mod walk;
