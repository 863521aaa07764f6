//! Sessions: made once, used, ended for good, listed.

use std::sync::Arc;

use globus_portal::session::store::{News, SessionKey, SessionRow, Spent, Store, TokenRow};
use time::macros::datetime;
use tokio::time::timeout;

use super::{about, at, claim_all, entry, key, session, token, winners};
use crate::harness::{PATIENCE, place::Place};

contract! {
    a_session_is_made_once_and_comes_back_as_it_was
    a_session_is_made_with_its_tokens_in_one_go
    nothing_but_create_makes_a_session
    nothing_revives_an_ended_session
    an_ended_session_stays_ended_against_writers_that_run_beside
    times_as_far_as_they_go_are_times
    aged_sessions_are_those_that_are_idle_or_over
    the_sessions_of_a_person_are_theirs_alone_and_the_last_used_one_is_first
    all_sessions_are_paged_through_in_the_order_of_their_keys_without_gaps
    what_is_broken_off_is_done_wholly_or_not_at_all
    ;
    with places:
    what_others_end_is_told
}

async fn a_session_is_made_once_and_comes_back_as_it_was(store: Arc<dyn Store>) {
    assert_eq!(store.session(key(1)).await.unwrap(), None);
    assert!(store.create_session(key(1), &session("first"), &[]).await.unwrap());
    assert!(!store.create_session(key(1), &session("second"), &[]).await.unwrap());
    assert_eq!(store.session(key(1)).await.unwrap(), Some(session("first")));
    assert_eq!(store.session(key(2)).await.unwrap(), None);

    assert!(store.update_record(key(1), b"changed").await.unwrap());
    assert!(store.touch_session(key(1), at(60)).await.unwrap());
    let expected = SessionRow { last_seen: at(60), ..session("changed") };
    assert_eq!(store.session(key(1)).await.unwrap(), Some(expected));

    // Any bytes are allowed, also empty ones and invalid UTF-8.
    assert!(store.update_record(key(1), b"").await.unwrap());
    assert!(store.session(key(1)).await.unwrap().unwrap().record.is_empty());
    let all: Vec<u8> = (0..=255).collect();
    assert!(store.update_record(key(1), &all).await.unwrap());
    assert_eq!(store.session(key(1)).await.unwrap().unwrap().record, all);

    let copy = store.clone();
    let made = winners(64, move |_| {
        let store = copy.clone();
        async move { store.create_session(key(3), &session("one of 64"), &[]).await.unwrap() }
    });
    assert_eq!(made.await, 1);
}

async fn a_session_is_made_with_its_tokens_in_one_go(store: Arc<dyn Store>) {
    let all: Vec<u8> = (0..=255).collect();
    let binary = TokenRow { sealed: all.clone(), ..token("a", "", 0) };
    // Whatever version the caller says, it begins with 1.
    assert!(store.create_session(key(1), &session("first"), &[token("b", "one", 7), binary.clone()]).await.unwrap());
    assert!(!store.create_session(key(1), &session("second"), &[token("c", "late", 1)]).await.unwrap());
    let expected = [TokenRow { version: 1, ..binary }, token("b", "one", 1)];
    assert_eq!(store.tokens(key(1)).await.unwrap(), expected);
    assert!(store.replace_token(key(1), &token("b", "renewed", 1)).await.unwrap());
    store.end_session(key(1), at(1), None).await.unwrap();
    let due = store.claim_revocations(Some(key(1)), at(1), 10).await.unwrap();
    assert!(due.iter().any(|row| row.resource_server == "a" && row.sealed == all));
    assert!(due.iter().any(|row| row.resource_server == "b" && row.sealed == b"renewed"));
    assert_eq!(due.len(), 2);

    // Of several who create the same session at once one wins, and the tokens are the winner's.
    let copy = store.clone();
    let made = winners(64, move |i| {
        let (store, name) = (copy.clone(), format!("maker {i}"));
        async move { store.create_session(key(2), &session(&name), &[token("api", &name, 1)]).await.unwrap() }
    });
    assert_eq!(made.await, 1);
    let tokens = store.tokens(key(2)).await.unwrap();
    assert_eq!(tokens.len(), 1);
    assert_eq!(store.session(key(2)).await.unwrap().unwrap().record, tokens[0].sealed);
    assert_eq!(claim_all(&*store, at(1)).await, []);
}

