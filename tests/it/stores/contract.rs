//! The contract of a session store, held against every store.

/// Runs each part of the contract against each store; those after `with places` open the store themselves.
macro_rules! contract {
    ($($part:ident)* $(; with places: $($own:ident)*)?) => {
        contract! { in in_memory: [$($part)*] [$($($own)*)?] }
        contract! { in in_sqlite: [$($part)*] [$($($own)*)?] }
        contract! { in in_redis: [$($part)*] [$($($own)*)?] }
        contract! { in in_postgres: [$($part)*] [$($($own)*)?] }
    };
    (in $place:ident: [$($part:ident)*] [$($own:ident)*]) => {
        mod $place {
            use $crate::harness::place;

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $part() {
                if let Some(place) = place::$place(concat!(stringify!($place), "::", stringify!($part))).await {
                    super::$part(place.open().await).await;
                }
            })*

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $own() {
                if let Some(place) = place::$place(concat!(stringify!($place), "::", stringify!($own))).await {
                    super::$own(&place).await;
                }
            })*
        }
    };
}

pub(crate) mod bounds;
mod leases;
mod sessions;
mod tokens;

use globus_portal::session::store::{RevocationRow, SessionKey, SessionRow, Store, TokenRow};
use time::OffsetDateTime;

/// A time, in seconds after an hour zero.
pub(crate) fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn key(number: u8) -> SessionKey {
    SessionKey([number; 32])
}

pub(crate) fn session(record: &str) -> SessionRow {
    SessionRow { record: record.as_bytes().to_vec(), person: [7; 32], last_seen: at(0), ends: at(1000) }
}

pub(crate) fn token(resource_server: &str, sealed: &str, version: i64) -> TokenRow {
    TokenRow {
        resource_server: resource_server.to_owned(),
        sealed: sealed.as_bytes().to_vec(),
        version,
        revoke_until: at(5000),
    }
}

/// Runs `count` of the same at the same time, and tells how many said yes.
pub(crate) async fn winners<F>(count: usize, ask: impl Fn(usize) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|i| tokio::spawn(ask(i))).collect();
    let mut yes = 0;
    for task in tasks {
        yes += usize::from(task.await.unwrap());
    }
    yes
}

pub(crate) async fn claim_all(store: &dyn Store, now: OffsetDateTime) -> Vec<RevocationRow> {
    let mut rows = store.claim_revocations(None, now, 1000).await.unwrap();
    rows.sort_by_key(|row| row.id);
    rows
}

/// What a list of revocations is about, sorted.
pub(crate) fn about(rows: &[RevocationRow]) -> Vec<(u8, String, String)> {
    let mut list: Vec<_> = rows
        .iter()
        .map(|row| (row.session.0[0], row.resource_server.clone(), String::from_utf8(row.sealed.clone()).unwrap()))
        .collect();
    list.sort();
    list
}

pub(crate) fn entry(session: u8, resource_server: &str, sealed: &str) -> (u8, String, String) {
    (session, resource_server.to_owned(), sealed.to_owned())
}
