//! "Do it again".

use super::{SHELF, SLOW, Visit, hidden_fields};
use crate::harness::MIRA;

#[tokio::test]
async fn a_transfer_is_repeated_with_the_same_files() {
    let visit = Visit::of(MIRA).await;
    let id = visit.submit(SHELF, SLOW, "first", "/data/").await;
    visit.finish().await;
    let page = visit.page(&format!("/tasks/{id}")).await;
    assert!(hidden_fields(&page).contains(&("again".to_owned(), id.clone())), "{}", page.body);
    let page = visit.press(&page, &[]).await;
    assert!(
        page.body.contains("Choose a folder") && page.body.contains("Now in <bdi>/results/data/</bdi>"),
        "{}",
        page.body
    );
    let fields = hidden_fields(&page);
    for (name, value) in [("source", SHELF), ("destination", SLOW), ("path", "/data/"), ("item", "raw/run-1.dat")] {
        assert!(fields.contains(&(name.to_owned(), value.to_owned())), "{name}: {fields:?}");
    }
    let page = visit.press(&page, &[("step", "review")]).await;
    let answer = visit.press_to("/transfer/submit", &page, &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    visit.finish().await;
    let task = visit.transfer.get_task(answer.location().path().rsplit('/').next().unwrap()).await.unwrap();
    assert_eq!((task.status.as_deref(), task.files_transferred), (Some("SUCCEEDED"), Some(4)));
}

#[tokio::test]
async fn the_files_of_one_that_failed_are_chosen_again() {
    let visit = Visit::of(MIRA).await;
    let id = visit.submit(SHELF, SLOW, "failed", "/no such file").await;
    visit.finish().await;
    let page = visit.press(&visit.page(&format!("/tasks/{id}")).await, &[]).await;
    assert!(page.body.contains("Choose what to transfer"), "{}", page.body);
    let page = visit.press(&page, &[("item", "README.txt")]).await;
    assert!(hidden_fields(&page).contains(&("destination".to_owned(), SLOW.to_owned())), "{}", page.body);
    for id in ["nonsense", "../x"] {
        assert_eq!(visit.begin(&[("again", id)]).await.status, 404);
    }
}
