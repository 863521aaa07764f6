//! Folders with very many files, empty ones, and names that break careless programs.

use std::time::Instant;

use serde_json::{Value, json};

use crate::sandbox::user::*;
use crate::sandbox::visit::*;

const LARGE: &str = "/large/100000 files";
/// Mira's laptop.
const LAPTOP: &str = "542f1a4c-1145-4604-b926-dd8c9916ae04";

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn page(user: &User, pairs: &[(&str, &str)]) -> Value {
    let (status, listing) = user.ls(OPEN, &query(pairs)).await;
    assert_eq!(status, 200, "{listing}");
    listing
}

#[tokio::test]
async fn a_hundred_thousand_files_are_turned_ordered_and_filtered() {
    let user = User::new(MIRA).await;
    let last = page(&user, &[("path", LARGE), ("limit", "100"), ("offset", "99950")]).await;
    assert_eq!((&last["total"], &last["length"]), (&json!(100_000), &json!(50)));
    assert_eq!(last["DATA"][49]["name"], "file-100000.dat");
    let down = page(&user, &[("path", LARGE), ("limit", "1"), ("orderby", "name DESC")]).await;
    assert_eq!(down["DATA"][0]["name"], "file-100000.dat");
    let large = page(&user, &[("path", LARGE), ("limit", "500"), ("orderby", "type,size DESC,name")]).await;
    let sizes: Vec<_> = large["DATA"].as_array().unwrap().iter().map(|file| file["size"].as_u64().unwrap()).collect();
    assert!(sizes.is_sorted_by(|left, right| left >= right) && sizes[0] > sizes[499], "{sizes:?}");
    let some = page(&user, &[("path", LARGE), ("limit", "7"), ("filter", "name:~*77.dat/size:>500000")]).await;
    let total = some["total"].as_u64().unwrap();
    assert!((100..1_000).contains(&total), "{total}");
    let path = format!("{LARGE}/file-012345.dat");
    let (_, file) = user.get(&format!("operation/endpoint/{OPEN}/stat?{}", query(&[("path", &path)]))).await;
    assert_eq!((&file["name"], &file["type"]), (&json!("file-012345.dat"), &json!("file")));
    let (status, _) = user.ls(OPEN, &query(&[("path", &path)])).await;
    assert_eq!(status, 502, "it is not a folder");
}

#[tokio::test]
async fn one_page_of_a_hundred_thousand_files_takes_far_less_time_than_all_of_it() {
    let user = User::new(MIRA).await;
    let time = async |limit: &str, more| {
        let mut best = std::time::Duration::MAX;
        for _ in 0..2 {
            let start = Instant::now();
            page(&user, &[("path", LARGE), ("limit", limit), more]).await;
            best = best.min(start.elapsed());
        }
        best
    };
    let all = time("100000", ("offset", "0")).await;
    for more in [("offset", "50000"), ("orderby", "size DESC"), ("filter", "name:~*7*"), ("filter", "type:dir")] {
        let one = time("100", more).await;
        assert!(one * 3 < all, "{more:?}: {one:?} of {all:?}");
    }
}

#[tokio::test]
async fn files_of_a_large_folder_are_renamed_deleted_and_replaced() {
    let user = User::new(MIRA).await;
    let at = |name: &str| format!("{LARGE}/{name}");
    let rename = json!({"DATA_TYPE": "rename", "old_path": at("file-000002.dat"), "new_path": at("an odd one")});
    assert_eq!(user.post(&format!("operation/endpoint/{OPEN}/rename"), &rename).await.0, 200);
    user.transfer(OPEN, OPEN, &item("/README.txt", &at("file-000003.dat"), false)).await;
    let delete = json!({"DATA_TYPE": "delete", "DATA": [{"DATA_TYPE": "delete_item", "path": at("file-000001.dat")}],
        "endpoint": OPEN, "submission_id": user.submission_id().await});
    assert_eq!(user.post("delete", &delete).await.0, 200);
    assert_eq!(user.finish().await["finished"], 2);
    let first = page(&user, &[("path", LARGE), ("limit", "3")]).await;
    assert_eq!(first["total"], 99_999);
    let names: Vec<_> = first["DATA"].as_array().unwrap().iter().map(|file| (&file["name"], &file["size"])).collect();
    assert_eq!((names[0].0, names[1]), (&json!("an odd one"), (&json!("file-000003.dat"), &json!(1_204))));
    assert_eq!(names[2].0, "file-000004.dat");
}

