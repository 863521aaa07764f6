//! Places where sessions can be kept: every store, for one test only.

use std::{
    future::Ready,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use globus_portal::session::store::{Bounds, MemoryStore, PostgresStore, RedisStore, SqliteStore, Store};
use sqlx::Connection as _;
use tempfile::TempDir;

use super::{fresh_postgres, fresh_redis, skip_without_postgres, skip_without_redis};

/// The location of a store, at which another instance can be opened.
#[derive(Debug)]
pub enum Place {
    Memory(OnceLock<Arc<MemoryStore>>),
    Sqlite(TempDir),
    Redis(String),
    Postgres(String),
}

impl Place {
    pub async fn open(&self) -> Arc<dyn Store> {
        self.open_with(Bounds::default()).await
    }

    /// Opens the store with other limits. A store in memory keeps the limits of its first opening.
    pub async fn open_with(&self, bounds: Bounds) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => store.get_or_init(|| Arc::new(MemoryStore::default().with_bounds(bounds))).clone(),
            Self::Sqlite(folder) => Arc::new(SqliteStore::open(&file(folder)).await.unwrap().with_bounds(bounds)),
            Self::Redis(url) => Arc::new(RedisStore::open(url).await.unwrap().with_bounds(bounds)),
            Self::Postgres(url) => Arc::new(PostgresStore::open(url, 4).await.unwrap().with_bounds(bounds)),
        }
    }

    /// How many spent states the store keeps; not known for a store in memory.
    pub async fn spent_states(&self) -> i64 {
        const COUNT: &str = "SELECT count(*) FROM spent_states";
        match self {
            Self::Memory(_) => 0,
            Self::Sqlite(folder) => {
                let url = format!("sqlite:{}", file(folder).display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::query_scalar(COUNT).fetch_one(&mut connection).await.unwrap()
            }
            Self::Redis(url) => {
                let client = redis::Client::open(url.as_str()).unwrap();
                let mut connection = client.get_multiplexed_async_connection().await.unwrap();
                redis::cmd("ZCARD").arg("globus-portal:states").query_async(&mut connection).await.unwrap()
            }
            Self::Postgres(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::query("SET search_path = globus_portal").execute(&mut connection).await.unwrap();
                sqlx::query_scalar(COUNT).fetch_one(&mut connection).await.unwrap()
            }
        }
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("sessions.db")
}

tokio::task_local! {
    static PLACE: Arc<Place>;
}

/// Runs a test whose portals keep their sessions there.
pub async fn at(place: Place, test: impl Future<Output = ()>) {
    PLACE.scope(Arc::new(place), test).await;
}

/// Where portals of this test keep their sessions, if set.
pub fn current() -> Option<Arc<Place>> {
    PLACE.try_get().ok()
}

/// Runs each test with each store.
macro_rules! on_every_store {
    ($($test:ident)*) => {
        $crate::harness::place::on_every_store! { in in_memory: $($test)* }
        $crate::harness::place::on_every_store! { in in_sqlite: $($test)* }
        $crate::harness::place::on_every_store! { in in_redis: $($test)* }
        $crate::harness::place::on_every_store! { in in_postgres: $($test)* }
    };
    (in $place:ident: $($test:ident)*) => {
        mod $place {
            use $crate::harness::place;

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if let Some(place) = place::$place(concat!(module_path!(), "::", stringify!($test))).await {
                    place::at(place, super::$test()).await;
                }
            })*
        }
    };
}

pub(crate) use on_every_store;

/// A new place in memory; the others where their server is not here are skipped.
pub fn in_memory(_test: &str) -> Ready<Option<Place>> {
    std::future::ready(Some(Place::Memory(OnceLock::new())))
}

pub fn in_sqlite(_test: &str) -> Ready<Option<Place>> {
    std::future::ready(Some(Place::Sqlite(tempfile::tempdir().unwrap())))
}

pub async fn in_redis(test: &str) -> Option<Place> {
    if skip_without_redis(test) { None } else { Some(Place::Redis(fresh_redis().await)) }
}

pub async fn in_postgres(test: &str) -> Option<Place> {
    if skip_without_postgres(test) { None } else { Some(Place::Postgres(fresh_postgres().await)) }
}
