//! Tokens that many requests need renewed at the same time.

use std::time::Duration;

use super::{number, stage::Stage};

/// How long it takes at most until a provider notices that its client was killed.
const GONE_WITHIN: Duration = Duration::from_millis(1500);

async fn refresh_rounds(portals: usize, store: &str) {
    let mut stage = Stage::with(portals, store, &[]).await;
    for round in 0..number("ROUNDS", 3) {
        let browser = stage.log_in().await;
        let kills = round % 2 == 1;
        let gate = stage.provider.hold_tokens();
        let asked = stage.ask(&browser, number("REQUESTS", 20));
        gate.arrival().await;
        if kills {
            stage.replicas[0].process.signal("KILL");
            // If it was the one that renews, the provider notices before it answers, and so the refresh token is unused.
            let gone = async {
                while gate.waiting() > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let _ = tokio::time::timeout(GONE_WITHIN, gone).await;
        }
        gate.open();
        for (number, status) in asked {
            match status.await.unwrap() {
                Some(status) => assert!(matches!(status, 200 | 503), "round {round}: {status}"),
                None => assert!(kills && number == 0, "round {round}: replica {number} did not answer"),
            }
        }
        for replica in &stage.replicas[1..] {
            let page = browser.get(&format!("{}/endpoints", replica.base)).await;
            assert_eq!(page.status, 200, "round {round}: {}", page.body);
        }
        assert_eq!(stage.grants().most_uses(), 1, "round {round}");
        if kills {
            stage.start_again(0).await;
            let front = browser.get(&stage.url(0, "/")).await;
            assert_eq!(front.status, 200, "round {round}: a new process knows the session");
        }
    }
}

// Rows D4, D5 and E8.
on_shared_stores! {
    each_refresh_token_is_used_once_though_one_process_is_killed = refresh_rounds;
}
