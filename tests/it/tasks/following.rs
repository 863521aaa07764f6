//! `/tasks/{id}`.

use globus_portal::globus::transfer::{TransferData, TransferItem};

use super::{SHELF, SLOW, Visit};
use crate::harness::{JONAS, MIRA};

#[tokio::test]
async fn a_running_task_is_followed_to_its_end() {
    let visit = Visit::of(MIRA).await;
    let id = visit.submit(SHELF, SLOW, "run 7", "/data/").await;
    let path = format!("/tasks/{id}");
    let page = visit.page(&path).await;
    assert_eq!(page.header("refresh"), Some("5"));
    assert!(page.body.contains("<progress aria-label=\"Files done\" max=\"4\" value=\"0\">"), "{}", page.body);
    assert!(page.body.contains("<bdi>concurrency: 2, parallelism: 4, pipelining: 20</bdi>"), "{}", page.body);
    assert!(page.body.contains("0 of 4 files") && page.body.contains(">Running</span>"), "{}", page.body);
    assert!(!page.body.contains("<meta http-equiv") && !page.body.contains("<script"), "{}", page.body);
    let off = format!("{path}?refresh=off");
    assert!(page.body.contains(&format!("href=\"{off}\"")), "{}", page.body);
    let still = visit.page(&off).await;
    assert_eq!(still.header("refresh"), None);
    assert!(still.body.contains("This page does not refresh itself"), "{}", still.body);

    visit.finish().await;
    let done = visit.page(&path).await;
    assert_eq!(done.header("refresh"), None);
    assert!(done.body.contains(">Done</span>") && !done.body.contains("<progress"), "{}", done.body);
    assert!(done.body.contains("Everything was moved.") && done.body.contains("3.6 GB"), "{}", done.body);
    assert!(done.body.contains(">Do it again</button>"), "{}", done.body);
}

#[tokio::test]
async fn a_running_task_is_cancelled_by_a_form() {
    let visit = Visit::of(MIRA).await;
    let path = format!("/tasks/{}", visit.submit(SHELF, SLOW, "", "/README.txt").await);
    let page = visit.page(&path).await;
    let token = page.hidden("csrf_token");
    let cancel = format!("{path}/cancel");
    assert!(
        page.body.contains(&format!("<form class=\"actions\" method=\"post\" action=\"{cancel}\">")),
        "{}",
        page.body
    );
    for _ in 0..2 {
        let answer = visit.send(&cancel, &[("csrf_token", &token)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(&*path)), "{}", answer.body);
    }
    let page = visit.page(&path).await;
    assert!(page.body.contains(">Cancelled</span>") && page.body.contains("It was cancelled."), "{}", page.body);
    assert!(!page.body.contains("/cancel\"") && page.header("refresh").is_none(), "{}", page.body);
}

/// A collection of the sandbox whose tasks its manager has paused.
const PAUSED: &str = "7e57ab1e-0000-4000-8000-00000000000f";

#[tokio::test]
async fn a_paused_task_says_who_has_paused_it_and_can_be_cancelled() {
    let visit = Visit::of(MIRA).await;
    let path = format!("/tasks/{}", visit.submit(SHELF, PAUSED, "", "/README.txt").await);
    let page = visit.page(&path).await;
    let about =
        page.body.split_once("<h2 id=\"pauses\">Who has paused it</h2>").unwrap_or_else(|| panic!("{}", page.body)).1;
    let about = about.split("</section>").next().unwrap();
    assert!(
        about.contains("A manager of <bdi>") && about.contains("since <time") && about.contains("<q dir=\"auto\">"),
        "{about}"
    );
    assert!(page.body.contains(">Paused</span>"), "{}", page.body);
    visit.send(&format!("{path}/cancel"), &[]).await;
    let page = visit.page(&path).await;
    assert!(page.body.contains(">Cancelled</span>") && !page.body.contains("Who has paused it"), "{}", page.body);
}

