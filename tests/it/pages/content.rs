//! Every page, rendered from sample data: what it must say, and what it must never contain.

use askama::Template;
use globus_portal::pages::*;
use globus_portal::zone::Zone;
use time::OffsetDateTime;
use time::macros::datetime;

/// A hostile collection name: markup, both kinds of quotes, and a mark that changes the direction of text.
const HOSTILE: &str = "<script>alert(1)</script>\"' onload=x \u{202e}txt.exe";
const ESCAPED: &str = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39; onload=x \u{202e}txt.exe";
const NOON: OffsetDateTime = datetime!(2026-11-21 14:05:09 UTC);

fn site(root: &str) -> Site {
    Site { app_name: "Tidal Data Portal".into(), root: root.into(), sandbox: None, zone: Zone::UTC, data: Vec::new() }
}

fn user(text: &str) -> UserView {
    UserView {
        name: text.into(),
        username: text.into(),
        organization: Some(text.into()),
        email: Some(text.into()),
        can_transfer: true,
        csrf: "a-token".into(),
    }
}

fn ada() -> UserView {
    UserView {
        name: "Ada Lovelace".into(),
        username: "ada@example.edu".into(),
        organization: Some("University of Example".into()),
        email: Some("ada@example.edu".into()),
        can_transfer: true,
        csrf: "a-token".into(),
    }
}

fn endpoint(text: &str) -> EndpointView {
    EndpointView {
        id: text.into(),
        name: text.into(),
        owner: text.into(),
        kind: text.into(),
        href: None,
        description: Some(text.into()),
        organization: Some(text.into()),
    }
}

fn identity(text: &str) -> IdentityView {
    IdentityView {
        username: text.into(),
        name: Some(text.into()),
        email: Some(text.into()),
        organization: Some(text.into()),
        provider: Some(text.into()),
        id: text.into(),
        primary: true,
        use_it: None,
        last_authentication: Some(NOON),
    }
}

fn token(scope: &str) -> TokenView {
    TokenView {
        resource_server: "transfer.api.globus.org".into(),
        title: "Globus Transfer".into(),
        scopes: vec![scope.into()],
        expires: NOON,
        expired: false,
        renewable: false,
    }
}

fn profile<'a>(site: &'a Site, user: &'a UserView, tokens: Vec<TokenView>) -> ProfilePage<'a> {
    ProfilePage {
        site,
        user,
        identities: vec![identity(&user.username)],
        identities_left_out: 0,
        manage_identities: "https://auth.example/v2/web/identities",
        consents: "https://auth.example/v2/web/consents",
        session: SessionView { began: NOON, ends: NOON + time::Duration::days(31), idle_minutes: 480 },
        tokens,
    }
}

fn endpoints<'a>(site: &'a Site, user: &'a UserView, endpoints: Vec<EndpointView>) -> EndpointsPage<'a> {
    EndpointsPage { site, user, endpoints, first: 1, previous: None, next: None }
}

fn sessions<'a>(site: &'a Site, user: &'a UserView, text: &str) -> SessionsPage<'a> {
    let session = |current: bool| BrowserSessionView {
        handle: "0123456789abcdef".into(),
        current,
        browser: text.into(),
        address: (!current).then(|| text.into()),
        began: NOON,
        last_seen: NOON,
        ends: NOON + time::Duration::days(31),
    };
    SessionsPage {
        site,
        user,
        sessions: vec![session(true), session(false)],
        first: 26,
        total: 60,
        previous: Some(format!("{}/sessions?page=1", site.root)),
        next: Some(format!("{}/sessions?page=3", site.root)),
        ended: Some(2),
    }
}

fn error<'a>(site: &'a Site, status: u16, message: &'a str) -> ErrorPage<'a> {
    ErrorPage {
        site,
        user: None,
        status,
        title: "Globus did not answer",
        message,
        is_ours: status >= 500,
        action: None,
        again: None,
        request_id: "5f0c-42",
    }
}

