//! What other services, env files and editors leave in the environment and in files: recognized, or refused with a hint.

use super::{Given, KEYS, SENTINEL, base_without, shown};

/// The variables of a container in Kubernetes, beside services named `globus-portal`, `globus-portal-postgresql` and
/// `globus-portal-redis-master`, and linked by Docker to one named `globus-portal-db`.
const OF_SERVICES: [(&str, &str); 19] = [
    ("SERVICE_HOST", "10.0.0.1"),
    ("SERVICE_PORT", "80"),
    ("SERVICE_PORT_HTTP", "80"),
    ("PORT", "tcp://10.0.0.1:80"),
    ("PORT_80_TCP", "tcp://10.0.0.1:80"),
    ("PORT_80_TCP_PROTO", "tcp"),
    ("PORT_80_TCP_PORT", "80"),
    ("PORT_80_TCP_ADDR", "10.0.0.1"),
    ("POSTGRESQL_SERVICE_HOST", "10.0.0.2"),
    ("POSTGRESQL_SERVICE_PORT", "5432"),
    ("POSTGRESQL_SERVICE_PORT_TCP_POSTGRESQL", "5432"),
    ("POSTGRESQL_PORT", "tcp://10.0.0.2:5432"),
    ("POSTGRESQL_PORT_5432_TCP_ADDR", "10.0.0.2"),
    ("REDIS_MASTER_PORT_6379_TCP", "tcp://10.0.0.3:6379"),
    ("REDIS_MASTER_SERVICE_HOST", "fd00::3"),
    ("METRICS_PORT_9090_UDP_PROTO", "udp"),
    ("DB_PORT", "tcp://172.17.0.2:5432"),
    ("DB_NAME", "/portal/db"),
    ("DB_ENV_POSTGRES_PASSWORD", "SENTINEL"),
];

