//! People who look at pages of all portals, one after the other, for as long as a test wants.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use super::stage::Stage;
use crate::harness::{Browser, steps::assert_calm, until};

/// The pages they load: all need a session, one of them a token as well.
pub const PAGES: [&str; 3] = ["/", "/profile", "/endpoints"];
const READY: &str = "/readyz";
/// How long a person looks at a page.
const PAUSE: Duration = Duration::from_millis(20);

/// How often a page of a portal was answered with a status.
type Counts = BTreeMap<(usize, &'static str, u16), usize>;

/// The people.
pub struct Load {
    counts: Arc<Mutex<Counts>>,
    over: Arc<AtomicBool>,
    people: JoinSet<()>,
    portals: usize,
}

impl Load {
    /// Lets these browsers load pages. An unexpected answer fails the test.
    pub fn begin(stage: &Stage, browsers: &[Arc<Browser>]) -> Self {
        let (counts, over) = (Arc::<Mutex<Counts>>::default(), Arc::new(AtomicBool::new(false)));
        let bases: Vec<String> = stage.replicas.iter().map(|replica| replica.base.clone()).collect();
        let mut people = JoinSet::new();
        for (first, browser) in browsers.iter().enumerate() {
            let (browser, bases, counts, over) = (browser.clone(), bases.clone(), counts.clone(), over.clone());
            people.spawn(async move {
                let visits =
                    (0..bases.len()).flat_map(|portal| PAGES.iter().chain([&READY]).map(move |path| (portal, *path)));
                let visits: Vec<_> = visits.collect();
                for (portal, path) in visits.iter().cycle().skip(first) {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let answer = browser.get(&format!("{}{path}", bases[*portal])).await;
                    assert_calm(path, &answer);
                    *counts.lock().unwrap().entry((*portal, path, answer.status.as_u16())).or_default() += 1;
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        Self { counts, over, people, portals: bases.len() }
    }

    /// Waits until each page of each portal has been answered with this status from now on; returns all answers of that
    /// time.
    pub async fn until_all_answer(&self, status: u16) {
        self.counts.lock().unwrap().clear();
        until(&format!("status {status} from each page of each portal"), || {
            let counts = self.counts.lock().unwrap();
            let mut visits =
                (0..self.portals).flat_map(|portal| PAGES.iter().chain([&READY]).map(move |path| (portal, *path)));
            assert!(!self.people.is_empty());
            visits.all(|(portal, path)| counts.contains_key(&(portal, path, status))).then_some(())
        })
        .await;
    }

    /// How many answers with each status there were since it was last waited for.
    pub fn counted(&self) -> BTreeMap<u16, usize> {
        let mut all = BTreeMap::new();
        for ((_, _, status), count) in &*self.counts.lock().unwrap() {
            *all.entry(*status).or_default() += count;
        }
        all
    }

    /// Stops all of them.
    pub async fn end(mut self) {
        self.over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.people.join_next().await {
            ended.unwrap();
        }
    }
}
