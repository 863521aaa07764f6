//! Transfers: listed, followed to their end, cancelled.

use axum::{Router, extract::Query, routing::get};
use globus_portal::{
    error::AppError,
    globus::transfer::{TransferData, TransferItem},
    routes::logged_in::LoggedIn,
    state::AppState,
};
use serde::Deserialize;

use crate::harness::{Answer, Browser, JONAS, MIRA, Portal};

/// Collections of the sandbox: one without trouble, one whose tasks run for an hour, one whose tasks wait for their owner.
const OPEN: &str = "7e57ab1e-0000-4000-8000-000000000001";
const SLOW: &str = "7e57ab1e-0000-4000-8000-00000000000c";
const WAITS: &str = "7e57ab1e-0000-4000-8000-00000000000d";
const NO_TASK: &str = "7e57ab1e-0000-4000-8000-0000000000ff";

#[derive(Deserialize)]
struct Wanted {
    to: String,
    from: String,
    label: String,
}

/// A page of one's own that starts transfers.
fn pages() -> Router<AppState> {
    Router::new().route("/start", get(start))
}

async fn start(user: LoggedIn, Query(wanted): Query<Wanted>) -> Result<String, AppError> {
    let mut data = TransferData::new(OPEN, &*wanted.to).with_label(wanted.label);
    data.add_item(TransferItem::new(wanted.from, "/copy.txt"));
    Ok(user.transfer().await?.submit_transfer(&mut data).await?.task_id)
}

struct Scene {
    portal: Portal,
    browser: Browser,
}

impl Scene {
    async fn new() -> Self {
        let portal = Portal::with().pages(pages()).start().await;
        let browser = Browser::new();
        portal.log_in(&browser, MIRA).await;
        Self { portal, browser }
    }

    async fn start(&self, to: &str, from: &str, label: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("to", to), ("from", from), ("label", label)])
            .finish();
        let started = self.browser.get(&self.portal.url(&format!("/start?{query}"))).await;
        assert_eq!(started.status, 200, "{}", started.body);
        started.body
    }

    async fn open(&self, path: &str) -> Answer {
        let page = self.browser.get(&self.portal.url(path)).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        page
    }

    /// Lets every task that can end do so.
    async fn finish(&self) {
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let url = format!("{}/sandbox/tasks/finish", self.portal.globus);
        assert!(client.post(url).send().await.unwrap().status().is_success());
    }
}

#[tokio::test]
async fn a_transfer_is_followed_to_its_end() {
    let scene = Scene::new().await;
    let id = scene.start(SLOW, "/data/notes.txt", "my notes").await;
    let page = scene.open(&format!("/tasks/{id}")).await;
    assert_eq!(page.header("refresh"), Some("5"));
    for text in
        ["<h1><bdi>my notes</bdi></h1>", "Running</h2>", "<progress", "Open shelf", "Slow tape", "Cancel this transfer"]
    {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let still = scene.open(&format!("/tasks/{id}?refresh=off")).await;
    assert_eq!(still.header("refresh"), None);
    assert!(still.body.contains("Load this page again"), "{}", still.body);
    let running = scene.open("/tasks?show=running").await;
    assert!(running.body.contains("my notes") && running.body.contains("Showing 1 of 1"), "{}", running.body);

    scene.finish().await;
    let page = scene.open(&format!("/tasks/{id}")).await;
    assert_eq!(page.header("refresh"), None);
    for text in ["Done</h2>", "value=\"1000\"", "1 of 1 file, 2.0 kB", "What happened"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("Cancel this"), "{}", page.body);
    assert!(scene.open("/tasks?show=done").await.body.contains("my notes"));
    assert!(scene.open("/tasks?show=running").await.body.contains("There is nothing here"));
}

#[tokio::test]
async fn a_transfer_is_cancelled_by_its_person_and_by_nobody_else() {
    let scene = Scene::new().await;
    let id = scene.start(SLOW, "/data/notes.txt", "to be cancelled").await;
    let url = scene.portal.url(&format!("/tasks/{id}/cancel"));
    // Neither without the token of the form, nor by another person.
    assert_eq!(scene.browser.submit(&url, &[]).await.status, 403);
    let other = Browser::new();
    scene.portal.log_in(&other, JONAS).await;
    let token = scene.portal.csrf(&other);
    let answer = other.submit(&url, &[("csrf_token", &token)]).await;
    assert!(answer.status == 404 && answer.body.contains("There is no such task"), "{}", answer.body);
    assert_eq!(other.get(&scene.portal.url(&format!("/tasks/{id}"))).await.status, 404);

    let token = scene.portal.csrf(&scene.browser);
    for _ in 0..2 {
        let cancelled = scene.browser.submit(&url, &[("csrf_token", &token)]).await;
        assert_eq!(cancelled.status, 303, "{}", cancelled.body);
        let page = scene.browser.get(cancelled.location().as_str()).await;
        assert!(page.body.contains("Failed</h2>") && page.body.contains("It was cancelled."), "{}", page.body);
    }
}

#[tokio::test]
async fn a_transfer_that_fails_or_waits_says_why() {
    let scene = Scene::new().await;
    let failing = scene.start(OPEN, "/nowhere.txt", "").await;
    let waiting = scene.start(WAITS, "/data/notes.txt", "waits").await;
    scene.finish().await;
    let page = scene.open(&format!("/tasks/{failing}")).await;
    assert!(page.body.contains("A file or folder is no longer there."), "{}", page.body);
    assert!(page.body.contains("<h1><bdi>Transfer</bdi></h1>"), "without a label it is what it is: {}", page.body);
    let page = scene.open(&format!("/tasks/{waiting}")).await;
    assert!(page.body.contains("Waits for you</h2>") && page.body.contains("Globus needs you"), "{}", page.body);
}

/// Row J7.
#[tokio::test]
async fn labels_are_text_and_pages_have_their_bounds() {
    let scene = Scene::new().await;
    let label = "<script>alert(1)</script> \u{202e}\"'";
    for number in 0..26 {
        scene.start(SLOW, "/data/notes.txt", &format!("{label} {number}")).await;
    }
    let list = scene.open("/tasks").await;
    assert!(list.body.contains("Showing 1–25 of 26") && !list.body.contains("<script"), "{}", list.body);
    let rest = scene.open("/tasks?show=all&page=2").await;
    assert!(rest.body.contains("Showing 26 of 26"), "{}", rest.body);
    assert!(scene.open("/tasks?page=3").await.body.contains("The list ends before this page"));
    for bad in ["/tasks?show=other", "/tasks?page=0", "/tasks?page=x", "/tasks/x", "/tasks/..%2Fendpoint_search"] {
        assert_eq!(scene.browser.get(&scene.portal.url(bad)).await.status, 404, "{bad}");
    }
    let none = scene.browser.get(&scene.portal.url(&format!("/tasks/{NO_TASK}"))).await;
    assert!(none.status == 404 && none.body.contains("It keeps tasks for 30 days"), "{}", none.body);
}
