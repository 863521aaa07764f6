//! Forms that no page of the portal sends, and names that break careless pages.

use super::{SHELF, SLOW, Visit, hidden_fields};
use crate::harness::{Browser, MIRA, QUIRK};

#[tokio::test]
async fn more_than_1000_items_are_refused_in_words() {
    let visit = Visit::of(MIRA).await;
    let names: Vec<String> = (0..=1000).map(|number| format!("f{number}")).collect();
    let mut form = vec![("source", SHELF), ("path", "/")];
    form.extend(names.iter().map(|name| ("item", &**name)));
    let answer = visit.begin(&form).await;
    assert!(answer.status.is_client_error() && answer.body.contains("Too many files at once"), "{}", answer.body);
    form.pop();
    assert_eq!(visit.begin(&form).await.status, 200);

    let long = "x".repeat(70 << 10);
    assert_eq!(visit.begin(&[("source", SHELF), ("path", "/"), ("item", &long)]).await.status, 413);
}

#[tokio::test]
async fn a_form_that_leads_elsewhere_is_refused_before_globus_is_asked() {
    let visit = Visit::of(MIRA).await;
    let good = [("source", SHELF), ("path", "/"), ("item", "README.txt"), ("destination", SLOW), ("folder", "/")];
    for (name, value) in [
        ("source", "nonsense"),
        ("path", "data"),
        ("item", "../etc/passwd"),
        ("item", "/etc/passwd"),
        ("item_json", "no JSON"),
        ("destination", "../x"),
        ("into", "x"),
        ("bookmark", "x:/"),
        ("new_folder", "a/b"),
        ("new_folder", ".."),
    ] {
        let answer = visit.begin(&[&good[..], &[(name, value)]].concat()).await;
        assert!(answer.status.is_client_error(), "{name}={value}: {} {}", answer.status, answer.body);
        assert!(answer.body.contains("<h1"), "{name}={value}: {}", answer.body);
    }
    assert!(visit.begin(&[]).await.body.contains("Nothing was chosen"));
    let ready = visit.begin(&[&good[..], &[("step", "review")]].concat()).await;
    for (name, value) in [("submission_id", "x"), ("sync", "x"), ("label", &*"x".repeat(129))] {
        let answer = visit.press_to("/transfer/submit", &ready, &[(name, value)]).await;
        assert!(answer.status.is_client_error(), "{name}: {} {}", answer.status, answer.body);
    }
    assert_eq!(visit.tasks().await, 0);
}

#[tokio::test]
async fn nobody_starts_a_transfer_without_a_session() {
    let visit = Visit::of(MIRA).await;
    for path in ["/transfer", "/transfer/submit", "/tasks/6daf5a2c-52d9-4217-a78d-a359537a8a99/cancel"] {
        let answer = Browser::new().submit(&visit.portal.url(path), &[("source", SHELF)]).await;
        assert_eq!(answer.status, 401, "{path}");
    }
}

/// Row J7.
#[tokio::test]
async fn hostile_names_are_text_and_come_through_the_form_unchanged() {
    let visit = Visit::of(QUIRK).await;
    let line = "two\r\nlines \u{202e}<b>\"&";
    let json = serde_json::Value::from(line).to_string();
    let page = visit
        .begin(&[
            ("source", SHELF),
            ("path", "/"),
            ("item", "<img src=x onerror=alert(1)>.txt"),
            ("item_json", &json),
            ("destination", SLOW),
            ("folder", "/"),
            ("step", "review"),
        ])
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("<bdi>&#60;img src=x onerror=alert(1)&#62;.txt</bdi>"), "{}", page.body);
    assert!(!page.body.contains("<img src=x") && !page.body.contains("<b>"), "{}", page.body);
    let fields = hidden_fields(&page);
    assert!(fields.contains(&("item".to_owned(), "<img src=x onerror=alert(1)>.txt".to_owned())), "{fields:?}");
    assert!(fields.contains(&("item_json".to_owned(), json)), "{fields:?}");

    let page = visit.begin(&[("source", SHELF), ("path", "/"), ("item", "a")]).await;
    let text = "&#60;script&#62;alert(1)&#60;/script&#62; &#38; &#34;quotes&#34;";
    assert!(page.body.contains(text) && !page.body.contains("<script"), "{}", page.body);
}
