//! What goes wrong at Globus is told as what it is, and the page goes on being the portal's.

use axum::{Router, extract::Path, routing::get};
use globus_portal::{error::AppError, globus::transfer::LsQuery, routes::logged_in::LoggedIn, state::AppState};
use serde_json::{Value, json};

use crate::harness::{Browser, MIRA, Portal};

fn pages() -> Router<AppState> {
    Router::new().route("/ls/{collection}", get(ls))
}

async fn ls(user: LoggedIn, Path(collection): Path<String>) -> Result<String, AppError> {
    let listed = user.transfer().await?.operation_ls(&collection, &LsQuery::new()).await?;
    Ok(format!("{} entries", listed.files.len()))
}

/// The end of the id of a collection of the sandbox; the status, a part of the text, and whether the page offers to try again.
const CAUSES: [(&str, u16, &str, bool); 7] = [
    ("04", 404, "This collection was deleted", false),
    ("05", 502, "This computer is not connected", true),
    ("08", 403, "The storage does not let you do this", false),
    ("09", 403, "Globus does not allow this", false),
    ("0a", 503, "Globus is down for maintenance", true),
    ("0b", 502, "The storage does not answer", true),
    ("ff", 404, "There is no such collection", false),
];

#[tokio::test]
async fn each_failure_says_its_cause_and_keeps_the_name_of_who_is_signed_in() {
    let portal = Portal::with().pages(pages()).start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    for (end, status, text, again) in CAUSES {
        let path = format!("/ls/7e57ab1e-0000-4000-8000-0000000000{end}");
        let page = browser.get(&portal.url(&path)).await;
        assert_eq!(page.status, status, "{end}: {}", page.body);
        assert!(page.body.contains(text), "{text}: {}", page.body);
        assert_eq!(page.body.contains(&format!("href=\"{path}\">Try again</a>")), again, "{end}: {}", page.body);
        assert!(!page.body.contains("This is not your fault"), "nor is it the operators': {}", page.body);
        assert!(page.body.contains("Mira Solano") && page.body.contains("/profile"), "{}", page.body);
    }
    let nowhere = browser.get(&portal.url("/nowhere")).await;
    assert!(nowhere.status == 404 && nowhere.body.contains("Mira Solano"), "{}", nowhere.body);
}

#[tokio::test]
async fn too_many_requests_say_when_to_try_again_and_a_failure_of_globus_is_one() {
    let portal = Portal::with().pages(pages()).start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let url = portal.url("/ls/7e57ab1e-0000-4000-8000-000000000001");
    let faults = format!("{}/sandbox/faults", portal.globus);
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let fault = |status: u16, retry_after: Value, body: Value| {
        let mut fault = json!({"fault": "status", "status": status, "path": "/v0.10/operation", "body": body});
        if !retry_after.is_null() {
            fault["retry_after"] = retry_after;
        }
        let (delete, post) = (client.delete(&faults), client.post(&faults).json(&fault));
        async move {
            delete.send().await.unwrap();
            assert!(post.send().await.unwrap().status().is_success());
        }
    };
    // Globus asks for longer than a page waits.
    fault(429, json!(600), json!({"code": "TooManyRequests", "message": "slow down", "request_id": "abcdefghi"})).await;
    let page = browser.get(&url).await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (503, Some("600")), "{}", page.body);
    assert!(page.body.contains("Try again in 10 minutes"), "{}", page.body);
    fault(500, Value::Null, json!({"code": "InternalError", "message": "SENTINEL", "request_id": "abcdefghi"})).await;
    let page = browser.get(&url).await;
    assert_eq!(page.status, 502, "{}", page.body);
    assert!(page.body.contains("This is not your fault") && page.body.contains("Try again"), "{}", page.body);
    assert!(!page.body.contains("SENTINEL"));
}

/// Whose a computer is that is off, its collection's own document says.
#[tokio::test]
async fn a_collection_on_a_computer_that_is_off_says_whose_it_is() {
    let portal = Portal::start().await;
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    let path = "/collections/7e57ab1e-0000-4000-8000-000000000005";
    let page = browser.get(&portal.url(path)).await;
    assert_eq!(page.status, 502);
    assert!(page.body.contains("on a personal computer of trouble-desk@") && page.body.contains("Try again"));
    assert!(!page.body.contains("This is not your fault"), "nor is it the operators': {}", page.body);
}
