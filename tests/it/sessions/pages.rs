//! A person's sessions, seen and ended by the person and by the operator: row E10 of the security checklist.

use std::process::Command;

use axum::{Router, routing::get};
use globus_portal::{clock::Clock, routes::logged_in::LoggedIn, settings::StoreKind};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::harness::{
    Browser, Portal, Provider, globus_portal, parameter,
    place::on_every_store,
    provider::{CLIENT_ID, CLIENT_SECRET},
    steps::{assert_ended_elsewhere, assert_logged_in, key_of, log_in_at},
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
    let foreign =
        stranger.submit(&portal.url("/sessions"), &[("end", handle), ("csrf_token", &portal.csrf(&stranger))]).await;
    let said = stranger.get(foreign.location().as_str()).await;
    assert!(said.body.contains("There was nothing to end"), "{}", said.body);
    for browser in &browsers {
        assert_logged_in(&portal, browser).await;
    }

    let ended = browsers[0]
        .submit(&portal.url("/sessions"), &[("end", handle), ("csrf_token", &portal.csrf(&browsers[0]))])
        .await;
    assert_eq!((ended.status.as_u16(), ended.location().path()), (303, "/sessions"));
    assert!(browsers[0].get(ended.location().as_str()).await.body.contains("One session was ended."));
    let ended = browsers[0]
        .submit(&portal.url("/sessions"), &[("end", "others"), ("csrf_token", &portal.csrf(&browsers[0]))])
        .await;
    assert!(browsers[0].get(ended.location().as_str()).await.body.contains("One session was ended."));
    assert_logged_in(&portal, &browsers[0]).await;
    assert_logged_in(&portal, &stranger).await;
    for browser in &browsers[1..] {
        assert_ended_elsewhere(&portal, browser).await;
    }
}

/// A person with many sessions sees them page by page.
#[tokio::test]
async fn many_sessions_are_shown_page_by_page() {
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).start().await;
    let browsers: Vec<Browser> = (0..30).map(|_| Browser::new()).collect();
    for browser in &browsers {
        log_in_at(&portal, &provider, browser, "person-1").await;
    }
    let me = &browsers[7];
    let cards = |page: &str| page.matches("<article").count();
    let first = me.get(&portal.url("/sessions")).await;
    assert!(first.body.contains("Showing 1–25 of 30") && cards(&first.body) == 25, "{}", first.body);
    let top = first.body.split("</article>").next().unwrap();
    assert!(top.contains("This browser"), "one's own comes first: {top}");
    assert!(first.body.contains("rel=\"next\" href=\"/sessions?page=2\"") && !first.body.contains("rel=\"prev\""));
    let second = me.get(&portal.url("/sessions?page=2")).await;
    assert!(second.body.contains("Showing 26–30 of 30") && cards(&second.body) == 5, "{}", second.body);
    assert!(second.body.contains("rel=\"prev\" href=\"/sessions?page=1\"") && !second.body.contains("rel=\"next\""));
    // A page past the end, because sessions have ended since, is the last one.
    for page in ["3", "99999999999"] {
        assert!(me.get(&portal.url(&format!("/sessions?page={page}"))).await.body.contains("Showing 26–30 of 30"));
    }
    for page in ["x", "-1", "", "1e3"] {
        assert_eq!(me.get(&portal.url(&format!("/sessions?page={page}"))).await.status, 404, "{page}");
    }
    // All others can be ended from any of them.
    assert!(second.body.contains("End all other sessions"));
    let ended = me.submit(&portal.url("/sessions"), &[("end", "others"), ("csrf_token", &portal.csrf(me))]).await;
    let page = me.get(ended.location().as_str()).await;
    assert!(page.body.contains("29 sessions were ended.") && cards(&page.body) == 1, "{}", page.body);
    assert!(!page.body.contains("class=\"paging\"") && !page.body.contains("End all other sessions"));
}

