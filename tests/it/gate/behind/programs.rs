//! Programs: one passes by its token, or is told why not.

use reqwest::Method;

use super::{Gate, Proxy};
use crate::{
    gate::{GROUP, POLICIES, app::Shown},
    harness::{Browser, JONAS, MIRA, OtherApp, PORTAL_SCOPE},
};

/// None is led to a login, and no app sees a token.
pub async fn tokens(proxy: &Proxy) {
    let policies = format!(
        "{POLICIES}[policies.staff]\ndomains = ['northfield.example']\nprogram_scope = '{PORTAL_SCOPE}'\n\
         [policies.members]\ngroups = ['{GROUP}']\n"
    );
    let gate = Gate::start_with(proxy, |portal| portal.set("TRUSTED_PROXIES", "127.0.0.1").file(&policies)).await;
    let app = OtherApp::register(&gate.portal().globus).await;
    let token = app.token_of(MIRA, PORTAL_SCOPE).await;
    let ask = async |method: Method, token: &str| {
        let headers = [("authorization", &*format!("bearer {token}"))];
        Browser::new().send(method, &gate.url("/app/api?x=1"), &headers, None).await
    };
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let page = ask(method.clone(), &token).await;
        assert!(!page.body.contains(&token), "{}", page.body);
        let shown = Shown::by("app", &page);
        assert_eq!((shown.request(), shown.account("username")), (&*format!("{method} /app/api?x=1"), Some(MIRA)));
        let refused = ask(method, "invented").await;
        assert_eq!((refused.status.as_u16(), refused.header("location")), (401, None), "{}", refused.body);
        let challenges: Vec<_> = refused.headers.get_all("www-authenticate").iter().collect();
        let expected = format!("Bearer realm=\"{}\", error=\"invalid_token\"", gate.portal().app.settings.server_name);
        assert_eq!(challenges, [&*expected]);
    }
    let jonas = app.token_of(JONAS, PORTAL_SCOPE).await;
    let denied = ask(Method::GET, &jonas).await;
    assert_eq!((denied.status.as_u16(), denied.header("location")), (403, None));
    assert!(denied.header("x-app").is_none() && !denied.body.contains("X-Auth-Request"), "{}", denied.body);
}
