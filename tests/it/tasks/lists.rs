//! `/tasks`.

use super::{SHELF, SLOW, Visit};
use crate::harness::{AMARA, MIRA, QUIRK};

#[tokio::test]
async fn each_list_has_the_tasks_of_its_state() {
    let visit = Visit::of(MIRA).await;
    visit.submit(SHELF, SLOW, "one that runs", "/README.txt").await;
    let cancelled = visit.submit(SHELF, SLOW, "one that was cancelled", "/README.txt").await;
    visit.transfer.cancel_task(&cancelled).await.unwrap();

    let all = visit.page("/tasks").await.body;
    assert!(all.contains("one that runs") && all.contains("one that was cancelled"), "{all}");
    assert!(all.contains("<bdi>Open shelf</bdi> to <bdi>Slow tape</bdi>") && all.contains(" of 2</p>"), "{all}");
    let running = visit.page("/tasks?show=running").await.body;
    assert!(running.contains("one that runs") && !running.contains("one that was cancelled"), "{running}");
    assert!(running.contains(">Running</span>") && running.contains("0 of 1 file, 0 bytes"), "{running}");
    let failed = visit.page("/tasks?show=failed").await.body;
    assert!(failed.contains("one that was cancelled") && failed.contains(">Cancelled</span>"), "{failed}");
    assert!(!failed.contains("one that runs"), "{failed}");
    let done = visit.page("/tasks?show=done").await.body;
    assert!(done.contains("No transfer is done yet"), "{done}");
    visit.finish().await;
    let done = visit.page("/tasks?show=done").await.body;
    assert!(done.contains("one that runs") && done.contains(">Done</span>"), "{done}");
}

#[tokio::test]
async fn a_list_without_tasks_says_how_to_start_one() {
    let visit = Visit::of(AMARA).await;
    let page = visit.page("/tasks").await.body;
    assert!(page.contains("You have no transfers yet") && page.contains("href=\"/collections\""), "{page}");
    for path in ["/tasks?page=0", "/tasks?page=x", "/tasks?page=99999999999", "/tasks?show=others"] {
        assert_eq!(visit.browser.get(&visit.portal.url(path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_list_goes_on_after_25_tasks_with_the_newest_first() {
    let visit = Visit::of(MIRA).await;
    for number in 1..=27 {
        visit.submit(SHELF, SLOW, &format!("task number {number:02}"), "/README.txt").await;
    }
    let first = visit.page("/tasks?show=running").await.body;
    assert!(first.contains("Showing 1–25 of 27"), "{first}");
    assert!(first.contains("href=\"/tasks?show=running&#38;page=2\""), "{first}");
    assert!(first.contains("task number 27") && !first.contains("task number 02"), "{first}");
    let second = visit.page("/tasks?show=running&page=2").await.body;
    assert!(second.contains("Showing 26–27 of 27") && second.contains("task number 01"), "{second}");
    let third = visit.page("/tasks?show=running&page=3").await.body;
    assert!(third.contains("The list ends before this page"), "{third}");
}

/// Row J7.
#[tokio::test]
async fn hostile_labels_and_names_are_text() {
    let visit = Visit::of(QUIRK).await;
    let label = "<script>alert(1)</script>\"' \u{202e}txt.exe";
    let shared = "6daf5a2c-52d9-4217-a78d-a359537a8a02";
    let id = visit.submit(shared, SLOW, label, "/<img src=x onerror=alert(1)>.txt").await;
    for path in ["/tasks".to_owned(), format!("/tasks/{id}")] {
        let page = visit.page(&path).await.body;
        assert!(
            page.contains("<bdi>&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39; \u{202e}txt.exe</bdi>"),
            "{page}"
        );
        assert!(page.contains("<bdi>invoice\u{202e}fdp.exe \u{200f}שלום</bdi>"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<img src=x"), "{page}");
    }
}
