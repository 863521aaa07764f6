//! The contract of a session store, held against every store.

pub(crate) mod bounds;

use std::sync::Arc;

use globus_portal::session::store::{Lease, News, RevocationRow, SessionKey, SessionRow, Spent, Store, TokenRow};
use time::{Duration, OffsetDateTime, macros::datetime};
use tokio::time::{Instant, sleep, timeout};

use self::bounds::{
    a_flood_of_spent_states_stays_bounded_and_none_of_them_is_good_twice,
    a_spent_state_is_remembered_until_its_time_and_an_hour_longer, a_state_is_spent_once_however_many_ask,
    a_trim_lets_no_state_through_twice, notes_of_ends_from_elsewhere_are_bounded_and_the_oldest_go_first,
    the_end_from_elsewhere_is_noted_until_its_time,
};
use crate::harness::place::{Place, in_memory, in_postgres, in_redis, in_sqlite};

/// Runs each part of the contract against each store.
macro_rules! contract {
    ($($part:ident)*) => {
        contract! { in in_memory: $($part)* }
        contract! { in in_sqlite: $($part)* }
        contract! { in in_redis: $($part)* }
        contract! { in in_postgres: $($part)* }
    };
    (in $place:ident: $($part:ident)*) => {
        mod $place {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $part() {
                if let Some(place) = super::$place(concat!(stringify!($place), "::", stringify!($part))).await {
                    super::$part(place.open().await).await;
                }
            })*

            contract! { at $place: what_others_end_is_told }
            contract! { at $place: a_flood_of_spent_states_stays_bounded_and_none_of_them_is_good_twice }
            contract! { at $place: a_trim_lets_no_state_through_twice }
            contract! { at $place: notes_of_ends_from_elsewhere_are_bounded_and_the_oldest_go_first }
        }
    };
    (at $place:ident: $part:ident) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $part() {
            if let Some(place) = super::$place(concat!(stringify!($place), "::", stringify!($part))).await {
                super::$part(&place).await;
            }
        }
    };
}

contract! {
    a_session_is_made_once_and_comes_back_as_it_was
    a_session_is_made_with_its_tokens_in_one_go
    nothing_but_create_makes_a_session
    nothing_revives_an_ended_session
    an_ended_session_stays_ended_against_writers_that_run_beside
    ending_moves_the_tokens_to_the_revocations_in_one_go
    a_token_belongs_to_its_session_and_resource_server
    dead_tokens_are_taken_away_at_the_version_that_was_read_and_at_no_other
    of_those_who_replace_the_same_version_one_wins
    a_state_is_spent_once_however_many_ask
    a_spent_state_is_remembered_until_its_time_and_an_hour_longer
    the_end_from_elsewhere_is_noted_until_its_time
    times_as_far_as_they_go_are_times
    revocations_go_to_one_of_those_who_claim_at_the_same_time
    revocations_come_back_until_they_are_finished
    revocations_are_claimed_by_session_up_to_a_limit_and_not_before_they_are_due
    the_pause_between_tries_to_revoke_grows_from_a_minute_to_an_hour
    aged_sessions_are_those_that_are_idle_or_over
    the_sessions_of_a_person_are_theirs_alone_and_the_last_used_one_is_first
    all_sessions_are_paged_through_in_the_order_of_their_keys_without_gaps
    a_lease_goes_to_one_of_those_who_ask_at_the_same_time
    a_lease_is_held_until_it_is_given_back_by_its_holder
    a_lease_that_is_not_given_back_in_time_is_taken_over
    the_probe_leaves_nothing_behind
    what_is_broken_off_is_done_wholly_or_not_at_all
}

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

    // Bytes are bytes: empty ones and those that are no text too.
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

    // Of those who make the same session at the same time one wins, with the tokens of the same one.
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

    // A new session under the same key has nothing of the old one.
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
        // Replaced in time or not: none is forgotten, none is there twice.
        let due = store.claim_revocations(Some(key), at(1), 100).await.unwrap();
        let mut names: Vec<_> = due.iter().map(|row| row.resource_server.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["api", "api-10", "api-14", "api-2", "api-6"]);
    }
}

