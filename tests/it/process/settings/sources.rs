//! Where values come from: defaults, the file, the environment, files of secrets, and the sandbox.

use globus_portal::settings::{Problems, StoreKind};
use time::Duration;

use super::{Given, KEYS, SANDBOX, SENTINEL, base_without, shown};

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
    // Without a configured key there is a new one each time, and a warning.
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
        // An empty one counts as missing.
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
    // The name of the file itself is not a setting.
    Given::app("").env("GLOBUS_PORTAL_CONFIG", "app.conf").good();
    let named = Given::app("").env("GLOBUS_SDK_ENVIRONMENT", "test").good();
    assert_eq!(named.environment.auth.as_str(), "https://auth.test.globuscs.info/");
    assert_eq!(named.environment.transfer.as_str(), "https://transfer.api.test.globuscs.info/");
    // An explicit URL takes precedence over the environment's.
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
        // The environment takes precedence over the file, whichever form each uses.
        let variable = format!("GLOBUS_PORTAL_{key}");
        let named = named.env(&variable, "the-environments-own-which-is-long-enough");
        assert!(shown(&named.good(), key).contains("the-environments-own"), "{key}");
        let given = Given::file(&format!("{base}{key} = 'the-files-own-which-is-long-enough-here'\n"));
        let given = given.env(&format!("{variable}_FILE"), path.to_str().unwrap());
        assert_eq!(shown(&given.good(), key), direct, "{key}");
        // Both forms in one place are a problem.
        let both = Given::file(&format!("{base}{key} = '{SENTINEL}'\n{key}_FILE = '{}'\n", path.display()));
        assert_eq!(both.one_problem(&format!("{key}_FILE")), format!("{key} is given too: keep one of the two"));
        // So is a file that is missing, not a file, not text, or too large.
        let given = Given::file(&base);
        let text = given.env(&format!("{variable}_FILE"), "/no such folder/secret").one_problem_of_file(key);
        assert!(text.contains("cannot read the file it names") && !text.contains("/no such folder/secret"), "{text}");
        Given::file(&base).env(&format!("{variable}_FILE"), folder.path().to_str().unwrap()).one_problem_of_file(key);
        std::fs::write(&path, [0xff; 40]).unwrap();
        Given::file(&base).env(&format!("{variable}_FILE"), path.to_str().unwrap()).one_problem_of_file(key);
        std::fs::write(&path, "SENTINEL ".repeat(10_000)).unwrap();
        Given::file(&base).env(&format!("{variable}_FILE"), path.to_str().unwrap()).one_problem_of_file(key);
    }
    // Settings that are not secrets have no such form.
    let text = Given::app("APP_NAME_FILE = 'x'\n").one_problem("APP_NAME_FILE");
    assert_eq!(text, "there is no such setting: did you mean APP_NAME?");
}

impl Given {
    /// Asserts that there is a problem with the file of a secret. If the secret is required, it is reported as missing too.
    fn one_problem_of_file(&self, key: &str) -> String {
        let Problems(problems) = self.bad();
        let of_file: Vec<_> = problems.iter().filter(|problem| problem.key == format!("{key}_FILE")).collect();
        assert_eq!(of_file.len(), 1, "{problems:?}");
        assert!(of_file[0].origin.as_ref().unwrap().contains(&format!("GLOBUS_PORTAL_{key}_FILE")), "{problems:?}");
        of_file[0].text.clone()
    }
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
