//! The custom page of the README: compiled, served, and displayed unchanged.

use axum::{
    Json, Router,
    body::Body,
    http::{StatusCode, header},
    response::Response,
    routing::get,
};

use crate::harness::{Browser, JONAS, Portal};

#[path = "../../../examples/own_page.rs"]
mod example;

#[tokio::test]
async fn a_page_of_ones_own_needs_a_login_and_calls_transfer_for_the_person() {
    let portal = Portal::with().pages(example::pages()).start().await;
    let browser = Browser::new();
    let asked = browser.get(&portal.url("/count")).await;
    assert_eq!((asked.status.as_u16(), asked.header("location")), (303, Some("/login?next=%2Fcount")));

    let authorize = portal.begin_login(&browser, "?next=/count").await;
    let back = portal.decide(&browser, &authorize, JONAS, "allow").await;
    let page = browser.follow(back.as_str()).await;
    assert_eq!(page.url.path(), "/count");
    assert!(page.body.contains("you have 57 endpoints"), "{}", page.body);
}

#[tokio::test]
async fn a_page_of_ones_own_is_mounted_below_the_application_root() {
    let portal = Portal::with().set("APPLICATION_ROOT", "/portal").pages(example::pages()).start().await;
    let asked = Browser::new().get(&portal.url("/count")).await;
    assert_eq!(asked.header("location"), Some("/portal/login?next=%2Fportal%2Fcount"));
}

#[test]
fn the_readme_shows_that_page_as_it_stands_in_at_most_15_lines() {
    let example = include_str!("../../../examples/own_page.rs");
    let shown = example.split_once("// README: begin\n").unwrap().1.split_once("// README: end").unwrap().0;
    assert!(
        include_str!("../../../README.md").contains(shown),
        "README.md shows another page than examples/own_page.rs"
    );
    assert!(shown.lines().count() <= 15);
}

#[tokio::test]
async fn a_page_of_ones_own_keeps_its_own_error_documents_and_policy() {
    let document = || async { (StatusCode::CONFLICT, Json(serde_json::json!({"error": "taken"}))) };
    let words = || async { (StatusCode::CONFLICT, "plain words") };
    let scripted = || async { ([(header::CONTENT_SECURITY_POLICY, "default-src 'self'")], "a page") };
    let untyped = || async { Response::new(Body::from("<script>alert(1)</script>")) };
    let pages = Router::new()
        .route("/document", get(document))
        .route("/words", get(words))
        .route("/own", get(scripted))
        .route("/untyped", get(untyped));
    let portal = Portal::with().pages(pages).start().await;
    let browser = Browser::new();

    let answer = browser.get(&portal.url("/document")).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (409, r#"{"error":"taken"}"#));
    let answer = browser.get(&portal.url("/words")).await;
    assert!(answer.status == 409 && answer.body.contains("<h1"), "{}", answer.body);
    let answer = browser.get(&portal.url("/own")).await;
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'self'"));
    // A browser must not guess that it is a page, and if it does, must not run what is in it.
    let answer = browser.get(&portal.url("/untyped")).await;
    assert_eq!((answer.header("content-type"), answer.header("x-content-type-options")), (None, Some("nosniff")));
    assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
}
