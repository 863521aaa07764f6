//! A person's sessions, seen and ended by the person and by the operator: row E10 of the security checklist.

use std::process::Command;

use globus_portal::settings::StoreKind;

use crate::harness::{
    Browser, Portal, Provider, globus_portal,
    place::on_every_store,
    provider::{CLIENT_ID, CLIENT_SECRET},
    steps::{assert_anonymous, assert_logged_in, log_in_at},
};

const KEY: &str = "a secret key of the tests, long enough to be one";

on_every_store! {
    a_person_sees_their_own_sessions_and_ends_one_or_all_others
}

/// Row E10.
async fn a_person_sees_their_own_sessions_and_ends_one_or_all_others() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browsers: Vec<Browser> = (0..3).map(|_| Browser::new()).collect();
    for browser in &browsers {
        log_in_at(&portal, &provider, browser, "person-1").await;
    }
    let stranger = Browser::new();
    log_in_at(&portal, &provider, &stranger, "person-2").await;

    let page = browsers[0].get(&portal.url("/sessions")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.body.matches("name=\"end\" value=").count(), 3, "two others, and all others: {}", page.body);
    assert!(page.body.contains("This browser") && page.body.contains("127.0.0.1"), "{}", page.body);
    let handle = page.body.split("name=\"end\" value=\"").nth(1).unwrap().split('"').next().unwrap();

    // Neither another site nor another person can use it.
    let (url, form) = (portal.url("/sessions"), [("end", handle)]);
    let cross_site = [("sec-fetch-site", "cross-site")];
    let forged = browsers[0].send(reqwest::Method::POST, &url, &cross_site, Some(&form)).await;
    assert_eq!(forged.status, 403);
    let foreign = stranger.submit(&portal.url("/sessions"), &[("end", handle)]).await;
    let said = stranger.get(foreign.location().as_str()).await;
    assert!(said.body.contains("Nothing was left to end"), "{}", said.body);
    for browser in &browsers {
        assert_logged_in(&portal, browser).await;
    }

    let ended = browsers[0].submit(&portal.url("/sessions"), &[("end", handle)]).await;
    assert_eq!((ended.status.as_u16(), ended.location().path()), (303, "/sessions"));
    assert!(browsers[0].get(ended.location().as_str()).await.body.contains("One session was ended."));
    let ended = browsers[0].submit(&portal.url("/sessions"), &[("end", "others")]).await;
    assert!(browsers[0].get(ended.location().as_str()).await.body.contains("One session was ended."));
    assert_logged_in(&portal, &browsers[0]).await;
    assert_logged_in(&portal, &stranger).await;
    for browser in &browsers[1..] {
        assert_anonymous(&portal, browser).await;
    }
}

/// A command of the operator, on the store of a portal that runs.
fn sessions(portal: &Portal, folder: &std::path::Path, words: &[&str]) -> (bool, String) {
    let StoreKind::Sqlite(path) = &portal.app.settings.session_store else { panic!("no SQLite") };
    let mut command: Command = globus_portal(folder, [&["sessions"], words].concat());
    command
        .env("GLOBUS_PORTAL_SECRET_KEY", KEY)
        .env("GLOBUS_PORTAL_SESSION_STORE", format!("sqlite:{}", path.display()))
        .env("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID)
        .env("GLOBUS_PORTAL_APP_CLIENT_SECRET", CLIENT_SECRET);
    for service in ["AUTH", "TRANSFER", "GROUPS"] {
        command.env(format!("GLOBUS_SDK_SERVICE_URL_{service}"), format!("{}/", portal.globus));
    }
    let ended = command.output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8(said).unwrap())
}

/// Row E10.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_sessions_and_ends_those_of_one_person_in_a_portal_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start().await;
    let store = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let portal = Portal::with().provider(&provider).set("SESSION_STORE", &store).set("SECRET_KEY", KEY).start().await;
    let (one, two) = (Browser::new(), Browser::new());
    log_in_at(&portal, &provider, &one, "person-1").await;
    log_in_at(&portal, &provider, &two, "person-2").await;
    // Known in the portal from here on, without a query.
    assert_logged_in(&portal, &one).await;
    assert_logged_in(&portal, &two).await;

    let (well, all) = sessions(&portal, folder.path(), &["list", "--all"]);
    assert!(well && all.lines().count() == 2, "{all}");
    assert!(all.contains("person-1@example.org\tperson-1\t") && all.contains("\t127.0.0.1\t"), "{all}");
    for secret in one.cookie_values() {
        assert!(!all.contains(&secret), "{all}");
    }
    let (well, none) = sessions(&portal, folder.path(), &["list"]);
    assert!(!well && none.contains("--user"), "{none}");

    let (well, said) = sessions(&portal, folder.path(), &["end", "--user", "person-1@example.org"]);
    assert!(well && said.contains("ended 1 session"), "{said}");
    // In effect as soon as the command is done.
    assert_anonymous(&portal, &one).await;
    assert_logged_in(&portal, &two).await;
    assert_eq!(provider.revoke_calls().len(), 1);
    let (_, left) = sessions(&portal, folder.path(), &["list", "--all"]);
    assert_eq!(left.lines().count(), 1, "{left}");
}
