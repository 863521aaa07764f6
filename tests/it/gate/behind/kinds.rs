//! Pages, forms, fetches, WebSockets and the rest. Rows A7, H1 and H14.

use reqwest::Method;

use super::{Gate, Proxy};
use crate::{
    gate::app::{Shown, web_socket},
    harness::{Browser, MIRA},
};

pub async fn kinds(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    let (mira, nobody) = (gate.somebody(MIRA).await, Browser::new());
    let text = [("text", "half written")];
    let form = Shown::by("app", &mira.submit(&gate.url("/app/save?x=1"), &text).await);
    assert_eq!((form.request(), form.body()), ("POST /app/save?x=1", "text=half+written"));
    assert_eq!(form.account("username"), Some(MIRA));
    let unsent = nobody.submit(&gate.url("/app/save"), &text).await;
    assert_eq!((unsent.status.as_u16(), unsent.header("location")), (401, None));
    assert!(
        unsent.body.contains("Your form was not sent") && unsent.body.contains("target=\"_blank\""),
        "{}",
        unsent.body
    );

    // What cannot log in is not led to a login.
    for headers in [
        &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")][..],
        &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), ("accept", "image/*")],
        &[("sec-fetch-dest", "iframe")],
        &[("x-requested-with", "XMLHttpRequest")],
        &[("accept", "application/json")],
    ] {
        Shown::by("app", &mira.get_with(&gate.url("/app/api"), headers).await);
        let answer = nobody.get_with(&gate.url("/app/api"), headers).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (401, None), "{headers:?}: {}", answer.body);
        assert!(answer.set_cookies().is_empty());
    }
    // Android's web views send their app's name, and some clients offer h2c.
    for headers in
        [&[("x-requested-with", "org.example.browser")][..], &[("connection", "Upgrade"), ("upgrade", "h2c")]]
    {
        assert_eq!(nobody.get_with(&gate.url("/app/"), headers).await.status, 302, "{headers:?}");
    }
    for method in ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = nobody.send(method.clone(), &gate.url("/app/x"), &[("accept", "*/*")], None).await;
        assert!(matches!(answer.status.as_u16(), 401 | 405), "{method}: {} {}", answer.status, answer.body);
        assert!(
            answer.header("x-app").is_none() && answer.header("location").is_none(),
            "{method}: {:?}",
            answer.headers
        );
        let is_form = ["PUT", "DELETE", "PATCH"].contains(&method.as_str());
        assert!(is_form || !answer.body.contains("Your form"), "{method}: {}", answer.body);
        let answer = mira.send(method.clone(), &gate.url("/app/x"), &[("accept", "*/*")], None).await;
        if method != Method::TRACE {
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-app")),
                (200, Some("app")),
                "{method}: {}",
                answer.body
            );
        }
    }
    let session = gate.session(&mira);
    assert_eq!(web_socket(gate.port, Some(&session)), format!("101 {MIRA}: hello"));
    assert_eq!(web_socket(gate.port, None), "401");
}