fn html(page: impl Template) -> String {
    page.render().unwrap()
}

/// Every page of a portal mounted at `root`, each with everything it can show; all external text is `text`.
fn every_page(root: &str, text: &str) -> Vec<(&'static str, String)> {
    let site = &Site { sandbox: Some("http://127.0.0.1:5001/".into()), ..site(root) };
    let user = &user(text);
    let mut hostile_token = token(text);
    hostile_token.resource_server = text.into();
    hostile_token.title = text.into();
    let expired = TokenView { expired: true, ..token(text) };
    let paged = EndpointsPage {
        previous: Some(format!("{root}/endpoints?page=1")),
        next: Some(format!("{root}/endpoints?page=3")),
        first: 26,
        ..endpoints(site, user, vec![endpoint(text), endpoint(&text.repeat(20))])
    };
    let beyond = EndpointsPage { first: 51, ..endpoints(site, user, vec![]) };
    let again = ErrorPage {
        action: Some(Action { label: "Try again".into(), href: format!("{root}/login") }),
        ..error(site, 403, text)
    };
    vec![
        ("index", html(IndexPage { site, user })),
        ("profile", html(profile(site, user, vec![hostile_token, expired]))),
        ("bare profile", html(profile(site, user, vec![]))),
        ("endpoints", html(paged)),
        ("no endpoints", html(endpoints(site, user, vec![]))),
        ("endpoints beyond the end", html(beyond)),
        ("sessions", html(sessions(site, user, text))),
        ("signed out", html(SignedOutPage { site, next: Some(&format!("{root}/x")), has_front_page: true })),
        ("front page", html(LandingPage { site })),
        ("confirm logout", html(ConfirmLogoutPage { site, action: &format!("{root}/logout") })),
        ("error", html(again)),
        ("error without a next step", html(error(site, 502, text))),
    ]
}

/// The values of an attribute, in order.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let key = format!(" {name}=\"");
    let values = page.split(&key).skip(1);
    values.map(|rest| rest.split('"').next().unwrap()).collect()
}

/// The contents of every element of a kind, tags and all.
fn elements<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let starts = page.split(&open).skip(1).filter(|rest| rest.starts_with([' ', '>']));
    starts.map(|rest| rest.split_once('>').unwrap().1.split(&close).next().unwrap()).collect()
}

#[test]
fn every_page_has_the_frame_of_a_good_page() {
    for (name, page) in every_page("", "Ada") {
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{name}");
        assert!(page.contains("<meta name=\"viewport\" content=\"width=device-width"), "{name}");
        let title = elements(&page, "title")[0];
        assert!(
            title.len() > " · Tidal Data Portal".len() && title.ends_with(" · Tidal Data Portal"),
            "{name}: {title}"
        );
        assert_eq!(elements(&page, "h1").len(), 1, "{name}");
        assert_eq!(elements(&page, "main").len(), 1, "{name}");
        assert!(page.contains("href=\"#main\"") && page.contains("id=\"main\""), "{name}");
        let mut ids = attributes(&page, "id");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), attributes(&page, "id").len(), "{name}: an id occurs twice");
        for section in attributes(&page, "aria-labelledby") {
            assert!(ids.contains(&section), "{name}: nothing is called {section}");
        }
    }
}

#[test]
fn every_page_offers_a_next_step_in_its_main_part() {
    for (name, page) in every_page("", "Ada") {
        let main = elements(&page, "main")[0];
        assert!(main.contains("<a ") || main.contains("<button"), "{name}");
    }
}

#[test]
fn every_control_says_what_it_does() {
    for (name, page) in every_page("", "Ada") {
        for button in elements(&page, "button") {
            assert!(!button.trim().is_empty(), "{name}");
        }
        for link in elements(&page, "a") {
            assert!(!link.trim().is_empty(), "{name}");
        }
        let shown = page.replace("<input type=\"hidden\"", "");
        for field in ["<input", "<select", "<textarea"] {
            assert!(!shown.contains(field), "{name}: {field} needs a label, and this test a look at it");
        }
        assert_eq!(page.matches("<img").count(), attributes(&page, "alt").len(), "{name}");
        assert_eq!(
            page.matches("<nav").count(),
            page.matches("<nav aria-label=").count() + page.matches("<nav class=\"paging\" aria-label=").count()
        );
    }
}