#[test]
fn variables_of_services_beside_the_portal_are_no_settings() {
    let beside = || {
        OF_SERVICES.iter().fold(Given::app(""), |given, (key, value)| given.env(&format!("GLOBUS_PORTAL_{key}"), value))
    };
    let settings = beside().good();
    assert_eq!(settings.ignored_variables.len(), OF_SERVICES.len(), "{:?}", settings.ignored_variables);
    assert!(settings.ignored_variables.iter().all(|name| name.starts_with("GLOBUS_PORTAL_")));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:5000");
    // A real setting among them is used, and a mistyped one is reported.
    assert_eq!(beside().env("GLOBUS_PORTAL_APP_NAME", "Mine").good().app_name, "Mine");
    let text = beside().env("GLOBUS_PORTAL_SERVER_NAM", "localhost").one_problem("SERVER_NAM");
    assert!(text.contains("SERVER_NAME"), "{text}");
    for (key, value) in [
        ("PORT", "8080"),
        ("SERVICE_HOST", "portal.example.org"),
        ("SERVICE_PORT", "http"),
        ("LISTEN_PORT", "8080"),
        ("POSTGRESQL_HOST", "10.0.0.2"),
        ("REDIS_ENV_USER", "x"),
        ("SERVICE_NAME", "portal"),
    ] {
        let text = Given::app("").env(&format!("GLOBUS_PORTAL_{key}"), value).one_problem(key);
        assert!(text.starts_with("there is no such setting"), "{key}: {text}");
    }
    let port = Given::app("").env("GLOBUS_PORTAL_PORT", "8080").one_problem("PORT");
    assert_eq!(port, "there is no such setting: did you mean LISTEN?");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_secret_or_of_a_setting() {
    for key in ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "APP_CLIENT_SECRET", "PORTAL_CLIENT_SECRET"] {
        let base = base_without(key);
        let direct = shown(&Given::file(&format!("{base}{key} = '{SENTINEL}'\n")).good(), key);
        let variable = format!("GLOBUS_PORTAL_{key}");
        for end in ["", "\n", "\r\n", "\r\n\r\n"] {
            let given = Given::file(&base);
            let path = given.beside("secret", &format!("\u{feff}{SENTINEL}{end}"));
            assert_eq!(shown(&given.env(&format!("{variable}_FILE"), &path).good(), key), direct, "{key} {end:?}");
        }
        let given = Given::file(&base).env(&variable, &format!("\u{feff}{SENTINEL}"));
        assert_eq!(shown(&given.good(), key), direct, "{key}");
        // Another encoding is refused by name, and not misread.
        for (mark, wide) in [([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]), ([0xfe, 0xff], u16::to_be_bytes)] {
            let given = Given::file(&base);
            let bytes: Vec<u8> = mark.into_iter().chain(SENTINEL.encode_utf16().flat_map(wide)).collect();
            let path = given.beside("secret", "");
            std::fs::write(&path, &bytes).unwrap();
            let given = given.env(&format!("{variable}_FILE"), &path);
            let text = given.one_problem(&format!("{key}_FILE"));
            assert!(text.contains("UTF-16") && text.contains("save it as UTF-8"), "{text}");
            std::fs::write(&path, &bytes[2..]).unwrap();
            assert!(given.one_problem(&format!("{key}_FILE")).contains("not UTF-8 text"));
        }
    }
    let app = "APP_CLIENT_ID = 'id'\nAPP_CLIENT_SECRET = 'secret'\n";
    let marked = Given::file(&format!("\u{feff}{app}"));
    assert_eq!(marked.good().client_id, "id");
    // The first line of an env file with a byte order mark.
    let given = Given::file(app).env("\u{feff}GLOBUS_PORTAL_APP_NAME", "Marked");
    assert_eq!(given.good().app_name, "Marked");
    let utf_16: Vec<u8> = [0xff, 0xfe].into_iter().chain(app.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    std::fs::write(&marked.sources.file, utf_16).unwrap();
    let text = marked.one_problem(&marked.sources.file.display().to_string());
    assert!(text.contains("UTF-16"), "{text}");
}

#[test]
fn quotes_and_variables_that_an_env_file_kept_are_refused_with_a_hint() {
    for (key, _, text) in KEYS {
        let base = base_without(key);
        let left = [
            (format!("\"{text}\""), "quotes"),
            (format!("'{text}'"), "quotes"),
            ("${SENTINEL}".to_owned(), "${NAME}"),
            ("${SENTINEL:-x}".to_owned(), "${NAME}"),
            ("$SENTINEL".to_owned(), "${NAME}"),
            ("$(cat SENTINEL)".to_owned(), "${NAME}"),
        ];
        for (value, hint) in left {
            let variable = format!("GLOBUS_PORTAL_{key}");
            let told = Given::file(&base).env(&variable, &value).one_problem(key);
            assert!(told.contains(hint), "{key} = {value}: {told}");
            let told = Given::file(&format!("{base}{key} = \"\"\"\\\n{}\"\"\"\n", value.replace('"', "\\\"")))
                .one_problem(key);
            assert!(told.contains(hint), "{key} = {value} in the file: {told}");
        }
    }
    for key in ["SCOPES", "TRUSTED_PROXIES", "SECRET_KEY_FALLBACKS"] {
        let lists = [("['\"openid\"', 'email']", "quotes"), ("['email', '${SENTINEL}']", "${NAME}")];
        for (list, hint) in lists {
            let told = Given::app(&format!("{key} = {list}\n")).one_problem(key);
            assert!(told.contains(hint), "{key} = {list}: {told}");
        }
        // A list as the settings file has it, in a variable.
        let variable = format!("GLOBUS_PORTAL_{key}");
        for list in ["['openid', 'email']", "[\"10.0.0.0/8\"]"] {
            let told = Given::app("").env(&variable, list).one_problem(key);
            assert!(told.contains("no brackets and no quotes"), "{key} = {list}: {told}");
        }
    }
    let text = Given::app("").env("GLOBUS_PORTAL_SECRET_KEY_FILE", "\"/run/secrets/key\"");
    assert!(text.bad().0.iter().any(|problem| problem.key == "SECRET_KEY_FILE"));
    // In its own file a secret is taken literally.
    for odd in [
        "\"quoted, and long enough to be a key\"",
        "${this is the key, and it is long enough}",
        "$UPPERCASE-ONLY-KEY-THAT-IS-LONG-ENOUGH",
    ] {
        let given = Given::file(&base_without("SECRET_KEY"));
        let path = given.beside("secret", odd);
        let settings = given.env("GLOBUS_PORTAL_SECRET_KEY_FILE", &path).good();
        assert_eq!(settings.secret_key.expose_secret(), odd);
    }
}

#[test]
fn a_comment_that_an_env_file_kept_is_refused_with_a_hint() {
    for (key, _, text) in KEYS {
        let given =
            Given::file(&base_without(key)).env(&format!("GLOBUS_PORTAL_{key}"), &format!("{text} # a comment"));
        let told = given.one_problem(key);
        assert!(told.contains("comment"), "{key}: {told}");
    }
    assert_eq!(Given::app("APP_NAME = 'Lab # 5'\n").good().app_name, "Lab # 5");
    assert_eq!(Given::app("").env("GLOBUS_PORTAL_APP_NAME", "Lab #5").good().app_name, "Lab #5");
    let proxies = Given::app("").env("GLOBUS_PORTAL_TRUSTED_PROXIES", "127.0.0.1\r\n\t10.0.0.0/8\n").good();
    assert_eq!(proxies.trusted_proxies.len(), 2);
}

#[test]
fn commas_between_scopes_are_refused_with_a_hint() {
    let transfer = "urn:globus:auth:scope:transfer.api.globus.org:all";
    let (tight, loose) = (format!("openid,email,{transfer}"), format!("openid, email; {transfer}"));
    for scopes in [tight.as_str(), loose.as_str(), "openid,", ",openid", "openid;email", "a,b,c"] {
        let in_file = [format!("'{scopes}'"), format!("['{scopes}']"), format!("['profile', '{scopes}']")];
        let from_file = in_file.iter().map(|value| Given::app(&format!("SCOPES = {value}\n")).one_problem("SCOPES"));
        let from_environment = Given::app("").env("GLOBUS_PORTAL_SCOPES", scopes).one_problem("SCOPES");
        for told in from_file.chain([from_environment]) {
            assert!(told.contains("spaces between them and no commas"), "{scopes}: {told}");
        }
    }
    let settings = Given::app("SCOPES = ['openid email', ' profile ']\n").good();
    assert_eq!(settings.scopes, ["openid", "email", "profile"]);
}

/// Row K8.
#[test]
fn keys_that_public_samples_print_and_placeholders_are_refused_off_loopback() {
    let printed = [
        // The tutorial of Globus's SDK, Globus's sample data portal, Flask's documents, a Django project.
        "abc123!",
        "=.DKwWzDd}!3}6yeAY+WTF#W:zt5msTI7]2`o}Y!ziU!#CYD+;T9JpW$ud|5C_3",
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "django-insecure-47f(ub2qs-n!b@&&)tis&l$&qf1%^@&jy-95jx!bahqrm^19m2",
        "change-me-to-a-long-random-string-before-you-deploy",
        "CHANGEME_CHANGEME_CHANGEME_CHANGEME",
        "your-secret-key-goes-here-and-is-at-least-32-bytes",
        "<replace this with 32 or more random characters>",
    ];
    for key in printed {
        let given = |server: &str, setting: &str| {
            Given::file(&format!("SERVER_NAME = '{server}'\n{}{setting}\n", base_without("SECRET_KEY")))
        };
        let setting = format!("SECRET_KEY = '{key}'");
        let told = given("portal.example.org", &setting).one_problem("SECRET_KEY");
        assert!(told.contains("it is public") && !told.contains(key), "{key}: {told}");
        let told = given("portal.example.org", "").env("GLOBUS_PORTAL_SECRET_KEY", key).one_problem("SECRET_KEY");
        assert!(told.contains("it is public"), "{key}: {told}");
        let settings = given("localhost:5000", &setting).good();
        assert!(settings.warnings.iter().any(|warning| warning.contains("it is public")), "{key}");
        let fallback =
            format!("SECRET_KEY = '{}'\nSECRET_KEY_FALLBACKS = ['{}', '{key}']", "k".repeat(32), "l".repeat(32));
        let told = given("portal.example.org", &fallback).one_problem("SECRET_KEY_FALLBACKS");
        assert!(told.contains("it is public"), "{key}: {told}");
    }
}
