//! From values to settings: every key is read, and every problem is noted.

mod globus;

use std::{borrow::Cow, io::IsTerminal as _, net::IpAddr, path::PathBuf};

use ipnet::IpNet;
use time::Duration;
use url::Url;

use super::{
    ConnectionLimits, CookieNames, LogFormat, MOST_PER_PERSON, Problem, Problems, Settings, Sources, StoreKind,
    address::{self, PublicAddress, is_loopback},
    cookie_name,
    reader::Reader,
    secret_keys,
    sources::Values,
    store_url,
};
use crate::{
    globus::scopes,
    secret::{ClientSecret, StoreUrl},
};

const WHERE_TO_REGISTER: &str = "https://app.globus.org/settings/developers";

const IDLE_SECONDS: u32 = 8 * 60 * 60;
const LIFETIME_SECONDS: u32 = 31 * 24 * 60 * 60;
/// How long a session may last.
const LIFETIMES: (u32, u32, &str) = (60, 315_360_000, "ten years");
/// Longer than most answers of Globus take by far.
const REFRESH_TIMEOUT_SECONDS: u32 = 30;
/// More than a machine of two cores serves, and not so many that they fill its memory.
const MAX_CONNECTIONS: usize = 10_000;
const REQUEST_HEAD_SECONDS: u32 = 10;
const KEEP_ALIVE_SECONDS: u32 = 60;
/// An exchange takes some hundred milliseconds: some hundred logins a second, of them a quarter from one address.
const MAX_EXCHANGES: usize = 128;

/// Checks everything. A value that is wrong is replaced by its default, so that the rest can be checked too.
pub(super) fn check(values: Values, problems: Vec<Problem>, sources: &Sources) -> Result<Settings, Problems> {
    let mut reader = Reader { values, problems, warnings: Vec::new() };
    let sandbox_public_url = address::sandbox_public_url(&mut reader, sources.sandbox.is_some());
    let address = PublicAddress::read(&mut reader, sources.sandbox.is_some(), sandbox_public_url.as_ref());
    let secret_key = secret_keys::secret_key(&mut reader, &address, sources.sandbox.is_some());
    let (client_id, client_secret) = credentials(&mut reader, sources, &address);
    let https = address.scheme == "https";
    let session_store = reader.parsed("SESSION_STORE", store).unwrap_or_else(|| default_store(sources));
    reader.warnings.extend(warn_of_open_store(&session_store));
    let listen = address::listen(&mut reader);
    let trusted_proxies = trusted_proxies(&mut reader);
    reader.warnings.extend(address.warnings(listen, !trusted_proxies.is_empty(), sandbox_public_url.is_some()));
    let environment = globus::environment(&mut reader);
    let settings = Settings {
        listen,
        secret_key_fallbacks: secret_keys::fallbacks(&mut reader, &address),
        app_name: reader.text("APP_NAME").map_or_else(|| "Globus Example App".to_owned(), |(name, _)| name),
        scopes: scopes(&mut reader),
        refresh_tokens: reader.parsed("REFRESH_TOKENS", boolean).unwrap_or(false),
        session_store,
        session_cookie_name: session_cookie_name(&mut reader, &address.root, https),
        cookie_names: CookieNames::new(&address.root, https),
        session_idle: Duration::seconds(reader.seconds("SESSION_IDLE_SECONDS", IDLE_SECONDS, LIFETIMES).into()),
        session_lifetime: Duration::seconds(
            reader.seconds("PERMANENT_SESSION_LIFETIME", LIFETIME_SECONDS, LIFETIMES).into(),
        ),
        session_cache: Duration::seconds(reader.seconds("SESSION_CACHE_SECONDS", 0, (0, 300, "300")).into()),
        sessions_per_person: sessions_per_person(&mut reader),
        refresh_timeout: std::time::Duration::from_secs(
            reader.seconds("REFRESH_TIMEOUT_SECONDS", REFRESH_TIMEOUT_SECONDS, (1, 120, "120")).into(),
        ),
        shutdown_delay: std::time::Duration::from_secs(
            reader.seconds("SHUTDOWN_DELAY_SECONDS", if address.loopback { 0 } else { 5 }, (0, 120, "120")).into(),
        ),
        connections: connection_limits(&mut reader),
        max_exchanges: reader.count("MAX_EXCHANGES", MAX_EXCHANGES, (1, 10_000)),
        globus_trust: globus::trust(&mut reader, &environment),
        globus_timeout: globus::timeout(&mut reader),
        environment,
        trusted_proxies,
        log_format: reader.parsed("LOG_FORMAT", log_format).unwrap_or_else(default_log_format),
        server_name: address.server_name,
        scheme: address.scheme,
        root: address.root,
        secret_key,
        client_id,
        client_secret,
        sandbox_public_url,
        sandbox: None,
        ignored_variables: sources.service_variables(),
        warnings: std::mem::take(&mut reader.warnings),
    };
    if reader.problems.is_empty() { Ok(settings) } else { Err(Problems(reader.problems)) }
}

