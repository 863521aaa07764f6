//! Processes that are paused during a renewal, and providers that are slow to answer one.
//!
//! A paused process is not gone: the provider may have its request, and its lease keeps running. Others continue once the
//! lease has expired, which is after the process would have given up waiting for its answer.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinHandle;

use super::{
    eventually, number,
    stage::{REFRESH_TIMEOUT, Stage},
};
use crate::harness::{Answer, Browser, PostgresServer, RedisServer, StoreServer, provider::Gate, until};

/// How often a process is stopped at the most until it stands still with a lease: once for each connection to its store.
const TRIES: usize = 16;

/// Asks all portals but the first one, many times at once; all get the page. None would if the lease of the first one were
/// longer than a request waits.
async fn others_get_the_page(stage: &Stage, browser: &Arc<Browser>) {
    let asked: Vec<_> = (0..40).map(|i| stage.asks(browser, 1 + i % 2, "/endpoints")).collect();
    for answer in asked {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// A process that is paused while its request waits at the provider.
struct Standstill {
    stage: Stage,
    browser: Arc<Browser>,
    gate: Arc<Gate>,
    renewing: JoinHandle<Answer>,
}

async fn standstill(portals: usize, store: &str) -> Standstill {
    let stage = Stage::with(portals, store, &[]).await;
    let browser = stage.log_in().await;
    let gate = stage.provider.hold_tokens();
    let renewing = stage.asks(&browser, 0, "/endpoints");
    gate.arrival().await;
    stage.replicas[0].process.stand_still();
    Standstill { stage, browser, gate, renewing }
}

/// The provider has not handled the request of a process that is paused for longer than its lease.
async fn stopped_for_long(portals: usize, store: &str) {
    let Standstill { stage, browser, gate, renewing } = standstill(portals, store).await;
    stage.provider.let_others_pass();
    others_get_the_page(&stage, &browser).await;
    assert_eq!(stage.grants().renewals(), 1);

    stage.replicas[0].process.signal("CONT");
    let late = renewing.await.unwrap();
    assert!(matches!(late.status.as_u16(), 200 | 503), "{} {}", late.status, late.body);
    // It cancels its request: its waiting time is over.
    until("it to give up", || (gate.waiting() == 0).then_some(())).await;
    gate.open();
    stage.assert_works_everywhere(&browser).await;
    assert_eq!(stage.grants().renewals(), 1);
}

/// The provider answers a process that is paused for less than its lease.
async fn stopped_for_a_while(portals: usize, store: &str) {
    let Standstill { stage, browser, gate, renewing } = standstill(portals, store).await;
    gate.open();
    let others: Vec<_> = (0..40).map(|i| stage.asks(&browser, 1 + i % 2, "/endpoints")).collect();
    until("the provider to have answered", || (stage.grants().renewals() == 1).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(REFRESH_TIMEOUT.into()) / 2).await;
    assert!(others.iter().all(|answer| !answer.is_finished()), "somebody has what only the other one can have");
    stage.replicas[0].process.signal("CONT");
    for answer in others.into_iter().chain([renewing]) {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    stage.assert_works_everywhere(&browser).await;
    assert_eq!(stage.grants().renewals(), 1);
}

/// What keeps a store from granting a lease.
enum Barrier<'a> {
    /// A connection holds the table.
    Postgres(&'a PostgresServer, PgConnection),
    /// The store writes nothing.
    Redis(&'a RedisServer),
}

impl<'a> Barrier<'a> {
    async fn before(server: &'a StoreServer) -> Self {
        match server {
            StoreServer::Postgres(server) => {
                let mut connection = PgConnection::connect(&server.url("postgres")).await.unwrap();
                let lock = "BEGIN; LOCK TABLE globus_portal.leases IN ACCESS EXCLUSIVE MODE";
                sqlx::raw_sql(lock).execute(&mut connection).await.unwrap();
                Self::Postgres(server, connection)
            }
            StoreServer::Redis(server) => {
                let () = server.ask(&["CLIENT", "PAUSE", "60000", "WRITE"]).await;
                Self::Redis(server)
            }
        }
    }

    /// Whether a query waits for the barrier.
    async fn is_met(&self) -> bool {
        match self {
            Self::Postgres(server, _) => {
                server.sql("postgres", "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted") == "t"
            }
            Self::Redis(server) => !server.ask::<String>(&["INFO", "clients"]).await.contains("blocked_clients:0\r\n"),
        }
    }

    async fn lift(&mut self) {
        match self {
            Self::Postgres(_, connection) => drop(sqlx::raw_sql("ROLLBACK").execute(connection).await.unwrap()),
            Self::Redis(server) => server.ask(&["CLIENT", "UNPAUSE"]).await,
        }
    }

    /// Whether the store has finished all queries.
    async fn is_passed(&self) -> bool {
        match self {
            Self::Postgres(server, _) => {
                let busy = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()";
                server.sql("postgres", busy) == "0"
            }
            Self::Redis(_) => !self.is_met().await,
        }
    }

    async fn a_lease_is_taken(&self) -> bool {
        match self {
            Self::Postgres(server, _) => server.sql("postgres", "SELECT count(*) FROM globus_portal.leases") == "1",
            Self::Redis(server) => server.ask::<Vec<String>>(&["KEYS", "globus-portal:lease:*"]).await.len() == 1,
        }
    }
}

/// Pauses the first process while it requests a lease. Returns whether it got one: a connection that has never requested a
/// lease first prepares the statement.
async fn stands_still_with_a_lease(
    stage: &Stage,
    server: &StoreServer,
    browser: &Arc<Browser>,
) -> (JoinHandle<Answer>, bool) {
    let mut barrier = Barrier::before(server).await;
    let renewing = stage.asks(browser, 0, "/endpoints");
    eventually("the process to ask for the lease", async || barrier.is_met().await).await;
    stage.replicas[0].process.stand_still();
    barrier.lift().await;
    eventually("the store to have answered", async || barrier.is_passed().await).await;
    (renewing, barrier.a_lease_is_taken().await)
}

/// A process is paused just as it gets the lease. By the time it continues, others have taken the lease over.
async fn stopped_before_it_asks(server: StoreServer) {
    let stage = Stage::with(3, &server.url(), &[]).await;
    for tries in 1..=TRIES {
        let browser = stage.log_in().await;
        let (renewing, with_a_lease) = stands_still_with_a_lease(&stage, &server, &browser).await;
        if with_a_lease {
            others_get_the_page(&stage, &browser).await;
        }
        stage.replicas[0].process.signal("CONT");
        let late = renewing.await.unwrap();
        assert!(matches!(late.status.as_u16(), 200 | 503), "{} {}", late.status, late.body);
        stage.assert_works_everywhere(&browser).await;
        assert_eq!(stage.grants().renewals(), tries);
        if with_a_lease {
            return;
        }
    }
    panic!("the process was never given a lease while it stood still");
}

/// A provider takes some seconds over a renewal; with none it takes until every request has been answered. Gives how many
/// were answered with 200, and with 503.
async fn provider_takes(seconds: Option<u64>, portals: usize, store: &str) -> (usize, usize) {
    let stage = Stage::with(portals, store, &[("REFRESH_TIMEOUT_SECONDS", "30")]).await;
    let browser = stage.log_in().await;
    let gate = stage.provider.hold_tokens();
    let asked: Vec<_> = (0..60).map(|i| stage.asks(&browser, i % portals, "/endpoints")).collect();
    gate.arrival().await;
    if let Some(seconds) = seconds {
        let gate = gate.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            gate.open();
        });
    }
    let mut good = 0;
    let mut patient = 0;
    for answer in asked {
        let answer = answer.await.unwrap();
        match answer.status.as_u16() {
            200 => good += 1,
            503 => patient += 1,
            status => panic!("{status} {}", answer.body),
        }
        assert_eq!(answer.headers.contains_key("retry-after"), answer.status == 503);
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    gate.open();
    // Who comes back then finds what the renewal has brought home.
    stage.assert_works_everywhere(&browser).await;
    assert_eq!(stage.grants().renewals(), 1);
    (good, patient)
}

/// One that takes some seconds is waited for; one that takes longer than a request waits is not, and not asked again.
async fn slow_providers(portals: usize, store: &str) {
    let seconds = Some(number("PROVIDER_SECONDS", 4) as u64);
    let (slow, very_slow) = tokio::join!(provider_takes(seconds, portals, store), provider_takes(None, portals, store));
    assert_eq!((slow, very_slow), ((60, 0), (0, 60)));
}

// Row D5.
on_shared_stores! {
    others_renew_when_the_lease_of_a_process_that_stands_still_is_over = stopped_for_long;
    what_globus_told_a_process_that_stood_still_for_a_while_is_kept = stopped_for_a_while;
    a_provider_that_takes_long_is_asked_once = slow_providers;
}
on_servers! {
    a_process_that_stood_still_before_it_asked_does_not_ask_any_more = stopped_before_it_asks;
}
