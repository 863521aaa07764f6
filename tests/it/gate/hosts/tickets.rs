//! What a ticket of a hand-over is good for: one session, one host, one browser, once, and for a minute.

use globus_portal::clock::Clock;
use reqwest::Method;
use tempfile::TempDir;
use time::Duration;

use super::{Hosts, MIRA, OTHER, PORTAL, SISTER, THIRD, is_at_globus, walk};
use crate::harness::{Browser, JONAS, Process, free_port, parameter, portal_at, start_sandbox};

#[tokio::test]
async fn a_ticket_works_once_and_only_for_a_visit() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    let ticket = hosts.ticket(&browser, OTHER, "/x?y=1").await;
    let head = browser.send(Method::HEAD, ticket.as_str(), &[], None).await;
    assert_eq!(head.status, 405);
    for (name, value) in [("sec-purpose", "prefetch"), ("purpose", "prefetch"), ("sec-purpose", "prefetch;prerender")] {
        let answer = browser.get_with(ticket.as_str(), &[(name, value)]).await;
        assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (403, 0), "{name}: {value}");
    }
    let answer = browser.get(ticket.as_str()).await;
    assert_eq!(answer.location().as_str(), hosts.url(OTHER, "/x?y=1"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(hosts.passes(&browser, OTHER).await);

    // The back button leads to the page. It gives nobody a cookie.
    browser.forget_cookie(OTHER, "gate");
    let again = browser.get(ticket.as_str()).await;
    assert_eq!(again.location().as_str(), hosts.url(OTHER, "/x?y=1"));
    assert!(browser.cookie(OTHER, "gate").is_none());
    assert!(!hosts.passes(&browser, OTHER).await);
}

#[tokio::test]
async fn a_prefetch_begins_no_hand_over() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    let start = hosts.url(OTHER, "/oauth2/start?rd=/x");
    let ahead = [("sec-purpose", "prefetch")];
    let answer = browser.get_with(&start, &ahead).await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (403, 0), "{}", answer.body);
    let to = browser.get(&start).await.location();
    assert_eq!(browser.get_with(to.as_str(), &ahead).await.status, 403);
    // A frame, an image or a script gets no ticket either.
    let image = [("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors")];
    assert_eq!(browser.get_with(to.as_str(), &image).await.status, 401);
    assert!(parameter(&browser.get(to.as_str()).await.location(), "ticket").is_some());
}

/// Login CSRF: an attacker's ticket in the browser of somebody else. And theft: somebody's ticket in the attacker's browser.
#[tokio::test]
async fn a_ticket_of_another_browser_lets_nobody_in_and_is_spent() {
    let hosts = Hosts::start().await;
    for has_binding in [false, true] {
        let (owner, other) = (hosts.signed_in().await, Browser::new());
        if has_binding {
            browser_begins(&hosts, &other).await;
        }
        let ticket = hosts.ticket(&owner, OTHER, "/x").await;
        let answer = other.get(ticket.as_str()).await;
        let failed = answer.location();
        assert_eq!((failed.host_str(), failed.path()), (Some(PORTAL), "/oauth2/hand-over"));
        let page = other.get(failed.as_str()).await;
        assert!(page.status == 400 && page.body.contains("/login?next=http"), "{}", page.body);
        assert!(!hosts.passes(&other, OTHER).await && other.cookie(OTHER, "gate").is_none());
        // It is worth nothing any more, whoever has seen it.
        owner.get(ticket.as_str()).await;
        assert!(!hosts.passes(&owner, OTHER).await);
    }
}

async fn browser_begins(hosts: &Hosts, browser: &Browser) {
    browser.get(&hosts.url(OTHER, "/oauth2/start?rd=/x")).await;
    assert!(browser.cookie(OTHER, "hand-over").is_some());
}

