//! Tokens of sessions, and those that wait to be revoked.

use std::sync::Arc;

use globus_portal::session::store::{Store, TokenRow};

use super::{about, at, claim_all, entry, key, session, token, winners};

contract! {
    ending_moves_the_tokens_to_the_revocations_in_one_go
    a_token_belongs_to_its_session_and_resource_server
    dead_tokens_are_taken_away_at_the_version_that_was_read_and_at_no_other
    of_those_who_replace_the_same_version_one_wins
    tokens_are_put_where_they_belong_and_what_they_replace_is_queued
    of_those_who_put_tokens_at_the_same_time_one_wins_and_an_end_finds_all
    revocations_go_to_one_of_those_who_claim_at_the_same_time
    revocations_come_back_until_they_are_finished
    revocations_are_claimed_by_session_up_to_a_limit_and_not_before_they_are_due
    the_pause_between_tries_to_revoke_grows_from_a_minute_to_an_hour
}

async fn ending_moves_the_tokens_to_the_revocations_in_one_go(store: Arc<dyn Store>) {
    for number in [1, 2] {
        let tokens = ["a", "b", "c"].map(|name| token(name, &format!("{name}{number}"), 1));
        store.create_session(key(number), &session("record"), &tokens).await.unwrap();
    }
    store.replace_token(key(1), &token("b", "b1 renewed", 1)).await.unwrap();
    assert_eq!(claim_all(&*store, at(100)).await, []);
    // Of 64 who end it at once one succeeds, and the tokens are moved once.
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

async fn tokens_are_put_where_they_belong_and_what_they_replace_is_queued(store: Arc<dyn Store>) {
    store.create_session(key(1), &session("record"), &[token("b", "old", 1)]).await.unwrap();
    // Beside the others, once.
    assert!(store.put_token(key(1), &token("a", "new", 0), None, at(5)).await.unwrap());
    assert!(!store.put_token(key(1), &token("a", "again", 0), Some(&token("a", "again", 1)), at(5)).await.unwrap());
    assert_eq!(store.tokens(key(1)).await.unwrap(), [token("a", "new", 1), token("b", "old", 1)]);
    // In place of those that were read, and of no others.
    assert!(!store.put_token(key(1), &token("b", "stale", 2), Some(&token("b", "stale", 2)), at(5)).await.unwrap());
    assert_eq!(claim_all(&*store, at(5)).await, []);
    let replaced = TokenRow { revoke_until: at(6000), ..token("b", "left of the old", 1) };
    assert!(store.put_token(key(1), &token("b", "new", 1), Some(&replaced), at(5)).await.unwrap());
    assert_eq!(store.token(key(1), "b").await.unwrap(), Some(token("b", "new", 2)));
    assert_eq!(claim_all(&*store, at(4)).await, [], "not before it is due");
    assert_eq!(about(&claim_all(&*store, at(5)).await), [entry(1, "b", "left of the old")]);
    // In no session that there is not.
    assert!(!store.put_token(key(2), &token("a", "new", 0), None, at(5)).await.unwrap());
    store.end_session(key(1), at(10), None).await.unwrap();
    assert!(!store.put_token(key(1), &token("c", "late", 0), Some(&token("c", "late", 1)), at(10)).await.unwrap());
    assert_eq!(about(&claim_all(&*store, at(10)).await), [entry(1, "a", "new"), entry(1, "b", "new")]);
    assert!(store.tokens(key(1)).await.unwrap().is_empty());
}

async fn of_those_who_put_tokens_at_the_same_time_one_wins_and_an_end_finds_all(store: Arc<dyn Store>) {
    store.create_session(key(1), &session("record"), &[]).await.unwrap();
    for version in 0..=2 {
        let copy = store.clone();
        let put = winners(16, move |number| {
            let store = copy.clone();
            async move {
                let row = token("api", &format!("{version}.{number}"), version);
                let left = token("api", &format!("left of {version}"), version);
                let left = (version > 0).then_some(&left);
                store.put_token(key(1), &row, left, at(0)).await.unwrap()
            }
        });
        assert_eq!(put.await, 1);
    }
    assert_eq!(claim_all(&*store, at(0)).await.len(), 2);
    // Whoever is first, no token outlives its session.
    for number in 2..18 {
        store.create_session(key(number), &session("record"), &[]).await.unwrap();
        let (ending, putting) = (store.clone(), store.clone());
        let end = tokio::spawn(async move { ending.end_session(key(number), at(0), None).await.unwrap() });
        let put =
            tokio::spawn(async move { putting.put_token(key(number), &token("api", "late", 0), None, at(0)).await });
        assert!(end.await.unwrap());
        let was_put = put.await.unwrap().unwrap();
        assert!(store.tokens(key(number)).await.unwrap().is_empty());
        let due = store.claim_revocations(Some(key(number)), at(0), 10).await.unwrap();
        assert_eq!(due.len(), usize::from(was_put), "a token is queued exactly if it was put");
    }
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
    // The number of a finished row is not reused: a late finish would remove the new row.
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

    // Entries past their deadline are dropped; claimed and unfinished ones are kept until then.
    store.sweep(at(4999)).await.unwrap();
    assert_eq!(store.claim_revocations(None, at(4999), 10).await.unwrap().len(), 4);
    store.sweep(at(5000)).await.unwrap();
    assert_eq!(store.claim_revocations(None, at(9999), 10).await.unwrap(), []);
}

async fn the_pause_between_tries_to_revoke_grows_from_a_minute_to_an_hour(store: Arc<dyn Store>) {
    store.add_revocation(key(1), &token("failing", "sealed", 1), at(0)).await.unwrap();
    // Each attempt, and the pause after it.
    let tries = [(0, 60), (60, 60), (120, 60), (181, 90), (1000, 500), (7199, 3599), (10_800, 3600), (99_999, 3600)];
    for (now, pause) in tries {
        assert_eq!(claim_all(&*store, at(now)).await.len(), 1, "at {now}");
        assert_eq!(claim_all(&*store, at(now + pause - 1)).await, [], "after {now}");
    }
    assert_eq!(store.claim_revocations(Some(key(1)), at(99_999 + 3599), 1).await.unwrap(), []);
    assert_eq!(store.claim_revocations(Some(key(1)), at(99_999 + 3600), 1).await.unwrap().len(), 1);
    // Older entries do not delay new ones.
    store.add_revocation(key(1), &token("new", "sealed", 1), at(200_000)).await.unwrap();
    assert_eq!(claim_all(&*store, at(200_000)).await.len(), 2);
    assert_eq!(about(&claim_all(&*store, at(200_060)).await), [entry(1, "new", "sealed")]);
}
