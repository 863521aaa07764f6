//! Policies for pages of one's own: judged as at the gate.

use axum::{
    Router,
    routing::{get, post},
};
use globus_portal::{
    error::AppError,
    routes::{Pages, logged_in::LoggedIn},
    state::AppState,
};
use serde_json::json;

use crate::harness::{Answer, Browser, MIRA, Portal, parameter};

const POLICIES: &str = "\
[policies.vault]\ntitle = 'the vault'\ncontact = 'vault@example.org'\nmfa = true\n\
[policies.northfield]\ndomains = ['northfield.example']\n\
[policies.both]\nmfa = true\nidentity_providers = ['2c09ce28-938c-4ecd-b523-34b4acfdccfb']\n";

fn pages() -> Pages {
    let by_name = |name: &'static str| {
        move |user: LoggedIn| async move {
            user.meet_policy(name).await?;
            Ok::<_, AppError>(format!("{} is in", user.user().display_name()))
        }
    };
    let open = Router::<AppState>::new()
        .route("/vault", get(by_name("vault")).post(by_name("vault")))
        .route("/both", get(by_name("both")))
        .route("/nowhere", get(by_name("nowhere")))
        .route("/northfield", get(by_name("northfield")));
    let vault = Router::new()
        .route("/rooms/one", get(|| async { "room one" }))
        .route("/rooms/two", post(|| async { "room two" }));
    let nowhere = Router::new().route("/lost", get(|| async { "lost" }));
    Pages::new(open).require_policy("vault", vault).require_policy("nowhere", nowhere)
}

async fn portal() -> Portal {
    Portal::with().file(POLICIES).set("APPLICATION_ROOT", "/portal").pages(pages()).start().await
}

async fn signed_in(portal: &Portal) -> Browser {
    let browser = Browser::new();
    portal.log_in(&browser, MIRA).await;
    browser
}

#[track_caller]
fn assert_denied(page: &Answer, told: &str) {
    assert_eq!((page.status.as_u16(), page.header("location")), (403, None), "{}", page.body);
    assert!(page.body.contains("You may not open") && page.body.contains(told), "{}", page.body);
}

#[tokio::test]
async fn a_page_that_asks_for_a_policy_lets_in_whom_the_policy_does() {
    let portal = portal().await;
    for path in ["/vault", "/rooms/one"] {
        let stranger = Browser::new().get(&portal.url(path)).await;
        let next = format!("/portal/login?next=%2Fportal{}", path.replace('/', "%2F"));
        assert_eq!((stranger.status.as_u16(), stranger.header("location")), (303, Some(&*next)));
        assert_eq!(Browser::new().get_with(&portal.url(path), &[("sec-fetch-mode", "cors")]).await.status, 401);
    }
    let mira = signed_in(&portal).await;
    assert_eq!(mira.get(&portal.url("/northfield")).await.body, "Mira Solano is in");
    for path in ["/nowhere", "/lost"] {
        assert_denied(&mira.get(&portal.url(path)).await, "It lets nobody in");
    }
    let both = mira.get(&portal.url("/both")).await;
    assert_denied(&both, "some institutions");
    assert!(both.body.contains("multi-factor") && !both.body.contains("?ask="), "{}", both.body);
}

#[tokio::test]
async fn what_globus_can_give_is_one_step_up_and_back_to_the_page() {
    let portal = portal().await;
    for (path, body) in [("/vault?a=1&b=%26", "Mira Solano is in"), ("/rooms/one?a=1", "room one")] {
        let mira = signed_in(&portal).await;
        let fetch = mira.get_with(&portal.url(path), &[("sec-fetch-mode", "cors")]).await;
        assert_eq!((fetch.status.as_u16(), fetch.header("location")), (403, None));
        let login = mira.get(&portal.url(path)).await.location();
        assert!(login.as_str().starts_with(&portal.url("/login?ask=")), "{login}");
        let authorize = mira.get(login.as_str()).await.location();
        assert_eq!(parameter(&authorize, "session_required_mfa").as_deref(), Some("True"));
        // Who edits that out of the address bar comes back to a page.
        let without = crate::gate::edited(&authorize);
        let back = portal.decide(&Browser::new(), &without, MIRA, "allow").await;
        let denied = mira.follow(back.as_str()).await;
        assert_denied(&denied, "vault@example.org");
        assert!(denied.body.contains("the vault") && denied.body.contains("multi-factor"), "{}", denied.body);
        let label = "\">Sign in with multi-factor authentication</a>";
        let again = denied.body.split_once(label).unwrap().0.rsplit_once("href=\"").unwrap().1;
        let authorize = mira.get(denied.url.join(again).unwrap().as_str()).await.location();
        let back = portal.decide(&mira, &authorize, MIRA, "allow").await;
        let page = mira.follow(back.as_str()).await;
        assert_eq!((page.status.as_u16(), &*page.body), (200, body));
        assert_eq!(page.url.as_str(), portal.url(path));
    }
}

#[tokio::test]
async fn a_form_is_denied_with_the_page_and_what_is_not_known_is_503() {
    let portal = portal().await;
    let mira = signed_in(&portal).await;
    let csrf = portal.csrf(&mira);
    for path in ["/vault", "/rooms/two"] {
        assert_denied(&mira.submit(&portal.url(path), &[("csrf_token", &csrf)]).await, "multi-factor");
        let forged = mira.submit(&portal.url(path), &[]).await;
        assert!(forged.status == 403 && !forged.body.contains("multi-factor"), "{}", forged.body);
    }
    let faults = format!("{}/sandbox/faults", portal.globus);
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let fault = json!({"fault": "status", "status": 500, "path": "/v2/oauth2/token/introspect"});
    let other = signed_in(&portal).await;
    assert!(client.post(&faults).json(&fault).send().await.unwrap().status().is_success());
    for path in ["/vault", "/rooms/one"] {
        let page = other.get(&portal.url(path)).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (503, None), "{}", page.body);
        assert!(page.headers.contains_key("retry-after") && page.body.contains("still signed in"), "{}", page.body);
    }
    client.delete(&faults).send().await.unwrap();
    assert!(other.get(&portal.url("/rooms/one")).await.status.is_redirection());
}
