//! The file chooser, as the browser of a person sees it on the way from an app and back.

use reqwest::Response;

use crate::sandbox::user::OPEN;
use crate::sandbox::visit::*;

const ACTION: &str = "http://localhost:5000/back?x=1";
const CANCEL: &str = "http://localhost:5000/never";

fn page(more: &[(&str, &str)]) -> String {
    let base = [("action", ACTION), ("cancelurl", CANCEL), ("label", "My \"data\"")];
    query(&[&base[..], more].concat())
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("/v2/web/file-manager?{}", query.extend_pairs(pairs).finish())
}

async fn signed_in(who: &str) -> Visit {
    let visit = Visit::start().await;
    visit.submit("/v2/web/choose", &[("next", "consents"), ("identity", who)]).await;
    visit
}

async fn text(visit: &Visit, path: &str) -> String {
    let answer = visit.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

fn policy(answer: &Response) -> String {
    answer.headers()["content-security-policy"].to_str().unwrap().to_owned()
}

/// The hidden fields of a page, without what templates escape.
fn fields(page: &str) -> Vec<(String, String)> {
    let plain =
        |text: &str| text.replace("&#38;", "&").replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">");
    let field = |part: &str| {
        let (name, rest) = part.split_once("\" value=\"").unwrap();
        (plain(name), plain(rest.split_once('"').unwrap().0))
    };
    page.split("<input type=\"hidden\" name=\"").skip(1).map(field).collect()
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn both_addresses_of_globus_lead_to_the_page_and_without_an_app_it_says_what_it_is() {
    let visit = Visit::start().await;
    for path in ["/file-manager", "/helpers/browse-collections"] {
        let there = visit.get(&format!("{path}?action=http%3A%2F%2Flocalhost%2Fx")).await;
        assert_eq!(there.headers()["location"], "/v2/web/file-manager?action=http%3A%2F%2Flocalhost%2Fx");
    }
    assert!(text(&visit, "/v2/web/file-manager").await.contains("The file manager of Globus would be here"));
}

#[tokio::test]
async fn a_person_signs_in_and_chooses_folders_and_files() {
    let visit = Visit::start().await;
    let start = page(&[("filelimit", "1")]);
    assert!(text(&visit, &start).await.contains("Choose a person to choose files for an app."));
    let next = start.strip_prefix("/v2/web/").unwrap();
    let chosen = visit.submit("/v2/web/choose", &[("next", next), ("identity", MIRA)]).await;
    assert_eq!(chosen.headers()["location"], start.as_str());
    let list = text(&visit, &start).await;
    assert!(list.contains("Northfield HPC Scratch") && list.contains("Open shelf"), "{list}");
    assert!(!list.contains("Ridgeline Archive"), "of another person: {list}");
    assert!(!list.contains(">Deleted<"), "{list}");

    let open = [("filelimit", "1"), ("collection", OPEN)];
    let folder = text(&visit, &page(&open)).await;
    assert!(folder.contains("value=\"folder/data\"") && folder.contains("value=\"file/README.txt\""), "{folder}");
    assert!(folder.contains("<bdi>&#60;img src=x"), "{folder}");
    let choices = [("folder", "/"), ("choose", "folder/data"), ("choose", "file/README.txt"), ("done", "1")];
    let done = visit.get(&page(&[&open[..], &choices].concat())).await;
    assert!(policy(&done).contains("form-action 'self' http://localhost:5000;"), "{}", policy(&done));
    let done = done.text().await.unwrap();
    assert!(done.contains("<form method=\"post\" action=\"http://localhost:5000/back?x=1\">"), "{done}");
    assert!(done.contains(&format!("href=\"{CANCEL}\"")) && done.contains("My &#34;data&#34;"), "{done}");
    let fields = fields(&done);
    for (name, value) in [
        ("endpoint_id", OPEN),
        ("entity_type", "GCSv5_guest_collection"),
        ("path", "/"),
        ("folder[0]", "data"),
        ("file[0]", "README.txt"),
        ("action", ACTION),
        ("filelimit", "1"),
    ] {
        assert_eq!(field(&fields, name), Some(value), "{name}");
    }
    assert!(field(&fields, "endpoint").unwrap().ends_with(&format!("#{OPEN}")));
    assert_eq!((field(&fields, "file[1]"), field(&fields, "choose")), (None, None));
}

#[tokio::test]
async fn the_app_limits_what_is_chosen() {
    let visit = signed_in(MIRA).await;
    let open = [("collection", OPEN), ("folder", "/"), ("filelimit", "0"), ("folderlimit", "1")];
    let folder = text(&visit, &page(&open)).await;
    assert!(folder.contains("value=\"folder/data\"") && !folder.contains("value=\"file/README.txt\""), "{folder}");
    let too_many = [("choose", "folder/data"), ("choose", "folder/many"), ("done", "1")];
    let refused = text(&visit, &page(&[&open[..], &too_many].concat())).await;
    assert!(refused.contains("does not take so many"), "{refused}");
    let folder_itself = text(&visit, &page(&[&open[..], &[("done", "1")]].concat())).await;
    assert_eq!(field(&fields(&folder_itself), "folder[0]"), None);
}

#[tokio::test]
async fn the_app_may_name_where_to_begin_and_get_the_answer_by_get() {
    let visit = signed_in(MIRA).await;
    let mapped = "542f1a4c-1145-4604-b926-dd8c9916ae01";
    let home = text(&visit, &page(&[("origin_id", mapped)])).await;
    assert!(home.contains("name=\"folder\" value=\"/home/researcher/\""), "{home}");
    let begin = [("origin_id", mapped), ("origin_path", "/~/data/raw"), ("method", "get"), ("done", "1")];
    let done = text(&visit, &page(&begin)).await;
    assert!(done.contains("<form method=\"get\" action="), "{done}");
    assert_eq!(field(&fields(&done), "path"), Some("/home/researcher/data/raw/"));
    let foreign = text(&visit, &page(&[("origin_id", "d3ca888e-1052-4ab5-ba4d-86dc76e90002")])).await;
    assert!(foreign.contains("Choose a collection"), "of another person: {foreign}");
}

#[tokio::test]
async fn odd_names_and_large_folders_can_be_chosen_from() {
    let visit = signed_in(MIRA).await;
    let odd = text(&visit, &page(&[("collection", OPEN), ("folder", "/odd names")])).await;
    assert!(odd.contains("value=\"file/a%20new%0Aline.txt\""), "{odd}");
    let done = [("collection", OPEN), ("folder", "/odd names"), ("choose", "file/hash%231.txt"), ("done", "1")];
    assert_eq!(field(&fields(&text(&visit, &page(&done)).await), "file[0]"), Some("hash#1.txt"));
    let large = text(&visit, &page(&[("collection", OPEN), ("folder", "/large/100000 files")])).await;
    assert!(large.contains("And 99800 more."), "{}", large.len());
}

#[tokio::test]
async fn folders_that_cannot_be_read_say_so() {
    let visit = signed_in(MIRA).await;
    let off_line = "7e57ab1e-0000-4000-8000-000000000005";
    for (collection, folder, words) in [
        (OPEN, "/nowhere", "There is no such folder."),
        (OPEN, "/restricted", "You do not have permission"),
        (OPEN, "/README.txt", "This is a file."),
        (off_line, "/", "The collection cannot be reached"),
    ] {
        let answer = text(&visit, &page(&[("collection", collection), ("folder", folder), ("done", "1")])).await;
        assert!(answer.contains(words), "{folder}: {answer}");
    }
}

#[tokio::test]
async fn an_app_that_asks_in_a_wrong_way_is_told() {
    let visit = signed_in(MIRA).await;
    for pairs in [
        &[("action", "javascript:alert(1)")][..],
        &[("action", "/relative")],
        &[("action", ACTION), ("cancelurl", "data:text/html,x")],
        &[("action", ACTION), ("method", "PUT")],
        &[("action", ACTION), ("filelimit", "-1")],
    ] {
        let answer = visit.get(&query(pairs)).await;
        assert_eq!(answer.status(), 400, "{pairs:?}");
        assert!(!answer.text().await.unwrap().contains("javascript:"));
    }
}