/// An attacker's link to the portal with a request of the attacker's own browser.
#[tokio::test]
async fn a_request_of_another_browser_hands_nothing_over() {
    let hosts = Hosts::start().await;
    let (attacker, victim) = (Browser::new(), hosts.signed_in().await);
    browser_begins(&hosts, &victim).await;
    let request = attacker.get(&hosts.url(OTHER, "/oauth2/start?rd=/x")).await.location();
    let ticket = victim.get(request.as_str()).await.location();
    assert!(parameter(&ticket, "ticket").is_some());
    let failed = victim.get(ticket.as_str()).await.location();
    assert_eq!(failed.host_str(), Some(PORTAL));
    attacker.get(ticket.as_str()).await;
    assert!(!hosts.passes(&victim, OTHER).await && !hosts.passes(&attacker, OTHER).await);
}

#[tokio::test]
async fn a_ticket_and_a_cookie_of_one_host_are_worth_nothing_on_another() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    browser.get(&hosts.url(THIRD, "/oauth2/start?rd=/x")).await;
    let ticket = hosts.ticket(&browser, OTHER, "/x").await;
    let query = ticket.query().unwrap();
    for host in [THIRD, SISTER, PORTAL] {
        // The binding too, so that nothing but the host is wrong.
        browser.set_cookie(host, "hand-over", &browser.cookie(OTHER, "hand-over").unwrap());
        browser.get(&hosts.url(host, &format!("/oauth2/hand-over?{query}"))).await;
        assert!(browser.cookie(host, "gate").is_none(), "{host}");
    }
    assert!(!hosts.passes(&browser, THIRD).await);
    browser.get(ticket.as_str()).await;
    assert!(hosts.passes(&browser, OTHER).await, "no other host spends it");

    // An app that its proxy sends the cookie to can do nothing with it at the portal, or on another host.
    let thief = Browser::new();
    let stolen = browser.cookie(OTHER, "gate").unwrap();
    for host in [PORTAL, SISTER, THIRD] {
        for name in ["gate", "session"] {
            thief.set_cookie(host, name, &stolen);
        }
        assert!(!hosts.passes(&thief, host).await, "{host}");
        assert_eq!(thief.get_with(&hosts.url(host, "/oauth2/userinfo"), &[("accept", "*/*")]).await.status, 401);
    }
    assert_eq!(thief.get(&hosts.url(PORTAL, "/profile")).await.status, 303);
    // Nor is the session's own cookie taken where the gate's is.
    let session = hosts.session(&browser).unwrap();
    let planted = Browser::new();
    for name in ["session", "gate"] {
        planted.set_cookie(OTHER, name, &session);
    }
    assert!(!hosts.passes(&planted, OTHER).await);
}

#[tokio::test]
async fn a_ticket_is_good_for_a_minute_and_a_request_for_as_long_as_a_login() {
    let clock = Clock::manual(Clock::system().now());
    let hosts = Hosts::with(|portal| portal.clock(&clock)).await;
    let browser = hosts.signed_in().await;
    for (seconds, works) in [(59, true), (60, false)] {
        let ticket = hosts.ticket(&browser, OTHER, "/x").await;
        clock.advance(Duration::seconds(seconds));
        let answer = browser.get(ticket.as_str()).await;
        assert_eq!(answer.location().as_str(), hosts.url(OTHER, "/x"));
        assert_eq!(hosts.passes(&browser, OTHER).await, works, "after {seconds} seconds");
        browser.forget_cookie(OTHER, "gate");
    }
    let request = browser.get(&hosts.url(OTHER, "/oauth2/start?rd=/x")).await.location();
    clock.advance(Duration::minutes(30));
    assert_eq!(browser.get(request.as_str()).await.status, 400);
}