fn credentials(reader: &mut Reader, sources: &Sources, address: &PublicAddress) -> (String, ClientSecret) {
    let id = either(reader, "APP_CLIENT_ID", "PORTAL_CLIENT_ID");
    let secret = either(reader, "APP_CLIENT_SECRET", "PORTAL_CLIENT_SECRET");
    if let Some(sandbox) = sources.sandbox {
        if let Some((_, origin)) = id.filter(|(id, _)| id != sandbox.client_id) {
            let text = "this is the client id of a real app, and the sandbox is not Globus: leave out --sandbox, or this setting";
            reader.problem("APP_CLIENT_ID", Some(origin), text);
        }
        return (sandbox.client_id.to_owned(), ClientSecret::new(sandbox.client_secret));
    }
    let redirect_uri = format!("{}://{}{}/login", address.scheme, address.server_name, address.root);
    let missing = format!(
        "missing: register an app at {WHERE_TO_REGISTER} with the redirect URI {redirect_uri} and copy it from there; \
         or try the portal without one by --sandbox"
    );
    if id.is_none() && !reader.has_problem("APP_CLIENT_ID") && !reader.has_problem("PORTAL_CLIENT_ID") {
        reader.problem("APP_CLIENT_ID", None, &*missing);
    }
    if secret.is_none() && !reader.has_problem("APP_CLIENT_SECRET") && !reader.has_problem("PORTAL_CLIENT_SECRET") {
        let text = if id.is_none() { "missing: made on the same page".to_owned() } else { missing };
        reader.problem("APP_CLIENT_SECRET", None, text);
    }
    let (id, _) = id.unwrap_or_default();
    if !id.is_empty() && uuid::Uuid::parse_str(&id).is_err() {
        reader.warnings.push("APP_CLIENT_ID is not a UUID, but Globus client ids are: check it".to_owned());
    }
    let (secret, _) = secret.unwrap_or_default();
    (id, ClientSecret::new(secret))
}

/// A setting that has two names.
fn either(reader: &mut Reader, name: &str, other: &str) -> Option<(String, String)> {
    let (first, second) = (reader.text(name), reader.text(other));
    if let (Some((a, _)), Some((b, origin))) = (&first, &second)
        && a != b
    {
        let text = format!("is another name of {name}, which has another value: keep one of the two");
        reader.problem(other, Some(origin.clone()), text);
    }
    first.or(second)
}

