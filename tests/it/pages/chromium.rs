//! A person with a real browser: headless Chromium, driven through WebDriver.

use fantoccini::{Locator, key::Key};
use serde_json::json;

use super::window::{PROGRAMS, Window};
use crate::harness::{AMARA, Browser, JONAS, MIRA, QUIRK, decide, skip_without};

/// A folder of the sandbox that everyone may read.
const FOLDER: &str = "/collections/7e57ab1e-0000-4000-8000-000000000001";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_looks_around_logs_out_and_is_somebody_else() {
    if skip_without("the walk in Chromium", PROGRAMS) {
        return;
    }
    let window = Window::open().await;

    window.go("/").await;
    window.sees("Who are you?").await;
    window.choose(JONAS).await;
    assert_eq!(window.path().await, "/");

    window.click("See your endpoints", "Showing 1").await;
    window.click("Next", "Showing 26").await;
    assert_eq!(window.path().await, "/endpoints?page=2");
    window.click("Next", "Showing 51").await;
    assert!(window.client.find(Locator::LinkText("Next")).await.is_err());
    window.click("Previous", "Showing 26").await;
    window.click("Profile", "Linked identities").await;

    window.click("Sign out", "Logged out of").await;
    assert!(window.client.current_url().await.unwrap().path().ends_with("/v2/web/logout"));
    window.click("Continue to", "You are signed out").await;
    window.assert_clean_console().await;

    window.click("Sign in again", "Who are you?").await;
    window.click(AMARA, "would like to:").await;
    window.click("Deny", "You are not signed in").await;
    window.sees("If you ask for help, give this number").await;
    // Chromium logs the status of an error page; there is nothing else to log.
    let console = window.console().await;
    assert!(console.len() == 1 && console[0].contains("status of 403"), "{console:#?}");

    window.click("Sign in again", "would like to:").await;
    window.click("Use another identity", "Who are you?").await;
    window.choose(MIRA).await;
    window.sees(MIRA).await;
    window.go("/profile").await;
    window.click("Sign out now", "Logged out of").await;
    window.assert_clean_console().await;

    window.go("/endpoints").await;
    window.click(QUIRK, "would like to:").await;
    window.click("Allow", "Your endpoints").await;
    assert_eq!(window.path().await, "/endpoints");
    window.assert_clean_console().await;

    // The console does report when a page violates its own policy.
    window.execute("document.body.setAttribute('style', 'color: red')").await;
    let console = window.console().await;
    assert!(console.iter().any(|entry| entry.contains("Content Security Policy")), "{console:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_the_content_first_and_a_phone_shows_it_whole() {
    if skip_without("keyboard and phone in Chromium", PROGRAMS) {
        return;
    }
    let window = Window::open().await;
    window.go("/").await;
    window.sees("Who are you?").await;
    window.picture("who-are-you").await;
    window.click(MIRA, "would like to:").await;
    window.picture("consent").await;
    window.click("Allow", "You are successfully logged in!").await;
    window.picture("index").await;

    window.press(Key::Tab).await;
    let focused = window.execute("return document.activeElement.textContent").await;
    assert_eq!(focused, "Skip to the content");
    let top = window.execute("return document.activeElement.getBoundingClientRect().top").await;
    assert!(top.as_f64().unwrap() >= 0.0, "the focused link is out of sight");
    window.press(Key::Enter).await;
    assert_eq!(window.execute("return document.activeElement.id").await, "main");

    window.go("/endpoints").await;
    window.sees("Showing 1").await;
    window.picture("endpoints").await;
    window.go("/collections?list=mine").await;
    window.sees("Northfield HPC Scratch").await;
    window.picture("collections").await;
    window.go(FOLDER).await;
    window.sees("About this collection").await;
    window.picture_for_docs("screenshot").await;
    window.go("/endpoints?page=1000").await;
    window.sees("Error 404").await;
    window.picture("error").await;

    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    window.tools("Emulation.setEmulatedMedia", dark).await;
    for path in ["/", "/endpoints", "/profile", "/collections", FOLDER, "/tasks"] {
        window.go(path).await;
        window.picture(&format!("dark{}", path.replace('/', "-"))).await;
    }
    window.tools("Emulation.setEmulatedMedia", json!({"features": []})).await;

    let phone = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    window.tools("Emulation.setDeviceMetricsOverride", phone).await;
    for path in ["/", "/endpoints", "/profile", "/signed-out-or-nowhere", "/collections", FOLDER, "/tasks"] {
        window.go(path).await;
        window.picture(&format!("phone{}", path.replace('/', "-"))).await;
        let root = "document.documentElement";
        let widths = window.execute(&format!("return [{root}.clientWidth, {root}.scrollWidth]")).await;
        assert_eq!(widths, json!([360, 360]), "{path} is wider than a phone");
    }
}

/// Row E10: what it means to end a session, for a person in another browser.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_session_was_ended_elsewhere_learns_so_and_authenticates_again() {
    if skip_without("an ended session in Chromium", PROGRAMS) {
        return;
    }
    let window = Window::open().await;
    window.go("/").await;
    window.sees("Who are you?").await;
    window.choose(MIRA).await;

    let elsewhere = Browser::new();
    let authorize = elsewhere.get(&format!("{}/login", window.base)).await.location();
    let globus = authorize.origin().ascii_serialization();
    let back = decide(&globus, &elsewhere, &authorize, MIRA, "allow").await;
    assert_eq!(elsewhere.get(back.as_str()).await.status, 303);
    let sessions = format!("{}/sessions", window.base);
    let token = elsewhere.get(&sessions).await.hidden("csrf_token");
    let ended = elsewhere.submit(&sessions, &[("end", "others"), ("csrf_token", &token)]).await;
    assert!(elsewhere.get(ended.location().as_str()).await.body.contains("One session was ended."));

    // Chromium is still signed in at the sandbox, which would let it in again at once.
    window.go("/profile").await;
    window.sees("Your session was ended").await;
    window.picture("ended").await;
    window.click("Sign in again", "Who are you?").await;
    window.click(MIRA, "Linked identities").await;
    assert_eq!(window.path().await, "/profile");
}