#[tokio::test]
async fn what_the_portal_did_not_seal_is_refused() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    let to = browser.get(&hosts.url(OTHER, "/oauth2/start?rd=/x")).await.location();
    let request = parameter(&to, "to").unwrap();
    let ticket = parameter(&hosts.ticket(&browser, OTHER, "/x").await, "ticket").unwrap();
    for bad in ["", "x", &ticket, &request[1..], &format!("{request}A"), &request.replace('A', "B")] {
        let answer = browser.get(&hosts.url(PORTAL, &format!("/oauth2/hand-over?to={bad}"))).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    for bad in ["", "x", &request, &ticket[1..], &format!("{ticket}A")] {
        let answer = browser.get(&hosts.url(OTHER, &format!("/oauth2/hand-over?ticket={bad}"))).await;
        let page = browser.get(answer.location().as_str()).await;
        assert!(page.status == 400 && page.body.contains("Please sign in again"), "{}", page.body);
    }
    // The page about a failure names no host but those of the settings.
    let page = browser.get(&hosts.url(PORTAL, "/oauth2/hand-over?failed=cookie&at=evil.example")).await;
    assert!(page.status == 400 && !page.body.contains("evil"), "{}", page.body);
}

#[tokio::test]
async fn a_browser_without_cookies_is_told_so_after_one_round() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    let ticket = hosts.ticket(&browser, OTHER, "/x").await;
    browser.forget_cookie(OTHER, "hand-over");
    let walk = hosts.walk(&browser, ticket.as_str(), MIRA).await;
    let page = walk.answer.unwrap();
    assert!(page.status == 400 && page.body.contains("Allow cookies for data.other.localhost"), "{}", page.body);
    assert_eq!(walk.seen.len(), 2);
}

#[tokio::test]
async fn a_host_that_loses_the_cookie_each_time_is_not_asked_forever() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    for _ in 0..3 {
        let walk = hosts.log_in(&browser, &hosts.url(OTHER, "/x"), MIRA).await;
        assert_eq!(walk.end(), hosts.url(OTHER, "/x"));
        browser.forget_cookie(OTHER, "gate");
    }
    let page = hosts.log_in(&browser, &hosts.url(OTHER, "/x"), MIRA).await.answer.unwrap();
    assert!(page.status == 400 && page.body.contains("Sign-in keeps repeating"), "{}", page.body);
    // Whoever tries again may.
    let walk = hosts.log_in(&browser, &hosts.url(OTHER, "/x"), MIRA).await;
    assert_eq!(walk.end(), hosts.url(OTHER, "/x"));

    // The same on a sister host, whose proxy does not pass the cookie on: each round is a login.
    let browser = Browser::new();
    let mut rounds = 0;
    let page = loop {
        let walk = hosts.log_in(&browser, &hosts.url(SISTER, "/x"), MIRA).await;
        match walk.answer {
            Some(page) => break page,
            None => rounds += 1,
        }
        assert!(rounds < 5, "in circles");
    };
    assert!(page.status == 400 && page.body.contains("Sign-in keeps repeating"), "{}", page.body);
    assert_eq!(rounds, 3);
}

/// The gate sends somebody with a session to the login only if it cannot let that session in.
#[tokio::test]
async fn who_has_a_session_on_the_host_is_logged_in_again() {
    let hosts = Hosts::start().await;
    let browser = Browser::new();
    hosts.log_in(&browser, &hosts.url(OTHER, "/x"), MIRA).await;
    let before = hosts.session(&browser).unwrap();
    let walk = hosts.log_in(&browser, &hosts.url(OTHER, "/y"), MIRA).await;
    assert!(is_at_globus(&walk), "{:#?}", walk.seen);
    assert_eq!(walk.end(), hosts.url(OTHER, "/y"));
    assert_ne!(hosts.session(&browser).unwrap(), before);
    assert!(hosts.passes(&browser, OTHER).await);
    // A new session at the portal is handed over without a login, also one of somebody else.
    browser.forget_cookie("127.0.0.1", "sandbox");
    let mira = browser.cookie(OTHER, "gate").unwrap();
    let jonas = Browser::new();
    hosts.walk(&jonas, &hosts.url(PORTAL, "/login"), JONAS).await;
    jonas.set_cookie(OTHER, "gate", &mira);
    let walk = hosts.log_in(&jonas, &hosts.url(OTHER, "/z"), JONAS).await;
    assert!(!is_at_globus(&walk), "{:#?}", walk.seen);
    let user = jonas.get(&hosts.url(OTHER, "/oauth2/userinfo")).await;
    assert!(user.body.contains(JONAS), "{}", user.body);
}

