//! The collections that the operator presents.

use super::reading::{href, links, names};
use crate::harness::{Answer, Browser, MIRA, Portal};

/// A collection of the sandbox that everyone may read and write, one that asks for a consent first, and one for destinations.
const OPEN: &str = "7e57ab1e-0000-4000-8000-000000000001";
const CONSENT: &str = "7e57ab1e-0000-4000-8000-000000000002";
const SLOW: &str = "7e57ab1e-0000-4000-8000-00000000000c";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

async fn portal() -> (Portal, Browser) {
    let portal = Portal::with()
        .file(&format!(
            "TIME_ZONE = 'Europe/Berlin'\n\
             [[collections]]\nid = '{OPEN}'\ntitle = 'Frames & <b>maps</b>'\ndescription = 'What the \"detector\" saw.'\n\
             path = '/data/'\nimage = 'frames.png'\ndefault_destination = '{SLOW}:/results/'\n\
             [[collections]]\nid = '{CONSENT}'\ntitle = 'The archive'\npath = '/~/data/'\n"
        ))
        .beside("frames.png", PNG)
        .start()
        .await;
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
async fn they_stand_on_the_front_page_in_the_navigation_and_above_the_lists() {
    let (portal, browser) = portal().await;
    let there = format!("/collections/{OPEN}?path=%2Fdata%2F");
    let front = open(&portal, &browser, "/").await;
    for page in ["/", "/collections"] {
        let page = open(&portal, &browser, page).await;
        let to_it = links(&page).into_iter().filter(|(label, href)| label == "Frames & <b>maps</b>" && *href == there);
        assert_eq!(to_it.count(), 2, "once in the navigation, once as a tile: {}", page.body);
        assert!(page.body.contains("What the &#34;detector&#34; saw.") && !page.body.contains("<b>maps"));
    }
    let profile = open(&portal, &browser, "/profile").await;
    assert_eq!(href(&profile, "Frames & <b>maps</b>"), there, "the navigation is on every page");
    assert!(profile.body.contains(" CET (") || profile.body.contains(" CEST ("), "{}", profile.body);
    let searched = open(&portal, &browser, "/collections?list=all").await;
    assert!(!searched.body.contains("What the"), "a list has only the navigation");

    let picture = front.body.split_once("<img src=\"/static/picture.").unwrap().1.split('"').next().unwrap();
    let url = portal.url(&format!("/static/picture.{picture}"));
    let answer = Browser::new().get(&url).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("image/png")));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(browser.get(&portal.url("/static/picture.png")).await.status, 404);
}

#[tokio::test]
async fn a_presented_folder_is_the_top_of_what_people_see() {
    let (portal, browser) = portal().await;
    let front = open(&portal, &browser, "/").await;
    let top = open(&portal, &browser, &href(&front, "Frames & <b>maps</b>")).await;
    assert_eq!(names(&top), ["raw", "frames.h5", "notes.txt"]);
    assert!(top.body.contains("<h1><bdi>Frames &#38; &#60;b&#62;maps&#60;/b&#62;</bdi></h1>"), "{}", top.body);
    assert!(!links(&top).iter().any(|(label, _)| label == "Folder above"), "{}", top.body);
    let crumbs = |page: &Answer| -> Vec<String> {
        let nav = page.body.split_once("<nav class=\"crumbs\"").unwrap().1.split("</nav>").next().unwrap();
        nav.split("<bdi>").skip(1).map(|rest| rest.split("</bdi>").next().unwrap().to_owned()).collect()
    };
    assert_eq!(crumbs(&top), ["Frames &#38; &#60;b&#62;maps&#60;/b&#62;"]);
    let raw = open(&portal, &browser, &href(&top, "raw")).await;
    assert_eq!((names(&raw), &*crumbs(&raw)[1]), (vec!["run-1.dat".to_owned(), "run-2.dat".to_owned()], "raw"));
    assert_eq!(names(&open(&portal, &browser, &href(&raw, "Folder above")).await), names(&top));
    // The collection by itself opens there too, and so does its id in another form.
    for id in [OPEN.to_owned(), OPEN.to_uppercase(), OPEN.replace('-', "")] {
        assert_eq!(names(&open(&portal, &browser, &format!("/collections/{id}")).await), names(&top), "{id}");
    }
}

