//! What is said when settings are wrong, and that no secret is said.

use std::collections::BTreeMap;

use globus_portal::settings::Problems;
use time::Duration;

use super::{Given, KEYS, SENTINEL, base_without, shown};

#[test]
fn all_problems_are_told_at_once_each_with_its_key_and_origin() {
    let given = Given::file(&format!(
        "SERVER_NAME = 'https://portal.example.org/'\nSECRET_KEY = {{ odd = '{SENTINEL}' }}\nLISTEN = 'localhost'\nREFRESH_TOKENS = 'perhaps'\n\
         SESION_STORE = 'memory'\nSESSION_IDLE_SECONDS = 5\nAPPLICATION_ROOT = 'portal'\nTRUSTED_PROXIES = ['nobody']\n\
         SESSION_COOKIE_NAME = 'login'\nSECRET_KEY_FALLBACKS = [['{SENTINEL}']]\nAPP_CLIENT_SECRET = ['{SENTINEL}']\n",
    ))
    .env("GLOBUS_PORTAL_SESSION_STORE", "postgres:user:SENTINEL@db/portal")
    .env("GLOBUS_PORTAL_LOG_FORMAT", "xml")
    .env("GLOBUS_SDK_ENVIRONMENT", "moon")
    .env("GLOBUS_SDK_SERVICE_URL_AUTH", "http://user:SENTINEL@auth.example.org/")
    .env("GLOBUS_PORTAL_PREFERRED_URL_SCHEME", "gopher");
    let file = given.sources.file.display().to_string();
    let problems = given.bad();
    let said: BTreeMap<_, _> = problems.0.iter().map(|problem| (problem.key.as_str(), problem)).collect();
    let from_file = [
        "SERVER_NAME",
        "SECRET_KEY",
        "LISTEN",
        "REFRESH_TOKENS",
        "SESION_STORE",
        "SESSION_IDLE_SECONDS",
        "APPLICATION_ROOT",
        "TRUSTED_PROXIES",
        "SESSION_COOKIE_NAME",
        "SECRET_KEY_FALLBACKS",
    ];
    for key in from_file {
        assert_eq!(said[key].origin.as_ref(), Some(&file), "{key}: {problems}");
    }
    let from_environment = [
        ("SESSION_STORE", "GLOBUS_PORTAL_SESSION_STORE"),
        ("LOG_FORMAT", "GLOBUS_PORTAL_LOG_FORMAT"),
        ("GLOBUS_SDK_ENVIRONMENT", "GLOBUS_SDK_ENVIRONMENT"),
        ("GLOBUS_SDK_SERVICE_URL_AUTH", "GLOBUS_SDK_SERVICE_URL_AUTH"),
        ("PREFERRED_URL_SCHEME", "GLOBUS_PORTAL_PREFERRED_URL_SCHEME"),
    ];
    for (key, variable) in from_environment {
        let origin = format!("the environment variable {variable}");
        assert_eq!(said[key].origin, Some(origin), "{problems}");
    }
    assert_eq!(said["APP_CLIENT_ID"].origin, None);
    assert!(problems.to_string().starts_with(&format!("{} problems in the settings:\n", problems.0.len())));
}