#[test]
fn no_page_needs_more_than_the_content_security_policy_allows() {
    for (name, page) in every_page("", HOSTILE) {
        for forbidden in ["<script", "<style", " style=", "javascript:", "<iframe", "<base"] {
            assert!(!page.to_lowercase().contains(forbidden), "{name}: {forbidden}");
        }
        for tag in page.split('<').map(|rest| rest.split('>').next().unwrap()) {
            let handler = tag.split('"').step_by(2).any(|outside| outside.contains(" on"));
            assert!(!handler, "{name}: {tag}");
        }
        for source in attributes(&page, "src") {
            assert!(source.starts_with("/static/"), "{name}: {source}");
        }
        for link in page.split("<link ").skip(1) {
            assert!(attributes(&format!(" {link}"), "href")[0].starts_with("/static/"), "{name}: {link}");
        }
    }
}

/// Row J7.
#[test]
fn text_from_outside_stays_text_and_keeps_its_direction_to_itself() {
    for (name, page) in every_page("", HOSTILE) {
        assert!(!page.contains("<script"), "{name}");
        for (at, _) in page.match_indices(ESCAPED) {
            let before = &page[..at].trim_end_matches(ESCAPED);
            let isolated = before.ends_with("<bdi>") || before.ends_with("dir=\"auto\">");
            assert!(isolated, "{name}: {}", &page[at.saturating_sub(60)..at + ESCAPED.len()]);
        }
    }
    let pages = every_page("", HOSTILE);
    let seen = pages.iter().filter(|(_, page)| page.contains(ESCAPED));
    assert_eq!(seen.count(), 9, "the pages that know their reader, and the errors");
}

#[test]
fn every_link_of_our_own_stays_below_the_root() {
    for root in ["", "/portal"] {
        for (name, page) in every_page(root, "Ada") {
            let own = format!("{root}/");
            for place in ["href", "src", "action"] {
                for value in attributes(&page, place) {
                    let elsewhere = value == "#main"
                        || value == "http://127.0.0.1:5001/"
                        || value.starts_with("https://auth.example/")
                        || value == "https://www.globus.org/globus-connect-personal";
                    assert!(elsewhere || value.starts_with(&own), "{name} below {root:?}: {value}");
                }
            }
            assert!(page.contains(&format!("href=\"{root}/static/{}\"", stylesheet_name())));
            assert!(page.contains(&format!("href=\"{root}/static/{}\"", favicon_name())));
        }
    }
}

#[test]
fn a_page_for_somebody_has_a_way_out_and_marks_where_they_are() {
    let (site, user) = (&site("/portal"), &ada());
    for (page, current) in [
        (html(IndexPage { site, user }), None),
        (html(profile(site, user, vec![])), Some("Profile")),
        (html(endpoints(site, user, vec![])), Some("Endpoints")),
    ] {
        let form = elements(&page, "form")[0];
        assert!(page.contains("<form method=\"post\" action=\"/portal/logout\">"));
        assert!(
            form.contains("name=\"csrf_token\" value=\"a-token\"") && form.contains(">Sign out</button>"),
            "{form}"
        );
        assert!(elements(&page, "header")[0].contains("<bdi>Ada Lovelace</bdi>"));
        let marked = page.split(" aria-current=\"page\">").nth(1);
        assert_eq!(marked.map(|rest| rest.split('<').next().unwrap()), current);
    }
}