#[tokio::test]
async fn nothing_above_a_presented_folder_is_seen_changed_or_transferred() {
    let (portal, browser) = portal().await;
    let csrf = portal.csrf(&browser);
    for path in ["/", "/results/", "/data/../", "/data/..", "/~/", "/dat", "/data\\..\\", "//data/", "/data/./../"] {
        let path: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        for id in [OPEN.to_owned(), OPEN.to_uppercase()] {
            let one = format!("/collections/{id}");
            for page in [format!("{one}?path={path}"), format!("{one}/entry?path={path}&name=README.txt")] {
                let answer = browser.get(&portal.url(&page)).await;
                assert_eq!(answer.status, 403, "{page}: {}", answer.body);
                assert!(answer.body.contains("This folder is not part of this site"), "{}", answer.body);
            }
            for (what, fields) in [
                ("folders", [("name", "x"), ("y", "")]),
                ("bookmarks", [("name", "x"), ("y", "")]),
                ("rename", [("new_name", "x"), ("y", "")]),
                ("delete", [("submission_id", "7e57ab1e-0000-4000-8000-000000000009"), ("recursive", "1")]),
            ] {
                let url = portal.url(&format!("{one}/{what}?path={path}&name=README.txt"));
                let form = [&fields[..], &[("csrf_token", &*csrf)]].concat();
                assert_eq!(browser.submit(&url, &form).await.status, 403, "{what} {path}");
            }
        }
    }
    for fields in [
        vec![("path", "/"), ("item", "README.txt")],
        vec![("path", "/data/"), ("item", "..\\README.txt")],
        vec![("path", "/data/"), ("open", "/")],
        vec![("path", "/data/../"), ("all", "1")],
        vec![("path", "/data/"), ("all", "1"), ("destination", OPEN), ("folder", "/")],
        vec![("path", "/data/"), ("all", "1"), ("destination", OPEN), ("into", "/results/")],
        vec![("path", "/data/"), ("all", "1"), ("destination", OPEN), ("folder", "/data/"), ("new_folder", "..\\x")],
    ] {
        let form = [&[("source", OPEN), ("csrf_token", &*csrf)], &fields[..]].concat();
        assert_eq!(browser.submit(&portal.url("/transfer"), &form).await.status, 403, "{fields:?}");
        if fields.iter().any(|(name, _)| *name == "new_folder") {
            continue; // Only the form's pages make folders.
        }
        let form =
            [&[("submission_id", "7e57ab1e-0000-4000-8000-000000000009"), ("folder", "/data/")], &form[..]].concat();
        let answer = browser.submit(&portal.url("/transfer/submit"), &form).await;
        assert!(answer.status == 403, "{fields:?}: {} {}", answer.status, answer.body);
    }
}

#[tokio::test]
async fn a_transfer_from_there_stays_there_and_the_operators_destination_is_offered_first() {
    let (portal, browser) = portal().await;
    let csrf = portal.csrf(&browser);
    let send = async |fields: &[(&str, &str)]| {
        let form = [&[("source", OPEN), ("csrf_token", &*csrf)], fields].concat();
        let page = browser.submit(&portal.url("/transfer"), &form).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page
    };
    let items = send(&[]).await;
    assert!(items.body.contains("From the folder <bdi>/data/</bdi>") && !items.body.contains("Folder above"));
    let where_to = send(&[("path", "/data/"), ("item", "notes.txt")]).await;
    let suggested = where_to.body.split_once("<h2>Suggested by this site</h2>").unwrap().1;
    let offered = format!("name=\"bookmark\" value=\"{SLOW}:/results/\"");
    assert!(suggested.split_once("<h2>").unwrap().0.contains(&offered), "{}", where_to.body);
    assert!(suggested.contains("<bdi>Slow tape</bdi>"), "{suggested}");
    let folder = send(&[("path", "/data/"), ("item", "notes.txt"), ("bookmark", &format!("{SLOW}:/results/"))]).await;
    assert!(folder.body.contains("Now in <bdi>/results/</bdi>"), "{}", folder.body);
    // Into the presented collection itself: it opens with the presented folder, and nothing leads above it.
    let itself = send(&[("path", "/data/raw/"), ("all", "1"), ("destination", OPEN)]).await;
    assert!(itself.body.contains("Now in <bdi>/data/</bdi>") && !itself.body.contains("Folder above"));
    let review =
        [("path", "/data/raw/"), ("all", "1"), ("destination", OPEN), ("folder", "/data/"), ("step", "review")];
    assert!(send(&review).await.body.contains("on <bdi>Frames &#38; &#60;b&#62;maps&#60;/b&#62;</bdi> into"));
}

/// Row J1: a presented folder of a mapped collection is worth a consent, as any other.
#[tokio::test]
async fn a_presented_collection_that_wants_a_consent_is_opened_after_one_visit_to_globus() {
    let (portal, browser) = portal().await;
    let front = open(&portal, &browser, "/").await;
    let login = browser.get(&portal.url(&href(&front, "The archive"))).await.location();
    let authorize = browser.get(login.as_str()).await.location();
    let back = portal.decide(&browser, &authorize, MIRA, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("<h1><bdi>The archive</bdi></h1>") && names(&page).contains(&"notes.txt".to_owned()));
    assert_eq!(links(&page).iter().filter(|(label, _)| label == "Home").count(), 0, "{}", page.body);
}
