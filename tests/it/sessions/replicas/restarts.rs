//! New processes in the place of old ones, one after the other, while people look at pages through something that asks
//! each portal whether it is ready, as a proxy does.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::{JoinHandle, JoinSet};

use super::{load::PAGES, stage::Stage, tell};
use crate::harness::{Browser, KeptConnection, StoreServer, until};

const PEOPLE: usize = 12;
/// How long a portal that was asked to stop says so and serves, in seconds.
const DELAY: u64 = 2;
/// How often it is asked whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a person looks at a page.
const PAUSE: Duration = Duration::from_millis(10);

/// A portal as the proxy knows it.
#[derive(Default)]
struct Portal {
    base: String,
    ready: AtomicBool,
    /// When each of its processes was asked to stop.
    stops: Mutex<Vec<Instant>>,
    /// How often another process has taken the place of one that was stopped.
    restarts: AtomicUsize,
}

impl Portal {
    /// Whether a process has served for as long as it must: it need not answer any more, and what it has not answered may be
    /// sent to another portal. How soon the proxy notices is not for the portal to say.
    fn may_be_gone(&self, process: usize) -> bool {
        let stops = self.stops.lock().unwrap();
        stops.get(process).is_some_and(|asked| asked.elapsed() >= Duration::from_secs(DELAY))
    }
}

/// Which portals are sent requests.
struct Proxy {
    portals: Vec<Portal>,
    next: AtomicUsize,
    /// How many requests were answered, and how many went on to another portal because this one was gone.
    answered: AtomicUsize,
    passed_on: AtomicUsize,
}

impl Proxy {
    fn before(stage: &Stage) -> Arc<Self> {
        let portal = |base: &String| Portal { base: base.clone(), ready: AtomicBool::new(true), ..Portal::default() };
        let portals = stage.replicas.iter().map(|replica| portal(&replica.base)).collect();
        let count = AtomicUsize::default;
        Arc::new(Self { portals, next: count(), answered: count(), passed_on: count() })
    }

    /// Looks after the portals, until it is aborted.
    fn watch(self: &Arc<Self>) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let browser = Browser::new();
            loop {
                for portal in &this.portals {
                    let answer = browser.try_get(&format!("{}/readyz", portal.base)).await;
                    portal.ready.store(answer.is_ok_and(|answer| answer.status == 200), Ordering::SeqCst);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }

    fn is_ready(&self, portal: usize) -> bool {
        self.portals[portal].ready.load(Ordering::SeqCst)
    }

    /// Waits until it knows that a portal is ready, or is not.
    async fn knows(&self, portal: usize, ready: bool) {
        until("the proxy to notice", || (self.is_ready(portal) == ready).then_some(())).await;
    }

    /// Asks a portal to stop.
    fn stop(&self, stage: &Stage, portal: usize) {
        self.portals[portal].stops.lock().unwrap().push(Instant::now());
        stage.replicas[portal].process.signal("TERM");
    }

    /// Gets a page from the next portal that is ready. From one that has just gone it goes on to the next.
    async fn get(&self, browser: &Browser, path: &str) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst) % self.portals.len();
            if !self.is_ready(number) {
                tokio::task::yield_now().await;
                continue;
            }
            let portal = &self.portals[number];
            let process = portal.restarts.load(Ordering::SeqCst);
            match browser.try_get(&format!("{}{path}", portal.base)).await {
                Ok(answer) => {
                    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
                    assert_eq!(answer.set_cookies(), [""; 0]);
                    self.answered.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                Err(error) => {
                    assert!(portal.may_be_gone(process), "{path} of portal {number} failed: {error:?}");
                    self.passed_on.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }
}

/// Sets people to work until `over`.
fn look_at_pages(proxy: &Arc<Proxy>, browsers: &[Arc<Browser>], over: &Arc<AtomicBool>) -> JoinSet<()> {
    let mut people = JoinSet::new();
    for browser in browsers {
        let (proxy, browser, over) = (proxy.clone(), browser.clone(), over.clone());
        people.spawn(async move {
            for path in PAGES.iter().cycle() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                proxy.get(&browser, path).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    people
}

async fn rolling_restart(server: StoreServer) {
    let mut stage = Stage::with(3, &server.url(), &[("SHUTDOWN_DELAY_SECONDS", &DELAY.to_string())]).await;
    let mut browsers = Vec::new();
    for _ in 0..PEOPLE {
        browsers.push(stage.log_in().await);
    }
    let proxy = Proxy::before(&stage);
    let watching = proxy.watch();
    let over = Arc::<AtomicBool>::default();
    let mut people = look_at_pages(&proxy, &browsers, &over);

    for portal in 0..stage.replicas.len() {
        let cookie = format!("session={}", browsers[0].cookie("localhost", "session").unwrap());
        let mut kept = KeptConnection::to(&stage.replicas[portal].base).await;
        assert_eq!(kept.get("/profile", &cookie).await.header("connection"), None);
        proxy.stop(&stage, portal);
        proxy.knows(portal, false).await;
        // It says so, and serves as before: a connection that is kept ends with the next answer.
        match kept.try_get("/profile", &cookie).await {
            Some(last) => assert_eq!((last.status, last.header("connection")), (200, Some("close")), "{}", last.head),
            None => assert!(proxy.portals[portal].may_be_gone(0), "a kept connection was not answered"),
        }
        assert!(kept.has_ended().await);
        let process = &mut stage.replicas[portal].process;
        assert_eq!(process.ended().await.code(), Some(0), "{}", process.printed());

        stage.start_again(portal).await;
        proxy.portals[portal].restarts.fetch_add(1, Ordering::SeqCst);
        proxy.knows(portal, true).await;
        let answered = proxy.answered.load(Ordering::SeqCst);
        until("people to go on", || (proxy.answered.load(Ordering::SeqCst) > answered + 3 * PEOPLE).then_some(()))
            .await;
    }
    over.store(true, Ordering::SeqCst);
    while let Some(ended) = people.join_next().await {
        ended.unwrap();
    }
    watching.abort();
    for browser in &browsers {
        for portal in 0..stage.replicas.len() {
            assert_eq!(browser.get(&stage.url(portal, "/endpoints")).await.status, 200);
        }
    }
    assert_eq!(stage.grants().most_uses(), 1);
    tell(&format!("{:?} requests were answered, {:?} of them at the second try", proxy.answered, proxy.passed_on));
}

// Rows E8 and K6.
on_servers! {
    portals_are_started_anew_one_after_the_other_and_no_request_fails = rolling_restart;
}