#[test]
fn a_sandbox_says_so_on_every_page_and_a_real_portal_on_none() {
    for (name, page) in every_page("", "Ada") {
        assert!(
            page.contains(
                "<a href=\"http://127.0.0.1:5001/\">Sandbox: a stand-in for Globus. Nothing here is real.</a>"
            ),
            "{name}"
        );
    }
    assert!(!html(SignedOutPage { site: &site(""), next: None, has_front_page: false }).contains("andbox"));
}

#[test]
fn the_index_says_that_you_are_logged_in_and_as_whom() {
    let page = html(IndexPage { site: &site("/portal"), user: &ada() });
    assert_eq!(elements(&page, "h1"), ["You are successfully logged in!"]);
    for text in [
        "Ada Lovelace",
        "ada@example.edu",
        "University of Example",
        "href=\"/portal/endpoints\"",
        "href=\"/portal/profile\"",
    ] {
        assert!(elements(&page, "main")[0].contains(text), "{text}");
    }
}

/// No page promises what the session cannot do.
#[test]
fn without_a_token_for_transfer_no_page_leads_to_the_endpoints() {
    let site = &site("/portal");
    for can_transfer in [true, false] {
        let user = &UserView { can_transfer, ..ada() };
        let signed_in =
            [html(IndexPage { site, user }), html(profile(site, user, vec![])), html(sessions(site, user, "x"))];
        for page in &signed_in {
            assert_eq!(page.contains("/endpoints"), can_transfer, "{page}");
            assert!(page.contains("href=\"/portal/profile\""), "{page}");
        }
    }
    let site = &Site { sandbox: Some("http://127.0.0.1:5001/".into()), ..site.clone() };
    let signed_out = [
        html(SignedOutPage { site, next: None, has_front_page: false }),
        html(error(site, 401, "x")),
        html(error(site, 502, "x")),
    ];
    for page in signed_out {
        assert!(!page.contains("/endpoints") && !page.to_lowercase().contains("transfer"), "{page}");
    }
}

#[test]
fn the_sessions_page_says_what_was_ended_in_good_english() {
    let (site, user) = (&site(""), &ada());
    for (ended, words) in [
        (Some(0), Some("There was nothing to end: the session had already ended.")),
        (Some(1), Some("One session was ended. Its access to Globus is revoked.")),
        (Some(2), Some("2 sessions were ended. Their access to Globus is revoked.")),
        (None, None),
    ] {
        let page = html(SessionsPage { ended, ..sessions(site, user, "x") });
        let said = page.split("role=\"status\">").nth(1).map(|rest| rest.split('<').next().unwrap().trim());
        assert_eq!(said, words);
    }
    let page = html(sessions(site, user, "x"));
    assert!(page.contains("Showing 26–27 of 60"));
    assert!(page.contains("rel=\"prev\"") && page.contains("rel=\"next\""));
}

#[test]
fn the_profile_shows_times_for_people_and_for_machines() {
    let page = html(profile(&site(""), &ada(), vec![]));
    assert!(page.contains("<time datetime=\"2026-11-21T14:05:09Z\">21 Nov 2026, 14:05 UTC</time>"));
    assert!(page.contains("<time datetime=\"2026-12-22T14:05:09Z\">22 Dec 2026, 14:05 UTC</time>"));
    assert!(page.contains("after 8 hours without use"));
}

#[test]
fn a_time_from_elsewhere_is_shown_in_utc() {
    let (site, user) = (&site(""), &ada());
    let mut page = profile(site, user, vec![]);
    page.session.began = datetime!(2026-01-01 01:30 +2);
    assert!(html(page).contains("<time datetime=\"2025-12-31T23:30:00Z\">31 Dec 2025, 23:30 UTC</time>"));
}

#[test]
fn an_idle_time_is_told_in_hours_and_minutes() {
    let (site, user) = (&site(""), &ada());
    for (minutes, words) in
        [(1, "1 minute"), (30, "30 minutes"), (60, "1 hour"), (90, "1 hour 30 minutes"), (121, "2 hours 1 minute")]
    {
        let mut page = profile(site, user, vec![]);
        page.session.idle_minutes = minutes;
        assert!(html(page).contains(&format!("after {words} without use")), "{words}");
    }
}

