//! Collections: found, opened, looked through, changed.

use url::Url;

use super::reading::{href, links, names};
use crate::harness::{Answer, Browser, JONAS, MIRA, Portal, QUIRK};

/// A collection of the sandbox that everyone may read and write, and one that asks for a consent first.
const OPEN: &str = "7e57ab1e-0000-4000-8000-000000000001";
const CONSENT: &str = "7e57ab1e-0000-4000-8000-000000000002";

async fn signed_in() -> (Portal, Browser) {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    (portal, browser)
}

async fn open(portal: &Portal, browser: &Browser, path: &str) -> Answer {
    let page = browser.get(&portal.url(path)).await;
    assert_eq!(page.status, 200, "{path}: {}", page.body);
    page
}

#[tokio::test]
async fn a_person_finds_a_collection_in_each_list_and_opens_it() {
    let (portal, browser) = signed_in().await;
    let mine = open(&portal, &browser, "/collections?list=mine").await;
    let name = "Northfield HPC Scratch";
    assert!(href(&mine, name).starts_with("/collections/"), "{}", mine.body);
    assert!(open(&portal, &browser, "/collections").await.body.contains("Recently used"));
    let nothing = open(&portal, &browser, "/collections?list=all").await;
    assert!(nothing.body.contains("What are you looking for?"), "{}", nothing.body);
    let found = open(&portal, &browser, "/collections?list=all&q=trouble+shelf").await;
    assert_eq!(href(&found, "Open shelf"), format!("/collections/{OPEN}"));
    let shelf = open(&portal, &browser, &format!("/collections/{OPEN}")).await;
    for fact in [
        "<dt>Owner</dt><dd><bdi>trouble-desk@",
        "<dt>Contact</dt>",
        "<dt>Keywords</dt><dd><bdi>trouble<",
        "<dt>HTTPS address</dt>",
    ] {
        assert!(shelf.body.contains(fact), "{fact}: {}", shelf.body);
    }
    let none = open(&portal, &browser, "/collections?list=all&q=nowhere%3Cscript%3E").await;
    assert!(none.body.contains("Nothing was found") && !none.body.contains("<script"), "{}", none.body);
    for bad in
        ["/collections?list=other", "/collections?list=mine&page=0", "/collections?list=mine&page=41", "/collections/x"]
    {
        assert_eq!(browser.get(&portal.url(bad)).await.status, 404, "{bad}");
    }
    // The endpoints lead there too.
    let endpoints = open(&portal, &browser, "/endpoints").await;
    assert_eq!(href(&endpoints, name), href(&mine, name));
}

/// Globus sorts no search and counts none; a list that comes whole is sorted and counted here.
#[tokio::test]
async fn a_list_is_counted_sorted_and_turned_page_by_page() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, JONAS).await;
    let first = open(&portal, &browser, "/collections?list=mine").await;
    assert!(first.body.contains("Showing 1–25 of "), "{}", first.body);
    let total: usize = first.body.split_once("Showing 1–25 of ").unwrap().1.split('<').next().unwrap().parse().unwrap();
    assert!((50..100).contains(&total), "{total}");
    assert!(!first.body.contains("aria-sort"), "in Globus's order");

    let mut page = open(&portal, &browser, &href(&first, "Name")).await;
    assert!(page.body.contains("aria-sort=\"ascending\""), "{}", page.body);
    let mut all = names(&page);
    while let Some((_, next)) = links(&page).into_iter().find(|(label, _)| label == "Next") {
        page = open(&portal, &browser, &next).await;
        all.extend(names(&page));
    }
    assert_eq!(all.len(), total);
    let mut sorted = all.clone();
    sorted.sort_by_key(|name| name.to_lowercase());
    assert_eq!(all, sorted);
    assert!(!links(&page).iter().any(|(label, _)| label == "Next"));

    let down = open(&portal, &browser, &href(&page, "Name")).await;
    assert!(down.body.contains("aria-sort=\"descending\""), "{}", down.body);
    assert_eq!(names(&down)[0], all[total - 1]);
    assert!(down.body.contains("name=\"order\" value=\"desc\""), "a search keeps the order: {}", down.body);
    let by_kind = open(&portal, &browser, &href(&down, "Kind")).await;
    assert!(by_kind.body.contains("aria-sort=\"ascending\""), "{}", by_kind.body);
    assert_eq!(open(&portal, &browser, "/collections?list=mine&sort=nonsense").await.status, 200);
}

