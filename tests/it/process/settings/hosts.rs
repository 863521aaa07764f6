//! `COOKIE_DOMAIN` and `ALLOWED_RETURN_HOSTS`.

use super::Given;

fn at(server_name: &str, lines: &str) -> Given {
    Given::app(&format!("SERVER_NAME = '{server_name}'\n{lines}"))
}

#[test]
fn a_cookie_domain_is_one_that_browsers_take_from_the_portals_host() {
    for (server_name, domain, taken) in [
        ("portal.uni.example", "uni.example", Some("uni.example")),
        ("portal.uni.example", ".uni.example", Some("uni.example")),
        ("portal.uni.example", "UNI.example", Some("uni.example")),
        ("portal.uni.example:8443", "portal.uni.example", Some("portal.uni.example")),
        ("a.b.uni.ac.uk", "uni.ac.uk", Some("uni.ac.uk")),
        ("portal.uni.example", "example", None),
        ("portal.uni.example", "other.example", None),
        ("portal.uni.example", "x.portal.uni.example", None),
        ("portal.uni.example", "i.example", None),
        ("portal.uni.example", "ni.example", None),
        ("portal.uni.example", "uni.example.", None),
        ("portal.uni.example", "uni.example:443", None),
        ("portal.uni.example", "https://uni.example", None),
        ("portal.uni.example", "..uni.example", None),
        ("portal.uni.example", "*.uni.example", None),
        ("portal.uni.example", "uni.example/", None),
        ("portal.uni.example", "", None),
        // What unrelated sites share.
        ("uni.ac.uk", "ac.uk", None),
        ("lab.github.io", "github.io", None),
        // What is no domain.
        ("localhost:5000", "localhost", None),
        ("127.0.0.1:5000", "0.0.1", None),
        ("127.0.0.1:5000", "127.0.0.1", None),
        ("[::1]:5000", "::1", None),
    ] {
        let given = at(server_name, &format!("COOKIE_DOMAIN = '{domain}'"));
        match taken {
            Some(taken) => assert_eq!(given.good().app_hosts.cookie_domain.as_deref(), Some(taken), "{domain}"),
            None if domain.is_empty() => drop(given.load()),
            None => {
                given.one_problem("COOKIE_DOMAIN");
                let said = given.bad().to_string();
                assert!(said.contains("COOKIE_DOMAIN") && said.contains("app.conf"), "{said}");
            }
        }
    }
}

#[test]
fn a_session_cookie_with_a_domain_has_the_prefix_that_allows_one() {
    let named = |lines: &str| at("portal.uni.example", &format!("COOKIE_DOMAIN = 'uni.example'\n{lines}"));
    assert_eq!(named("").good().session_cookie_name, "__Secure-session");
    assert_eq!(named("APPLICATION_ROOT = '/portal'").good().session_cookie_name, "__Secure-session-portal");
    assert_eq!(named("SESSION_COOKIE_NAME = 'data'").good().session_cookie_name, "__Secure-data");
    assert_eq!(named("SESSION_COOKIE_NAME = '__Secure-data'").good().session_cookie_name, "__Secure-data");
    assert_eq!(named("").good().cookie_names.login, "__Host-login");
    let said = named("SESSION_COOKIE_NAME = '__Host-data'").one_problem("SESSION_COOKIE_NAME");
    assert!(said.contains("COOKIE_DOMAIN"), "{said}");
    for name in ["gate", "hand-over"] {
        at("portal.uni.example", &format!("SESSION_COOKIE_NAME = '{name}'")).one_problem("SESSION_COOKIE_NAME");
    }
    let plain = at("portal.uni.localhost:5000", "COOKIE_DOMAIN = 'uni.localhost'").good();
    assert_eq!((&*plain.scheme, &*plain.session_cookie_name), ("http", "session"));
}

#[test]
fn return_hosts_are_hosts_and_nothing_more() {
    let lines = "COOKIE_DOMAIN = 'uni.example'\nALLOWED_RETURN_HOSTS = ['App.uni.example', 'uni.example:443', \
                 'data.other.example:8443', 'portal.uni.example:8443', 'suni.example', 'xn--bcher-kva.example', '[::1]:1']";
    let hosts = at("portal.uni.example", lines).good().app_hosts;
    for (name, has_session_cookie) in [
        ("app.uni.example", true),
        ("uni.example", true),
        ("data.other.example:8443", false),
        ("portal.uni.example:8443", true),
        ("suni.example", false),
        ("xn--bcher-kva.example", false),
        ("[::1]:1", false),
    ] {
        let host = hosts.named(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((host.name(), host.has_session_cookie()), (name, has_session_cookie));
        assert_eq!(host.origin(), format!("https://{name}"));
    }
    assert_eq!(hosts.named("data.other.example:8443").map(|host| host.domain()), Some("data.other.example"));
    assert_eq!(hosts.named("[::1]:1").map(|host| host.domain()), Some("[::1]"));
    assert!(hosts.named("APP.uni.example:443").is_some());
    for other in ["data.other.example", "app.uni.example:80", "app.uni.example.", "portal.uni.example", ""] {
        assert!(hosts.named(other).is_none(), "{other}");
    }
    let alone = at("portal.uni.example", "ALLOWED_RETURN_HOSTS = 'app.uni.example'").good().app_hosts;
    assert!(!alone.named("app.uni.example").unwrap().has_session_cookie(), "without COOKIE_DOMAIN");

    for bad in [
        "*.uni.example",
        "*",
        "https://app.uni.example",
        "app.uni.example/",
        "app.uni.example/path",
        "app.uni.example.",
        "app..uni.example",
        ".uni.example",
        "user@app.uni.example",
        "app.uni.example:x",
        "app.uni.example:99999",
        "app.uni.example:",
        "b\\u00fccher.example",
        "app_\\u3002example",
        "127.1",
        "0x7f000001",
        "portal.uni.example",
        "portal.uni.example:443",
    ] {
        let given = at("portal.uni.example", &format!("ALLOWED_RETURN_HOSTS = ['good.example', \"{bad}\"]"));
        given.one_problem("ALLOWED_RETURN_HOSTS");
    }
}