#[tokio::test]
async fn a_large_folder_is_transferred_and_deleted_as_a_whole() {
    let user = User::new(MIRA).await;
    let answer = user.transfer(OPEN, LAPTOP, &item(LARGE, "/~/copy", true)).await;
    let running = user.task(&answer).await;
    assert_eq!((&running["files"], &running["status"]), (&json!(100_000), &json!("ACTIVE")));
    user.finish().await;
    let task = user.task(&answer).await;
    assert_eq!((&task["files_transferred"], &task["status"]), (&json!(100_000), &json!("SUCCEEDED")), "{task}");
    let (_, copy) = user.ls(LAPTOP, "path=/~/copy&limit=1&offset=99999").await;
    assert_eq!(copy["DATA"][0]["name"], "file-100000.dat");
    let (_, moved) = user.get(&format!("task/{}/successful_transfers", answer["task_id"].as_str().unwrap())).await;
    assert_eq!(moved["DATA"][0]["destination_path"], "/~/copy/file-000001.dat");
    let delete = json!({"DATA_TYPE": "delete", "DATA": [{"DATA_TYPE": "delete_item", "path": "/~/copy"}],
        "endpoint": LAPTOP, "recursive": true, "submission_id": user.submission_id().await});
    user.post("delete", &delete).await;
    user.finish().await;
    assert_eq!(user.ls(LAPTOP, "path=/~/copy").await.0, 404);
}

#[tokio::test]
async fn large_folders_leave_room_for_what_visitors_add_and_no_more() {
    let user = User::new(MIRA).await;
    for number in 0..20 {
        user.transfer(OPEN, LAPTOP, &item(LARGE, &format!("/~/copy {number}"), true)).await;
    }
    let items: Vec<Value> =
        (0..240).map(|number| item("/README.txt", &format!("/~/new/{number}"), false)[0].clone()).collect();
    for _ in 0..2 {
        user.transfer(OPEN, LAPTOP, &json!(items)).await;
    }
    user.finish().await;
    let (_, tasks) = user.get("task_list?limit=100").await;
    let ends = tasks["DATA"].as_array().unwrap();
    let full = ends.iter().filter(|task| task["fatal_error"]["code"] == "NO_SPACE_LEFT").count();
    let well = ends.iter().filter(|task| task["status"] == "SUCCEEDED").count();
    assert_eq!((full, well), (1, 21), "the laptop has one such folder from the start");
}

#[tokio::test]
async fn the_persons_own_collections_have_large_and_odd_folders_too() {
    let user = User::new(MIRA).await;
    let (_, large) = user.ls(LAPTOP, "path=/~/large/1000%20files&limit=1").await;
    assert_eq!(large["total"], 1_000);
    let (_, empty) = user.ls(LAPTOP, "path=/~/empty%20folder").await;
    assert_eq!((&empty["total"], &empty["DATA"]), (&json!(0), &json!([])));
    let here = user.names(OPEN, "path=/odd%20names").await;
    assert_eq!(user.names(LAPTOP, "path=/~/odd%20names").await, here);
}

#[tokio::test]
async fn each_odd_name_leads_to_its_file() {
    let user = User::new(MIRA).await;
    let names = user.names(OPEN, "path=/odd%20names").await;
    for part in [" ", "#", "%20", "?", "&", "\"", "'", "\n", "\t", "\u{202e}", "🔬", "\\", "<b>", "\u{fffd}", "*"] {
        assert!(names.iter().any(|name| name.contains(part)), "{part:?}");
    }
    assert!(names.iter().any(|name| name.starts_with('-')) && names.iter().any(|name| name.starts_with('.')));
    assert_eq!(names.iter().map(String::len).max(), Some(255));
    for name in names {
        let path = query(&[("path", &format!("/odd names/{name}"))]);
        let (status, file) = user.get(&format!("operation/endpoint/{OPEN}/stat?{path}")).await;
        assert_eq!((status, &file["name"]), (200, &json!(name)));
    }
}
