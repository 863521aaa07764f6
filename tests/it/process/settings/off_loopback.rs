//! What must be safe as soon as a portal, or something that it uses, is not on loopback.

use super::{Given, base_without, example_file::EXAMPLE};

/// Row K8.
#[test]
fn a_short_or_published_key_is_refused_off_loopback_and_warned_of_on_it() {
    let published = ["abc123!", "replace me with what globus-portal generate-key prints"];
    let short = ["x".to_owned(), "x".repeat(31)];
    for key in published.iter().map(|key| (*key).to_owned()).chain(short) {
        let lines =
            |server: &str| format!("SERVER_NAME = '{server}'\n{}SECRET_KEY = '{key}'\n", base_without("SECRET_KEY"));
        let text = Given::file(&lines("portal.example.org")).one_problem("SECRET_KEY");
        assert!(text.contains("generate-key"), "{text}");
        for server in ["localhost:5000", "portal.localhost", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000", "LOCALHOST"] {
            let settings = Given::file(&lines(server)).good();
            assert!(
                settings.warnings.iter().any(|warning| warning.starts_with("SECRET_KEY ")),
                "{server}: {:?}",
                settings.warnings
            );
        }
    }
    let long = |server: &str| {
        format!("SERVER_NAME = '{server}'\n{}SECRET_KEY = '{}'\n", base_without("SECRET_KEY"), "x".repeat(32))
    };
    for server in ["portal.example.org", "localhost"] {
        let settings = Given::file(&long(server)).good();
        assert!(!settings.warnings.iter().any(|warning| warning.contains("SECRET_KEY")), "{:?}", settings.warnings);
    }
    // Off loopback it is required.
    let text = Given::file(&format!("SERVER_NAME = 'portal.example.org'\n{}", base_without("SECRET_KEY")))
        .one_problem("SECRET_KEY");
    assert!(text.starts_with("missing"), "{text}");
}

/// Row K8.
#[test]
fn http_is_for_loopback_alone() {
    let others = [
        "portal.example.org",
        "10.0.0.1",
        "0.0.0.0:5000",
        "[::]:5000",
        "[fd00::1]",
        "localhost.example.org",
        "notlocalhost",
        "127.0.0.1.example.org",
        "1270.0.0.1.example",
    ];
    for server in others {
        let lines = format!("SERVER_NAME = '{server}'\nPREFERRED_URL_SCHEME = 'http'\n");
        Given::app(&lines).one_problem("PREFERRED_URL_SCHEME");
        let settings = Given::app(&format!("SERVER_NAME = '{server}'\n")).good();
        assert!(settings.is_https(), "{server}");
        assert_eq!(settings.session_cookie_name, "__Host-session", "{server}");
    }
    for url in [
        "http://auth.example.org/",
        "http://10.0.0.1/",
        "http://localhost.example.org/",
        "ftp://localhost/",
        "auth.globus.org",
    ] {
        for service in ["AUTH", "TRANSFER", "GROUPS"] {
            let key = format!("GLOBUS_SDK_SERVICE_URL_{service}");
            Given::app(&format!("{key} = '{url}'\n")).one_problem(&key);
        }
    }
    let settings = Given::app("PREFERRED_URL_SCHEME = 'https'\n").good();
    assert_eq!(settings.public_url("/"), "https://localhost:5000/");
}

#[test]
fn a_store_on_another_machine_is_to_prove_that_it_is_the_right_one() {
    let warned = |store: &str| {
        let settings = Given::app(&format!("SESSION_STORE = '{store}'\n")).good();
        settings.warnings.iter().any(|warning| warning.starts_with("SESSION_STORE ") && !warning.contains("SENTINEL"))
    };
    for open in ["postgres://u:SENTINEL@db/p", "postgres://u@db/p?sslmode=require", "redis://:SENTINEL@cache:6379/0"] {
        assert!(warned(open), "{open}");
    }
    let closed = [
        "postgres://u@db/p?sslmode=verify-full",
        "rediss://cache:6380/0",
        "postgres://u@localhost/p",
        "postgres://u@127.0.0.1:5433/p",
        "redis://[::1]/0",
        "unix:///run/redis.sock",
        "memory",
    ];
    for closed in closed {
        assert!(!warned(closed), "{closed}");
    }
}

/// Row K8.
#[test]
fn every_key_that_our_documents_print_is_refused_off_loopback() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap_or_default();
    let printed: Vec<String> = [EXAMPLE, &readme]
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let name = name.trim().trim_start_matches("export ").trim_start_matches('#').trim();
            let is_key = ["SECRET_KEY", "GLOBUS_PORTAL_SECRET_KEY"].contains(&name);
            let value = value.trim().trim_matches(['\'', '"']);
            (is_key && !value.contains("$(")).then(|| value.to_owned())
        })
        .collect();
    assert!(!printed.is_empty());
    for key in printed {
        let given = Given::file(&format!(
            "SERVER_NAME = 'portal.example.org'\n{}SECRET_KEY = '{key}'\n",
            base_without("SECRET_KEY")
        ));
        let text = given.one_problem("SECRET_KEY");
        assert!(text.contains("it is public"), "{key}: {text}");
    }
}