#[tokio::test]
async fn folders_of_any_size_are_turned_page_by_page_and_an_empty_one_says_so() {
    let (portal, browser) = signed_in().await;
    let large = format!("/collections/{OPEN}?path=%2Flarge%2F100000%20files%2F");
    let first = open(&portal, &browser, &large).await;
    assert!(first.body.contains("Showing 1–200 of 100000") && names(&first).len() == 200, "{}", first.body);
    let last = open(&portal, &browser, &format!("{large}&page=500")).await;
    assert!(last.body.contains("Showing 99801–100000 of 100000"), "{}", last.body);
    assert!(!links(&last).iter().any(|(label, _)| label == "Next"));
    let some = open(&portal, &browser, &format!("{large}&filter=99999")).await;
    assert_eq!(names(&some).len(), 1, "{:?}", names(&some));
    let empty = open(&portal, &browser, &format!("/collections/{OPEN}?path=%2Fempty%20folder%2F")).await;
    assert!(empty.body.contains("This folder is empty"), "{}", empty.body);
}

/// Row J7: names that others have made.
#[tokio::test]
async fn every_odd_name_is_shown_as_text_and_leads_to_its_file() {
    let (portal, browser) = signed_in().await;
    let folder = open(&portal, &browser, &format!("/collections/{OPEN}?path=%2Fodd%20names%2F&hidden=1")).await;
    let all = names(&folder);
    for part in ["\\u{fffd}", "\\u{202e}", "\\u{a}", "#", "%", "?", "&", "\"", "'", "<b>"] {
        assert!(all.iter().any(|name| name.contains(part)), "{part}: {all:?}");
    }
    let invisible = |c: char| c == '\u{202e}' || c == '\u{fffd}' || (c.is_control() && c != '\n');
    assert!(!folder.body.contains(invisible) && !folder.body.contains("<b>"), "{}", folder.body);
    let changes: Vec<_> = links(&folder).into_iter().filter(|(label, _)| label.starts_with("Change ")).collect();
    assert_eq!(changes.len(), all.len());
    for (label, change) in changes {
        let entry = open(&portal, &browser, &change).await;
        assert!(entry.body.contains("This deletes the"), "{label}: {}", entry.body);
    }
}

