//! The file chooser of Globus's web app as a way to choose where to. Row J6: what comes back from there is a request of another
//! site, which no cookie accompanies; it is good once, for the session that asked, and starts nothing.

use globus_portal::clock::Clock;
use reqwest::Method;
use time::Duration;
use url::Url;

use super::{SHELF, SLOW, Visit};
use crate::harness::{Answer, Browser, JONAS, MIRA, Portal, parameter};

const CHOSEN: [(&str, &str); 4] =
    [("source", SHELF), ("path", "/data/"), ("item", "notes.txt"), ("item_json", "\"a\\nb.txt\"")];

/// Goes to the web app; returns the address that it is to send the choice to.
async fn go(visit: &Visit, fields: &[(&str, &str)]) -> Url {
    let page = visit.begin(fields).await;
    assert!(page.body.contains("formaction=\"/transfer/in-globus\""), "{}", page.body);
    let there = visit.press_to("/transfer/in-globus", &page, &[]).await;
    assert_eq!(there.status, 303, "{}", there.body);
    let chooser = there.location();
    assert_eq!(chooser.origin().ascii_serialization(), visit.portal.globus);
    assert_eq!((chooser.path(), parameter(&chooser, "method").as_deref()), ("/file-manager", Some("POST")));
    assert_eq!(parameter(&chooser, "filelimit").as_deref(), Some("0"));
    let action = parameter(&chooser, "action").unwrap();
    assert_eq!(parameter(&chooser, "cancelurl").as_ref(), Some(&action));
    Url::parse(&action).unwrap()
}

/// What the web app's page sends: a form of another site, and no cookie of ours.
async fn send_back(action: &Url, fields: &[(&str, &str)]) -> Answer {
    let origin =
        [("origin", "https://app.globus.org"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    Browser::new().send(Method::POST, action.as_str(), &origin, Some(fields)).await
}

const CHOICE: [(&str, &str); 4] =
    [("label", "here"), ("endpoint", "u_x#y"), ("endpoint_id", SLOW), ("path", "/results/")];

#[tokio::test]
async fn a_destination_is_chosen_there_and_the_form_goes_on_here() {
    let visit = Visit::of(MIRA).await;
    let action = go(&visit, &CHOSEN).await;
    let back = send_back(&action, &[&CHOICE[..], &[("folder[0]", "figures")]].concat()).await;
    assert_eq!(back.status, 303, "{}", back.body);
    let page = visit.browser.get(back.location().as_str()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(
        page.body.contains("Now in <bdi>/results/figures/</bdi>") && page.body.contains("2 files"),
        "{}",
        page.body
    );
    let review = visit.press(&page, &[("step", "review")]).await;
    assert!(review.body.contains("on <bdi>Slow tape</bdi>"), "{}", review.body);
    assert_eq!(visit.tasks().await, 0, "nothing has started yet");
    let started = visit.press_to("/transfer/submit", &review, &[]).await;
    assert_eq!(started.status, 303, "{}", started.body);
    assert_eq!(visit.tasks().await, 1);
}

#[tokio::test]
async fn who_cancels_there_chooses_here() {
    let visit = Visit::of(MIRA).await;
    let action = go(&visit, &CHOSEN).await;
    let page = visit.browser.get(action.as_str()).await;
    assert!(page.body.contains("<h1>Choose where to</h1>") && page.body.contains("2 files"), "{}", page.body);
}

#[tokio::test]
async fn a_choice_is_good_once_for_the_session_that_asked_and_for_an_hour() {
    let clock = Clock::manual(Clock::system().now());
    let visit = Visit::at(Portal::with().clock(&clock).start().await, MIRA).await;
    let refused = async |browser: &Browser, url: &Url| {
        let page = browser.get(url.as_str()).await;
        assert_eq!(page.status, 403, "{}", page.body);
        assert!(page.body.contains("Nothing was transferred"), "{}", page.body);
    };
    // Once.
    let action = go(&visit, &CHOSEN).await;
    let back = send_back(&action, &CHOICE).await.location();
    assert_eq!(visit.browser.get(back.as_str()).await.status, 200);
    refused(&visit.browser, &back).await;
    refused(&visit.browser, &send_back(&action, &CHOICE).await.location()).await;
    // Another session, even of a browser with the same cookie of choices; and another of the same person.
    let action = go(&visit, &CHOSEN).await;
    let back = send_back(&action, &CHOICE).await.location();
    for person in [JONAS, MIRA] {
        let other = visit.browser.twin();
        for name in ["session", "login"] {
            other.forget_cookie("localhost", name);
        }
        let authorize = visit.portal.begin_login(&other, "").await;
        other.forget_cookie("127.0.0.1", "sandbox_globus_auth");
        let home = visit.portal.decide(&other, &authorize, person, "allow").await;
        assert_eq!(other.follow(home.as_str()).await.status, 200);
        refused(&other, &back).await;
    }
    // No ticket, and one that is none.
    for query in ["", "ticket=", "ticket=x", "ticket=%0d%0a", &format!("ticket={}", "A".repeat(5000))] {
        let mut bare = action.clone();
        bare.set_query(Some(query));
        let answer = send_back(&bare, &CHOICE).await;
        match answer.status.as_u16() {
            303 => refused(&visit.browser, &answer.location()).await,
            status => assert_eq!(status, 403, "{query}: {}", answer.body),
        }
    }
    // Half of it: the ticket without the cookie of the browser that asked.
    let action = go(&visit, &CHOSEN).await;
    let back = send_back(&action, &CHOICE).await.location();
    let kept = visit.browser.cookie("localhost", "choices").unwrap();
    visit.browser.forget_cookie("localhost", "choices");
    refused(&visit.browser, &back).await;
    visit.browser.set_cookie("localhost", "choices", &kept);
    // Too late.
    clock.advance(Duration::minutes(61));
    refused(&visit.browser, &back).await;
    assert_eq!(visit.tasks().await, 0);
}

#[tokio::test]
async fn what_comes_back_must_be_a_place_that_people_may_choose() {
    let visit = Visit::of(MIRA).await;
    let action = go(&visit, &CHOSEN).await;
    for bad in [
        vec![("endpoint_id", "nonsense"), ("path", "/")],
        vec![("path", "/")],
        vec![("endpoint_id", SLOW), ("path", "elsewhere")],
        vec![("endpoint_id", SLOW), ("path", &*"/x".repeat(3000))],
    ] {
        assert_eq!(send_back(&action, &bad).await.status, 403, "{bad:?}");
    }
    // It is still good.
    let back = send_back(&action, &CHOICE).await;
    assert_eq!(visit.browser.get(back.location().as_str()).await.status, 200);
}

#[tokio::test]
async fn more_files_than_a_link_can_name_are_transferred_without_the_web_app() {
    let visit = Visit::of(MIRA).await;
    let names: Vec<String> = (0..100).map(|number| format!("frame-{number:04}.tif")).collect();
    let mut fields = vec![("source", SHELF), ("path", "/many/")];
    fields.extend(names.iter().map(|name| ("item", &**name)));
    let page = visit.begin(&fields).await;
    assert!(page.body.contains("100 files") && !page.body.contains("/transfer/in-globus"), "{}", page.body);
    let refused = visit.press_to("/transfer/in-globus", &page, &[]).await;
    assert!(refused.status == 403 && refused.body.contains("Too much was chosen"), "{}", refused.body);
}