#[tokio::test]
async fn several_tabs_of_one_browser_are_handed_over_side_by_side() {
    let hosts = Hosts::start().await;
    let browser = hosts.signed_in().await;
    let mut tickets = Vec::new();
    for path in ["/a", "/b", "/c"] {
        tickets.push((path, hosts.ticket(&browser, OTHER, path).await));
    }
    for (path, ticket) in tickets.into_iter().rev() {
        let answer = browser.get(ticket.as_str()).await;
        assert_eq!(answer.location().as_str(), hosts.url(OTHER, path));
        assert!(answer.set_cookies().iter().any(|cookie| cookie.starts_with("gate=")), "{path}");
    }
}

#[tokio::test]
async fn a_page_with_a_long_address_is_led_back_to() {
    let hosts = Hosts::start().await;
    let long = format!("/x?q={}", "%2F".repeat(330));
    let walk = hosts.log_in(&Browser::new(), &hosts.url(OTHER, &long), MIRA).await;
    assert!(is_at_globus(&walk));
    assert_eq!(walk.end(), hosts.url(OTHER, &long));
}

/// A ticket is in an address, and addresses get into logs.
#[tokio::test(flavor = "multi_thread")]
async fn neither_the_log_nor_the_metrics_hold_what_opens_a_session() {
    let folder = TempDir::new().unwrap();
    let globus = start_sandbox().await;
    let (mut command, base) = portal_at(folder.path(), &globus);
    let port = base.rsplit(':').next().unwrap();
    let metrics = free_port();
    command
        .env("RUST_LOG", "globus_portal=trace")
        .env("GLOBUS_PORTAL_SERVER_NAME", format!("{PORTAL}:{port}"))
        .env("GLOBUS_PORTAL_ALLOWED_RETURN_HOSTS", format!("{OTHER}:{port}"))
        .env("GLOBUS_PORTAL_METRICS_LISTEN", format!("127.0.0.1:{metrics}"));
    let mut process = Process::start(&mut command, &folder.path().join("log"));
    process.says("Visit").await;
    let browser = Browser::new();
    let start = format!("http://{OTHER}:{port}/oauth2/start?rd=/x");
    let visit = walk(&globus, &browser, &start, MIRA).await;
    assert_eq!(visit.end(), format!("http://{OTHER}:{port}/x"));
    browser.get(&format!("http://{OTHER}:{port}/oauth2/hand-over?ticket=a-wrong-ticket")).await;
    process.says("hand-over failed").await;
    let counted = Browser::new().get(&format!("http://127.0.0.1:{metrics}/metrics")).await.body;
    assert!(counted.contains("/oauth2/hand-over"), "{counted}");
    let log = process.printed();
    // Row K2: who, and in which request.
    for (event, sub) in [("handed a session over", "f8907a41-b87f-4770-b2b4-cabdd1f151d5"), ("hand-over failed", "-")] {
        let mut lines = log.lines().filter(|line| line.contains(event));
        let line = lines.next().unwrap_or_else(|| panic!("no {event}: {log}"));
        assert!(
            line.contains(&format!("\"sub\":\"{sub}\"")) && line.contains("request_id") && line.contains("peer"),
            "{line}"
        );
        assert!(lines.next().is_none(), "{event} twice: {log}");
    }
    let of_addresses = visit.seen.iter().flat_map(|url| ["to", "ticket", "state"].map(|name| parameter(url, name)));
    let secrets: Vec<String> =
        of_addresses.flatten().chain(browser.cookie_values()).chain(["a-wrong-ticket".to_owned()]).collect();
    assert!(secrets.len() > 6, "{secrets:?}");
    for secret in secrets.iter().filter(|secret| secret.len() > 8) {
        assert!(!log.contains(secret.as_str()) && !counted.contains(secret.as_str()), "{secret}");
    }
}