#[test]
fn a_missing_app_is_told_with_where_to_register_it_and_how_to_do_without() {
    let given = Given::file("SERVER_NAME = 'portal.localhost:8080'\nAPPLICATION_ROOT = '/portal'\n");
    let problems = given.bad();
    let keys: Vec<_> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["APP_CLIENT_ID", "APP_CLIENT_SECRET"]);
    for wanted in
        ["https://app.globus.org/settings/developers", "http://portal.localhost:8080/portal/login", "--sandbox"]
    {
        assert!(problems.0[0].text.contains(wanted), "{problems}");
    }
    // Empty strings, as in the example file, count as missing.
    let empty = Given::file("APP_CLIENT_ID = ''\nAPP_CLIENT_SECRET = '  '\n").bad();
    assert_eq!(empty.0.len(), 2, "{empty}");
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one_there_is() {
    let near = [
        ("SERVERNAME", "SERVER_NAME"),
        ("server_name", "SERVER_NAME"),
        ("SECRETKEY", "SECRET_KEY"),
        ("SECRET_KEY_FALLBACK", "SECRET_KEY_FALLBACKS"),
        ("APP_CLIENTID", "APP_CLIENT_ID"),
        ("SCOPE", "SCOPES"),
        ("REFRESH_TOKEN", "REFRESH_TOKENS"),
        ("SESSION_COOKIE", "SESSION_COOKIE_NAME"),
        ("PERMANENT_SESSION_LIFETIME_SECONDS", "PERMANENT_SESSION_LIFETIME"),
        ("GLOBUS_SDK_ENVIROMENT", "GLOBUS_SDK_ENVIRONMENT"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
    ];
    for (written, meant) in near {
        let expected = format!("there is no such setting: did you mean {meant}?");
        assert_eq!(Given::app(&format!("{written} = '{SENTINEL}'\n")).one_problem(written), expected);
        let variable = format!("GLOBUS_PORTAL_{written}");
        let given = Given::app("").env(&variable, SENTINEL);
        assert_eq!(given.one_problem(written), expected);
        assert_eq!(given.bad().0[0].origin, Some(format!("the environment variable {variable}")));
    }
    assert_eq!(Given::app("XYZZY = 1\n").one_problem("XYZZY"), "there is no such setting");
    assert_eq!(Given::app("[table]\nkey = 'SENTINEL'\n").one_problem("table"), "there is no such setting");
}

#[test]
fn each_of_ten_mistakes_has_a_message_with_its_line_and_its_value() {
    let text = "# ten mistakes\nSCOPES = 42\nAPP_NAME = true\nLISTEN = 'nonsense'\n\nSESSION_IDLE_SECONDS = 60.5\n\
                TRUSTED_PROXIES = [1]\nTIME_ZONE = \"Mars\"\nREFRESH_TOKENS = 'perhaps'\nLOG_FORMT = 'json'\n\
                SECRET_KEY = 7\n[policies.staff]\ntitle = 'Staff'\ngroups = ['x']\nmfa = 3\n[[collections]]\n\
                id = 'x'\ntitle = 9\n";
    let given = Given::file(text);
    let file = given.sources.file.display().to_string();
    let said = given.bad().to_string();
    for line in [
        "SCOPES = 42 (from FILE, line 2): expected a list of strings",
        "APP_NAME = true (from FILE, line 3): expected one text in quotes",
        "LISTEN = 'nonsense' (from FILE, line 4): expected an address and a port",
        "SESSION_IDLE_SECONDS = 60.5 (from FILE, line 6): expected a whole number of seconds",
        "TRUSTED_PROXIES = [1] (from FILE, line 7): expected a list of strings",
        "TIME_ZONE = \"Mars\" (from FILE, line 8): expected the name of a time zone",
        "REFRESH_TOKENS = 'perhaps' (from FILE, line 9): expected true or false",
        "LOG_FORMT (from FILE, line 10): there is no such setting: did you mean LOG_FORMAT?",
        "SECRET_KEY (from FILE, line 11): expected one text in quotes",
        "policies.staff.groups = ['x'] (from FILE, line 14): \"x\" is not a UUID",
        "policies.staff.mfa = 3 (from FILE, line 15): expected true or false",
        "collections[1].title = 9 (from FILE, line 18): expected one text in quotes",
    ] {
        assert!(said.contains(&format!("\n  {}", line.replace("FILE", &file))), "{line}\n{said}");
    }
    let variable = Given::app("").env("GLOBUS_PORTAL_LOG_FORMAT", "xml").bad().to_string();
    assert!(
        variable.contains("LOG_FORMAT = xml (from the environment variable GLOBUS_PORTAL_LOG_FORMAT): "),
        "{variable}"
    );
    let broken = Given::app("APP_NAME = 'a\n").bad().to_string();
    assert!(broken.contains(": TOML parse error at line ") && broken.contains("expected `'`"), "{broken}");
}

#[test]
fn no_secret_shows_in_a_problem_a_warning_or_a_print_of_the_settings() {
    for key in ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "APP_CLIENT_SECRET", "PORTAL_CLIENT_SECRET", "SESSION_STORE"] {
        for value in
            ["{ SENTINEL = 'SENTINEL' }", "[['SENTINEL']]", "[{ a = 'SENTINEL' }]", "'SENTINEL'", "['SENTINEL']"]
        {
            let given = Given::file(&format!(
                "SERVER_NAME = 'portal.example.org'\nREFRESH_TOKENS = 'so that there is a problem'\n{}{key} = {value}\n",
                base_without(key)
            ));
            given.bad();
        }
    }
    let clash = Given::app(&format!("PORTAL_CLIENT_SECRET = '{SENTINEL}'\n"));
    assert_eq!(
        clash.one_problem("PORTAL_CLIENT_SECRET"),
        "is another name of APP_CLIENT_SECRET, which has another value: keep one of the two"
    );
    let short = Given::file("APP_CLIENT_ID = 'id'\nAPP_CLIENT_SECRET = 'SENTINEL-1'\nSECRET_KEY = 'SENTINEL-2'\nSECRET_KEY_FALLBACKS = ['SENTINEL-3']\n").good();
    assert!(!short.warnings.is_empty());
    assert!(!format!("{short:?}").contains("SENTINEL"), "{short:?}");
}

