//! The whole way with a browser alone: Chromium with scripts off, through nginx, below a path, on a wide screen and on a phone.

use fantoccini::Locator;
use serde_json::{Value, json};

use super::window::{PROGRAMS, Window};
use crate::{
    harness::{AMARA, MIRA, skip_without},
    proxies::{Proxy, Site, Variant},
};

/// What Mira takes from her collection: three files and a folder.
const ITEMS: [&str; 4] = ["data/", "README.txt", "file with spaces & umlauts äöü.txt", "latest"];

/// Collections that fail: what to click, and what the page says then.
const TROUBLES: [(&str, &str); 7] = [
    ("Off line", "on a personal computer of"),
    ("Denied by the endpoint", "The storage does not let you do this"),
    ("Denied by Transfer", "Globus does not allow this"),
    ("Under maintenance", "Globus is down for maintenance"),
    ("Unreachable", "The storage does not answer"),
    ("Loses its connection at times", "About this collection"),
    ("Waits for its owner", "About this collection"),
];

struct Walk {
    site: Site,
    window: Window,
    http: reqwest::Client,
}

impl Walk {
    async fn start() -> Self {
        let site = Site::start(Proxy::Nginx, Variant::Path, "127.0.0.1").await;
        let window = Window::at(&site.base).await;
        window.tools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        Self { site, window, http }
    }