async fn nothing_but_create_makes_a_session(store: Arc<dyn Store>) {
    assert!(!store.update_record(key(1), b"record").await.unwrap());
    assert!(!store.touch_session(key(1), at(1)).await.unwrap());
    assert!(!store.replace_token(key(1), &token("api", "sealed", 1)).await.unwrap());
    assert!(!store.end_session(key(1), at(1), None).await.unwrap());
    assert_eq!(store.session(key(1)).await.unwrap(), None);
    assert_eq!(store.tokens(key(1)).await.unwrap(), []);
    assert_eq!(store.token(key(1), "api").await.unwrap(), None);
    assert_eq!(claim_all(&*store, at(100)).await, []);
}

async fn nothing_revives_an_ended_session(store: Arc<dyn Store>) {
    store.create_session(key(1), &session("record"), &[token("api", "sealed", 1)]).await.unwrap();
    assert!(store.end_session(key(1), at(1), None).await.unwrap());
    assert_eq!(store.session(key(1)).await.unwrap(), None);
    nothing_is_written(&*store).await;
    assert!(!store.end_session(key(1), at(2), None).await.unwrap());
    let due = claim_all(&*store, at(100)).await;
    assert_eq!(about(&due), [entry(1, "api", "sealed")]);

    // A new session under the same key keeps nothing of the old one.
    assert!(store.create_session(key(1), &session("new"), &[]).await.unwrap());
    assert_eq!(store.tokens(key(1)).await.unwrap(), []);
}

async fn nothing_is_written(store: &dyn Store) {
    assert!(!store.update_record(key(1), b"late").await.unwrap());
    assert!(!store.touch_session(key(1), at(50)).await.unwrap());
    assert!(!store.replace_token(key(1), &token("api", "late", 1)).await.unwrap());
    assert_eq!(store.session(key(1)).await.unwrap(), None);
    assert_eq!(store.tokens(key(1)).await.unwrap(), []);
    assert_eq!(store.aged_sessions(at(9999), at(9999), 10).await.unwrap(), []);
}

