//! Where sessions are kept, how long they last, and the name of their cookie.

use std::{borrow::Cow, path::PathBuf};

use time::Duration;
use url::Url;

use crate::{
    secret::StoreUrl,
    settings::{
        address::{PublicAddress, is_loopback},
        checked::{MOST_PER_PERSON, StoreKind, cookie_name},
        reader::Reader,
        store_url,
    },
};

const IDLE_SECONDS: u32 = 8 * 60 * 60;
const LIFETIME_SECONDS: u32 = 31 * 24 * 60 * 60;
/// How long a session may last.
const LIFETIMES: (u32, u32, &str) = (60, 315_360_000, "ten years");

pub(super) fn idle(reader: &mut Reader) -> Duration {
    Duration::seconds(reader.seconds("SESSION_IDLE_SECONDS", IDLE_SECONDS, LIFETIMES).into())
}

pub(super) fn lifetime(reader: &mut Reader) -> Duration {
    Duration::seconds(reader.seconds("PERMANENT_SESSION_LIFETIME", LIFETIME_SECONDS, LIFETIMES).into())
}

pub(super) fn cache(reader: &mut Reader) -> Duration {
    Duration::seconds(reader.seconds("SESSION_CACHE_SECONDS", 0, (0, 300, "300")).into())
}

pub(super) fn store(reader: &mut Reader, sandbox: bool) -> StoreKind {
    let store = reader.parsed("SESSION_STORE", store_kind).unwrap_or_else(|| default_store(sandbox));
    reader.warnings.extend(warn_of_open_store(&store));
    store
}

/// The value may hold a password, so no message quotes it.
fn store_kind(text: &str) -> Result<StoreKind, String> {
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

/// The URL of a server. Parts of a malformed one may belong to a password, so no message quotes them.
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

/// Stored values are sealed, but an attacker on the path could end sessions, or keep them from ending.
fn warn_of_open_store(kind: &StoreKind) -> Option<String> {
    let (StoreKind::Postgres(url) | StoreKind::Redis(url)) = kind else { return None };
    let url =
        Url::parse(url.expose_secret()).ok().filter(|url| url.host_str().is_some_and(|host| !is_loopback(host)))?;
    let verifies = |(name, value): (_, Cow<'_, str>)| name == "sslmode" && value == "verify-full";
    let is_closed = url.scheme() == "rediss" || url.query_pairs().any(verifies);
    let fix = "use sslmode=verify-full for PostgreSQL, rediss:// for Redis, or a private network";
    (!is_closed)
        .then(|| format!("SESSION_STORE is on another machine and the connection is not authenticated by TLS: {fix}"))
}

fn default_store(sandbox: bool) -> StoreKind {
    if sandbox { StoreKind::Memory } else { StoreKind::Sqlite(PathBuf::from("example_app.db")) }
}

/// How many sessions a person can have: by default, more than anyone has browsers.
pub(super) fn per_person(reader: &mut Reader) -> u32 {
    let most = MOST_PER_PERSON as usize;
    u32::try_from(reader.count("SESSIONS_PER_PERSON", 50, (1, most))).unwrap_or(MOST_PER_PERSON)
}

/// The name of the session cookie. A cookie with a `Domain` cannot have the prefix `__Host-` (RFC 6265bis section 4.1.3.2); it
/// gets the one that only says that it came by https (section 4.1.3.1).
pub(super) fn cookie(reader: &mut Reader, address: &PublicAddress) -> String {
    let (https, has_domain) = (address.scheme == "https", address.cookie_domain.is_some());
    let names = address.cookie_names();
    let prefix = match (https, has_domain) {
        (false, _) => "",
        (true, false) => "__Host-",
        (true, true) => "__Secure-",
    };
    let with_prefix = |name: &str| format!("{prefix}{}", name.strip_prefix(prefix).unwrap_or(name));
    let name = reader.parsed("SESSION_COOKIE_NAME", |text| {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        match text {
            _ if !plain || text.len() > 64 => Err("expected at most 64 letters, digits, and - _ .".to_owned()),
            _ if names.have(&with_prefix(text)) => Err("the portal uses this name for another cookie".to_owned()),
            _ if text.starts_with("__") && !https => Err("a name with this prefix works with https only".to_owned()),
            _ if text.starts_with("__Host-") && has_domain => {
                Err("browsers refuse a cookie with this prefix and a domain: leave the prefix out, or COOKIE_DOMAIN"
                    .to_owned())
            }
            _ => Ok(with_prefix(text)),
        }
    });
    name.unwrap_or_else(|| with_prefix(&cookie_name("session", &address.root, false)))
}
