//! The checked settings of a portal.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use ipnet::IpNet;
use time::Duration;
use url::Url;

use super::{
    app_hosts::AppHosts, collector::Collector, listen::Listen, policies::Policies, presented::Presented,
    security_txt::SecurityTxt,
};
use crate::{
    globus::environment::{Environment, Trust},
    secret::{ClientSecret, SecretKey, StoreUrl},
    zone::Zone,
};

/// How many sessions a person can have, whatever `SESSIONS_PER_PERSON` says.
pub const MOST_PER_PERSON: u32 = 1000;

/// The settings of a portal, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Public host, with its port unless it is the scheme's default (`SERVER_NAME`).
    pub server_name: String,
    /// Public scheme, `http` or `https` (`PREFERRED_URL_SCHEME`).
    pub scheme: String,
    /// Path that all pages are below: empty, or `/portal` without a trailing slash (`APPLICATION_ROOT`).
    pub root: String,
    /// Where to listen (`LISTEN`).
    pub listen: Listen,
    /// Address of the listener for metrics (`METRICS_LISTEN`).
    pub metrics_listen: Option<SocketAddr>,
    /// Where traces are sent (`OTLP_ENDPOINT`, `OTLP_HEADERS`).
    pub collector: Option<Arc<Collector>>,
    /// Derives every key (`SECRET_KEY`).
    pub secret_key: SecretKey,
    /// Previous keys, which still decrypt existing data (`SECRET_KEY_FALLBACKS`).
    pub secret_key_fallbacks: Vec<SecretKey>,
    /// The registered app (`APP_CLIENT_ID`).
    pub client_id: String,
    /// Its secret (`APP_CLIENT_SECRET`).
    pub client_secret: ClientSecret,
    /// The name on the pages (`APP_NAME`).
    pub app_name: String,
    /// Whether visitors who are signed out see a front page, and are not led to the login at once (`LANDING_PAGE`).
    pub landing_page: bool,
    /// The time zone that the pages show times in (`TIME_ZONE`).
    pub time_zone: Zone,
    /// Scopes to request, including `openid` (`SCOPES`).
    pub scopes: Vec<String>,
    /// Resource servers and scopes that a service's demand may add to a login (`ALLOW_CONSENT_FOR`).
    pub allow_consent_for: Vec<String>,
    /// The collections that the operator presents (`[[collections]]`).
    pub collections: Presented,
    /// Who may pass the gate (`[policies.NAME]`).
    pub policies: Policies,
    /// How long a list of someone's groups counts (`GROUPS_MAX_AGE_SECONDS`).
    pub groups_max_age: std::time::Duration,
    /// Whether to ask for refresh tokens (`REFRESH_TOKENS`).
    pub refresh_tokens: bool,
    /// How long Globus may take to renew a token (`REFRESH_TIMEOUT_SECONDS`).
    pub refresh_timeout: std::time::Duration,
    /// Where sessions are kept (`SESSION_STORE`).
    pub session_store: StoreKind,
    /// The session cookie's name, with its prefix (`SESSION_COOKIE_NAME`).
    pub session_cookie_name: String,
    /// The other hosts of apps, and the domain of the session cookie (`ALLOWED_RETURN_HOSTS`, `COOKIE_DOMAIN`).
    pub app_hosts: AppHosts,
    /// The other cookies' names, with their prefix.
    pub cookie_names: CookieNames,
    /// How long a session may be unused before it ends (`SESSION_IDLE_SECONDS`).
    pub session_idle: Duration,
    /// A session ends at this age (`PERMANENT_SESSION_LIFETIME`).
    pub session_lifetime: Duration,
    /// How long a session may be served from the cache when portals share a store (`SESSION_CACHE_SECONDS`).
    pub session_cache: Duration,
    /// How many sessions a person can have (`SESSIONS_PER_PERSON`).
    pub sessions_per_person: u32,
    /// Where Globus is (`GLOBUS_SDK_…`).
    pub environment: Environment,
    /// Which CAs connections to Globus trust (`GLOBUS_SDK_VERIFY_SSL`).
    pub globus_trust: Trust,
    /// How long Globus may take for one answer (`GLOBUS_SDK_HTTP_TIMEOUT`).
    pub globus_timeout: std::time::Duration,
    /// Networks of proxies whose `X-Forwarded-For`, `X-Request-Id` and `traceparent` are trusted (`TRUSTED_PROXIES`).
    pub trusted_proxies: Vec<IpNet>,
    /// Limits on connections.
    pub connections: ConnectionLimits,
    /// How many code exchanges with Globus may run concurrently (`MAX_EXCHANGES`).
    pub max_exchanges: usize,
    /// The log format (`LOG_FORMAT`).
    pub log_format: LogFormat,
    /// How long the portal keeps serving after SIGTERM (`SHUTDOWN_DELAY_SECONDS`).
    pub shutdown_delay: std::time::Duration,
    /// Whom to tell of a weakness (`SECURITY_CONTACT`, `SECURITY_EXPIRES`).
    pub security_txt: Option<SecurityTxt>,
    /// Where browsers outside this machine reach the sandbox of `--sandbox` (`SANDBOX_PUBLIC_URL`).
    pub sandbox_public_url: Option<Url>,
    /// The front page of the sandbox, when the portal runs on it.
    pub sandbox: Option<Url>,
    /// Environment variables that look like settings but that Kubernetes or Docker set for a neighbouring service.
    pub ignored_variables: Vec<String>,
    /// Warnings about settings that work but look wrong, to be logged at startup.
    pub warnings: Vec<String>,
}