async fn an_ended_session_stays_ended_against_writers_that_run_beside(store: Arc<dyn Store>) {
    for round in 0..8_u8 {
        let key = key(round);
        let tokens = ["api", "api-2", "api-6", "api-10", "api-14"].map(|name| token(name, "sealed", 1));
        store.create_session(key, &session("record"), &tokens).await.unwrap();
        let writers: Vec<_> = (0..16_u8)
            .map(|i| {
                let store = store.clone();
                tokio::spawn(async move {
                    match i {
                        8 => drop(store.end_session(key, at(1), None).await.unwrap()),
                        _ if i % 4 == 0 => drop(store.update_record(key, b"written").await.unwrap()),
                        _ if i % 4 == 1 => drop(store.touch_session(key, at(2)).await.unwrap()),
                        _ if i % 4 == 2 => {
                            let row = token(&format!("api-{i}"), "replaced", 1);
                            store.replace_token(key, &row).await.unwrap();
                        }
                        _ => drop(store.replace_token(key, &token("api", "replaced", 1)).await.unwrap()),
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(store.session(key).await.unwrap(), None);
        assert_eq!(store.tokens(key).await.unwrap(), []);
        // Replaced in time or not: none is lost, none is there twice.
        let due = store.claim_revocations(Some(key), at(1), 100).await.unwrap();
        let mut names: Vec<_> = due.iter().map(|row| row.resource_server.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["api", "api-10", "api-14", "api-2", "api-6"]);
    }
}

async fn times_as_far_as_they_go_are_times(store: Arc<dyn Store>) {
    let (first, last) = (datetime!(-9999-01-01 0:00 UTC), datetime!(9999-12-31 23:59:59 UTC));
    for (number, time) in [(1, first), (2, last)] {
        let row = SessionRow { last_seen: time, ends: time, ..session("record") };
        let tokens = [TokenRow { revoke_until: time, ..token("api", "sealed", 1) }];
        assert!(store.create_session(key(number), &row, &tokens).await.unwrap());
        assert_eq!(store.session(key(number)).await.unwrap(), Some(row));
        assert!(store.touch_session(key(number), time).await.unwrap());
        assert_eq!(
            store.token(key(number), "api").await.unwrap(),
            Some(TokenRow { revoke_until: time, ..tokens[0].clone() })
        );
    }
    assert_eq!(store.sessions_of([7; 32], 10).await.unwrap().len(), 2);
    assert_eq!(store.aged_sessions(first, first, 10).await.unwrap(), [key(1)]);
    assert_eq!(store.aged_sessions(last, last, 10).await.unwrap().len(), 2);
    for (number, time) in [(1, first), (2, last)] {
        assert!(store.end_session(key(number), time, Some(time)).await.unwrap());
        assert_eq!(store.claim_revocations(Some(key(number)), time, 10).await.unwrap().len(), 1);
        store.ended_elsewhere(key(number), time).await.unwrap();
        store.sweep(time).await.unwrap();
    }
    assert_eq!(store.spend_state([1; 32], last, first).await.unwrap(), Spent::First);
    assert_eq!(store.spend_state([1; 32], last, first).await.unwrap(), Spent::Again);
    assert_eq!(store.spend_state([2; 32], first, first).await.unwrap(), Spent::TooOld);
}

async fn aged_sessions_are_those_that_are_idle_or_over(store: Arc<dyn Store>) {
    let rows = [(1, 100, 1000), (2, 200, 1000), (3, 300, 350), (4, 300, 1000)];
    for (number, last_seen, ends) in rows {
        let row = SessionRow { last_seen: at(last_seen), ends: at(ends), ..session("record") };
        store.create_session(key(number), &row, &[]).await.unwrap();
    }
    let aged = async |now: i64, idle_since: i64, limit: u32| {
        let mut keys = store.aged_sessions(at(now), at(idle_since), limit).await.unwrap();
        keys.sort_by_key(|key| key.0);
        keys
    };
    assert_eq!(aged(349, 99, 10).await, []);
    assert_eq!(aged(349, 100, 10).await, [key(1)]);
    assert_eq!(aged(350, 99, 10).await, [key(3)]);
    assert_eq!(aged(350, 200, 10).await, [key(1), key(2), key(3)]);
    assert_eq!(aged(350, 200, 2).await.len(), 2);
    // A session is found whatever its age. A use resets its idle time; its expiry stays.
    assert!(store.session(key(3)).await.unwrap().is_some());
    store.touch_session(key(1), at(340)).await.unwrap();
    store.touch_session(key(3), at(340)).await.unwrap();
    assert_eq!(aged(350, 200, 10).await, [key(2), key(3)]);
    // The sweep of the store ends no session: its caller does, and revokes the tokens.
    store.sweep(at(9999)).await.unwrap();
    assert!(store.session(key(1)).await.unwrap().is_some());
}

async fn the_sessions_of_a_person_are_theirs_alone_and_the_last_used_one_is_first(store: Arc<dyn Store>) {
    let of = |person: u8, last_seen: i64| SessionRow { person: [person; 32], last_seen: at(last_seen), ..session("r") };
    for (number, person, last_seen) in [(1, 7, 100), (2, 7, 300), (3, 8, 400), (4, 7, 200), (5, 7, 50)] {
        store.create_session(key(number), &of(person, last_seen), &[]).await.unwrap();
    }
    let theirs = async |person: u8| store.sessions_of([person; 32], 100).await.unwrap();
    let expected = [(2, 300), (4, 200), (1, 100), (5, 50)].map(|(number, seen)| (key(number), of(7, seen)));
    assert_eq!(theirs(7).await, expected);
    assert_eq!(theirs(8).await, [(key(3), of(8, 400))]);
    assert_eq!(theirs(9).await, []);

    store.touch_session(key(5), at(999)).await.unwrap();
    store.end_session(key(2), at(1), None).await.unwrap();
    let expected = [(5, 999), (4, 200), (1, 100)].map(|(number, seen)| (key(number), of(7, seen)));
    assert_eq!(theirs(7).await, expected);
    // A key of one person may later belong to another.
    store.end_session(key(3), at(1), None).await.unwrap();
    store.create_session(key(3), &of(7, 1), &[]).await.unwrap();
    assert_eq!(theirs(8).await, []);
    assert_eq!(theirs(7).await.len(), 4);

    // A list has the given length at most; of sessions last used at the same time the one that expires last is first.
    let later = SessionRow { ends: at(2000), ..of(7, 200) };
    store.create_session(key(6), &later, &[]).await.unwrap();
    let expected = [(key(5), of(7, 999)), (key(6), later), (key(4), of(7, 200))];
    assert_eq!(store.sessions_of([7; 32], 3).await.unwrap(), expected);
    assert_eq!(store.sessions_of([7; 32], 0).await.unwrap(), []);
}

async fn all_sessions_are_paged_through_in_the_order_of_their_keys_without_gaps(store: Arc<dyn Store>) {
    assert_eq!(store.sessions_after(None, 10).await.unwrap(), []);
    let mut expected = Vec::new();
    for i in 0..23_u8 {
        // In any order, from the first to the last key.
        let key = SessionKey([[0, 255, i.wrapping_mul(97)][usize::from(i.min(2))]; 32]);
        let row = SessionRow { last_seen: at(i64::from(i)), ..session(&format!("record {i}")) };
        assert!(store.create_session(key, &row, &[]).await.unwrap());
        expected.push((key, row));
    }
    expected.sort_by_key(|(key, _)| key.0);
    for limit in [1, 4, 23, 100] {
        let mut all = Vec::new();
        loop {
            let page = store.sessions_after(all.last().map(|(key, _)| *key), limit).await.unwrap();
            assert!(page.len() <= limit as usize);
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        assert_eq!(all, expected, "{limit} at a time");
    }
    assert_eq!(store.sessions_after(None, 0).await.unwrap(), []);

    // A session that has ended is left out, and still serves as a starting point.
    let (gone, _) = expected.remove(5);
    store.end_session(gone, at(1), None).await.unwrap();
    assert_eq!(store.sessions_after(None, 100).await.unwrap(), expected);
    assert_eq!(store.sessions_after(Some(gone), 100).await.unwrap(), expected[5..]);
}

/// No other test uses the key: the tests share a server, which notifies all of them of ends.
async fn what_others_end_is_told(place: &Place) {
    let (store, other) = (place.open().await, place.open().await);
    let Some(mut news) = store.news() else {
        assert!(matches!(place, Place::Memory(_)), "nobody tells what others do");
        return;
    };
    let mut until = async |wanted: &dyn Fn(News) -> bool| {
        let wait = async { while !news.recv().await.is_some_and(wanted) {} };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no news"));
    };
    until(&|news| news == News::Connected).await;
    for number in [231, 232] {
        other.create_session(key(number), &session("record"), &[token("api", "sealed", 1)]).await.unwrap();
        other.end_session(key(number), at(1), None).await.unwrap();
        // A file only shows that it has changed.
        let any = matches!(place, Place::Sqlite(_));
        until(&|news| news == News::Ended(key(number)) || (any && news == News::Changed)).await;
    }
}

/// A caller of a store may be cancelled at any moment. The server may still run what it was sent, so a session whose
/// creation was cancelled may come to exist; no one knows its id.
async fn what_is_broken_off_is_done_wholly_or_not_at_all(store: Arc<dyn Store>) {
    let (row, tokens) = (session("record"), [token("a", "token a", 1), token("b", "token b", 1)]);
    for number in 0..40_u8 {
        let patience = || async {
            for _ in 0..usize::from(number) * usize::from(number) / 8 {
                tokio::task::yield_now().await;
            }
        };
        let (begun, ended) = (key(number), key(number + 100));
        tokio::select! {
            biased;
            _ = store.create_session(begun, &row, &tokens) => {}
            () = patience() => {}
        }
        if store.session(begun).await.unwrap().is_some() {
            assert_eq!(store.tokens(begun).await.unwrap().len(), 2, "{number}");
        }

        assert!(store.create_session(ended, &row, &tokens).await.unwrap(), "{number}");
        tokio::select! {
            biased;
            _ = store.end_session(ended, at(1), None) => {}
            () = patience() => {}
        }
        store.end_session(ended, at(1), None).await.unwrap();
        assert_eq!(store.session(ended).await.unwrap(), None, "{number}");
        assert_eq!(store.tokens(ended).await.unwrap(), [], "{number}");
        assert_eq!(store.claim_revocations(Some(ended), at(1), 10).await.unwrap().len(), 2, "{number}");
    }
}
