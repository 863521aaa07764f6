//! Accessibility of every page, in light and in dark, as axe-core judges it: WCAG 2.2 at level AA, and best practices.

use std::{path::PathBuf, time::Duration};

use fantoccini::Locator;
use serde_json::{Value, json};

use super::window::{PROGRAMS, Window};
use crate::harness::{MIRA, needs, skip_without};

const SHELF: &str = "7e57ab1e-0000-4000-8000-000000000001";
const SLOW: &str = "7e57ab1e-0000-4000-8000-00000000000c";
const PAUSED: &str = "7e57ab1e-0000-4000-8000-00000000000f";

/// `axe.min.js`: named by `AXE_CORE`, or where `npm install --prefix target/axe axe-core` puts it.
fn axe() -> Option<String> {
    let usual = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/axe/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(std::env::var_os("AXE_CORE").map_or_else(usual, PathBuf::from)).ok()
}

struct Judge {
    window: Window,
    axe: String,
    judged: Vec<String>,
}

impl Judge {
    /// The page that is shown, in light and in dark.
    async fn judge(&mut self, name: &str) {
        for scheme in ["light", "dark"] {
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            self.window.tools("Emulation.setEmulatedMedia", media).await;
            let violations = self.violations(name).await;
            assert!(violations.is_empty(), "{name}, {scheme}:\n{}", violations.join("\n"));
        }
        self.judged.push(name.to_owned());
    }

    async fn violations(&self, name: &str) -> Vec<String> {
        self.window.execute(&self.axe).await;
        let run = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(done, error => done({error: String(error)}))";
        let found = self.window.client.execute_async(run, vec![]).await.unwrap();
        assert!(found["error"].is_null(), "{name}: {found}");
        // A page that axe has not looked at has passed nothing.
        assert!(found["passes"].as_array().is_some_and(|passes| passes.len() > 10), "{name}: {found}");
        found["violations"].as_array().unwrap().iter().map(said).collect()
    }

    async fn open(&mut self, path: &str, sees: &str) {
        self.window.go(path).await;
        self.window.sees(sees).await;
        self.judge(path).await;
    }
}

