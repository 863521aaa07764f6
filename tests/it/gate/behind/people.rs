//! Who comes in: from a deep link and back to it, to which app, and until when.

use globus_portal::{
    clock::Clock,
    globus::{authorizer::AccessTokenAuthorizer, groups::GroupsClient, scopes},
};
use serde_json::json;
use time::Duration;

use super::{Gate, Proxy};
use crate::{
    gate::{GROUP, IDENTITY, app::Shown},
    harness::{AMARA, Browser, JONAS, MIRA, steps::key_of},
};

const MIRA_ID: &str = "f8907a41-b87f-4770-b2b4-cabdd1f151d5";
const JONAS_ID: &str = "87c4309c-3bb8-4ada-8ad9-d8657eed2d2f";

pub async fn deep_links(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    for (typed, asked) in [
        ("/app/a%20b/?q=1&r=%26%23&s=%C3%BC&rd=/x", "/app/a%20b/?q=1&r=%26%23&s=%C3%BC&rd=/x"),
        // As a person types it.
        ("/app/prüfung/?größe=数据#unten", "/app/pr%C3%BCfung/?gr%C3%B6%C3%9Fe=%E6%95%B0%E6%8D%AE"),
        ("/app/?a=100%25&b=%2523&c=%25&next=//evil.example/", "/app/?a=100%25&b=%2523&c=%25&next=//evil.example/"),
        ("/app/?rd=http://evil.example/&rd=%2F%2Fevil.example", "/app/?rd=http://evil.example/&rd=%2F%2Fevil.example"),
        ("/app/a%23b?x=%3F", "/app/a%23b?x=%3F"),
        (
            "/app/git/https%3A%2F%2Fgit.example%2Frepo/main?x=%2F",
            "/app/git/https%3A%2F%2Fgit.example%2Frepo/main?x=%2F",
        ),
    ] {
        let page = gate.log_in(&Browser::new(), typed, MIRA).await;
        assert_eq!(Shown::by("app", &page).request(), format!("GET {asked}"));
    }
    // Who does not consent is told so, is not led in circles, and is still nobody.
    let nobody = Browser::new();
    let mut next = nobody.get(&gate.url("/app/x?y=1")).await.location();
    while !next.as_str().starts_with(&gate.portal().globus) {
        next = nobody.get(next.as_str()).await.location();
    }
    let back = gate.portal().decide(&nobody, &next, MIRA, "deny").await;
    let page = nobody.follow(back.as_str()).await;
    assert!(page.status == 403 && page.body.contains("You are not signed in"), "{} {}", page.status, page.body);
    assert_eq!(nobody.get(&gate.url("/app/x?y=1")).await.status, 302);
    // Back to where nobody but a server that reads it wrongly would go: to the front page instead.
    let odd = gate.raw("GET", "/app/x/..%2f..%2f..%2flogout", None, "");
    assert!(!odd.contains("next=%2Fapp") && !odd.contains("X-App"), "{odd}");
}

pub async fn two_apps(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    let (mira, jonas, amara) = (Browser::new(), Browser::new(), Browser::new());
    // Each in a browser of their own, each an account of their own, at first sight.
    let shown = Shown::by("lab", &gate.log_in(&mira, "/lab/", MIRA).await);
    assert_eq!((shown.account("id"), shown.account("username")), (Some(MIRA_ID), Some(MIRA)));
    assert_eq!((shown.account("email"), shown.visits()), (Some(MIRA), (1, 1)));
    // Row H2.
    assert!(IDENTITY.iter().filter(|name| shown.header(name).is_some()).count() >= 4, "{}", shown.text());
    assert!(shown.account("groups").unwrap().split(',').any(|group| group == GROUP), "{shown:?}");
    let shown = Shown::by("lab", &gate.log_in(&jonas, "/lab/?x=1", JONAS).await);
    assert_eq!((shown.account("id"), shown.account("username")), (Some(JONAS_ID), Some(JONAS)));
    assert_eq!(shown.visits(), (2, 1));
    let shown = Shown::by("lab", &mira.get(&gate.url("/lab/")).await);
    assert_eq!((shown.account("id"), shown.visits()), (Some(MIRA_ID), (1, 2)));
    let shown = Shown::by("app", &mira.get(&gate.url("/app/")).await);
    assert_eq!((shown.account("id"), shown.account("groups"), shown.visits()), (Some(MIRA_ID), None, (1, 1)));

    // Row H4: signed in, and not allowed. Row I2: a membership that was removed is none.
    let denied = jonas.get(&gate.url("/app/")).await;
    assert!(denied.status == 403 && denied.body.contains("You may not open <bdi>the app</bdi>"), "{}", denied.body);
    assert!(denied.body.contains(JONAS) && denied.header("x-app").is_none(), "{}", denied.body);
    let denied = gate.log_in(&amara, "/lab/", AMARA).await;
    assert!(denied.status == 403 && denied.body.contains("You may not open <bdi>the lab</bdi>"), "{}", denied.body);
    let fetch = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
    let answer = jonas.get_with(&gate.url("/app/api"), &fetch).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (403, None));
    let form = jonas.submit(&gate.url("/app/save"), &[("text", "half written")]).await;
    assert_eq!((form.status.as_u16(), form.header("x-app")), (403, None));
    assert_eq!(crate::gate::app::web_socket(gate.port, Some(&gate.session(&jonas))), "403");

    assert_eq!(
        (gate.app.people(), gate.lab.people()),
        (vec![MIRA_ID.to_owned()], vec![JONAS_ID.to_owned(), MIRA_ID.to_owned()])
    );
    if proxy.has_files {
        let file = amara.get(&gate.url("/files/data.txt")).await;
        assert_eq!((&*file.body, file.header("cache-control")), ("a file\n", Some("no-store")));
        assert_eq!(Browser::new().get(&gate.url("/files/data.txt")).await.status, 302);
    }
}

