//! Where a login may lead: rows G1 to G5 of the security checklist.

use axum::{Json, Router, response::IntoResponse as _, routing::get};
use globus_portal::{
    routes::logged_in::LoggedIn,
    session::{
        login_attempt::{BrowserBinding, LoginAttempts},
        return_path::ReturnPath,
    },
};
use url::{Url, form_urlencoded};

use crate::harness::{
    Browser, Portal, Provider, parameter,
    steps::{assert_logged_in, let_in, raw, raw_header},
};

/// A portal, and a browser that goes through one login after another.
struct Visit {
    provider: Provider,
    portal: Portal,
    browser: Browser,
}

impl Visit {
    async fn start(root: &str) -> Self {
        let provider = Provider::start().await;
        let portal = Portal::with().provider(&provider).set("APPLICATION_ROOT", root).start().await;
        Self { provider, portal, browser: Browser::new() }
    }

    /// Finishes a started login; returns the `Location` that it leads to.
    async fn finish(&self, authorize: &Url) -> String {
        let response = let_in(&self.portal, &self.provider, authorize, "person-1");
        self.provider.on_token(move |_| Json(response.clone()).into_response());
        let answer = self.browser.get(&self.portal.callback(authorize, "a-code")).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.header("location").unwrap().to_owned()
    }

    /// Where a login with this `next` leads.
    async fn lands(&self, next: &str) -> String {
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let authorize = self.portal.begin_login(&self.browser, &format!("?next={next}")).await;
        self.finish(&authorize).await
    }
}

/// Everything that a careless check might let through, combined from parts.
fn hostile() -> Vec<String> {
    let slashes = [
        "//",
        "///",
        "////",
        "/\\",
        "\\/",
        "\\\\",
        "\\",
        "/\\/",
        "//\\",
        "/\\\\",
        "/\t/",
        "/\n/",
        "/\r/",
        "/\r\n/",
        "/\0/",
        "/\u{b}/",
        "/\u{7f}/",
        "/\u{85}/",
        "/\u{2028}/",
        "/\u{ff0f}",
        "/%09/",
        "/%0a/",
        "/%0d%0a/",
        "/%00/",
        "/%7f/",
        "/%2f",
        "/%2F/",
        "/a%2F",
        "/a%2f%2f",
        "/..%2f",
        "/app/..%2f",
        "/app/..%2F..%2f",
        "/app/%2e%2e%2f",
        "/app/.%2f",
        "/app/x%2F..%2F",
        "/app/%5c%2f",
        "/app/%252F",
        "/app/%2F//",
        "/%5c",
        "/%5C/",
        "/%5c%5c",
        "%2f%2f",
        "%5c%5c",
        "/%2f%2f",
        "/%252f",
        "/%255c",
        "/%2e%2e/",
        "/%2e/",
        "/.%2e//",
        "/./",
        "/../",
        "/.//",
        "/..//",
        "/../..//",
        "/a/..//",
        "/a/../..//",
        "/;//",
        " //",
        "\t//",
        "\0//",
        "\u{a0}//",
        "\u{feff}//",
        "//%20",
        "// ",
        "/ /",
        "/#/../",
        "./",
        "../",
        ".//",
        "..//",
        "?//",
        "#//",
        ";//",
        "@",
        ":",
        ".",
        "~",
        "",
    ];
    let hosts = ["evil.example", "evil.example/%2f..", "user@evil.example:443/login?next=/", "[::1]/", "3627734734"];
    let schemes = [
        "http",
        "https",
        "HTTPS",
        "javascript",
        "JaVaScRiPt",
        "data",
        "vbscript",
        "file",
        "ftp",
        "blob",
        "view-source",
        "java\tscript",
        "java%0ascript",
        "\u{1}javascript",
        " https",
        "https%3a",
    ];
    let separators = [":", "://", ":/", ":///", ":\\\\", ":/\\", "%3a//", ":\t//", ":%2f%2f", "&colon;//"];
    let singles = [
        "/profile ",
        "/profile\t",
        "/profile\n",
        "/profile\r\nSet-Cookie: session=x",
        "/profile\0",
        " /profile",
        "\t/profile",
        "/profile%0d%0aSet-Cookie:%20session=x",
        "/profile%00",
        "/profil%C3%A9%ff",
        "/%ff",
        "/%c0%af",
        "/%zz/%",
        "/é",
        "/\u{202e}elif",
        "/profile#fragment",
        "/profile?a=\\",
        "/profile?a=b c",
        "/profile?\r\nx: y",
        "/<script>",
        "/\"a\"",
        "/{a}",
        "/a%2e%2e/b",
        "/a/%2e",
        "/a/..",
        "/a/.",
        "/..",
        "/.",
        "null",
        "undefined",
        "*",
        "\u{1F600}",
    ];
    let by_slashes = slashes.iter().flat_map(|slash| hosts.iter().map(move |host| format!("{slash}{host}")));
    let by_schemes = schemes.iter().flat_map(|scheme| {
        separators.iter().map(move |separator| format!("{scheme}{separator}evil.example//alert(1)"))
    });
    let long = [format!("/{}", "a".repeat(3000)), format!("/{}", "a".repeat(1024)), "/".repeat(3000)];
    by_slashes.chain(by_schemes).chain(singles.map(ToOwned::to_owned)).chain(long).collect()
}

