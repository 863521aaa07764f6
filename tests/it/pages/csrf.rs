//! Requests that change something come from the site itself, and forms carry a token of their session.

use axum::{Json, Router, routing::get};
use globus_portal::{
    routes::{Pages, logged_in::LoggedIn},
    state::AppState,
};
use reqwest::Method;
use serde_json::json;

use crate::harness::{Browser, JONAS, MIRA, Portal};

/// Pages that change something.
fn pages() -> Router<AppState> {
    let token = |user: LoggedIn| async move { user.csrf_token() };
    let done = |user: LoggedIn| async move { format!("done for {}", user.user().display_name()) };
    Router::new()
        .route("/change", get(token).post(done).put(done).delete(done))
        .route("/json", axum::routing::post(|_: LoggedIn, Json(_): Json<serde_json::Value>| async { "done" }))
}

/// What a browser sends with a form of our own.
const OWN: [(&str, &str); 3] =
    [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-site", "same-origin")];

async fn signed_in(portal: &Portal, person: &str) -> (Browser, String) {
    let browser = Browser::new();
    portal.log_in(&browser, person).await;
    let token = browser.get(&portal.url("/change")).await.body;
    (browser, token)
}

#[tokio::test]
async fn a_form_of_ones_own_page_is_taken_with_its_token_and_with_no_other() {
    let portal = Portal::with().pages(pages()).start().await;
    let (mira, token) = signed_in(&portal, MIRA).await;
    let (_, of_another) = signed_in(&portal, JONAS).await;
    let url = portal.url("/change");
    let again = mira.get(&url).await.body;
    assert_ne!(token, again, "each page masks it differently");
    for good in [&token, &again] {
        let answer = mira.submit(&url, &[("csrf_token", good)]).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, "done for Mira Solano"));
    }
    let changed = format!("{}{}", if token.starts_with('A') { 'B' } else { 'A' }, &token[1..]);
    for bad in ["", "x", &of_another, &token[1..], &changed, &format!("{token}A"), &token.repeat(2)] {
        let answer = mira.submit(&url, &[("csrf_token", bad)]).await;
        assert_eq!(answer.status, 403, "{bad}");
        assert!(answer.body.contains("Nothing was changed"), "{}", answer.body);
    }
    assert_eq!(mira.submit(&url, &[("other", &token)]).await.status, 403);
    // In the header, for scripts.
    let headers = [&OWN[..], &[("x-csrf-token", &*token)]].concat();
    assert_eq!(mira.send(Method::POST, &url, &headers, Some(&[])).await.status, 200);
}

#[tokio::test]
async fn what_another_site_sends_is_refused_whatever_it_carries() {
    let portal = Portal::with().pages(pages()).start().await;
    let (mira, token) = signed_in(&portal, MIRA).await;
    let url = portal.url("/change");
    let form: &[(&str, &str)] = &[("csrf_token", &token)];
    let from = |site| [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-site", site)];
    for site in ["cross-site", "same-site", "nonsense"] {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let answer = mira.send(method, &url, &from(site), Some(form)).await;
            assert_eq!(answer.status, 403, "{site}");
        }
    }
    // Browsers without Fetch Metadata send an origin.
    let own = portal.app.settings.public_url("");
    for (origin, status) in [("https://evil.example", 403), ("http://localhost:1", 403), (&*own, 200), ("null", 200)] {
        let answer = mira.send(Method::POST, &url, &[("origin", origin)], Some(form)).await;
        assert_eq!(answer.status, status, "{origin}");
    }
    // A program with the cookie of a session sends neither, and needs the token all the same.
    assert_eq!(mira.send(Method::POST, &url, &[], Some(&[])).await.status, 403);
    assert_eq!(mira.send(Method::POST, &url, &[], Some(form)).await.status, 200);
}

/// What a form cannot send needs no token: a browser asks the site first, which never says yes.
#[tokio::test]
async fn each_kind_of_body_is_judged_by_what_a_form_can_send() {
    let portal = Portal::with().pages(pages()).start().await;
    let (mira, token) = signed_in(&portal, MIRA).await;
    let cookie = format!("{}={}", portal.app.settings.session_cookie_name, portal.session_cookie(&mira).unwrap());
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let post = |path: &str, kind: Option<&str>, body: String| {
        let mut request = client.post(portal.url(path)).header("cookie", &cookie).body(body);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let multipart = |field: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nsome\r\n--b\r\n\
             Content-Disposition: form-data; name=\"{field}\"\r\n\r\n{token}\r\n--b--\r\n"
        )
    };
    assert_eq!(post("/change", Some("multipart/form-data; boundary=b"), multipart("csrf_token")).await, 200);
    assert_eq!(post("/change", Some("multipart/form-data; boundary=b"), multipart("x_csrf_token")).await, 403);
    assert_eq!(post("/change", Some("text/plain"), format!("csrf_token={token}")).await, 403);
    assert_eq!(post("/change", None, format!("csrf_token={token}")).await, 403);
    assert_eq!(
        post("/change", Some("APPLICATION/X-WWW-Form-Urlencoded;charset=utf-8"), format!("csrf_token={token}")).await,
        200
    );
    assert_eq!(post("/json", Some("application/json"), json!({}).to_string()).await, 200);
    // Nor can a form that pretends to be something else.
    assert_eq!(post("/json", Some("text/plain"), json!({}).to_string()).await, 403);
}

#[tokio::test]
async fn pages_may_be_exempt_by_name_and_without_a_session_there_is_nothing_to_forge() {
    let hook = Router::new().route("/hook", axum::routing::post(|| async { "called" }));
    let open = Router::new().route("/open", axum::routing::post(|| async { "sent" }));
    let pages = Pages::new(pages().merge(open)).without_csrf_check(hook);
    let portal = Portal::with().pages(pages).set("APPLICATION_ROOT", "/portal").start().await;
    let cross_site = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    let (mira, _) = signed_in(&portal, MIRA).await;
    let answer = mira.send(Method::POST, &portal.url("/hook"), &cross_site, Some(&[])).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "called"));
    assert_eq!(mira.send(Method::POST, &portal.url("/open"), &cross_site, Some(&[])).await.status, 403);
    let nobody = Browser::new();
    assert_eq!(nobody.send(Method::POST, &portal.url("/open"), &OWN, Some(&[])).await.status, 200);
    assert_eq!(nobody.submit(&portal.url("/change"), &[]).await.status, 401);
}
