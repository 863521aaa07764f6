//! A policy that needs more of a login. Row I7, with what proxies pass on.

use super::{Gate, Proxy};
use crate::{
    gate::{GROUP, POLICIES, app::Shown},
    harness::{MIRA, parameter},
};

pub async fn mfa(proxy: &Proxy) {
    let policies = format!("{POLICIES}[policies.staff]\nmfa = true\n[policies.members]\ngroups = ['{GROUP}']\n");
    let gate = Gate::start_with(proxy, |portal| portal.set("TRUSTED_PROXIES", "127.0.0.1").file(&policies)).await;
    let mira = gate.somebody(MIRA).await;
    let fetch = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")];
    let answer = mira.get_with(&gate.url("/app/api"), &fetch).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (403, None));
    let form = mira.submit(&gate.url("/app/save"), &[("text", "half written")]).await;
    assert_eq!((form.status.as_u16(), form.header("location"), form.header("x-app")), (403, None, None));
    // What the visitor says about the page wanted counts for nothing.
    let evil = [("x-original-url", "http://evil.example/"), ("x-original-method", "POST")];
    let deep = "/app/a%20b/?q=1&r=%26%23";
    let login = mira.get_with(&gate.url(deep), &evil).await.location();
    assert!(login.as_str().starts_with(&gate.url("/login?ask=")), "{login}");
    let authorize = mira.get(login.as_str()).await.location();
    assert_eq!(parameter(&authorize, "session_required_mfa").as_deref(), Some("True"));
    let back = gate.portal().decide(&mira, &authorize, MIRA, "allow").await;
    let shown = Shown::by("app", &mira.follow(back.as_str()).await);
    assert_eq!((shown.request(), shown.account("username")), (&*format!("GET {deep}"), Some(MIRA)));
}