async fn ending_moves_the_tokens_to_the_revocations_in_one_go(store: Arc<dyn Store>) {
    for number in [1, 2] {
        let tokens = ["a", "b", "c"].map(|name| token(name, &format!("{name}{number}"), 1));
        store.create_session(key(number), &session("record"), &tokens).await.unwrap();
    }
    store.replace_token(key(1), &token("b", "b1 renewed", 1)).await.unwrap();
    assert_eq!(claim_all(&*store, at(100)).await, []);
    // Of 64 who end it at once one does, and the tokens are moved once.
    let copy = store.clone();
    let ended = winners(64, move |_| {
        let store = copy.clone();
        async move { store.end_session(key(1), at(10), None).await.unwrap() }
    });
    assert_eq!(ended.await, 1);
    let due = claim_all(&*store, at(10)).await;
    assert_eq!(about(&due), [entry(1, "a", "a1"), entry(1, "b", "b1 renewed"), entry(1, "c", "c1")]);
    assert_eq!(store.tokens(key(2)).await.unwrap().len(), 3);
}

async fn a_token_belongs_to_its_session_and_resource_server(store: Arc<dyn Store>) {
    // Whatever version the caller says, it begins with 1.
    let tokens = [token("b", "one", 5), token("a", "two", 1)];
    assert!(store.create_session(key(1), &session("record"), &tokens).await.unwrap());
    assert!(store.create_session(key(2), &session("record"), &[token("b", "three", 1)]).await.unwrap());
    assert_eq!(store.token(key(1), "b").await.unwrap(), Some(token("b", "one", 1)));
    assert_eq!(store.token(key(1), "c").await.unwrap(), None);
    assert_eq!(store.token(key(1), "B").await.unwrap(), None);
    assert_eq!(store.tokens(key(1)).await.unwrap(), [token("a", "two", 1), token("b", "one", 1)]);

    let renewed = TokenRow { revoke_until: at(6000), ..token("b", "renewed", 1) };
    assert!(store.replace_token(key(1), &renewed).await.unwrap());
    assert_eq!(store.token(key(1), "b").await.unwrap(), Some(TokenRow { version: 2, ..renewed }));
    assert!(!store.replace_token(key(1), &token("b", "stale", 1)).await.unwrap());
    assert!(!store.replace_token(key(1), &token("b", "from the future", 3)).await.unwrap());
    assert!(!store.replace_token(key(1), &token("c", "never there", 1)).await.unwrap());
    assert_eq!(store.token(key(1), "b").await.unwrap().unwrap().sealed, b"renewed");
    assert_eq!(store.token(key(2), "b").await.unwrap(), Some(token("b", "three", 1)));
}

async fn dead_tokens_are_taken_away_at_the_version_that_was_read_and_at_no_other(store: Arc<dyn Store>) {
    assert!(!store.remove_token(key(1), "a", 1).await.unwrap());
    let tokens = ["a", "b"].map(|server| token(server, "sealed", 1));
    store.create_session(key(1), &session("record"), &tokens).await.unwrap();
    assert!(!store.remove_token(key(1), "c", 1).await.unwrap());
    store.replace_token(key(1), &token("a", "renewed", 1)).await.unwrap();
    assert!(!store.remove_token(key(1), "a", 1).await.unwrap());
    assert!(!store.remove_token(key(2), "a", 2).await.unwrap());
    assert!(store.remove_token(key(1), "a", 2).await.unwrap());
    assert_eq!(store.tokens(key(1)).await.unwrap(), [token("b", "sealed", 1)]);
    store.end_session(key(1), at(0), None).await.unwrap();
    assert_eq!(claim_all(&*store, at(1)).await.len(), 1, "dead tokens are not revoked");
}