/// Where sessions are kept.
#[derive(Clone, Debug)]
pub enum StoreKind {
    /// In this process (`memory`).
    Memory,
    /// In a file (`sqlite:PATH`).
    Sqlite(PathBuf),
    /// In PostgreSQL (`postgres://…`).
    Postgres(StoreUrl),
    /// In Redis or Valkey (`redis://…`, `rediss://…`).
    Redis(StoreUrl),
}

/// Limits on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// How many there may be at the same time (`MAX_CONNECTIONS`).
    pub max: usize,
    /// How long the head of a request may take to arrive (`REQUEST_HEAD_SECONDS`).
    pub head: std::time::Duration,
    /// How long a connection may wait for its next request (`KEEP_ALIVE_SECONDS`).
    pub idle: std::time::Duration,
}

/// The log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people (`pretty`).
    Pretty,
    /// For machines, one object a line (`json`).
    Json,
}

/// The names of the other cookies. They include the path, because a `__Host-` cookie cannot be restricted to a path and
/// portals under several paths of one host must not share cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieNames {
    /// Ties logins to one browser.
    pub login: String,
    /// Counts logins in a row after which the browser is not logged in.
    pub rounds: String,
    /// Remembers recent step-ups, so that none goes in circles.
    pub step_ups: String,
    /// Remembers the choices that are under way in Globus's web app.
    pub choices: String,
    /// On the host of an app under another domain: ties hand-overs to one browser.
    pub hand_over: String,
    /// On such a host: lets a session pass the gate there.
    pub gate: String,
}

impl CookieNames {
    /// The names for a portal below `root`.
    #[must_use]
    pub fn new(root: &str, https: bool) -> Self {
        let name = |name| cookie_name(name, root, https);
        Self {
            login: name("login"),
            rounds: name("rounds"),
            step_ups: name("step-ups"),
            choices: name("choices"),
            hand_over: name("hand-over"),
            gate: name("gate"),
        }
    }

    /// Whether one of them has this name.
    pub(super) fn have(&self, name: &str) -> bool {
        let Self { login, rounds, step_ups, choices, hand_over, gate } = self;
        [login, rounds, step_ups, choices, hand_over, gate].iter().any(|own| *own == name)
    }
}

/// `session` for a portal at `/`, `session-portal` at `/portal`, `session-a+b` at `/a/b`. With https the name gets the
/// prefix that makes browsers refuse the cookie from any other host, path or scheme (RFC 6265bis section 4.1.3.2).
pub(super) fn cookie_name(name: &str, root: &str, https: bool) -> String {
    let prefix = if https { "__Host-" } else { "" };
    match root.strip_prefix('/') {
        None => format!("{prefix}{name}"),
        // A cookie name cannot contain a slash, and a root cannot contain a plus sign.
        Some(root) => format!("{prefix}{name}-{}", root.replace('/', "+")),
    }
}

impl Settings {
    /// Points the settings at a sandbox that has begun to listen: the portal reaches it at `local`, browsers at `public`.
    #[must_use]
    pub fn on_sandbox(mut self, local: &Url, public: &Url) -> Self {
        self.environment = Environment::at(local);
        self.sandbox = Some(public.clone());
        self
    }

    /// The public URL of a path of ours, for example of `/login`.
    #[must_use]
    pub fn public_url(&self, path: &str) -> String {
        format!("{}://{}{}{path}", self.scheme, self.server_name, self.root)
    }

    /// The path that browsers keep our cookies to. The prefix `__Host-`, which https brings, allows only `/`.
    #[must_use]
    pub fn cookie_path(&self) -> &str {
        if self.is_https() || self.root.is_empty() { "/" } else { &self.root }
    }

    /// Whether browsers reach the portal over https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }
}