/// A URL's message about ended sessions is shown only if we created it, for this session, and recently.
#[tokio::test]
async fn nobody_makes_up_what_the_page_says_about_ended_sessions() {
    let provider = Provider::start().await;
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let portal = Portal::with().provider(&provider).clock(&clock).start().await;
    let (here, there) = (Browser::new(), Browser::new());
    for browser in [&here, &there] {
        log_in_at(&portal, &provider, browser, "person-1").await;
    }
    let told = here
        .submit(&portal.url("/sessions"), &[("end", "others"), ("csrf_token", &portal.csrf(&here))])
        .await
        .location();
    assert!(here.get(told.as_str()).await.body.contains("One session was ended."));

    let ours = parameter(&told, "ended").unwrap();
    let (_, proof) = ours.rsplit_once('.').unwrap();
    let forged = [
        "4294967295".to_owned(),
        "1".to_owned(),
        "1&ended=2".to_owned(),
        String::new(),
        format!("1.1800000000.{}", "A".repeat(22)),
        format!("2.1800000000.{proof}"),
        format!("1.1800000001.{proof}"),
        format!("1.1800000000.{}", &proof[1..]),
        format!("1.99999999999999999999.{proof}"),
        "%ff%fe".to_owned(),
        "x".repeat(5000),
    ];
    log_in_at(&portal, &provider, &there, "person-1").await;
    for note in forged {
        let page = here.get(&portal.url(&format!("/sessions?ended={note}"))).await;
        assert_eq!(page.status, 200, "{note}");
        assert!(!page.body.contains("ended.") && !page.body.contains("role=\"status\""), "{note}: {}", page.body);
    }
    // Another session's message, and an old one.
    let foreign = there.get(&portal.url(&format!("/sessions?ended={ours}"))).await;
    assert!(!foreign.body.contains("role=\"status\""), "{}", foreign.body);
    clock.advance(Duration::minutes(2));
    assert!(!here.get(told.as_str()).await.body.contains("role=\"status\""));
}