#[test]
fn a_file_that_cannot_be_parsed_is_told_by_the_place_and_not_by_the_line() {
    let broken = [
        "SECRET_KEY = SENTINEL",
        "SECRET_KEY = 'SENTINEL",
        "SECRET_KEY 'SENTINEL'",
        "SECRET_KEY = 'SENTINEL' SENTINEL",
        "SECRET_KEY = \"SENTINEL\\q\"",
        "SECRET_KEY = 'SENTINEL'\nSECRET_KEY = 'SENTINEL'",
        "SECRET_KEY: SENTINEL",
        "[SENTINEL",
        "SENTINEL",
        "SECRET_KEY = ['SENTINEL'",
    ];
    for text in broken {
        let given = Given::file(&format!("# a comment\nAPP_NAME = 'name'\n{text}\n"));
        let Problems(problems) = given.bad();
        let of_file: Vec<_> = problems.iter().filter(|p| p.key == given.sources.file.display().to_string()).collect();
        assert_eq!(of_file.len(), 1, "{problems:?}");
        assert!(of_file[0].text.starts_with("TOML parse error at line "), "{problems:?}");
    }
    let given = Given::file("APP_NAME = 'name'\nSECRET_KEY = SENTINEL\n");
    assert!(given.bad().0[0].text.starts_with("TOML parse error at line 2, column 14"), "{}", given.bad());
    // A file that is not text.
    let binary = Given::app("");
    std::fs::write(&binary.sources.file, [0xff, 0xfe, 0x00]).unwrap();
    binary.bad();
}

#[test]
fn values_of_odd_types_are_problems_or_texts_and_never_a_failure() {
    let odd = [
        "1",
        "-1",
        "1.5",
        "nan",
        "inf",
        "true",
        "1979-05-27",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        "[]",
        "[1, 2]",
        "[true]",
        "[[1]]",
        "[{}]",
        "{}",
        "{ a = 1 }",
        "9223372036854775807",
        "''",
        "'  '",
        "\"\\u0000\"",
        "\"\\n\"",
        "\"a\\nb\"",
        "'\u{1f600}'",
        "''''''",
        "0x10",
        "['']",
        "['', ' ']",
    ];
    for (key, _, _) in KEYS {
        for value in odd {
            let given = Given::file(&format!("{}{key} = {value}\n", base_without(key)));
            if let Err(Problems(problems)) = given.load() {
                let expected = [key.to_owned(), key.replace("PORTAL_", "APP_")];
                assert!(
                    problems.iter().all(|problem| expected.contains(&problem.key)),
                    "{key} = {value}: {problems:?}"
                );
            }
        }
    }
    let numbers = Given::app("APP_NAME = '42'\nSESSION_IDLE_SECONDS = '600'\nREFRESH_TOKENS = 'TRUE'\n").good();
    assert_eq!(
        (numbers.app_name.as_str(), numbers.session_idle, numbers.refresh_tokens),
        ("42", Duration::minutes(10), true)
    );
}

