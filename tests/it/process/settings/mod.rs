//! Settings: every key with its default, where values come from, and what is said when they are wrong.

mod left_over;
mod warnings;

use std::collections::BTreeMap;

use globus_portal::settings::{LogFormat, Problems, SandboxClient, Settings, Sources, StoreKind};
use tempfile::TempDir;
use time::Duration;

const SENTINEL: &str = "SENTINEL-secret-that-is-shown-to-nobody";
const SANDBOX: SandboxClient = SandboxClient { client_id: "sandbox-app", client_secret: "no-secret" };

/// Every key of the settings, each with a value that is not its default, as TOML and as a text in the environment.
const KEYS: [(&str, &str, &str); 34] = [
    ("SERVER_NAME", "'portal.localhost:8080'", "portal.localhost:8080"),
    ("PREFERRED_URL_SCHEME", "'https'", "https"),
    ("APPLICATION_ROOT", "'/portal'", "/portal"),
    ("LISTEN", "'127.0.0.1:8080'", "127.0.0.1:8080"),
    ("SECRET_KEY", "'a-key-of-the-file-which-is-long-enough'", "a-key-of-the-file-which-is-long-enough"),
    (
        "SECRET_KEY_FALLBACKS",
        "['an-older-key-which-is-long-enough-too', 'one more older key, with spaces']",
        "an-older-key-which-is-long-enough-too",
    ),
    ("APP_CLIENT_ID", "'6f0a8e0c-1111-4222-8333-444455556666'", "6f0a8e0c-1111-4222-8333-444455556666"),
    ("APP_CLIENT_SECRET", "'the secret='", "the secret="),
    ("PORTAL_CLIENT_ID", "'6f0a8e0c-1111-4222-8333-444455556666'", "6f0a8e0c-1111-4222-8333-444455556666"),
    ("PORTAL_CLIENT_SECRET", "'the secret='", "the secret="),
    ("APP_NAME", "'My Portal'", "My Portal"),
    ("SCOPES", "['openid', 'email']", "openid email"),
    ("REFRESH_TOKENS", "true", "true"),
    ("SESSION_STORE", "'sqlite:/var/lib/portal.db'", "sqlite:/var/lib/portal.db"),
    ("SESSION_COOKIE_NAME", "'portal'", "portal"),
    ("SESSION_IDLE_SECONDS", "600", "600"),
    ("SESSION_CACHE_SECONDS", "5", "5"),
    ("SESSIONS_PER_PERSON", "7", "7"),
    ("REFRESH_TIMEOUT_SECONDS", "20", "20"),
    ("SHUTDOWN_DELAY_SECONDS", "7", "7"),
    ("MAX_CONNECTIONS", "300", "300"),
    ("REQUEST_HEAD_SECONDS", "7", "7"),
    ("KEEP_ALIVE_SECONDS", "7", "7"),
    ("MAX_EXCHANGES", "7", "7"),
    ("PERMANENT_SESSION_LIFETIME", "3600", "3600"),
    ("GLOBUS_SDK_ENVIRONMENT", "'preview'", "preview"),
    ("GLOBUS_SDK_SERVICE_URL_AUTH", "'https://auth.example.org'", "https://auth.example.org"),
    ("GLOBUS_SDK_SERVICE_URL_TRANSFER", "'https://transfer.example.org/t'", "https://transfer.example.org/t"),
    ("GLOBUS_SDK_SERVICE_URL_GROUPS", "'http://localhost:1'", "http://localhost:1"),
    ("GLOBUS_SDK_VERIFY_SSL", "'tests/it/harness/authority.pem'", "tests/it/harness/authority.pem"),
    ("GLOBUS_SDK_HTTP_TIMEOUT", "2.5", "2.5"),
    ("TRUSTED_PROXIES", "['127.0.0.1', '10.0.0.0/8']", "127.0.0.1 10.0.0.0/8"),
    ("LOG_FORMAT", "'pretty'", "pretty"),
    ("SANDBOX_PUBLIC_URL", "'http://sandbox.example:5001'", "http://sandbox.example:5001/"),
];