/// Row H17 too: nobody can tell whether a session has ended or never was.
pub async fn logout(proxy: &Proxy) {
    let gate = Gate::start(proxy).await;
    let (mira, unknown) = (gate.somebody(MIRA).await, Browser::new());
    Shown::by("app", &mira.get(&gate.url("/app/")).await);
    let session = gate.session(&mira);
    gate.log_out(&mira).await;
    mira.set_cookie("localhost", "session", &session);
    unknown.set_cookie("localhost", "session", "AAAAAAAAAAAAAAAAAAAAAA");
    let fetch = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
    for headers in [&[][..], &fetch] {
        let reference = Browser::new().get_with(&gate.url("/app/?x=1"), headers).await;
        assert_eq!(reference.status, if headers.is_empty() { 302 } else { 401 });
        for browser in [&mira, &unknown] {
            let answer = browser.get_with(&gate.url("/app/?x=1"), headers).await;
            assert_eq!((answer.status, &answer.body), (reference.status, &reference.body));
            assert_eq!(answer.header("location"), reference.header("location"));
            assert!(answer.set_cookies().is_empty(), "{:?}", answer.headers);
        }
    }
    assert_eq!(crate::gate::app::web_socket(gate.port, Some(&session)), "401");
    // Two sessions in one request: nobody knows whose it is.
    let mira = gate.somebody(MIRA).await;
    let two = format!("Cookie: session={}; session=AAAAAAAAAAAAAAAAAAAAAA\r\n", gate.session(&mira));
    assert!(gate.raw("GET", "/app/", None, &two).starts_with("HTTP/1.1 302"), "{two}");
}

/// Rows I2 and I3.
pub async fn group_removal(proxy: &Proxy) {
    let clock = Clock::manual(Clock::system().now());
    let scopes = format!("openid profile email {} {}", scopes::transfer::ALL, scopes::groups::ALL);
    let gate = Gate::start_with(proxy, |portal| {
        portal
            .set("TRUSTED_PROXIES", "127.0.0.1")
            .set("GROUPS_MAX_AGE_SECONDS", "60")
            .set("SCOPES", &scopes)
            .clock(&clock)
    })
    .await;
    let mira = gate.somebody(MIRA).await;
    Shown::by("lab", &mira.get(&gate.url("/lab/")).await);

    let app = &gate.portal().app;
    let token = app.tokens.fresh(key_of(gate.portal(), &mira), scopes::groups::RESOURCE_SERVER).await.unwrap();
    let base = app.settings.environment.groups.clone();
    let groups = GroupsClient::new(base, app.http.clone(), AccessTokenAuthorizer::new(token));
    let leave = json!({"leave": [{"identity_id": MIRA_ID}]});
    groups.post(&format!("v2/groups/{GROUP}"), &[], &leave).await.unwrap();
    clock.advance(Duration::seconds(59));
    assert_eq!(mira.get(&gate.url("/lab/")).await.status, 200, "the list still counts");
    clock.advance(Duration::seconds(2));
    let denied = mira.get(&gate.url("/lab/")).await;
    assert!(denied.status == 403 && denied.header("x-app").is_none(), "{} {}", denied.status, denied.body);
    assert_eq!(mira.get(&gate.url("/app/")).await.status, 200, "another policy, the same session");
}