/// A session whose use another portal recorded with a fast clock is not shown as used in the future.
#[tokio::test]
async fn a_last_use_is_never_in_the_future() {
    let provider = Provider::start().await;
    let clock = Clock::manual(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let portal = Portal::with().provider(&provider).clock(&clock).start().await;
    let (here, there) = (Browser::new(), Browser::new());
    for browser in [&here, &there] {
        log_in_at(&portal, &provider, browser, "person-1").await;
    }
    let year_9999 = OffsetDateTime::from_unix_timestamp(253_402_300_799).unwrap();
    portal.store.touch_session(key_of(&portal, &there), year_9999).await.unwrap();
    let page = here.get(&portal.url("/sessions")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(
        !page.body.contains("9999") && page.body.contains("Last used</dt><dd><time datetime=\"2027-01-15T08:00:00Z\"")
    );
}

/// An operator's command, on the store of a running portal.
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
    let clock = Clock::manual(Clock::system().now());
    let with = Portal::with().provider(&provider).clock(&clock).set("SESSION_STORE", &store).set("SECRET_KEY", KEY);
    let portal = with.start().await;
    let (one, two) = (Browser::new(), Browser::new());
    log_in_at(&portal, &provider, &one, "person-1").await;
    log_in_at(&portal, &provider, &two, "person-2").await;
    // Cached in the portal from here on.
    assert_logged_in(&portal, &one).await;
    assert_logged_in(&portal, &two).await;

    let (well, all) = sessions(&portal, folder.path(), &["list", "--all"]);
    let lines: Vec<_> = all.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert!(well && lines.len() == 3 && lines[0][..2] == ["SESSION", "USERNAME"], "{all}");
    assert_eq!(lines[1..].iter().filter(|line| line[1..3] == ["person-1@example.org", "person-1"]).count(), 1, "{all}");
    assert!(lines[1..].iter().all(|line| line.contains(&"127.0.0.1")), "{all}");
    let starts: Vec<_> = all.lines().map(|line| line.find("127.0.0.1").or(line.find("ADDRESS"))).collect();
    assert!(starts.iter().all(|start| *start == starts[0]), "the columns stand below each other: {all}");
    for secret in one.cookie_values() {
        assert!(!all.contains(&secret), "{all}");
    }
    let (well, none) = sessions(&portal, folder.path(), &["list"]);
    assert!(!well && none.contains("--user"), "{none}");
    let (well, json) = sessions(&portal, folder.path(), &["list", "--user", "person-2", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let listed = &json.as_array().unwrap()[0];
    assert!(well && listed["sub"] == "person-2" && listed["username"] == "person-2@example.org", "{json}");
    let began = OffsetDateTime::parse(listed["began"].as_str().unwrap(), &Rfc3339).unwrap();
    assert_eq!(began, clock.now().replace_nanosecond(0).unwrap());
    assert!(lines[1..].iter().any(|line| line[0] == listed["session"]), "{json} {all}");

    let (well, said) = sessions(&portal, folder.path(), &["end", "--user", "person-1@example.org"]);
    assert!(well && said.contains("ended 1 session"), "{said}");
    // It takes effect as soon as the command is done.
    assert_ended_elsewhere(&portal, &one).await;
    assert_eq!(parameter(&portal.begin_login(&one, "").await, "prompt").as_deref(), Some("login"));
    assert_logged_in(&portal, &two).await;
    assert_eq!(provider.revoke_calls().len(), 1);
    let (_, left) = sessions(&portal, folder.path(), &["list", "--all"]);
    assert_eq!(left.lines().count(), 2, "{left}");

    // Nobody is a mistake; so is a session that is over.
    for words in [["end", "--user", "person-1"], ["end", "--session", lines[1][0]], ["list", "--user", "nobody"]] {
        if words[2] == listed["session"] {
            continue;
        }
        let (well, said) = sessions(&portal, folder.path(), &words);
        assert!(!well && said.contains("has no session in ") && said.contains("sessions.db"), "{words:?}: {said}");
    }
    let (well, said) = sessions(&portal, folder.path(), &["end", "--session", listed["session"].as_str().unwrap()]);
    assert!(well && said.contains("ended 1 session in ") && said.contains("sessions.db"), "{said}");
    assert_ended_elsewhere(&portal, &two).await;
}

/// A wrong folder must not make an empty store, and say that it ended nothing there.
#[test]
fn sessions_of_a_store_that_does_not_exist_are_an_error_and_no_store_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for words in [["sessions", "end", "--all"], ["sessions", "list", "--all"]] {
        let mut command = globus_portal(folder.path(), words);
        command.envs([("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID), ("GLOBUS_PORTAL_APP_CLIENT_SECRET", CLIENT_SECRET)]);
        let ended = command.output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(1) && said.contains("there is no session store "), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

/// Row E10.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_cannot_end_one_session_has_ended_the_others_with_their_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start().await;
    let store = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let portal = Portal::with().provider(&provider).set("SESSION_STORE", &store).set("SECRET_KEY", KEY).start().await;
    let (stays, ends) = (Browser::new(), Browser::new());
    log_in_at(&portal, &provider, &stays, "person-1").await;
    log_in_at(&portal, &provider, &ends, "person-1").await;
    let key: String = key_of(&portal, &stays).0.iter().map(|byte| format!("{byte:02X}")).collect();
    let trigger = format!(
        "CREATE TRIGGER stuck BEFORE DELETE ON sessions WHEN hex(old.key) = '{key}' BEGIN SELECT RAISE(ABORT, 'stuck'); END"
    );
    let mut connection = SqliteConnection::connect(&store).await.unwrap();
    sqlx::query(AssertSqlSafe(trigger)).execute(&mut connection).await.unwrap();

    let (well, said) = sessions(&portal, folder.path(), &["end", "--user", "person-1@example.org"]);
    assert!(!well && said.contains("ended 1 session in "), "{said}");
    assert_eq!(provider.revoke_calls().len(), 1, "before the command was over");
    assert_logged_in(&portal, &stays).await;
    assert_ended_elsewhere(&portal, &ends).await;
}

/// What a page logs about its visitor.
#[tokio::test]
async fn a_visitor_for_debugging_shows_no_other_person() {
    async fn page(user: LoggedIn) -> String {
        format!("{user:?}")
    }
    let provider = Provider::start().await;
    let portal = Portal::with().provider(&provider).pages(Router::new().route("/page", get(page))).start().await;
    let (one, two) = (Browser::new(), Browser::new());
    log_in_at(&portal, &provider, &one, "person-1").await;
    log_in_at(&portal, &provider, &two, "person-2").await;
    assert_logged_in(&portal, &two).await;
    let shown = one.get(&portal.url("/page")).await.body;
    assert!(shown.contains("person-1") && !shown.contains("person-2"), "{shown}");
}