#[tokio::test]
async fn a_task_that_failed_says_why() {
    let visit = Visit::of(MIRA).await;
    let gone = visit.submit(SHELF, SLOW, "gone", "/no such file.txt").await;
    let denied = visit.submit(SHELF, SLOW, "denied", "/restricted/secret.txt").await;
    visit.finish().await;
    for (id, words, quote) in [
        (gone, "A file or folder does not exist (any more).", "<q dir=\"auto\">file not found</q>"),
        (denied, "You are not allowed to read or write one of the files.", "<q dir=\"auto\">permission denied</q>"),
    ] {
        let page = visit.page(&format!("/tasks/{id}")).await.body;
        assert!(page.contains(">Failed</span>") && page.contains("Why it ended"), "{page}");
        assert!(page.contains(words) && page.contains(quote), "{page}");
        assert!(page.contains(">Fault</span>") && page.contains("<dd>1, see the events</dd>"), "{page}");
    }
}

#[tokio::test]
async fn a_task_that_is_held_up_says_what_it_waits_for() {
    let visit = Visit::of(MIRA).await;
    for (end, state, words) in [
        ("05", "Running, with faults", "A personal computer is switched off or not connected."),
        ("0d", "Waiting for you", "It needs a new permission from you."),
    ] {
        let other = format!("7e57ab1e-0000-4000-8000-0000000000{end}");
        let id = visit.submit(SHELF, &other, "held up", "/README.txt").await;
        let page = visit.page(&format!("/tasks/{id}")).await.body;
        assert!(page.contains(&format!(">{state}</span>")) && page.contains(words), "{page}");
        assert!(page.contains("What holds it up") && page.contains("/cancel\""), "{page}");
    }
}

#[tokio::test]
async fn files_that_were_skipped_are_listed_with_the_reason() {
    let visit = Visit::of(MIRA).await;
    let mut data = TransferData::new(SHELF, SLOW).with_skip_source_errors(true);
    data.add_item(TransferItem::new("/README.txt", "/results/README.txt"));
    data.add_item(TransferItem::new("/gone <b>.txt", "/results/gone.txt"));
    let id = visit.transfer.submit_transfer(&mut data).await.unwrap().task_id;
    visit.finish().await;
    let page = visit.page(&format!("/tasks/{id}")).await.body;
    assert!(page.contains("Files that were skipped") && page.contains("<bdi>/gone &#60;b&#62;.txt</bdi>"), "{page}");
    assert!(page.contains("FILE_NOT_FOUND") && page.contains(">Done</span>"), "{page}");
}

#[tokio::test]
async fn events_are_shown_25_at_a_time_and_only_the_latest_refresh_themselves() {
    let visit = Visit::of(MIRA).await;
    let path = format!("/tasks/{}", visit.submit(SHELF, SLOW, "run 8", "/README.txt").await);
    let page = visit.page(&format!("{path}?events=2")).await;
    assert!(page.body.contains("There are no earlier events.") && page.header("refresh").is_none(), "{}", page.body);
    assert!(page.body.contains(&format!("href=\"{path}?events=1#events\">Later")), "{}", page.body);
    for wrong in ["0", "x", "-1", "4001"] {
        let answer = visit.browser.get(&visit.portal.url(&format!("{path}?events={wrong}"))).await;
        assert_eq!(answer.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn a_task_that_is_not_there_is_no_page() {
    let visit = Visit::of(JONAS).await;
    let unknown = visit.browser.get(&visit.portal.url("/tasks/6daf5a2c-52d9-4217-a78d-a359537a8a99")).await;
    assert!(unknown.status.is_client_error() || unknown.status == 502, "{}", unknown.status);

    let faults = format!("{}/sandbox/seen", visit.portal.globus);
    visit.browser.send(reqwest::Method::DELETE, &faults, &[], None).await;
    for id in ["x", "..%2F..%2Fendpoint", "6daf5a2c-52d9-4217-a78d-a359537a8a9", "%00"] {
        let page = visit.browser.get(&visit.portal.url(&format!("/tasks/{id}"))).await;
        assert_eq!(page.status, 404, "{id}: {}", page.body);
        let answer = visit.send(&format!("/tasks/{id}/cancel"), &[("csrf_token", "")]).await;
        assert!(matches!(answer.status.as_u16(), 403 | 404), "{id}: {}", answer.body);
    }
    let seen = visit.browser.get(&faults).await.body;
    assert!(!seen.contains("/v0.10/"), "{seen}");
}
