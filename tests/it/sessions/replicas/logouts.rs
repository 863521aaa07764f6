//! Logouts during many requests, some of which renew a token.

use std::{
    collections::{BTreeMap, HashSet},
    time::Instant,
};

use super::{number, stage::Stage, tell};
use crate::harness::{Browser, until};

/// Logs in, requests many pages at once, and logs out in the middle; again and again. In every other round the logout
/// comes while the provider holds back the answer to a refresh.
async fn logout_rounds(portals: usize, store: &str) {
    let stage = Stage::with(portals, store, &[]).await;
    let begun = Instant::now();
    let (rounds, requests) = (number("ROUNDS", 5), number("REQUESTS", 50_usize.div_ceil(portals)));
    let mut answered = BTreeMap::new();
    for round in 0..rounds {
        let browser = stage.log_in().await;
        let cookie = browser.cookie("localhost", "session").unwrap();
        let gate = (round % 2 == 1).then(|| stage.provider.hold_tokens());
        let in_flight = stage.ask(&browser, requests);
        if let Some(gate) = &gate {
            gate.arrival().await;
        }
        let out = browser.submit(&stage.url(round % stage.replicas.len(), "/logout"), &[]).await;
        assert_eq!(out.status, 303);
        if let Some(gate) = &gate {
            gate.open();
        }
        let old = Browser::new();
        old.set_cookie("localhost", "session", &cookie);
        for (_, status) in in_flight {
            let status = status.await.unwrap().unwrap_or_else(|| panic!("round {round}: no answer"));
            assert!(matches!(status, 200 | 303 | 503), "round {round}: {status}");
            *answered.entry(status).or_insert(0) += 1;
        }
        for replica in &stage.replicas {
            let page = old.get(&format!("{}/profile", replica.base)).await;
            assert_eq!(page.status, 303, "round {round}: the old cookie is alive");
        }
    }
    let revoked = until_all_is_revoked(&stage, rounds).await;
    assert_eq!(stage.grants().most_uses(), 1);
    let seconds = begun.elapsed().as_secs();
    tell(&format!(
        "{rounds} logouts among {requests} requests at each of {portals} portals in {seconds} s: \
         answers by status {answered:?}, {revoked} tokens revoked"
    ));
}

/// Waits until every valid token has been sent for revocation, including those that a refresh got after the logout.
async fn until_all_is_revoked(stage: &Stage, logins: usize) -> usize {
    until("every token to be revoked", || {
        let calls = stage.provider.revoke_calls();
        let sent: Vec<&str> = calls.iter().map(|call| call.field("token").unwrap()).collect();
        // All logins get the same token for Globus Auth itself.
        let own = sent.iter().filter(|token| token.starts_with("SENTINEL-auth")).count();
        let known: HashSet<&str> = sent.iter().copied().collect();
        let all = own == logins && stage.grants().good().iter().all(|token| known.contains(&**token));
        all.then_some(sent.len())
    })
    .await
}

// Row E4; row F3.
on_shared_stores! {
    after_a_logout_the_old_cookie_is_dead_on_every_replica = logout_rounds;
}
on_own_stores! {
    after_a_logout_the_old_cookie_is_dead_for_good = logout_rounds;
}
