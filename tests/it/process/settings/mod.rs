//! Settings: every key with its default, where values come from, and what is said when they are wrong.

mod collections;
mod collector;
mod deployed;
mod example_file;
mod hosts;
mod left_over;
mod off_loopback;
mod policies;
mod problems;
mod security_txt;
mod sources;
mod warnings;

use std::collections::BTreeMap;

use globus_portal::settings::{Problems, SandboxClient, Settings, Sources};
use tempfile::TempDir;

const SENTINEL: &str = "SENTINEL-secret-that-is-shown-to-nobody";
const SANDBOX: SandboxClient = SandboxClient { client_id: "sandbox-app", client_secret: "no-secret" };

/// Every key of the settings, each with a value other than its default, as TOML and as an environment variable.
const KEYS: [(&str, &str, &str); 45] = [
    ("SERVER_NAME", "'portal.localhost:8080'", "portal.localhost:8080"),
    ("PREFERRED_URL_SCHEME", "'https'", "https"),
    ("APPLICATION_ROOT", "'/portal'", "/portal"),
    ("LISTEN", "'127.0.0.1:8080'", "127.0.0.1:8080"),
    ("METRICS_LISTEN", "'127.0.0.1:9100'", "127.0.0.1:9100"),
    ("OTLP_ENDPOINT", "'http://127.0.0.1:4318'", "http://127.0.0.1:4318"),
    ("OTLP_HEADERS", "'api-key=a%20key'", "api-key=a%20key"),
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
    ("LANDING_PAGE", "true", "true"),
    ("TIME_ZONE", "'Europe/Berlin'", "Europe/Berlin"),
    ("SCOPES", "['openid', 'email']", "openid email"),
    ("ALLOW_CONSENT_FOR", "['groups.api.globus.org']", "groups.api.globus.org"),
    ("REFRESH_TOKENS", "true", "true"),
    ("SESSION_STORE", "'sqlite:/var/lib/portal.db'", "sqlite:/var/lib/portal.db"),
    ("SESSION_COOKIE_NAME", "'portal'", "portal"),
    ("COOKIE_DOMAIN", "'portal.localhost'", "portal.localhost"),
    ("ALLOWED_RETURN_HOSTS", "['app.portal.localhost', 'data.example']", "app.portal.localhost data.example"),
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
    ("GROUPS_MAX_AGE_SECONDS", "60", "60"),
    ("SECURITY_CONTACT", "['mailto:security@example.org']", "mailto:security@example.org"),
    ("SECURITY_EXPIRES", "2030-06-30T00:00:00Z", "2030-06-30T00:00:00Z"),
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

    /// Writes a file next to the settings; returns its path.
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

    /// Asserts that there is exactly one problem, about this key.
    fn one_problem(&self, key: &str) -> String {
        let Problems(problems) = self.bad();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].key, key, "{problems:?}");
        problems[0].text.clone()
    }
}

/// The value of a key, as text; secrets too.
fn shown(settings: &Settings, key: &str) -> String {
    let secrets: Vec<_> = settings.secret_key_fallbacks.iter().map(|key| key.expose_secret()).collect();
    match key {
        "SERVER_NAME" => settings.server_name.clone(),
        "PREFERRED_URL_SCHEME" => settings.scheme.clone(),
        "APPLICATION_ROOT" => settings.root.clone(),
        "LISTEN" => settings.listen.to_string(),
        "METRICS_LISTEN" => settings.metrics_listen.map(|address| address.to_string()).unwrap_or_default(),
        "OTLP_ENDPOINT" => format!("{:?}", settings.collector.as_ref().map(|collector| collector.endpoint.as_str())),
        // Without a collector there is nothing but a warning.
        "OTLP_HEADERS" => format!("{:?} {}", settings.collector, settings.warnings.join(" ").contains("OTLP_HEADERS")),
        "SECRET_KEY" => settings.secret_key.expose_secret().to_owned(),
        "SECRET_KEY_FALLBACKS" => format!("{secrets:?}"),
        "APP_CLIENT_ID" | "PORTAL_CLIENT_ID" => settings.client_id.clone(),
        "APP_CLIENT_SECRET" | "PORTAL_CLIENT_SECRET" => settings.client_secret.expose_secret().to_owned(),
        "APP_NAME" => settings.app_name.clone(),
        "LANDING_PAGE" => settings.landing_page.to_string(),
        "TIME_ZONE" => format!("{:?}", settings.time_zone),
        "SCOPES" => settings.scopes.join(" "),
        "ALLOW_CONSENT_FOR" => settings.allow_consent_for.join(" "),
        "REFRESH_TOKENS" => settings.refresh_tokens.to_string(),
        "SESSION_STORE" => format!("{:?}", settings.session_store),
        "SESSION_COOKIE_NAME" => settings.session_cookie_name.clone(),
        "COOKIE_DOMAIN" => format!("{:?}", settings.app_hosts.cookie_domain),
        "ALLOWED_RETURN_HOSTS" => format!("{:?}", settings.app_hosts),
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
        "GROUPS_MAX_AGE_SECONDS" => settings.groups_max_age.as_secs().to_string(),
        "SECURITY_CONTACT" | "SECURITY_EXPIRES" => {
            settings.security_txt.as_ref().map(ToString::to_string).unwrap_or_default()
        }
        "SANDBOX_PUBLIC_URL" => format!("{:?}", settings.sandbox_public_url.as_ref().map(url::Url::as_str)),
        other => panic!("{other}"),
    }
}

/// A file with all required keys except one and its other name, and what that one needs.
fn base_without(key: &str) -> String {
    let needs = match key {
        "COOKIE_DOMAIN" => "SERVER_NAME = 'portal.localhost'\n",
        "SECURITY_CONTACT" => "SECURITY_EXPIRES = '2030-06-30T00:00:00Z'\n",
        "SECURITY_EXPIRES" => "SECURITY_CONTACT = 'mailto:security@example.org'\n",
        _ => "",
    };
    let rest = [
        ("APP_CLIENT_ID", "PORTAL_CLIENT_ID", "id"),
        ("APP_CLIENT_SECRET", "PORTAL_CLIENT_SECRET", "secret"),
        ("SECRET_KEY", "", "another-key-which-is-long-enough-as-well"),
    ];
    let kept = rest.iter().filter(|(name, other, _)| *name != key && *other != key);
    kept.map(|(name, _, value)| format!("{name} = '{value}'\n")).chain([needs.to_owned()]).collect()
}