    /// A control route of the sandbox.
    async fn control(&self, path: &str, body: Value) {
        let answer = self.http.post(format!("{}/sandbox/{path}", self.site.globus)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    async fn screen(&self, width: u32) {
        let screen = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        self.window.tools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    async fn mark(&self, item: &str) {
        let field = format!("input[name=item][value=\"{item}\"]");
        self.window.client.find(Locator::Css(&field)).await.unwrap().click().await.unwrap();
    }

    /// From the page where items are marked to the page of the task.
    async fn send(&self, to: &str, label: &str) {
        let window = &self.window;
        window.click("Transfer what is marked", "Choose where to").await;
        self.window.client.find(Locator::Css("#q")).await.unwrap().send_keys(to).await.unwrap();
        window.click("Search", "Found").await;
        window.click(to, "Choose a folder").await;
        window.click("Transfer into this folder", "Check the transfer").await;
        window.client.find(Locator::Css("#label")).await.unwrap().send_keys(label).await.unwrap();
        window.picture(&format!("walk-review-{label}")).await;
        window.click("Start the transfer", "Submitted").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mira_moves_cancels_repeats_and_meets_every_failure_with_a_browser_alone() {
    if skip_without("the walk through nginx in Chromium", &[PROGRAMS, Proxy::Nginx.program()].concat()) {
        return;
    }
    let walk = Walk::start().await;
    walk.screen(1280).await;
    walk.window.go("/collections?list=mine").await;
    walk.window.sees("Who are you?").await;
    walk.window.click(MIRA, "would like to:").await;
    walk.window.click("Allow", "Northfield HPC Scratch").await;
    for width in [1280, 390] {
        walk.screen(width).await;
        files_are_moved_and_followed(&walk, width).await;
        one_is_cancelled(&walk, width).await;
        one_that_failed_is_repeated(&walk, width).await;
        every_failure_says_what_it_is(&walk, width).await;
    }
    a_destination_is_chosen_in_the_web_app(&walk).await;
    somebody_else_is_asked_for_and_comes_or_not(&walk).await;
    walk.window.click("Sign out", "Logged out of").await;
}

async fn files_are_moved_and_followed(walk: &Walk, width: u32) {
    let window = &walk.window;
    window.go("/collections?list=mine").await;
    window.sees("Northfield HPC Scratch").await;
    if width > 500 {
        window.click("Northfield HPC Scratch", "would like to:").await;
        window.click("Allow", "About this collection").await;
    } else {
        // Asked once.
        window.click("Northfield HPC Scratch", "About this collection").await;
    }
    window.picture_for_docs(&format!("folder-{width}")).await;
    window.click("Choose what to transfer", "Transfer what is marked").await;
    for item in ITEMS {
        walk.mark(item).await;
    }
    walk.control("pace", json!({"transfer_ms": 9_000})).await;
    walk.send("Solano Lab", &format!("move-{width}")).await;
    // The bar grows by itself, as the page asks for itself again.
    window.sees("of 7 files").await;
    let bar = Locator::Css("progress");
    let value = async || {
        let bar = window.client.find(bar).await.ok()?;
        bar.attr("value").await.ok().flatten()?.parse::<u64>().ok()
    };
    let first = value().await.unwrap_or_default();
    window.until("the bar grows", async || value().await.is_some_and(|now| now > first)).await;
    window.picture_for_docs(&format!("transfer-{width}")).await;
    window.sees("Everything was moved.").await;
    window.picture(&format!("walk-done-{width}")).await;
}

async fn one_is_cancelled(walk: &Walk, width: u32) {
    let window = &walk.window;
    window.go("/collections/7e57ab1e-0000-4000-8000-000000000001").await;
    window.click("Choose what to transfer", "Transfer what is marked").await;
    walk.mark("README.txt").await;
    walk.send("Slow tape", &format!("stop-{width}")).await;
    window.click("Cancel this transfer", "It was cancelled.").await;
    window.picture(&format!("walk-cancelled-{width}")).await;
}

async fn one_that_failed_is_repeated(walk: &Walk, width: u32) {
    let window = &walk.window;
    window.go("/collections/7e57ab1e-0000-4000-8000-000000000001").await;
    window.click("Choose what to transfer", "Transfer what is marked").await;
    walk.mark("README.txt").await;
    walk.send("Slow tape", &format!("again-{width}")).await;
    walk.control("tasks/fault", json!({"code": "NO_SPACE_LEFT", "fatal": true})).await;
    window.sees("The destination is full.").await;
    window.picture(&format!("walk-failed-{width}")).await;
    window.click("Do it again", "Transfer what is marked").await;
    walk.mark("README.txt").await;
    window.click("Transfer what is marked", "Choose a folder").await;
    window.click("Transfer into this folder", "Check the transfer").await;
    window.click("Start the transfer", "Submitted").await;
    walk.control("tasks/finish", json!({})).await;
    window.sees("Everything was moved.").await;
    window.go("/tasks?show=failed").await;
    window.sees(&format!("again-{width}")).await;
    window.picture(&format!("walk-tasks-{width}")).await;
}

async fn every_failure_says_what_it_is(walk: &Walk, width: u32) {
    let window = &walk.window;
    // No list has it any more.
    window.go("/collections/7e57ab1e-0000-4000-8000-000000000004").await;
    window.sees("This collection was deleted").await;
    for (name, says) in TROUBLES {
        window.go("/collections?list=all&q=trouble").await;
        window.sees("Open shelf").await;
        window.click_exactly(name, says).await;
        window.sees("Mira Solano").await;
        if !says.starts_with("About") {
            window.picture(&format!("walk-{}-{width}", name.to_lowercase().replace(' ', "-"))).await;
        }
    }
}

/// Row J6, with a real browser's rules for cookies: the web app is another site.
async fn a_destination_is_chosen_in_the_web_app(walk: &Walk) {
    let window = &walk.window;
    window.go("/collections/7e57ab1e-0000-4000-8000-000000000001").await;
    window.click("Transfer all of it", "Choose where to").await;
    window.click("Choose in Globus’s web app", "Choose a collection").await;
    window.click("Slow tape", "Choose a folder").await;
    window.picture("walk-chooser").await;
    window.click("Choose", "Use these files?").await;
    window.click("Submit", "Transfer into this folder").await;
    assert!(window.path().await.starts_with("/portal/transfer/chosen?ticket="), "{}", window.path().await);
    window.click("Transfer into this folder", "Check the transfer").await;
    window.sees("on Slow tape").await;
}

/// Demands that another identity or a policy meets, and another person who comes back.
async fn somebody_else_is_asked_for_and_comes_or_not(walk: &Walk) {
    let window = &walk.window;
    window.go("/collections/7e57ab1e-0000-4000-8000-000000000003").await;
    window.sees("would like to:").await;
    window.click("Allow", "About this collection").await;
    window.go("/collections/7e57ab1e-0000-4000-8000-000000000007").await;
    window.picture("walk-policy").await;
    window.click(MIRA, "About this collection").await;
    window.go("/collections/7e57ab1e-0000-4000-8000-000000000006").await;
    window.picture("walk-domain").await;
    window.click(AMARA, "would like to:").await;
    window.click("Allow", "That was another account").await;
    window.picture("walk-another-account").await;
    window.go("/profile").await;
    window.sees("Mira Solano").await;
}
