//! The configurations with their TLS, and so with the names of cookies that they have. Rows E1 and H15.

use super::{Gate, Proxy};
use crate::{
    gate::app::Shown,
    harness::{JONAS, MIRA},
};

pub async fn walk(proxy: &Proxy) {
    let gate = Gate::start_with_tls(proxy).await;
    let mira = gate.browser();
    let deep = "/app/a%20b/?q=1&r=%26%23";
    let shown = Shown::by("app", &gate.log_in(&mira, deep, MIRA).await);
    assert_eq!((shown.request(), shown.account("username")), (&*format!("GET {deep}"), Some(MIRA)));
    assert_eq!(shown.header("x-forwarded-proto"), Some("https"));
    let session = mira.cookie("localhost", "__Host-session").unwrap();
    mira.set_cookie("localhost", "of-the-app", "1");
    let shown = Shown::by("app", &mira.get(&gate.url("/app/")).await);
    let cookie = shown.header("cookie").unwrap();
    assert!(cookie.contains("of-the-app=1"), "{cookie}");
    assert_eq!(cookie.contains(&session), !proxy.hides_session, "{cookie}");

    let jonas = gate.browser();
    assert_eq!(gate.log_in(&jonas, "/app/", JONAS).await.status, 403);
    let csrf = gate.portal().csrf_of(&session);
    assert_eq!(mira.submit(&gate.url("/logout"), &[("csrf_token", &csrf)]).await.status, 303);
    mira.set_cookie("localhost", "__Host-session", &session);
    let answer = mira.get(&gate.url("/app/")).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-app")), (302, None), "{}", answer.body);
}
