//! What all pages of transfers have in common.

use super::{SHELF, SLOW, Visit};
use crate::harness::{Answer, MIRA, Portal};

/// Each page of transfers once, below a root.
async fn every_page(visit: &Visit) -> Vec<Answer> {
    let empty = visit.page("/tasks").await;
    let items = visit.begin(&[("source", SHELF)]).await;
    let destination = visit.press(&items, &[("item", "README.txt"), ("item", "data/")]).await;
    let folder = visit.press(&destination, &[("destination", SLOW)]).await;
    let review = visit.press(&folder, &[("step", "review")]).await;
    let sent = visit.press_to("/transfer/submit", &review, &[("label", "")]).await;
    let task = sent.location().path().strip_prefix("/portal").unwrap().to_owned();
    let running = visit.page(&task).await;
    visit.finish().await;
    let done = visit.page(&task).await;
    let list = visit.page("/tasks").await;
    vec![empty, items, destination, folder, review, running, done, list]
}

/// The values of an attribute.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let key = format!(" {name}=\"");
    page.split(&*key).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn every_page_is_a_good_one_below_the_root() {
    let portal = Portal::with().set("APPLICATION_ROOT", "/portal").start().await;
    let visit = Visit::at(portal, MIRA).await;
    for page in every_page(&visit).await {
        let page = &page.body;
        assert_eq!(
            (page.matches("<h1").count(), page.matches("aria-current=\"page\">Transfers").count()),
            (1, 1),
            "{page}"
        );
        let mut ids = attributes(page, "id");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), attributes(page, "id").len(), "an id occurs twice: {page}");
        for named in attributes(page, "aria-labelledby") {
            assert!(ids.contains(&named), "nothing is called {named}: {page}");
        }
        for field in page.split("<input ").skip(1).chain(page.split("<select ").skip(1)) {
            let tag = format!(" {}", field.split('>').next().unwrap());
            let id = attributes(&tag, "id").first().copied();
            let is_labelled = id.is_some_and(|id| page.contains(&format!("<label for=\"{id}\"")));
            let is_inside = page.contains(&format!("<label class=\"option\"><input {field}"));
            assert!(field.starts_with("type=\"hidden\"") || is_labelled || is_inside, "{field}");
        }
        for place in ["href", "action", "formaction"] {
            for link in attributes(page, place) {
                assert!(link.starts_with("/portal/") || link == "#main", "{place}={link}");
            }
        }
        let main = page.split_once("<main").unwrap().1;
        assert_eq!(main.matches("<form ").count(), main.matches("name=\"csrf_token\"").count(), "{page}");
        assert!(!page.contains("<script") && !page.contains(" style="), "{page}");
    }
}