fn said(violation: &Value) -> String {
    let places = violation["nodes"].as_array().into_iter().flatten();
    let places: Vec<_> = places.take(3).map(|node| format!("  {} {}", node["html"], node["failureSummary"])).collect();
    format!("{}: {}\n{}", violation["id"], violation["help"], places.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_page_in_light_and_dark() {
    if skip_without("axe in Chromium", PROGRAMS) {
        return;
    }
    let axe = axe();
    let there = needs("axe", axe.is_some(), "npm install --prefix target/axe axe-core, or name axe.min.js in AXE_CORE");
    let Some(axe) = axe.filter(|_| there) else { return };
    let window = Window::open_with(&format!(
        "[[collections]]\nid = '{SHELF}'\ntitle = 'Frames'\ndescription = 'From the detector.'\npath = '/data/'\n\
         image = 'frames.svg'\n[[collections]]\nid = '{SLOW}'\ntitle = 'The tape'\n"
    ))
    .await;
    let mut judge = Judge { window, axe, judged: Vec::new() };
    let timeouts = fantoccini::wd::TimeoutConfiguration::new(Some(Duration::from_secs(60)), None, None);
    judge.window.client.update_timeouts(timeouts).await.unwrap();
    judge.open("/signed-out", "You are signed out").await;
    judge.window.go("/").await;
    judge.window.sees("Who are you?").await;
    judge.window.choose(MIRA).await;
    judge.judge("/").await;
    let light = json!({"features": [{"name": "prefers-color-scheme", "value": "light"}]});
    judge.window.tools("Emulation.setEmulatedMedia", light).await;
    judge.window.picture_for_docs("data").await;
    for (path, sees) in [
        ("/profile", "Linked identities"),
        ("/sessions", "Where you are signed in"),
        ("/endpoints", "Showing 1"),
        ("/collections", "From the detector."),
        ("/collections?list=all", "What are you looking for?"),
        ("/collections?list=mine", "Northfield HPC Scratch"),
        ("/collections?list=all&q=zzz", "Nothing was found"),
        ("/tasks", "You have no transfers yet"),
        ("/nowhere", "There is no such page"),
    ] {
        judge.open(path, sees).await;
    }
    for path in ["/groups", "/consents"] {
        judge.window.go(path).await;
        judge.window.click("Allow", if path == "/groups" { "Your groups" } else { "Your consents" }).await;
        judge.judge(path).await;
    }
    folders(&mut judge).await;
    transfers(&mut judge).await;
    demands(&mut judge).await;
    assert!(judge.judged.len() > 25, "{:?}", judge.judged);
    // It does find what is wrong.
    judge.window.execute("document.documentElement.removeAttribute('lang')").await;
    assert!(judge.violations("a page without a language").await[0].contains("html-has-lang"));
}

async fn folders(judge: &mut Judge) {
    // One that is presented from a folder down, and one as a whole.
    for (path, sees) in [
        (format!("/collections/{SHELF}"), "notes.txt"),
        (format!("/collections/{SHELF}?filter=zzz"), "No name here has"),
        (format!("/collections/{SHELF}?path=%2Fdata%2F&sort=size&order=desc"), "frames.h5"),
        (format!("/collections/{SHELF}?path=%2F"), "not part of this site"),
        (format!("/collections/{SHELF}/entry?path=%2Fdata%2F&name=raw"), "This deletes the folder"),
        ("/collections/7e57ab1e-0000-4000-8000-00000000000d?path=%2Fmany%2F".to_owned(), "Showing 1"),
        ("/collections/7e57ab1e-0000-4000-8000-000000000005".to_owned(), "is not connected"),
    ] {
        judge.open(&path, sees).await;
    }
    judge.window.go(&format!("/collections/{SHELF}")).await;
    judge.window.client.find(Locator::Css("#new-bookmark")).await.unwrap().send_keys("frames").await.unwrap();
    judge.window.click("Bookmark this folder", "Bookmarked").await;
    judge.judge("a bookmark").await;
}

async fn transfers(judge: &mut Judge) {
    for (to, name) in [(SLOW, "running"), (PAUSED, "paused")] {
        judge.window.go(&format!("/collections/{SHELF}")).await;
        judge.window.click("Choose what to transfer", "Transfer what is marked").await;
        judge.judge(&format!("items, {name}")).await;
        judge.window.click("Transfer all of this folder", "Choose where to").await;
        judge.judge(&format!("destination, {name}")).await;
        let search = judge.window.client.find(Locator::Css("#q")).await.unwrap();
        search.send_keys(if to == SLOW { "Slow tape" } else { "paused by its manager" }).await.unwrap();
        judge.window.click("Search", "Found").await;
        judge.window.click(if to == SLOW { "Slow tape" } else { "Is paused" }, "Choose a folder").await;
        judge.judge(&format!("folder, {name}")).await;
        judge.window.click("Transfer into this folder", "Check the transfer").await;
        judge.judge(&format!("review, {name}")).await;
        judge.window.click("Start the transfer", "Submitted").await;
        // It would be loaded again while it is judged.
        let here = judge.window.path().await;
        judge.window.go(&format!("{here}?refresh=off")).await;
        judge.window.sees("This page does not refresh itself").await;
        judge.judge(&format!("task, {name}")).await;
        judge.window.click("Cancel this transfer", "It was cancelled.").await;
        judge.judge(&format!("task, cancelled, {name}")).await;
    }
    judge.open("/tasks", "Cancelled").await;
}

/// A page that says what a person has denied.
async fn demands(judge: &mut Judge) {
    judge.window.go("/collections/7e57ab1e-0000-4000-8000-000000000003").await;
    judge.window.click("Deny", "Nothing was changed").await;
    judge.window.sees("Mira Solano").await;
    judge.judge("a demand that was denied").await;
}
