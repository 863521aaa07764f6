//! Portals that are asked to stop while Globus has not answered yet.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, task::JoinHandle};

use super::stage::Stage;
use crate::harness::{Answer, Browser, PATIENCE, Provider, provider::Gate, until};

/// Asks the portal to stop, and waits until it accepts no more connections.
async fn ask_to_stop(stage: &Stage) {
    let address = stage.replicas[0].base.trim_start_matches("http://").replace("localhost", "127.0.0.1");
    stage.replicas[0].process.signal("TERM");
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(&address).await.is_ok() {
        assert!(Instant::now() < deadline, "it takes people in");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for the end of the process, and starts another in its place.
async fn stopped_and_started_again(stage: &mut Stage) {
    let process = &mut stage.replicas[0].process;
    assert_eq!(process.ended().await.code(), Some(0), "{}", process.printed());
    let printed = process.printed();
    assert!(!printed.contains("calls to Globus did not finish in time"), "{printed}");
    stage.start_again(0).await;
}

/// A login and a renewal that wait at the provider.
struct Middle {
    stage: Stage,
    browser: Arc<Browser>,
    newcomer: Arc<Browser>,
    gate: Arc<Gate>,
    renewing: JoinHandle<Answer>,
    coming_back: JoinHandle<Answer>,
}

async fn in_the_middle(store: &str, hold: impl Fn(&Provider) -> Arc<Gate>) -> Middle {
    let stage = Stage::with(1, store, &[]).await;
    let browser = stage.log_in().await;
    let newcomer = Arc::new(Browser::new());
    let callback = stage.begin_login(&newcomer, 0).await;
    let gate = hold(&stage.provider);
    let renewing = stage.asks(&browser, 0, "/endpoints");
    let coming_back = stage.asks(&newcomer, 0, callback.trim_start_matches(&stage.replicas[0].base));
    gate.arrival().await;
    gate.arrival().await;
    Middle { stage, browser, newcomer, gate, renewing, coming_back }
}

/// A login and a renewal are at the provider.
async fn stop_in_the_middle(_: usize, store: &str) {
    let Middle { mut stage, browser, newcomer, gate, renewing, coming_back } =
        in_the_middle(store, Provider::hold_tokens).await;
    ask_to_stop(&stage).await;
    gate.open();

    let page = renewing.await.unwrap();
    assert_eq!((page.status.as_u16(), page.header("connection")), (200, Some("close")), "{}", page.body);
    let back = coming_back.await.unwrap();
    assert_eq!((back.status.as_u16(), back.set_cookies().len()), (303, 1), "{}", back.body);
    stopped_and_started_again(&mut stage).await;
    stage.assert_works_everywhere(&browser).await;
    stage.assert_works_everywhere(&newcomer).await;
}

/// The browsers of a login and of a renewal leave before Globus answers, which has already issued tokens.
async fn stop_with_nobody_waiting(_: usize, store: &str) {
    let Middle { mut stage, browser, gate, renewing, coming_back, .. } =
        in_the_middle(store, Provider::hold_answers).await;
    for leaving in [renewing, coming_back] {
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
    }
    ask_to_stop(&stage).await;
    gate.open();
    stopped_and_started_again(&mut stage).await;
    // What the renewal brought home is kept, and what the login brought home is revoked: nobody has it.
    stage.assert_works_everywhere(&browser).await;
    assert_eq!(stage.grants().renewals(), 1);
    until("the tokens of nobody to be revoked", || {
        let calls = stage.provider.revoke_calls();
        let sent = calls.iter().filter(|call| call.field("token").unwrap().starts_with("refresh-")).count();
        (sent == 1).then_some(())
    })
    .await;
}

/// A request whose client has left outlasts the time for requests. What it starts last, here ending a session whose cookie
/// reached no browser, is finished too.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_slow_request_begins_at_its_end_is_finished_before_a_process_stops() {
    let mut stage = Stage::with(1, "sqlite:sessions.db", &[("GLOBUS_SDK_HTTP_TIMEOUT", "40")]).await;
    let browser = Arc::new(Browser::new());
    let callback = stage.begin_login(&browser, 0).await;
    let gate = stage.provider.hold_answers();
    let coming_back = stage.asks(&browser, 0, callback.trim_start_matches(&stage.replicas[0].base));
    gate.arrival().await;
    coming_back.abort();
    assert!(coming_back.await.unwrap_err().is_cancelled());
    ask_to_stop(&stage).await;
    stage.replicas[0].process.says("requests did not finish in time").await;
    assert_eq!(stage.provider.revoke_calls().len(), 0);
    gate.open();
    let process = &mut stage.replicas[0].process;
    assert_eq!(process.ended().await.code(), Some(0), "{}", process.printed());
    let revoked = stage.provider.revoke_calls();
    assert!(revoked.iter().any(|call| call.field("token").unwrap().starts_with("refresh-")), "{}", process.printed());
}

mod on_sqlite {
    #[tokio::test(flavor = "multi_thread")]
    async fn logins_and_renewals_under_way_are_finished_before_a_process_stops() {
        super::stop_in_the_middle(1, "sqlite:sessions.db").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_globus_gives_is_not_lost_though_nobody_waits_when_a_process_stops() {
        super::stop_with_nobody_waiting(1, "sqlite:sessions.db").await;
    }
}

// Row K6.
on_shared_stores! {
    logins_and_renewals_under_way_are_finished_before_a_process_stops = stop_in_the_middle;
    what_globus_gives_is_not_lost_though_nobody_waits_when_a_process_stops = stop_with_nobody_waiting;
}