async fn of_those_who_replace_the_same_version_one_wins(store: Arc<dyn Store>) {
    store.create_session(key(1), &session("record"), &[token("api", "sealed", 1)]).await.unwrap();
    for version in 1..=3 {
        let copy = store.clone();
        let replaced = winners(64, move |i| {
            let store = copy.clone();
            async move { store.replace_token(key(1), &token("api", &format!("writer {i}"), version)).await.unwrap() }
        });
        assert_eq!(replaced.await, 1);
        assert_eq!(store.token(key(1), "api").await.unwrap().unwrap().version, version + 1);
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

async fn revocations_go_to_one_of_those_who_claim_at_the_same_time(store: Arc<dyn Store>) {
    for i in 0..40 {
        store.add_revocation(key(1), &token(&format!("api-{i}"), "sealed", 1), at(0)).await.unwrap();
    }
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_revocations(None, at(0), 5).await.unwrap() })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        let claimed = task.await.unwrap();
        assert!(claimed.len() <= 5);
        ids.extend(claimed.iter().map(|row| row.id));
    }
    assert_eq!(ids.len(), 40);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 40);
}

async fn revocations_come_back_until_they_are_finished(store: Arc<dyn Store>) {
    store.add_revocation(key(1), &token("done", "sealed", 1), at(0)).await.unwrap();
    store.add_revocation(key(1), &token("failing", "sealed", 1), at(0)).await.unwrap();
    let claimed = claim_all(&*store, at(0)).await;
    assert_eq!(about(&claimed), [entry(1, "done", "sealed"), entry(1, "failing", "sealed")]);
    store.finish_revocation(claimed[0].id).await.unwrap();
    assert_eq!(claim_all(&*store, at(59)).await, []);
    let again = claim_all(&*store, at(60)).await;
    assert_eq!(again, [claimed[1].clone()]);
    store.finish_revocation(again[0].id).await.unwrap();
    store.finish_revocation(again[0].id).await.unwrap();
    assert_eq!(claim_all(&*store, at(9999)).await, []);
    // The number of a finished row is not given to another, which a late finish would then take off the list.
    store.add_revocation(key(1), &token("new", "sealed", 1), at(0)).await.unwrap();
    assert!(claim_all(&*store, at(9999)).await[0].id > again[0].id);
}

async fn revocations_are_claimed_by_session_up_to_a_limit_and_not_before_they_are_due(store: Arc<dyn Store>) {
    store.add_revocation(key(1), &token("a", "one", 1), at(10)).await.unwrap();
    store.add_revocation(key(2), &token("a", "two", 1), at(10)).await.unwrap();
    store.add_revocation(key(2), &token("b", "three", 1), at(10)).await.unwrap();
    store.add_revocation(key(2), &token("c", "four", 1), at(20)).await.unwrap();
    assert_eq!(store.claim_revocations(None, at(9), 10).await.unwrap(), []);
    assert_eq!(store.claim_revocations(Some(key(3)), at(10), 10).await.unwrap(), []);
    assert_eq!(store.claim_revocations(None, at(10), 0).await.unwrap(), []);
    let of_two = store.claim_revocations(Some(key(2)), at(10), 10).await.unwrap();
    assert_eq!(about(&of_two), [entry(2, "a", "two"), entry(2, "b", "three")]);
    let rest = store.claim_revocations(None, at(20), 1).await.unwrap();
    assert_eq!(about(&rest), [entry(1, "a", "one")]);

    // What there is no sense in revoking any longer is forgotten; what is claimed and not finished is not.
    store.sweep(at(4999)).await.unwrap();
    assert_eq!(store.claim_revocations(None, at(4999), 10).await.unwrap().len(), 4);
    store.sweep(at(5000)).await.unwrap();
    assert_eq!(store.claim_revocations(None, at(9999), 10).await.unwrap(), []);
}