#[test]
fn every_key_has_limits_and_says_what_it_expects() {
    let wrong = [
        (
            "SERVER_NAME",
            &[
                "https://a.example",
                "a.example/",
                "a b",
                "user@a.example",
                "a.example?x",
                "a.example#x",
                "a:99999",
                "a\\\\b",
            ][..],
        ),
        ("APPLICATION_ROOT", &["portal", "/a//b", "/../x", "/a?b", "/a b", "/ü", "//e.example"]),
        ("LISTEN", &["5000", "localhost:5000", "127.0.0.1", "127.0.0.1:99999", "Systemd", "/run/portal.sock"]),
        ("LISTEN", &["unix:", "unix:/", "unix:portal.sock", "unix:./portal.sock", "unix:/run/portal/", "unix:/run/.."]),
        (
            "METRICS_LISTEN",
            &["9100", "localhost:9100", "127.0.0.1", "127.0.0.1:5000", "0.0.0.0:5000", "[::ffff:127.0.0.1]:5000"],
        ),
        (
            "OTLP_ENDPOINT",
            &[
                "127.0.0.1:4318",
                "collector",
                "grpc://collector:4317",
                "http://",
                "http://user@collector:4318",
                "http://:word@collector:4318",
                "http://collector:4318/?key=1",
                "http://collector:4318/#x",
            ],
        ),
        (
            "OTLP_HEADERS",
            &["key", "key:value", "=value", "a b=c", "key=%0a", "key=%ff", "host=x", "Content-Type=x", "a=b,c"],
        ),
        ("REFRESH_TOKENS", &["2", "ja", "truee"]),
        ("LANDING_PAGE", &["2", "welcome.html"]),
        (
            "SESSION_STORE",
            &[
                "sqlite",
                "sqlite:",
                "sqlite://",
                "postgres:h",
                "redis:h",
                "file:x",
                "Memory",
                "sqlite::memory:",
                "sqlite:a.db?mode=rwc",
            ],
        ),
        ("SESSION_COOKIE_NAME", &["a b", "a;b", "a=b", "login", "__Host-x", "__Secure-x", "ü"]),
        ("SESSION_IDLE_SECONDS", &["0", "59", "-1", "1.5", "1e9", "315360001", "8h"]),
        ("SESSION_CACHE_SECONDS", &["-1", "301", "1.5", "x"]),
        ("SESSIONS_PER_PERSON", &["0", "1001", "-1", "x"]),
        ("REFRESH_TIMEOUT_SECONDS", &["0", "121", "-1", "x"]),
        ("SHUTDOWN_DELAY_SECONDS", &["-1", "121", "x"]),
        ("MAX_CONNECTIONS", &["0", "15", "1000001", "many"]),
        ("REQUEST_HEAD_SECONDS", &["0", "3601", "x"]),
        ("KEEP_ALIVE_SECONDS", &["0", "3601", "x"]),
        ("MAX_EXCHANGES", &["0", "10001", "-1"]),
        ("PERMANENT_SESSION_LIFETIME", &["0", "59", "31 days"]),
        ("GLOBUS_SDK_ENVIRONMENT", &["Production", "prod", "globus.org"]),
        ("TRUSTED_PROXIES", &["10.0.0.0/33", "proxy.example.org", "10.0.0"]),
        ("LOG_FORMAT", &["JSON", "text"]),
        ("PREFERRED_URL_SCHEME", &["HTTP", "ws", "https:"]),
    ];
    for (key, values) in wrong {
        for value in values {
            let text = Given::app(&format!("{key} = \"{value}\"\n")).one_problem(key);
            assert!(text.len() > 10, "{key} = {value}: {text}");
        }
    }
    let too_long = format!("LISTEN = 'unix:/{}'\n", "a".repeat(107));
    assert!(Given::app(&too_long).one_problem("LISTEN").contains("107 bytes"));
    let fine = [
        ("LISTEN", "systemd", "systemd"),
        ("LISTEN", "unix:/run/portal.sock", "unix:/run/portal.sock"),
        ("APPLICATION_ROOT", "/", ""),
        ("APPLICATION_ROOT", "/portal/", "/portal"),
        ("APPLICATION_ROOT", "/a/b-c", "/a/b-c"),
        ("SESSION_STORE", "memory", "Memory"),
        ("SESSION_STORE", "sqlite:a.db", "Sqlite(\"a.db\")"),
        ("SESSION_STORE", "sqlite:///var/a.db", "Sqlite(\"/var/a.db\")"),
        ("SESSION_STORE", "sqlite://a.db", "Sqlite(\"a.db\")"),
        ("SERVER_NAME", "Portal.LocalHost:80", "portal.localhost"),
        ("SERVER_NAME", "Portal.LocalHost:8080", "portal.localhost:8080"),
        ("SCOPES", "email", "openid email"),
        ("SCOPES", "openid\\n email", "openid email"),
        ("GLOBUS_SDK_SERVICE_URL_AUTH", "https://a.example/base", "https://a.example/base/"),
    ];
    for (key, value, expected) in fine {
        assert_eq!(shown(&Given::app(&format!("{key} = \"{value}\"\n")).good(), key), expected, "{key} = {value}");
    }
}