/// Row G1.
#[tokio::test]
async fn hostile_addresses_lead_to_the_front_page_and_never_fail_the_login() {
    let visit = Visit::start("/").await;
    let hostile = hostile();
    assert!(hostile.len() >= 500, "{}", hostile.len());
    for next in &hostile {
        assert_eq!(visit.lands(next).await, "/", "{next:?}");
    }
    assert_logged_in(&visit.portal, &visit.browser).await;
}

/// Row G1.
#[test]
fn hostile_addresses_are_no_return_paths_whatever_the_root() {
    for next in hostile() {
        assert_eq!(ReturnPath::parse(&next, ""), None, "{next:?}");
        assert_eq!(ReturnPath::parse(&next, "/portal"), None, "{next:?}");
    }
}

/// Rows G1 and G4.
#[tokio::test]
async fn a_query_that_cannot_be_read_does_not_fail_the_login() {
    let visit = Visit::start("/").await;
    let long = format!("next=/{}", "%61".repeat(3000));
    for query in [
        "next",
        "next=",
        "next=%",
        "next=%zz",
        "next=%ff%fe",
        "next=/%ff",
        "next=%C0%AF%C0%AFevil.example",
        "next=%2F%2Fevil.example",
        "next=/%09/evil.example",
        "next=//evil.example&next=/profile",
        "next=/profile&next=//evil.example",
        "next=/profile&next=/profile",
        "next[]=/profile",
        "next=%252Fprofile",
        "next=+/profile",
        "&&&=&next&",
        "%00=%00",
        long.as_str(),
    ] {
        let cookie = visit.browser.cookie("localhost", "login").unwrap_or_default();
        let request = format!(
            "GET /login?{query} HTTP/1.1\r\nHost: localhost\r\nCookie: login={cookie}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(&visit.portal, &request).await;
        assert!(answer.starts_with("HTTP/1.1 303 "), "{query}: {answer}");
        if let Some(fresh) = raw_header(&answer, "set-cookie") {
            let value = fresh.split(['=', ';']).nth(1).unwrap();
            visit.browser.set_cookie("localhost", "login", value);
        }
        let authorize = Url::parse(raw_header(&answer, "location").unwrap()).unwrap();
        assert_eq!(visit.finish(&authorize).await, "/", "{query}");
    }
}

/// Row G2: there is no list of allowed hosts, so a name that resembles one is refused like any other.
#[test]
fn no_other_host_is_a_place_to_return_to_in_any_spelling() {
    let hosts = [
        "badexample.org",
        "example.org.evil",
        "example.org@evil",
        "evil#.example.org",
        "example.org:81",
        "ex\u{3002}org",
    ];
    for host in hosts {
        for spelling in [host.to_owned(), format!("//{host}"), format!("http://{host}/"), format!("https://{host}/a")] {
            assert_eq!(ReturnPath::parse(&spelling, ""), None, "{spelling}");
            assert_eq!(ReturnPath::parse(&spelling, "/portal"), None, "{spelling}");
        }
    }
}

/// Row G3.
#[tokio::test]
async fn a_login_never_leads_to_a_login_or_a_logout() {
    let visit = Visit::start("/").await;
    for next in [
        "/login",
        "/login/",
        "/login?next=/profile",
        "/login?code=a&state=b",
        "/logout",
        "/logout/",
        "/logout?a=b",
        "/oauth2",
        "/oauth2/start",
        "/oauth2/callback?code=a",
        "/oauth2/sign_out",
        "/%6cogin",
        "/log%6Fut",
        "/%6C%6F%67%6F%75%74",
        "/oauth%32/sign_out",
        "/signed-out",
    ] {
        assert_eq!(visit.lands(next).await, "/", "{next}");
    }
    let below = Visit::start("/portal").await;
    for next in [
        "/portal/login",
        "/portal/logout?a=b",
        "/portal/oauth2/x",
        "/portal/log%6fut",
        "/p%6frtal/logout",
        "/portal/logout%2Fx",
        "/portal/%2Flogout",
        "/portal%2Flogout",
    ] {
        assert_eq!(below.lands(next).await, "/portal/", "{next}");
    }
}

/// Row G5.
#[tokio::test]
async fn a_return_address_is_judged_again_when_it_is_used() {
    let visit = Visit::start("/portal").await;
    let app = &visit.portal.app;
    // Sealed while the portal was mounted elsewhere, where this address was a page like any other.
    let next = ReturnPath::parse("/portal/logout", "").unwrap();
    let browser = BrowserBinding::random();
    let secrets = LoginAttempts::new(String::new()).begin(&app.vault.keys, &browser, &next, app.clock.now()).unwrap();
    visit.browser.set_cookie("localhost", &app.settings.cookie_names.login, browser.expose_secret());
    let mut authorize = Url::parse("http://localhost/").unwrap();
    authorize.query_pairs_mut().append_pair("state", &secrets.state).append_pair("nonce", &secrets.nonce);
    assert_eq!(visit.finish(&authorize).await, "/portal/");
}

/// Row G1.
#[tokio::test]
async fn pages_of_this_site_are_reached_with_their_query() {
    let visit = Visit::start("/").await;
    for next in [
        "/",
        "/profile",
        "/endpoints?page=2",
        "/endpoints?page=2&back=%2F%2Fevil.example",
        "/endpoints?url=https://other.example/a//b/../c",
        "/a/b-c_d~e;f=g,h/%20i",
        "/%C3%A9",
        "/logins",
        "/a/login",
        "/.well-known/thing",
        "/app/a%2Fb?x=%2F",
        "/app/%2fhome%2fmira/notes",
        "/git/https%3A%2F%2Fgit.example%2Frepo/main",
    ] {
        assert_eq!(visit.lands(next).await, next);
    }
}

/// Row A7, and contract: a page that needs a session is where the login leads back to.
#[tokio::test]
async fn the_page_that_asked_for_the_login_is_where_it_leads_also_below_a_root() {
    async fn mine(_: LoggedIn) -> &'static str {
        "mine"
    }
    for root in ["", "/portal"] {
        let provider = Provider::start().await;
        let portal = Portal::with()
            .provider(&provider)
            .set("APPLICATION_ROOT", if root.is_empty() { "/" } else { root })
            .pages(Router::new().route("/mine/{id}", get(mine)))
            .start()
            .await;
        let visit = Visit { provider, portal, browser: Browser::new() };
        for path in ["/mine/7?tab=a%26b", "/endpoints?page=2", "/profile"] {
            let front = visit.browser.get(&visit.portal.url(path)).await;
            let login = front.location();
            let page = format!("{root}{path}");
            assert_eq!((login.path(), parameter(&login, "next")), (&*format!("{root}/login"), Some(page.clone())));
            let authorize = visit.browser.get(login.as_str()).await.location();
            assert_eq!(visit.finish(&authorize).await, page);
            visit.browser.forget_cookie("localhost", &visit.portal.app.settings.session_cookie_name);
        }
    }
}
