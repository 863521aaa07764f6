//! The form that starts a transfer, page by page.

use globus_portal::globus::transfer::LsQuery;

use super::{SHELF, SLOW, Visit, hidden_fields};
use crate::harness::MIRA;

const OWN: &str = "542f1a4c-1145-4604-b926-dd8c9916ae03";

#[tokio::test]
async fn files_are_chosen_and_copied_where_the_person_says() {
    let visit = Visit::of(MIRA).await;
    let chosen = [("source", SHELF), ("path", "/"), ("item", "README.txt"), ("item", "data/")];
    let page = visit.begin(&chosen).await;
    assert!(
        page.body.contains("<h1>Choose where to</h1>") && page.body.contains("1 file and 1 folder"),
        "{}",
        page.body
    );
    assert!(page.body.contains(&format!("name=\"destination\" value=\"{OWN}\"")), "{}", page.body);

    let page = visit.press(&page, &[("destination", OWN)]).await;
    assert!(
        page.body.contains("<h1>Choose a folder</h1>") && page.body.contains("Now in <bdi>/</bdi>"),
        "{}",
        page.body
    );
    assert!(page.body.contains("name=\"into\" value=\"/results/\""), "{}", page.body);
    assert!(!page.body.contains("<bdi>README.txt</bdi>"), "only folders are listed: {}", page.body);
    let page = visit.press(&page, &[("into", "/results/")]).await;
    assert!(page.body.contains("Now in <bdi>/results/</bdi>"), "{}", page.body);
    assert!(page.body.contains("name=\"into\" value=\"/\">Folder above"), "{}", page.body);
    let page = visit.press(&page, &[("new_folder", "from the shelf")]).await;
    assert!(page.body.contains("Now in <bdi>/results/from the shelf/</bdi>"), "{}", page.body);

    let page = visit.press(&page, &[("new_folder", ""), ("step", "review")]).await;
    for text in ["<bdi>Open shelf</bdi>", "<bdi>Solano Lab: shared frames</bdi>", "<bdi>data/</bdi>", "README.txt"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let options = [("label", " Frames "), ("sync", "size"), ("verify", "1"), ("errors", "skip")];
    let answer = visit.press_to("/transfer/submit", &page, &options).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let path = answer.location().path().to_owned();
    assert!(visit.page(&path).await.body.contains("<bdi>Frames</bdi>"));
    let task = visit.transfer.get_task(path.rsplit('/').next().unwrap()).await.unwrap();
    assert_eq!((task.more["sync_level"].as_u64(), task.more["verify_checksum"].as_bool()), (Some(1), Some(true)));
    assert_eq!(task.more["skip_source_errors"], true);
    assert_eq!((&task.more["encrypt_data"], &task.more["delete_destination_extra"]), (&false.into(), &false.into()));

    visit.finish().await;
    let query = LsQuery::new().with_path("/results/from the shelf/");
    let found = visit.transfer.operation_ls(OWN, &query).await.unwrap().files;
    assert_eq!(found.iter().map(|file| &*file.name).collect::<Vec<_>>(), ["README.txt", "data"]);
}

#[tokio::test]
async fn a_form_makes_one_task_however_often_it_is_sent() {
    let visit = Visit::of(MIRA).await;
    let fields = [
        ("source", SHELF),
        ("path", "/"),
        ("item", "README.txt"),
        ("destination", SLOW),
        ("folder", "/results/"),
        ("step", "review"),
    ];
    let page = visit.begin(&fields).await;
    let first = visit.press_to("/transfer/submit", &page, &[]).await;
    let (again, and_again) =
        tokio::join!(visit.press_to("/transfer/submit", &page, &[]), visit.press_to("/transfer/submit", &page, &[]));
    for answer in [&again, &and_again] {
        assert_eq!((answer.status.as_u16(), answer.location()), (303, first.location()), "{}", answer.body);
    }
    assert_eq!(visit.tasks().await, 1);
    let other = visit.press_to("/transfer/submit", &visit.begin(&fields).await, &[]).await;
    assert_ne!(other.location(), first.location());
    assert_eq!(visit.tasks().await, 2);
}

#[tokio::test]
async fn all_of_a_folder_goes_into_another() {
    let visit = Visit::of(MIRA).await;
    let fields = [("source", SHELF), ("path", "/data/raw"), ("all", "1"), ("destination", OWN), ("folder", "/copy")];
    let page = visit.begin(&[&fields[..], &[("step", "review")]].concat()).await;
    assert!(page.body.contains("everything in the folder from <bdi>/data/raw/</bdi>"), "{}", page.body);
    assert!(page.body.contains("name=\"delete_extra\""), "{}", page.body);
    let answer = visit.press_to("/transfer/submit", &page, &[("delete_extra", "1")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    visit.finish().await;
    let found = visit.transfer.operation_ls(OWN, &LsQuery::new().with_path("/copy/")).await.unwrap().files;
    assert_eq!(found.iter().map(|file| &*file.name).collect::<Vec<_>>(), ["run-1.dat", "run-2.dat"]);
}

#[tokio::test]
async fn a_destination_is_found_by_its_name() {
    let visit = Visit::of(MIRA).await;
    let page = visit.begin(&[("source", SHELF), ("path", "/"), ("item", "README.txt")]).await;
    assert!(!page.body.contains("Slow tape"), "{}", page.body);
    let page = visit.press(&page, &[("q", "slow")]).await;
    assert!(page.body.contains(&format!("name=\"destination\" value=\"{SLOW}\"")), "{}", page.body);
    assert!(hidden_fields(&page).contains(&("item".to_owned(), "README.txt".to_owned())), "{}", page.body);
    let page = visit.press(&page, &[("q", ""), ("destination", SLOW)]).await;
    assert!(page.body.contains("Choose a folder"), "{}", page.body);
    let page = visit.press(&page, &[("step", "destination")]).await;
    assert!(page.body.contains("Choose where to"), "{}", page.body);
}

#[tokio::test]
async fn without_items_the_person_chooses_them_first() {
    let visit = Visit::of(MIRA).await;
    let page = visit.begin(&[("source", SHELF), ("destination", SLOW)]).await;
    assert!(page.body.contains("<h1>Choose what to transfer</h1>"), "{}", page.body);
    assert!(page.body.contains("type=\"checkbox\" name=\"item\" value=\"README.txt\""), "{}", page.body);
    let page = visit.press(&page, &[("item", "README.txt"), ("open", "/data/")]).await;
    assert!(page.body.contains("From the folder <bdi>/data/</bdi>"), "{}", page.body);
    let page = visit.press(&page, &[("item", "raw/"), ("item", "notes.txt")]).await;
    assert!(page.body.contains("Choose a folder") && page.body.contains("1 file and 1 folder"), "{}", page.body);
}