/// A settings file and an environment.
struct Given {
    folder: TempDir,
    sources: Sources,
}

impl Given {
    fn file(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.conf");
        std::fs::write(&file, text).unwrap();
        let sources = Sources { file, file_required: true, environment: BTreeMap::new(), sandbox: None };
        Self { folder, sources }
    }

    /// A file with an app and a key, and these lines.
    fn app(lines: &str) -> Self {
        Self::file(&format!(
            "APP_CLIENT_ID = 'id'\nAPP_CLIENT_SECRET = 'secret'\nSECRET_KEY = '{}'\n{lines}",
            "k".repeat(32)
        ))
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn sandbox(mut self) -> Self {
        self.sources.sandbox = Some(SANDBOX);
        self
    }

    /// Writes a file beside the settings, and gives its path.
    fn beside(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn load(&self) -> Result<Settings, Problems> {
        Settings::load(&self.sources)
    }

    fn good(&self) -> Settings {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn bad(&self) -> Problems {
        let problems = self.load().unwrap_err();
        assert!(!problems.to_string().contains("SENTINEL"), "{problems}");
        problems
    }

    /// That there is one problem, about this key.
    fn one_problem(&self, key: &str) -> String {
        let Problems(problems) = self.bad();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].key, key, "{problems:?}");
        problems[0].text.clone()
    }
}

/// What a key's setting is, as text; secrets too.
fn shown(settings: &Settings, key: &str) -> String {
    let secrets: Vec<_> = settings.secret_key_fallbacks.iter().map(|key| key.expose_secret()).collect();
    match key {
        "SERVER_NAME" => settings.server_name.clone(),
        "PREFERRED_URL_SCHEME" => settings.scheme.clone(),
        "APPLICATION_ROOT" => settings.root.clone(),
        "LISTEN" => settings.listen.to_string(),
        "SECRET_KEY" => settings.secret_key.expose_secret().to_owned(),
        "SECRET_KEY_FALLBACKS" => format!("{secrets:?}"),
        "APP_CLIENT_ID" | "PORTAL_CLIENT_ID" => settings.client_id.clone(),
        "APP_CLIENT_SECRET" | "PORTAL_CLIENT_SECRET" => settings.client_secret.expose_secret().to_owned(),
        "APP_NAME" => settings.app_name.clone(),
        "SCOPES" => settings.scopes.join(" "),
        "REFRESH_TOKENS" => settings.refresh_tokens.to_string(),
        "SESSION_STORE" => format!("{:?}", settings.session_store),
        "SESSION_COOKIE_NAME" => settings.session_cookie_name.clone(),
        "SESSION_IDLE_SECONDS" => settings.session_idle.whole_seconds().to_string(),
        "SESSION_CACHE_SECONDS" => settings.session_cache.whole_seconds().to_string(),
        "SESSIONS_PER_PERSON" => settings.sessions_per_person.to_string(),
        "REFRESH_TIMEOUT_SECONDS" => settings.refresh_timeout.as_secs().to_string(),
        "SHUTDOWN_DELAY_SECONDS" => settings.shutdown_delay.as_secs().to_string(),
        "MAX_CONNECTIONS" => settings.connections.max.to_string(),
        "REQUEST_HEAD_SECONDS" => settings.connections.head.as_secs().to_string(),
        "KEEP_ALIVE_SECONDS" => settings.connections.idle.as_secs().to_string(),
        "MAX_EXCHANGES" => settings.max_exchanges.to_string(),
        "PERMANENT_SESSION_LIFETIME" => settings.session_lifetime.whole_seconds().to_string(),
        "GLOBUS_SDK_ENVIRONMENT" => format!("{:?}", settings.environment),
        "GLOBUS_SDK_SERVICE_URL_AUTH" => settings.environment.auth.to_string(),
        "GLOBUS_SDK_SERVICE_URL_TRANSFER" => settings.environment.transfer.to_string(),
        "GLOBUS_SDK_SERVICE_URL_GROUPS" => settings.environment.groups.to_string(),
        "GLOBUS_SDK_VERIFY_SSL" => format!("{:?}", settings.globus_trust),
        "GLOBUS_SDK_HTTP_TIMEOUT" => format!("{:?}", settings.globus_timeout),
        "TRUSTED_PROXIES" => format!("{:?}", settings.trusted_proxies),
        "LOG_FORMAT" => format!("{:?}", settings.log_format),
        "SANDBOX_PUBLIC_URL" => format!("{:?}", settings.sandbox_public_url.as_ref().map(url::Url::as_str)),
        other => panic!("{other}"),
    }
}

/// A file with everything that has to be there, but for one key and its other name.
fn base_without(key: &str) -> String {
    let rest = [
        ("APP_CLIENT_ID", "PORTAL_CLIENT_ID", "id"),
        ("APP_CLIENT_SECRET", "PORTAL_CLIENT_SECRET", "secret"),
        ("SECRET_KEY", "", "another-key-which-is-long-enough-as-well"),
    ];
    let kept = rest.iter().filter(|(name, other, _)| *name != key && *other != key);
    kept.map(|(name, _, value)| format!("{name} = '{value}'\n")).collect()
}

#[test]
fn defaults_are_those_that_are_promised() {
    let settings = Given::file("APP_CLIENT_ID = 'id'\nAPP_CLIENT_SECRET = 'secret'").good();
    assert_eq!(settings.server_name, "localhost:5000");
    assert_eq!((settings.scheme.as_str(), settings.root.as_str()), ("http", ""));
    assert_eq!(settings.public_url("/login"), "http://localhost:5000/login");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:5000");
    assert!(settings.secret_key_fallbacks.is_empty());
    assert_eq!(settings.app_name, "Globus Example App");
    assert_eq!(settings.scopes.join(" "), "openid profile email urn:globus:auth:scope:transfer.api.globus.org:all");
    assert!(!settings.refresh_tokens);
    assert!(matches!(&settings.session_store, StoreKind::Sqlite(path) if path.as_os_str() == "example_app.db"));
    assert_eq!(settings.session_cookie_name, "session");
    assert_eq!(settings.session_idle, Duration::hours(8));
    assert_eq!(settings.session_lifetime, Duration::days(31));
    assert_eq!(settings.environment.auth.as_str(), "https://auth.globus.org/");
    assert_eq!(settings.environment.transfer.as_str(), "https://transfer.api.globus.org/");
    assert_eq!(settings.environment.groups.as_str(), "https://groups.api.globus.org/");
    assert!(settings.trusted_proxies.is_empty());
    assert_eq!(settings.sandbox, None);
    // A key that is not set is a fresh one each time, and a warning.
    let again = Given::file("APP_CLIENT_ID = 'id'\nAPP_CLIENT_SECRET = 'secret'").good();
    assert_ne!(settings.secret_key.expose_secret(), again.secret_key.expose_secret());
    assert!(
        settings.warnings.iter().any(|warning| warning.starts_with("SECRET_KEY is not set")),
        "{:?}",
        settings.warnings
    );
}

#[test]
fn every_key_may_come_from_the_file_or_the_environment_and_the_environment_wins() {
    for (key, toml, text) in KEYS {
        let base = base_without(key);
        let default = shown(&Given::file(&base_without("")).good(), key);
        let from_file = shown(&Given::file(&format!("{base}{key} = {toml}\n")).good(), key);
        // The default of LOG_FORMAT depends on whether there is a terminal.
        assert!(key == "LOG_FORMAT" || from_file != default, "{key}: {default}");
        let variable = format!("GLOBUS_PORTAL_{key}");
        let from_environment = shown(&Given::file(&base).env(&variable, text).good(), key);
        if key == "SECRET_KEY_FALLBACKS" {
            assert_eq!(from_environment, format!("{:?}", [text]));
        } else {
            assert_eq!(from_environment, from_file, "{key}");
        }
        // A wrong value in the file does not matter then.
        let both = Given::file(&format!("{base}{key} = {{ odd = 1 }}\n")).env(&variable, text);
        assert_eq!(shown(&both.good(), key), from_environment, "{key}");
        // An empty one is none.
        let empty = Given::file(&format!("{base}{key} = {toml}\n")).env(&variable, "");
        assert_eq!(shown(&empty.good(), key), from_file, "{key}");
    }
}

#[test]
fn the_names_of_the_sdk_are_read_from_the_environment_as_they_are() {
    for (key, _, text) in KEYS.iter().filter(|(key, _, _)| key.starts_with("GLOBUS_SDK_")) {
        let plain = Given::app("").env(key, text);
        assert_eq!(
            shown(&plain.good(), key),
            shown(&Given::app("").env(&format!("GLOBUS_PORTAL_{key}"), text).good(), key)
        );
        let file = format!("{key} = 'https://the-file.example.org/'\n");
        if *key != "GLOBUS_SDK_ENVIRONMENT" {
            assert_eq!(shown(&Given::app(&file).env(key, text).good(), key), shown(&plain.good(), key), "{key}");
        }
    }
    // No other name is: the environment of a process is full of them.
    let settings = Given::app("").env("APP_NAME", "not this").env("SECRET_KEY", "nor this").good();
    assert_eq!(settings.app_name, "Globus Example App");
    // The name of the file itself is no setting.
    Given::app("").env("GLOBUS_PORTAL_CONFIG", "app.conf").good();
    let named = Given::app("").env("GLOBUS_SDK_ENVIRONMENT", "test").good();
    assert_eq!(named.environment.auth.as_str(), "https://auth.test.globuscs.info/");
    assert_eq!(named.environment.transfer.as_str(), "https://transfer.api.test.globuscs.info/");
    // A URL of its own goes before the environment's.
    let mixed = Given::app("")
        .env("GLOBUS_SDK_ENVIRONMENT", "test")
        .env("GLOBUS_SDK_SERVICE_URL_AUTH", "http://127.0.0.1:5001")
        .good();
    assert_eq!(mixed.environment.auth.as_str(), "http://127.0.0.1:5001/");
    assert_eq!(mixed.environment.groups.as_str(), "https://groups.api.test.globuscs.info/");
}

#[test]
fn a_secret_may_come_from_a_file_of_its_own() {
    let secrets = ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "APP_CLIENT_SECRET", "PORTAL_CLIENT_SECRET"];
    for key in secrets {
        let base = base_without(key);
        let direct = shown(&Given::file(&format!("{base}{key} = '{SENTINEL}'\n")).good(), key);
        for end in ["", "\n", "\r\n"] {
            let given = Given::file(&base);
            let path = given.beside("secret", &format!("{SENTINEL}{end}"));
            let given = given.env(&format!("GLOBUS_PORTAL_{key}_FILE"), &path);
            assert_eq!(shown(&given.good(), key), direct, "{key}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, SENTINEL).unwrap();
        let named = Given::file(&format!("{base}{key}_FILE = '{}'\n", path.display()));
        assert_eq!(shown(&named.good(), key), direct, "{key}");
        // The environment wins over the file, whichever way each of them says it.
        let variable = format!("GLOBUS_PORTAL_{key}");
        let named = named.env(&variable, "the-environments-own-which-is-long-enough");
        assert!(shown(&named.good(), key).contains("the-environments-own"), "{key}");
        let given = Given::file(&format!("{base}{key} = 'the-files-own-which-is-long-enough-here'\n"));
        let given = given.env(&format!("{variable}_FILE"), path.to_str().unwrap());
        assert_eq!(shown(&given.good(), key), direct, "{key}");
        // Both at one place are a problem.
        let both = Given::file(&format!("{base}{key} = '{SENTINEL}'\n{key}_FILE = '{}'\n", path.display()));
        assert_eq!(both.one_problem(&format!("{key}_FILE")), format!("{key} is given too: keep one of the two"));
        // So is a file that is not there, is no file, is no text or is too large.
        let given = Given::file(&base);
        let text = given.env(&format!("{variable}_FILE"), "/no such folder/secret").one_problem_of_file(key);
        assert!(text.contains("cannot read the file it names") && !text.contains("/no such folder/secret"), "{text}");
        Given::file(&base).env(&format!("{variable}_FILE"), folder.path().to_str().unwrap()).one_problem_of_file(key);
        std::fs::write(&path, [0xff; 40]).unwrap();
        Given::file(&base).env(&format!("{variable}_FILE"), path.to_str().unwrap()).one_problem_of_file(key);
        std::fs::write(&path, "SENTINEL ".repeat(10_000)).unwrap();
        Given::file(&base).env(&format!("{variable}_FILE"), path.to_str().unwrap()).one_problem_of_file(key);
    }
    // What is no secret has no such form.
    let text = Given::app("APP_NAME_FILE = 'x'\n").one_problem("APP_NAME_FILE");
    assert_eq!(text, "there is no such setting: did you mean APP_NAME?");
}

impl Given {
    /// That something is wrong with the file of a secret. Where the secret is one that has to be there, it is missing
    /// too.
    fn one_problem_of_file(&self, key: &str) -> String {
        let Problems(problems) = self.bad();
        let of_file: Vec<_> = problems.iter().filter(|problem| problem.key == format!("{key}_FILE")).collect();
        assert_eq!(of_file.len(), 1, "{problems:?}");
        assert!(of_file[0].origin.as_ref().unwrap().contains(&format!("GLOBUS_PORTAL_{key}_FILE")), "{problems:?}");
        of_file[0].text.clone()
    }
}

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
    // Empty texts, as in the example file, are missing ones.
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
    // Off loopback there has to be one.
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
fn the_file_of_the_flask_tutorial_works_as_it_is() {
    // As the tutorial of the Globus Python SDK has it.
    let text = "# do not commit this file\nSERVER_NAME = 'localhost:5000'\n# this is the session secret, used to protect the Flask session. You should\n\
                # use a longer secret string known only to your application\n# details are beyond the scope of this tutorial\nSECRET_KEY = 'abc123!'\n\n\
                APP_CLIENT_ID = 'a-client-id'\nAPP_CLIENT_SECRET = 'a-client-secret'\n";
    let settings = Given::file(text).good();
    assert_eq!(settings.public_url("/login"), "http://localhost:5000/login");
    assert_eq!(
        (settings.client_id.as_str(), settings.client_secret.expose_secret()),
        ("a-client-id", "a-client-secret")
    );
    assert_eq!(settings.secret_key.expose_secret(), "abc123!");
    let double_quotes = text.replace('\'', "\"");
    assert_eq!(Given::file(&double_quotes).good().client_id, "a-client-id");
}

const EXAMPLE: &str = include_str!("../../../../example_app.conf");

/// The settings of the example file: the key, its line, and whether it is in use.
fn example_settings() -> Vec<(String, String, bool)> {
    let lines = EXAMPLE.lines().filter_map(|line| {
        let (plain, used) = line.strip_prefix("# ").map_or((line, true), |plain| (plain, false));
        let (key, _) = plain.split_once(" = ")?;
        let is_key = key.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        is_key.then(|| (key.to_owned(), plain.to_owned(), used))
    });
    lines.collect()
}

#[test]
fn the_example_file_names_every_key_and_its_commented_lines_are_the_defaults() {
    let named = example_settings();
    for (key, _, _) in KEYS {
        assert!(
            named.iter().any(|(name, _, _)| name == key) || EXAMPLE.contains(key),
            "{key} is not in the example file"
        );
    }
    for (key, _, _) in &named {
        assert!(KEYS.iter().any(|(name, _, _)| name == key), "{key} is in the example file and no setting");
    }
    let app = "\nAPP_CLIENT_ID = 'id'\nAPP_CLIENT_SECRET = 'secret'\n";
    let filled = EXAMPLE.replace("\nAPP_CLIENT_ID = ''\n", "\nAPP_CLIENT_ID = 'id'\n");
    let filled = filled.replace("\nAPP_CLIENT_SECRET = ''\n", "\nAPP_CLIENT_SECRET = 'secret'\n");
    let example = Given::file(&filled).good();
    let defaults = Given::file(app).good();
    for (key, line, used) in named {
        if !used && key != "LOG_FORMAT" {
            let stated = Given::file(&format!("{app}{line}\n")).good();
            assert_eq!(shown(&stated, &key), shown(&defaults, &key), "{line}");
        }
        if key != "SECRET_KEY" && key != "LOG_FORMAT" {
            assert_eq!(shown(&example, &key), shown(&defaults, &key), "{key}");
        }
    }
    assert_eq!(Given::app("LOG_FORMAT = 'pretty'\n").good().log_format, LogFormat::Pretty);
    // As it comes, it lacks the app and nothing else.
    let problems = Given::file(EXAMPLE).bad();
    let keys: Vec<_> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["APP_CLIENT_ID", "APP_CLIENT_SECRET"]);
    Given::file(EXAMPLE).sandbox().good();
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
    // A file that is no text.
    let binary = Given::app("");
    std::fs::write(&binary.sources.file, [0xff, 0xfe, 0x00]).unwrap();
    binary.bad();
}

#[test]
fn a_file_that_is_not_there_is_a_problem_only_when_it_was_asked_for() {
    let mut given =
        Given::app("").env("GLOBUS_PORTAL_APP_CLIENT_ID", "id").env("GLOBUS_PORTAL_APP_CLIENT_SECRET", "secret");
    given.sources.file = given.folder.path().join("another.conf");
    let file = given.sources.file.display().to_string();
    assert!(given.one_problem(&file).contains("cannot be read"));
    given.sources.file_required = false;
    given.good();
    given.sources.file = given.folder.path().to_owned();
    assert!(given.load().is_err());
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
    let numbers = Given::app("APP_NAME = 42\nSESSION_IDLE_SECONDS = '600'\nREFRESH_TOKENS = 'TRUE'\n").good();
    assert_eq!(
        (numbers.app_name.as_str(), numbers.session_idle, numbers.refresh_tokens),
        ("42", Duration::minutes(10), true)
    );
}

#[test]
fn an_empty_fallback_key_is_none() {
    for value in ["['']", "['', '  ']", "' , '", "''", "[]"] {
        let settings = Given::app(&format!("SECRET_KEY_FALLBACKS = {value}\n")).good();
        assert!(settings.secret_key_fallbacks.is_empty(), "{value}: {} keys", settings.secret_key_fallbacks.len());
    }
    let settings = Given::app("SECRET_KEY_FALLBACKS = ['one', '', 'two']\nSCOPES = ['', 'email', '']\n").good();
    assert_eq!(settings.secret_key_fallbacks.len(), 2);
    assert_eq!(settings.scopes, ["openid", "email"]);
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
        ("LISTEN", &["5000", "localhost:5000", "127.0.0.1", "127.0.0.1:99999"]),
        ("REFRESH_TOKENS", &["2", "ja", "truee"]),
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
    let fine = [
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

#[test]
fn two_names_of_one_setting_must_agree() {
    let agree = Given::app("PORTAL_CLIENT_ID = 'id'\nPORTAL_CLIENT_SECRET = 'secret'\n").good();
    assert_eq!(agree.client_id, "id");
    Given::app("PORTAL_CLIENT_ID = 'another'\n").one_problem("PORTAL_CLIENT_ID");
}

#[test]
fn the_sandbox_needs_no_settings_and_refuses_what_is_real() {
    let settings = Given::file("").sandbox().good();
    assert_eq!(
        (settings.client_id.as_str(), settings.client_secret.expose_secret()),
        (SANDBOX.client_id, SANDBOX.client_secret)
    );
    assert!(matches!(settings.session_store, StoreKind::Memory));
    let text = Given::file("SERVER_NAME = 'portal.example.org'\nSECRET_KEY = 'a-key-which-is-long-enough-to-be-one'\n")
        .sandbox()
        .one_problem("SERVER_NAME");
    assert!(text.contains("--sandbox"), "{text}");
    for name in ["APP_CLIENT_ID", "PORTAL_CLIENT_ID"] {
        let text = Given::file(&format!("{name} = '6f0a8e0c-1111-4222-8333-444455556666'\n")).sandbox();
        assert!(text.bad().0[0].text.contains("--sandbox"));
    }
    Given::file(&format!("APP_CLIENT_ID = '{}'\n", SANDBOX.client_id)).sandbox().good();
}