#[tokio::test]
async fn a_folder_is_sorted_filtered_and_turned_page_by_page() {
    let (portal, browser) = signed_in().await;
    let top = open(&portal, &browser, &format!("/collections/{OPEN}")).await;
    assert!(!names(&top).contains(&".hidden-settings".to_owned()), "{:?}", names(&top));
    let all = open(&portal, &browser, &href(&top, "Show hidden files")).await;
    assert!(names(&all).contains(&".hidden-settings".to_owned()), "{:?}", names(&all));
    assert!(
        names(&all).iter().position(|name| name == "results")
            < names(&all).iter().position(|name| name == "README.txt"),
        "folders come first"
    );

    let many = open(&portal, &browser, &href(&top, "many")).await;
    assert_eq!((names(&many).len(), &*names(&many)[0]), (200, "frame-0001.tif"));
    assert!(many.body.contains("Showing 1–200 of 250"), "{}", many.body);
    let rest = open(&portal, &browser, &href(&many, "Next")).await;
    assert_eq!((names(&rest).len(), &*names(&rest)[49]), (50, "frame-0250.tif"));
    assert!(!links(&rest).iter().any(|(label, _)| label == "Next"));
    assert_eq!(names(&open(&portal, &browser, &href(&rest, "Previous")).await), names(&many));

    let by_size = open(&portal, &browser, &href(&many, "Size")).await;
    assert!(by_size.body.contains("aria-sort=\"ascending\""), "{}", by_size.body);
    let largest = open(&portal, &browser, &href(&by_size, "Size")).await;
    assert_eq!((&*names(&largest)[0], largest.body.contains("aria-sort=\"descending\"")), ("frame-0250.tif", true));
    let of_it = open(&portal, &browser, &href(&largest, "Next")).await;
    assert_eq!(names(&of_it)[49], "frame-0001.tif", "the order stays from page to page");

    let path = href(&many, "many");
    let some = open(&portal, &browser, &format!("{path}&filter=-0%2C01")).await;
    assert_eq!(names(&some).len(), 3, "a comma stands for any character: {:?}", names(&some));
    let some = open(&portal, &browser, &format!("{path}&filter=-001")).await;
    assert_eq!(names(&some).len(), 10, "{:?}", names(&some));
    assert!(some.body.contains("value=\"-001\""));
    for bad in ["page=0", "page=501", "page=x"] {
        assert_eq!(browser.get(&portal.url(&format!("{path}&{bad}"))).await.status, 404, "{bad}");
    }
    let above = open(&portal, &browser, &href(&many, "Folder above")).await;
    assert_eq!(names(&above), names(&top));
    let nowhere = browser.get(&portal.url(&format!("/collections/{OPEN}?path=%2Fnowhere%2F"))).await;
    assert!(nowhere.status == 404 && nowhere.body.contains("There is no such file or folder"), "{}", nowhere.body);
}

/// Row J7: whatever a name is made of, its link leads to exactly that, and it is shown as text.
#[tokio::test]
async fn odd_names_are_made_shown_and_opened() {
    let (portal, browser) = signed_in().await;
    let token = portal.csrf(&browser);
    let url = portal.url(&format!("/collections/{OPEN}/folders?path=%2F"));
    for (name, shown) in [
        ("with a space", "with a space"),
        ("a#b%20c?d&e+f=g", "a#b%20c?d&e+f=g"),
        ("\"quotes\" and 'more'", "\"quotes\" and 'more'"),
        ("<script>alert(1)</script>".split('/').next().unwrap(), "<script>alert(1)<"),
        ("two\nlines", "two\\u{a}lines"),
        ("right\u{202e}to left", "right\\u{202e}to left"),
        ("äöü 数据 🧪", "äöü 数据 🧪"),
        ("..hidden in plain sight", "..hidden in plain sight"),
        ("back\\slash", "back\\slash"),
        (&*"n".repeat(255), &*"n".repeat(255)),
    ] {
        let made = browser.submit(&url, &[("name", name), ("csrf_token", &token)]).await;
        assert_eq!(made.status, 303, "{name}: {}", made.body);
        let folder = browser.get(made.location().as_str()).await;
        assert!(folder.body.contains("This folder is empty"), "{name}: {}", folder.body);
        let top = open(&portal, &browser, &format!("/collections/{OPEN}?path=%2F&hidden=1")).await;
        let there = href(&top, shown);
        assert_eq!(Url::parse(&portal.url(&there)).unwrap(), made.location(), "{name}");
        assert!(!top.body.contains("<script") && !top.body.contains('\u{202e}'), "{}", top.body);
    }
    for bad in ["", " ", ".", "..", "a/b", "a\0b", &*"n".repeat(256)] {
        let made = browser.submit(&url, &[("name", bad), ("csrf_token", &token)]).await;
        assert_eq!(made.status, 403, "{bad:?}");
    }
    let again = browser.submit(&url, &[("name", "with a space"), ("csrf_token", &token)]).await;
    assert_eq!(again.status, 409, "{}", again.body);
    assert!(again.body.contains("There is something of that name already"), "{}", again.body);
}