/// The whole way with a browser alone, scripts off, on a wide screen and on a phone: a mapped collection asks for a consent
/// once, files are chosen, a destination, and the transfer is followed to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_moves_files_with_a_browser_alone() {
    if skip_without("a transfer in Chromium", PROGRAMS) {
        return;
    }
    let window = Window::open().await;
    window.tools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    window.go("/collections?list=mine").await;
    window.sees("Who are you?").await;
    window.click(MIRA, "would like to:").await;
    window.click("Allow", "Northfield HPC Scratch").await;
    for (width, name) in [(1280, "wide"), (390, "phone")] {
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        window.tools("Emulation.setDeviceMetricsOverride", screen).await;
        window.go("/collections?list=mine").await;
        window.sees("Northfield HPC Scratch").await;
        if name == "wide" {
            window.click("Northfield HPC Scratch", "would like to:").await;
            window.picture("consent-for-data").await;
            window.click("Allow", "About this collection").await;
        } else {
            // Asked once.
            window.click("Northfield HPC Scratch", "About this collection").await;
        }
        window.picture(&format!("folder-{name}")).await;
        window.click("Choose what to transfer", "Transfer what is marked").await;
        for item in ["data/", "README.txt"] {
            let field = format!("input[name=item][value=\"{item}\"]");
            window.client.find(Locator::Css(&field)).await.unwrap().click().await.unwrap();
        }
        window.picture(&format!("items-{name}")).await;
        window.click("Transfer what is marked", "Choose where to").await;
        window.picture(&format!("destination-{name}")).await;
        window.click("Solano Lab: shared frames", "Choose a folder").await;
        window.click("Transfer into this folder", "Check the transfer").await;
        window.client.find(Locator::Css("#label")).await.unwrap().send_keys(name).await.unwrap();
        window.picture(&format!("review-{name}")).await;
        window.click("Start the transfer", "Submitted").await;
        window.picture(&format!("running-{name}")).await;
        // The page asks for itself again until the transfer is over.
        window.sees("Done").await;
        window.picture(&format!("done-{name}")).await;
        window.go("/tasks").await;
        window.sees(name).await;
        window.picture(&format!("tasks-{name}")).await;
    }
    window.click("Sign out", "Logged out of").await;
}