async fn the_pause_between_tries_to_revoke_grows_from_a_minute_to_an_hour(store: Arc<dyn Store>) {
    store.add_revocation(key(1), &token("failing", "sealed", 1), at(0)).await.unwrap();
    // Each try, and the pause that follows.
    let tries = [(0, 60), (60, 60), (120, 60), (181, 90), (1000, 500), (7199, 3599), (10_800, 3600), (99_999, 3600)];
    for (now, pause) in tries {
        assert_eq!(claim_all(&*store, at(now)).await.len(), 1, "at {now}");
        assert_eq!(claim_all(&*store, at(now + pause - 1)).await, [], "after {now}");
    }
    assert_eq!(store.claim_revocations(Some(key(1)), at(99_999 + 3599), 1).await.unwrap(), []);
    assert_eq!(store.claim_revocations(Some(key(1)), at(99_999 + 3600), 1).await.unwrap().len(), 1);
    // What has been on the list for longer does not make what is new wait.
    store.add_revocation(key(1), &token("new", "sealed", 1), at(200_000)).await.unwrap();
    assert_eq!(claim_all(&*store, at(200_000)).await.len(), 2);
    assert_eq!(about(&claim_all(&*store, at(200_060)).await), [entry(1, "new", "sealed")]);
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
    // A session is found whatever its age, and a use makes it young again; its end stays.
    assert!(store.session(key(3)).await.unwrap().is_some());
    store.touch_session(key(1), at(340)).await.unwrap();
    store.touch_session(key(3), at(340)).await.unwrap();
    assert_eq!(aged(350, 200, 10).await, [key(2), key(3)]);
    // The sweep of the store ends no session: that is for its caller, who has the tokens revoked.
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
    // A key that was one person's may be another's later.
    store.end_session(key(3), at(1), None).await.unwrap();
    store.create_session(key(3), &of(7, 1), &[]).await.unwrap();
    assert_eq!(theirs(8).await, []);
    assert_eq!(theirs(7).await.len(), 4);

    // A list is as long as it may be, and of those last used at the same time the one that ends last is first.
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
        // In no order, from the first to the last of all keys.
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

    // One that has ended is left out, and is a place to go on from all the same.
    let (gone, _) = expected.remove(5);
    store.end_session(gone, at(1), None).await.unwrap();
    assert_eq!(store.sessions_after(None, 100).await.unwrap(), expected);
    assert_eq!(store.sessions_after(Some(gone), 100).await.unwrap(), expected[5..]);
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
    // She holds it, and is told so as anybody else.
    assert_eq!(take(ANNA).await, Lease::Held);
    // It is not his to give back.
    store.release_lease([1; 32], BERT).await.unwrap();
    assert_eq!(take(BERT).await, Lease::Held);
    // Another name is another lease.
    assert_eq!(store.take_lease([2; 32], BERT, Duration::hours(1)).await.unwrap(), Lease::Taken);
    store.release_lease([2; 32], ANNA).await.unwrap();

    store.release_lease([1; 32], ANNA).await.unwrap();
    assert_eq!(take(BERT).await, Lease::Taken);
    // Twice given back is not somebody else's given back.
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
    // It is his now, and she is too late to give it back.
    store.release_lease([1; 32], ANNA).await.unwrap();
    assert_eq!(take(ANNA, Duration::hours(1)).await, Lease::Held);
    store.release_lease([1; 32], BERT).await.unwrap();
    assert_eq!(take(ANNA, Duration::hours(1)).await, Lease::Taken);
}

/// Longer than anything here takes on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// The key is no other part's: the tests share a server, which tells all of them what ends.
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
        // A file only tells that it has changed.
        let any = matches!(place, Place::Sqlite(_));
        until(&|news| news == News::Ended(key(number)) || (any && news == News::Changed)).await;
    }
}

async fn the_probe_leaves_nothing_behind(store: Arc<dyn Store>) {
    store.create_session(key(1), &session("record"), &[]).await.unwrap();
    for _ in 0..100 {
        store.probe().await.unwrap();
    }
    assert_eq!(store.session(key(1)).await.unwrap(), Some(session("record")));
    assert_eq!(claim_all(&*store, at(9999)).await, []);
}

/// Whoever waits for a store may go away at any moment. What a server has been told by then it may do later, so a session
/// whose begin was broken off may come to be; nobody knows its id.
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
