//! What strangers can make a store remember: spent states, and notes about ends.

use std::sync::Arc;

use globus_portal::session::store::{Bounds, Spent, Store};
use time::OffsetDateTime;

use super::{at, claim_all, key, session, token, winners};
use crate::harness::place::Place;

contract! {
    a_state_is_spent_once_however_many_ask
    a_spent_state_is_remembered_until_its_time_and_an_hour_longer
    the_end_from_elsewhere_is_noted_until_its_time
    ;
    with places:
    a_flood_of_spent_states_stays_bounded_and_none_of_them_is_good_twice
    a_trim_lets_no_state_through_twice
    notes_of_ends_from_elsewhere_are_bounded_and_the_oldest_go_first
}

/// Spends a state while it is valid.
pub(crate) async fn spend(store: &dyn Store, state: [u8; 32], until: OffsetDateTime) -> Spent {
    store.spend_state(state, until, at(0)).await.unwrap()
}

async fn a_state_is_spent_once_however_many_ask(store: Arc<dyn Store>) {
    for round in 0..4 {
        let copy = store.clone();
        let spent = winners(64, move |_| {
            let store = copy.clone();
            async move { spend(&*store, [round; 32], at(100)).await == Spent::First }
        });
        assert_eq!(spent.await, 1);
    }
    assert_eq!(spend(&*store, [0; 32], at(100)).await, Spent::Again);
    assert_eq!(spend(&*store, [9; 32], at(100)).await, Spent::First);
}

async fn a_spent_state_is_remembered_until_its_time_and_an_hour_longer(store: Arc<dyn Store>) {
    assert_eq!(spend(&*store, [1; 32], at(100)).await, Spent::First);
    // Asking again does not change the time.
    assert_eq!(spend(&*store, [1; 32], at(10)).await, Spent::Again);
    // The clock of another portal may be behind.
    store.sweep(at(100 + 3599)).await.unwrap();
    assert_eq!(store.spend_state([1; 32], at(100), at(99)).await.unwrap(), Spent::Again);
    store.sweep(at(100 + 3600)).await.unwrap();
    assert_eq!(store.spend_state([1; 32], at(100), at(100)).await.unwrap(), Spent::TooOld);
    assert_eq!(store.spend_state([1; 32], at(100), at(3700)).await.unwrap(), Spent::TooOld);
}

/// The name and expiry of a state: states created later expire later.
fn state(number: u32) -> ([u8; 32], OffsetDateTime) {
    let mut name = [0; 32];
    name[..4].copy_from_slice(&number.to_be_bytes());
    (name, at(i64::from(number / 3)))
}

/// Row K4.
async fn a_flood_of_spent_states_stays_bounded_and_none_of_them_is_good_twice(place: &Place) {
    const BOUND: u32 = 200;
    let bounds = Bounds { spent_states: BOUND, ..Bounds::default() };
    let stores = [place.open_with(bounds).await, place.open_with(bounds).await];
    let flood = |from: u32, to: u32| {
        let stores = stores.clone();
        async move {
            let mut first = 0;
            for number in from..to {
                let (name, until) = state(number);
                let spent = stores[number as usize % 2].spend_state(name, until, at(-1)).await.unwrap();
                first += u32::from(spent == Spent::First);
            }
            first
        }
    };
    // Several at the same time, with states of every age, each spent by two.
    let floods: Vec<_> = (0..8).map(|i| tokio::spawn(flood(i / 2 * 250, i / 2 * 250 + 500))).collect();
    let mut first = 0;
    for flood in floods {
        first += flood.await.unwrap();
    }
    assert!(first <= 1250, "{first} of 1250 states were good");
    assert!(first > BOUND, "only {first} states were good");
    let kept = place.spent_states().await;
    assert!(kept <= i64::from(BOUND + BOUND / 10 + 8), "{kept} are kept");
    for number in 0..1250 {
        let (name, until) = state(number);
        let spent = spend(&*stores[0], name, until).await;
        assert_ne!(spent, Spent::First, "{number} was good twice");
    }
    // States below the raised floor are too old whether they were spent or not; newer ones are valid.
    assert_eq!(spend(&*stores[1], [0xee; 32], at(1)).await, Spent::TooOld);
    assert_eq!(spend(&*stores[1], [0xee; 32], at(5000)).await, Spent::First);
    // The floor persists when the store is opened again.
    assert_eq!(spend(&*place.open().await, [0xef; 32], at(1)).await, Spent::TooOld);
}

/// Each is spent by many at the same time, while trims run: at most one wins.
async fn a_trim_lets_no_state_through_twice(place: &Place) {
    let bounds = Bounds { spent_states: 20, ..Bounds::default() };
    let stores = [place.open_with(bounds).await, place.open_with(bounds).await];
    for round in 0..60_u32 {
        let (name, until) = state(round);
        let spent = winners(12, |i| {
            let store = stores[i % 2].clone();
            let own = state(1000 * round + u32::try_from(i).unwrap() + 1000);
            async move {
                let spent = store.spend_state(name, until, at(-1)).await.unwrap();
                store
                    .spend_state([&[0xff; 28], &own.0[..4]].concat().try_into().unwrap(), own.1, at(-1))
                    .await
                    .unwrap();
                spent == Spent::First
            }
        });
        assert!(spent.await <= 1, "round {round}");
        assert_ne!(stores[0].spend_state(name, until, at(-1)).await.unwrap(), Spent::First, "round {round}");
    }
}

async fn the_end_from_elsewhere_is_noted_until_its_time(store: Arc<dyn Store>) {
    let noted = async |number, now| store.ended_elsewhere(key(number), at(now)).await.unwrap();
    for number in 1..=3 {
        store.create_session(key(number), &session("record"), &[token("api", "sealed", 1)]).await.unwrap();
    }
    assert!(store.end_session(key(1), at(1), None).await.unwrap());
    assert!(store.end_session(key(2), at(1), Some(at(500))).await.unwrap());
    assert!(store.end_session(key(3), at(1), Some(at(600))).await.unwrap());
    assert_eq!(claim_all(&*store, at(1)).await.len(), 3, "the tokens are revoked either way");
    assert!(!noted(1, 1).await, "an end by oneself is not noted");
    assert!(noted(2, 1).await);
    // Only the first end counts, and without a session there is no note.
    assert!(!store.end_session(key(1), at(2), Some(at(500))).await.unwrap());
    assert!(!store.end_session(key(9), at(2), Some(at(500))).await.unwrap());
    assert!(!noted(1, 2).await);
    assert!(!noted(9, 2).await);
    assert!(noted(2, 499).await);
    assert!(!noted(2, 500).await);
    store.forget_ended(key(3)).await.unwrap();
    store.forget_ended(key(3)).await.unwrap();
    assert!(!noted(3, 1).await);
    store.sweep(at(499)).await.unwrap();
    assert!(noted(2, 1).await);
    store.sweep(at(500)).await.unwrap();
    assert!(!noted(2, 1).await);
}

async fn notes_of_ends_from_elsewhere_are_bounded_and_the_oldest_go_first(place: &Place) {
    let store = place.open_with(Bounds { ended_notes: 20, ..Bounds::default() }).await;
    for number in 0..100 {
        store.create_session(key(number), &session("record"), &[]).await.unwrap();
        assert!(store.end_session(key(number), at(1), Some(at(100 + i64::from(number)))).await.unwrap());
    }
    store.sweep(at(1)).await.unwrap();
    for number in 0..100 {
        assert_eq!(store.ended_elsewhere(key(number), at(2)).await.unwrap(), number >= 80, "{number}");
    }
}
