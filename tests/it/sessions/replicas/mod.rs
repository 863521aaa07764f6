//! Portals that share a store, each in its own process: a refresh token is used once, a logout is final everywhere, and
//! killing one portal does not affect the others. Rows D4, D5, E4, E6, E8 and K6 of the security checklist.
//!
//! | module | what it tests |
//! |---|---|
//! | `stage` | the portals, their provider, and people who log in |
//! | `caches` | portals that cache sessions and are notified of ends |
//! | `refreshes` | tokens that many requests need renewed, while a process is killed |
//! | `logouts` | logouts during other requests |
//! | `outages` | a store that goes away under load, and comes back |
//! | `pauses` | paused processes, and slow providers |
//! | `restarts` | rolling restarts under load |
//! | `stops` | processes that are asked to stop while Globus has not answered |
//! | `troubles` | stores that are read-only, full, or hang |
//!
//! `ROUNDS` says how often the rounds of a test are repeated, and `REQUESTS` how many requests there are at the same time
//! at each portal; `OUTAGE_SECONDS` says how long a store is away, and
//! `PROVIDER_SECONDS` how long a slow provider takes.

/// Runs stories with three portals, on each store that portals can share. A story gets the number of portals and the store.
macro_rules! on_shared_stores {
    ($($test:ident = $story:ident;)*) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if !crate::harness::skip_without_postgres(stringify!($test)) {
                    super::$story(3, &crate::harness::fresh_postgres().await).await;
                }
            })*
        }

        mod on_redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if !crate::harness::skip_without_redis(stringify!($test)) {
                    super::$story(3, &crate::harness::fresh_redis().await).await;
                }
            })*
        }
    };
}

/// Runs stories with a server of their own, of each kind that portals share.
macro_rules! on_servers {
    ($($test:ident = $story:ident;)*) => {
        mod with_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if !crate::harness::skip_without_postgres(stringify!($test)) {
                    super::$story(crate::harness::StoreServer::postgres().await).await;
                }
            })*
        }

        mod with_redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if !crate::harness::skip_without_redis(stringify!($test)) {
                    super::$story(crate::harness::StoreServer::redis().await).await;
                }
            })*
        }
    };
}

/// Runs stories with one portal, on each store that is for one portal.
macro_rules! on_own_stores {
    ($($test:ident = $story:ident;)*) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$story(1, "memory").await;
            })*
        }

        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$story(1, "sqlite:sessions.db").await;
            })*
        }
    };
}

use crate::harness::{PATIENCE, number};

mod caches;
mod load;
mod logouts;
mod outages;
mod pauses;
mod refreshes;
mod restarts;
mod stage;
mod stops;
mod troubles;

/// Prints the counts, for runs with `--nocapture`.
#[expect(clippy::print_stdout, reason = "the runner keeps it back unless it is asked for")]
fn tell(counted: &str) {
    println!("{counted}");
}

/// Waits until a condition holds.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("waited too long for: {what}"));
}