#[test]
fn a_permission_says_what_it_is_for_and_how_long_it_lasts() {
    const TRANSFER: &str = "urn:globus:auth:scope:transfer.api.globus.org:all";
    let moment = "<time datetime=\"2026-11-21T14:05:09Z\">21 Nov 2026, 14:05 UTC</time>";
    let page_with = |expired, renewable| {
        html(profile(&site(""), &ada(), vec![TokenView { expired, renewable, ..token(TRANSFER) }]))
    };
    let fresh = page_with(false, false);
    assert!(fresh.contains("See your endpoints, and manage transfers for you"));
    assert!(fresh.contains(TRANSFER));
    assert!(fresh.contains(&format!("<dt>Valid until</dt><dd>{moment}</dd>")));
    assert!(page_with(false, true).contains(&format!("{moment}, then renewed automatically")));
    assert!(page_with(true, true).contains("renewed automatically when it is next needed"));
    assert!(page_with(true, false).contains("<a href=\"/login\">Sign in again</a> to renew it"));
}

#[test]
fn the_endpoints_are_a_table_with_a_heading_for_each_row() {
    let page = html(endpoints(
        &site(""),
        &ada(),
        vec![EndpointView {
            href: None,
            id: "d2f0c1de".into(),
            name: "Tide gauges".into(),
            owner: "ada@example.edu".into(),
            kind: "Guest collection".into(),
            description: None,
            organization: None,
        }],
    ));
    assert!(page.contains("scope=\"row\"><bdi>Tide gauges</bdi>"));
    assert!(page.contains("<bdi>Guest collection</bdi>") && page.contains("<bdi>ada@example.edu</bdi>"));
    assert!(page.contains("None given") && page.contains("Showing 1<"));
    assert!(!page.contains("rel=\"prev\"") && !page.contains("rel=\"next\""));
}

#[test]
fn the_endpoints_are_paged() {
    let (site, user) = (&site(""), &ada());
    let page = html(EndpointsPage {
        first: 26,
        previous: Some("/endpoints?offset=0".into()),
        next: Some("/endpoints?offset=50&x=1".into()),
        ..endpoints(site, user, vec![endpoint("Tides"); 25])
    });
    assert!(page.contains("Showing 26–50"));
    assert!(page.contains("rel=\"prev\" href=\"/endpoints?offset=0\">Previous<"));
    assert!(page.contains("rel=\"next\" href=\"/endpoints?offset=50&#38;x=1\">Next<"));
}

#[test]
fn a_long_description_is_folded_and_still_whole() {
    let long = "Łódź wave heights ".repeat(30);
    let page = html(endpoints(&site(""), &ada(), vec![endpoint(&long)]));
    let folded = elements(&page, "details")[0];
    assert!(folded.contains("</bdi>… <u>Show all</u>"));
    assert!(folded.contains(&format!("<bdi>{}</bdi>", long.trim())));
    let beginning = folded.split("<bdi>").nth(1).unwrap().split("</bdi>").next().unwrap();
    assert!((150..=240).contains(&beginning.chars().count()), "{beginning}");

    let one_word = html(endpoints(&site(""), &ada(), vec![endpoint(&"é".repeat(4096))]));
    assert!(one_word.contains(&format!("<bdi>{}</bdi>… ", "é".repeat(240))));
}

#[test]
fn somebody_without_endpoints_learns_how_to_get_one() {
    let page = html(endpoints(&site(""), &ada(), vec![]));
    assert!(page.contains("You have no endpoints yet") && !page.contains("<table"));
    assert!(page.contains("rel=\"noreferrer\" href=\"https://www.globus.org/globus-connect-personal\""));
}

#[test]
fn a_page_behind_the_end_of_the_list_leads_back_to_its_start() {
    let (site, user) = (&site("/portal"), &ada());
    let page = html(EndpointsPage { first: 101, ..endpoints(site, user, vec![]) });
    assert!(page.contains("href=\"/portal/endpoints\">Back to the first page<"));
    assert!(!page.contains("You have no endpoints yet"));
}