/// Row J1, at its end: a mapped collection asks for a consent, once.
#[tokio::test]
async fn a_collection_that_wants_a_consent_is_opened_after_one_visit_to_globus() {
    let (portal, browser) = signed_in().await;
    let path = format!("/collections/{CONSENT}?path=%2F%7E%2Fdata%2F");
    let login = browser.get(&portal.url(&path)).await.location();
    let authorize = browser.get(login.as_str()).await.location();
    let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(names(&page).contains(&"frames.h5".to_owned()), "{:?}", names(&page));
    assert!(page.url.as_str().ends_with(&path), "{}", page.url);
    assert!(page.body.contains("title=\"2147483648 bytes\">2.1 GB<"), "{}", page.body);
    let again = open(&portal, &browser, &format!("/collections/{CONSENT}")).await;
    assert!(again.body.contains("aria-current=\"page\"><bdi>researcher</bdi>"), "{}", again.body);
}

/// Row J1: a collection that wants a second factor asks for it once, and for nothing else.
#[tokio::test]
async fn a_collection_that_wants_a_second_factor_is_opened_after_one_visit_to_globus() {
    let (portal, browser) = signed_in().await;
    let path = "/collections/7e57ab1e-0000-4000-8000-000000000010";
    let login = browser.get(&portal.url(path)).await.location();
    let authorize = browser.get(login.as_str()).await.location();
    let asks =
        |name: &str| authorize.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    assert_eq!(asks("session_required_mfa").as_deref(), Some("True"), "{authorize}");
    assert_eq!((asks("session_required_single_domain"), asks("session_required_policies")), (None, None));
    let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert!(page.status == 200 && names(&page).contains(&"README.txt".to_owned()), "{}", page.body);
    assert_eq!(open(&portal, &browser, path).await.status, 200, "asked once");
}

#[tokio::test]
async fn a_folder_is_bookmarked_and_forgotten() {
    let (portal, browser) = signed_in().await;
    let token = portal.csrf(&browser);
    let form = [("name", "my <data>"), ("csrf_token", &*token)];
    let url = portal.url(&format!("/collections/{OPEN}/bookmarks?path=%2Fdata%2F"));
    let made = browser.submit(&url, &form).await;
    let list = browser.get(made.location().as_str()).await;
    let there = open(&portal, &browser, &href(&list, "my <data>")).await;
    assert!(names(&there).contains(&"notes.txt".to_owned()), "{:?}", names(&there));
    let row = list.body.split_once("my &#60;data&#62;").unwrap().1;
    let id = row.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let removed = browser.submit(&portal.url("/bookmarks/remove"), &[("id", id), ("csrf_token", &token)]).await;
    let list = browser.get(removed.location().as_str()).await;
    assert!(!list.body.contains("my &#60;data&#62;"), "{}", list.body);
    let bad =
        browser.submit(&portal.url("/bookmarks/remove"), &[("id", "../endpoint_search"), ("csrf_token", &token)]).await;
    assert_eq!(bad.status, 404);
}

