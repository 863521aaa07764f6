//! Leases, and the probe.

use std::sync::Arc;

use globus_portal::session::store::{Lease, Store};
use time::Duration;
use tokio::time::{Instant, sleep};

use super::{at, claim_all, key, session, winners};
use crate::harness::PATIENCE;

contract! {
    a_lease_goes_to_one_of_those_who_ask_at_the_same_time
    a_lease_is_held_until_it_is_given_back_by_its_holder
    a_lease_that_is_not_given_back_in_time_is_taken_over
    the_probe_leaves_nothing_behind
}

const ANNA: [u8; 16] = [1; 16];
const BERT: [u8; 16] = [2; 16];

async fn a_lease_goes_to_one_of_those_who_ask_at_the_same_time(store: Arc<dyn Store>) {
    for round in 0..4 {
        let copy = store.clone();
        let taken = winners(64, move |i| {
            let (store, holder) = (copy.clone(), [u8::try_from(i).unwrap(); 16]);
            async move {
                let lease = store.take_lease([round; 32], holder, Duration::hours(1)).await.unwrap();
                assert_ne!(lease, Lease::TakenOver);
                lease == Lease::Taken
            }
        });
        assert_eq!(taken.await, 1);
    }
}

async fn a_lease_is_held_until_it_is_given_back_by_its_holder(store: Arc<dyn Store>) {
    let take = async |holder| store.take_lease([1; 32], holder, Duration::hours(1)).await.unwrap();
    assert_eq!(take(ANNA).await, Lease::Taken);
    assert_eq!(take(BERT).await, Lease::Held);
    // She holds it, and is refused like anyone else.
    assert_eq!(take(ANNA).await, Lease::Held);
    // He cannot release it.
    store.release_lease([1; 32], BERT).await.unwrap();
    assert_eq!(take(BERT).await, Lease::Held);
    // Another name is another lease.
    assert_eq!(store.take_lease([2; 32], BERT, Duration::hours(1)).await.unwrap(), Lease::Taken);
    store.release_lease([2; 32], ANNA).await.unwrap();

    store.release_lease([1; 32], ANNA).await.unwrap();
    assert_eq!(take(BERT).await, Lease::Taken);
    // A second release does not release another holder's lease.
    store.release_lease([1; 32], ANNA).await.unwrap();
    assert_eq!(take(ANNA).await, Lease::Held);
    store.release_lease([3; 32], ANNA).await.unwrap();
}

async fn a_lease_that_is_not_given_back_in_time_is_taken_over(store: Arc<dyn Store>) {
    let take = async |holder, length| store.take_lease([1; 32], holder, length).await.unwrap();
    assert_eq!(take(ANNA, Duration::milliseconds(50)).await, Lease::Taken);
    let deadline = Instant::now() + PATIENCE;
    let lease = loop {
        let lease = take(BERT, Duration::hours(1)).await;
        if lease != Lease::Held {
            break lease;
        }
        assert!(Instant::now() < deadline, "it is held for ever");
        sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(lease, Lease::TakenOver);
    // It is his now; her release comes too late.
    store.release_lease([1; 32], ANNA).await.unwrap();
    assert_eq!(take(ANNA, Duration::hours(1)).await, Lease::Held);
    store.release_lease([1; 32], BERT).await.unwrap();
    assert_eq!(take(ANNA, Duration::hours(1)).await, Lease::Taken);
}

async fn the_probe_leaves_nothing_behind(store: Arc<dyn Store>) {
    store.create_session(key(1), &session("record"), &[]).await.unwrap();
    for _ in 0..100 {
        store.probe().await.unwrap();
    }
    assert_eq!(store.session(key(1)).await.unwrap(), Some(session("record")));
    assert_eq!(claim_all(&*store, at(9999)).await, []);
}