fn scopes(reader: &mut Reader) -> Vec<String> {
    let default = [scopes::auth::OPENID, scopes::auth::PROFILE, scopes::auth::EMAIL, scopes::transfer::ALL];
    let Some((mut scopes, origin)) = reader.list("SCOPES", &[' ', '\n', '\t']) else {
        return default.map(ToOwned::to_owned).to_vec();
    };
    scopes = scopes.iter().flat_map(|item| item.split_whitespace()).map(ToOwned::to_owned).collect();
    if scopes.iter().any(|scope| scope.contains([',', ';'])) {
        let text =
            "expected scopes with spaces between them and no commas, as in 'openid email' or ['openid', 'email']";
        reader.problem("SCOPES", Some(origin), text);
    } else if let Err(error) = scopes::parse(&scopes.join(" ")) {
        reader.problem("SCOPES", Some(origin), format!("expected scopes with spaces between them: {error}"));
    }
    if !scopes.iter().any(|scope| scope == scopes::auth::OPENID) {
        scopes.insert(0, scopes::auth::OPENID.to_owned());
    }
    scopes
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// The value may hold a password, so no message quotes it.
fn store(text: &str) -> Result<StoreKind, String> {
    match text.split_once(':') {
        None if text == "memory" => Ok(StoreKind::Memory),
        Some(("sqlite", path)) if path.contains([':', '?']) => {
            Err("expected the path of a file after sqlite:, and no options; memory keeps sessions in memory".to_owned())
        }
        Some(("sqlite", path)) if !path.trim_start_matches('/').is_empty() => {
            let path = path.strip_prefix("//").unwrap_or(path);
            Ok(StoreKind::Sqlite(PathBuf::from(path)))
        }
        Some(("postgres" | "postgresql", _)) => {
            let expected = "expected postgres://user:password@host:port/database, or \
                            postgres:///database?host=/folder/of/the/socket&user=user";
            server_url(text, expected).map(StoreKind::Postgres)
        }
        Some(("redis" | "rediss", _)) => {
            let expected = "expected redis://user:password@host:port/database, or rediss://… for TLS";
            server_url(text, expected).map(StoreKind::Redis)
        }
        Some(("redis+unix" | "unix", _)) => Ok(StoreKind::Redis(StoreUrl::new(text))),
        _ => Err("expected memory, sqlite:PATH as in sqlite:example_app.db, postgres://… or redis://…".to_owned()),
    }
}

/// The URL of a server. One that cannot be read may have a password that does not read as one.
fn server_url(text: &str, expected: &str) -> Result<StoreUrl, String> {
    if store_url::has_stray_at(text) {
        return Err(store_url::ENCODE.to_owned());
    }
    let names_socket = |url: &Url| {
        let mut hosts = url.query_pairs().filter(|(name, _)| name == "host");
        url.scheme().starts_with("postgres") && hosts.any(|(_, value)| !value.is_empty())
    };
    let is_good = |url: Url| url.host_str().is_some_and(|host| !host.is_empty()) || names_socket(&url);
    let hint = "; special characters in a user name or password must be percent-encoded";
    if Url::parse(text).is_ok_and(is_good) { Ok(StoreUrl::new(text)) } else { Err(format!("{expected}{hint}")) }
}

/// What is kept is sealed, but whoever stands between could end sessions, or keep them from ending.
fn warn_of_open_store(kind: &StoreKind) -> Option<String> {
    let (StoreKind::Postgres(url) | StoreKind::Redis(url)) = kind else { return None };
    let url =
        Url::parse(url.expose_secret()).ok().filter(|url| url.host_str().is_some_and(|host| !is_loopback(host)))?;
    let verifies = |(name, value): (_, Cow<'_, str>)| name == "sslmode" && value == "verify-full";
    let is_closed = url.scheme() == "rediss" || url.query_pairs().any(verifies);
    let mend = "use sslmode=verify-full for PostgreSQL, rediss:// for Redis, or a network of your own";
    (!is_closed)
        .then(|| format!("SESSION_STORE is on another machine and the connection is not authenticated by TLS: {mend}"))
}

fn default_store(sources: &Sources) -> StoreKind {
    if sources.sandbox.is_some() { StoreKind::Memory } else { StoreKind::Sqlite(PathBuf::from("example_app.db")) }
}

/// How many sessions a person can have: more than anybody has browsers.
fn sessions_per_person(reader: &mut Reader) -> u32 {
    let most = MOST_PER_PERSON as usize;
    u32::try_from(reader.count("SESSIONS_PER_PERSON", 50, (1, most))).unwrap_or(MOST_PER_PERSON)
}

fn session_cookie_name(reader: &mut Reader, root: &str, https: bool) -> String {
    let CookieNames { login, rounds } = CookieNames::new(root, https);
    let with_prefix = |name: &str| {
        if https && !name.starts_with("__Host-") { format!("__Host-{name}") } else { name.to_owned() }
    };
    let name = reader.parsed("SESSION_COOKIE_NAME", |text| {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        match text {
            _ if !plain || text.len() > 64 => Err("expected at most 64 letters, digits, and - _ .".to_owned()),
            _ if [login, rounds].contains(&with_prefix(text)) => {
                Err("is the name of another cookie of the portal".to_owned())
            }
            _ if text.starts_with("__") && !https => Err("a name with this prefix works with https only".to_owned()),
            _ => Ok(with_prefix(text)),
        }
    });
    name.unwrap_or_else(|| cookie_name("session", root, https))
}

fn connection_limits(reader: &mut Reader) -> ConnectionLimits {
    let mut seconds =
        |key: &str, default| std::time::Duration::from_secs(reader.seconds(key, default, (1, 3600, "3600")).into());
    let head = seconds("REQUEST_HEAD_SECONDS", REQUEST_HEAD_SECONDS);
    let idle = seconds("KEEP_ALIVE_SECONDS", KEEP_ALIVE_SECONDS);
    ConnectionLimits { max: reader.count("MAX_CONNECTIONS", MAX_CONNECTIONS, (16, 1_000_000)), head, idle }
}

fn trusted_proxies(reader: &mut Reader) -> Vec<IpNet> {
    let Some((items, origin)) = reader.list("TRUSTED_PROXIES", &[' ', ',', '\n', '\r', '\t']) else {
        return Vec::new();
    };
    let parsed = items.iter().map(|item| {
        let address = || item.parse::<IpAddr>().map(IpNet::from);
        item.parse::<IpNet>().or_else(|_| address()).map_err(|_| item)
    });
    let networks: Result<Vec<IpNet>, &String> = parsed.collect();
    networks.unwrap_or_else(|item| {
        let text = format!("{item:?} is no network: expected items such as 127.0.0.1 or 10.0.0.0/8");
        reader.problem("TRUSTED_PROXIES", Some(origin), text);
        Vec::new()
    })
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected pretty or json".to_owned()),
    }
}

fn default_log_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json }
}