#[tokio::test]
async fn a_file_and_a_folder_are_renamed_and_deleted_after_a_page_that_says_what_goes() {
    let (portal, browser) = signed_in().await;
    let token = portal.csrf(&browser);
    let data = format!("/collections/{OPEN}?path=%2Fdata%2F");
    let page = open(&portal, &browser, &data).await;
    let change = href(&page, "Change notes.txt");
    let entry = open(&portal, &browser, &change).await;
    assert!(entry.body.contains("This deletes the file <bdi>notes.txt</bdi> of 2.0 kB"), "{}", entry.body);
    let which = change.split_once('?').unwrap().1;
    let url = |what: &str| portal.url(&format!("/collections/{OPEN}/{what}?{which}"));
    for bad in ["a/b", "..", ""] {
        let refused = browser.submit(&url("rename"), &[("new_name", bad), ("csrf_token", &token)]).await;
        assert_eq!(refused.status, 403, "{bad}");
    }
    let taken = browser.submit(&url("rename"), &[("new_name", "frames.h5"), ("csrf_token", &token)]).await;
    assert_eq!(taken.status, 409, "{}", taken.body);
    let odd = "renamed #1\n<b>%20";
    let renamed = browser.submit(&url("rename"), &[("new_name", odd), ("csrf_token", &token)]).await;
    let page = browser.get(renamed.location().as_str()).await;
    assert!(names(&page).contains(&"renamed #1\\u{a}<b>%20".to_owned()), "{:?}", names(&page));

    // A folder goes with all that is in it, as a task that is made once however often the form is sent.
    let change = href(&open(&portal, &browser, &format!("/collections/{OPEN}?path=%2F")).await, "Change data");
    let entry = open(&portal, &browser, &change).await;
    assert!(
        entry.body.contains("This deletes the folder <bdi>data</bdi> and everything that is in it"),
        "{}",
        entry.body
    );
    let form = [
        ("submission_id", &*entry.hidden("submission_id")),
        ("recursive", &*entry.hidden("recursive")),
        ("csrf_token", &*token),
    ];
    let url = portal.url(&change.replace("/entry?", "/delete?"));
    let (first, second) = (browser.submit(&url, &form).await, browser.submit(&url, &form).await);
    assert_eq!(first.location(), second.location());
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    client.post(format!("{}/sandbox/tasks/finish", portal.globus)).send().await.unwrap();
    let task = browser.get(first.location().as_str()).await;
    assert!(task.body.contains("Delete data") && task.body.contains(">Done</span>"), "{}", task.body);
    assert!(
        !names(&open(&portal, &browser, &format!("/collections/{OPEN}?path=%2F")).await).contains(&"data".to_owned())
    );
    let gone = browser.get(&portal.url(&data)).await;
    assert_eq!(gone.status, 404);
}

/// Row D10: a file is fetched by the visitor's browser from the collection's own address, and the portal sends nothing there.
#[tokio::test]
async fn a_file_is_downloaded_from_the_collections_own_address_without_a_token() {
    let (portal, browser) = signed_in().await;
    let page = open(&portal, &browser, &format!("/collections/{OPEN}?path=%2Fdata%2F")).await;
    let links = links(&page);
    let (_, download) =
        links.iter().find(|(label, _)| label == "Download notes.txt").unwrap_or_else(|| panic!("{links:?}"));
    let address = Url::parse(download).unwrap();
    assert!(page.body.contains(&format!("<bdi>{}</bdi>", address.origin().ascii_serialization())), "{}", page.body);
    assert_eq!((address.path(), address.query()), ("/data/notes.txt", Some("download")));
    assert!(address.host_str().unwrap().ends_with(".localhost"), "{address}");
    // Browsers look such hosts up on this machine; other programs may not.
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let host = format!("{}:{}", address.host_str().unwrap(), address.port().unwrap());
    let request = client.get(format!("{}{}?download", portal.globus, address.path())).header("host", host);
    let file = request.send().await.unwrap();
    assert_eq!((file.status(), file.content_length()), (reqwest::StatusCode::OK, Some(2_048)));
    assert!(!links.iter().any(|(label, _)| label == "Download raw"), "a folder has none");
    assert!(page.body.contains("rel=\"noreferrer\""));
}

/// Row J7.
#[tokio::test]
async fn texts_of_collections_are_text() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, QUIRK).await;
    let list = open(&portal, &browser, "/collections?list=mine").await;
    assert!(!list.body.contains("<script") && !list.body.contains("onerror=alert(1)>"), "{}", list.body);
    for (_, href) in links(&list).into_iter().filter(|(_, href)| href.starts_with("/collections/")) {
        let page = browser.get(&portal.url(&href)).await;
        assert!(!page.body.contains("<script") && !page.body.contains("<img src=x"), "{}", page.body);
    }
}
