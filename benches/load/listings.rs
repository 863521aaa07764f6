//! What it costs to list files, and whether people who wait for Globus hold up others.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::{
    client::{Connection, on_connections},
    figures::{AT_ONCE, look, print_cost, print_times},
    provider::COLLECTION,
    servers::Server,
    stage::{LONG, Stage, log_in},
    stores::Stores,
};

/// How long Globus takes for a listing, where it is slow.
const SLOW: Duration = Duration::from_secs(1);
/// How many people wait for one at the same time.
const WAITING: usize = 64;

/// A folder of 1,000 entries: the page of a collection, which shows 200 of them; the form that chooses from all of them; and a
/// page of one's own that prints all their names.
pub fn listings(stores: &Stores, kind: &str) {
    let stage = Stage::start(stores, kind, LONG, AT_ONCE);
    let portal = &stage.portal;
    let mut connection = portal.connection();
    let cookie = log_in(&mut connection);
    let folder = format!("/collections/{COLLECTION}?path=%2Fdata%2F");
    let all = format!("/ls/{COLLECTION}");
    let page = connection.get(&folder, &cookie);
    assert_eq!((page.status, connection.count("<tr role=\"row\">")), (200, 201));
    let token = connection.after("name=\"csrf_token\" value=\"").split('"').next().unwrap_or_default().to_owned();
    let form = format!("csrf_token={token}&source={COLLECTION}&path=%2Fdata%2F");
    let choose = |connection: &mut Connection| {
        assert_eq!(connection.post("/transfer", &cookie, &form).status, 200);
    };
    choose(&mut connection);
    assert_eq!(connection.count("name=\"item\""), 1000);
    let get = |target: &str| {
        let (target, cookie) = (target.to_owned(), cookie.clone());
        move |connection: &mut Connection| assert_eq!(connection.get(&target, &cookie).status, 200)
    };
    print_cost("a page of a folder: 200 entries of 1,000", portal, get(&folder));
    print_cost("the form that chooses from 1,000 entries", portal, choose);
    print_cost("a page of one's own, 1,000 entries", portal, get(&all));
}

/// Whether the pages of four people are slower while 64 others wait for listings, here or at another portal.
pub fn waiting(stores: &Stores, kind: &str) {
    let stage = || Stage::start_slow(stores, kind, SLOW);
    let (stage, other) = (stage(), stage());
    let cookie = log_in(&mut stage.portal.connection());
    print_times("a page without listings", look(&stage.portal, &cookie));
    for (where_to, server) in [("another portal", &other.portal), ("this portal", &stage.portal)] {
        let (times, listings) = beside_listings(server, || look(&stage.portal, &cookie));
        print_times(&format!("a page, beside {listings} listings at {where_to}"), times);
    }
}

/// Does something while 64 people wait for listings at a portal; tells how many were shown meanwhile.
fn beside_listings(server: &Server, work: impl Fn() -> Vec<Duration>) -> (Vec<Duration>, usize) {
    let cookie = log_in(&mut server.connection());
    let (over, shown, folder) = (AtomicBool::new(false), AtomicUsize::new(0), format!("/ls/{COLLECTION}"));
    std::thread::scope(|scope| {
        for _ in 0..WAITING {
            scope.spawn(|| {
                on_connections(server.address, 1, 1, |connection| {
                    while !over.load(Ordering::Relaxed) {
                        assert_eq!(connection.get(&folder, &cookie).status, 200);
                        shown.fetch_add(1, Ordering::Relaxed);
                    }
                });
            });
        }
        let begun = Instant::now();
        while shown.load(Ordering::Relaxed) < WAITING {
            assert!(begun.elapsed() < Duration::from_secs(60), "the listings do not come");
            std::thread::sleep(Duration::from_millis(10));
        }
        let before = shown.load(Ordering::Relaxed);
        let times = work();
        over.store(true, Ordering::Relaxed);
        (times, shown.load(Ordering::Relaxed) - before)
    })
}