#[test]
fn the_pages_around_a_logout_lead_on() {
    let site = &site("/portal");
    let signed_out = html(SignedOutPage { site, next: Some("/app/"), has_front_page: true });
    assert!(signed_out.contains("href=\"/portal/login\">Sign in again<"));
    assert!(!signed_out.contains("<form"));

    let confirm = html(ConfirmLogoutPage { site, action: "/portal/logout" });
    assert!(confirm.contains("<form method=\"post\" action=\"/portal/logout\"><button>Sign out</button></form>"));
    assert!(confirm.contains("href=\"/portal/\">Stay signed in<"));
    assert_eq!(elements(&confirm, "button").len(), 1);
}

#[test]
fn an_error_says_what_happened_what_to_do_and_whom_it_is_on() {
    let site = &site("/portal");
    let theirs = html(ErrorPage {
        title: "This login has expired",
        action: Some(Action { label: "Try again".into(), href: "/portal/login".into() }),
        ..error(site, 400, "Please start once more.")
    });
    assert_eq!(elements(&theirs, "h1"), ["This login has expired"]);
    assert!(theirs.contains("Error 400") && theirs.contains("Please start once more."));
    assert!(theirs.contains("<a class=\"button\" href=\"/portal/login\">Try again</a>"));
    assert!(theirs.contains("If you ask for help, give this number: <code>5f0c-42</code>"));
    assert!(!theirs.contains("This is not your fault"));

    let ours = html(error(site, 502, "It may be a matter of minutes."));
    assert!(ours.contains("This is not your fault"));
    assert!(ours.contains("<a class=\"button\" href=\"/portal/\">Go to the start page</a>"));
}

#[test]
fn static_files_are_named_after_their_content() {
    for (name, start, end) in [(stylesheet_name(), "style.", ".css"), (favicon_name(), "favicon.", ".svg")] {
        let hash = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).unwrap();
        assert_eq!(hash.len(), 16, "{name}");
        assert!(hash.chars().all(|c| c.is_ascii_hexdigit()), "{name}");
    }
}

#[test]
fn the_static_files_are_small_and_fetch_nothing() {
    assert!(STYLESHEET.len() < 16_000, "{} bytes", STYLESHEET.len());
    for fetching in ["@import", "url(", "@font-face", "http"] {
        assert!(!STYLESHEET.contains(fetching), "{fetching}");
    }
    for active in ["<script", "<style", "style=", "href"] {
        assert!(!FAVICON.contains(active), "{active}");
    }
}

#[test]
fn text_stands_out_enough_from_its_ground_in_light_and_dark() {
    // WCAG 2.2, 1.4.3 (text, 4.5:1) and 1.4.11 (focus rings and the like, 3:1).
    let pairs = [
        ("ink", "paper", 4.5),
        ("ink", "card", 4.5),
        ("soft", "paper", 4.5),
        ("soft", "card", 4.5),
        ("accent", "paper", 4.5),
        ("accent", "card", 4.5),
        ("accent", "tint", 4.5),
        ("on-accent", "accent", 4.5),
        ("on-warm", "warm", 4.5),
        ("bad", "card", 4.5),
    ];
    let (light, dark) = STYLESHEET.split_once("@media (prefers-color-scheme: dark)").unwrap();
    for (scheme, colors) in [("light", light), ("dark", dark)] {
        for (text, ground, least) in pairs {
            let (a, b) = (luminance(colors, text), luminance(colors, ground));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= least, "{scheme}: {text} on {ground} has {contrast:.2}:1");
        }
    }
}

/// The relative luminance of the first color with a name, as WCAG 2.2 defines it.
fn luminance(css: &str, name: &str) -> f64 {
    let hex = css.split(&format!("--{name}: #")).nth(1).unwrap();
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}
