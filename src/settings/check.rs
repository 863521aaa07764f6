//! Turns values into settings: reads every key and collects every problem.

mod app_hosts;
mod collections;
mod for_apps;
mod globus;
mod policies;
mod sessions;

use std::{io::IsTerminal as _, net::IpAddr, path::Path, time::Duration};

use ipnet::IpNet;
use url::Url;

use super::{
    address::{self, PublicAddress},
    checked::{ConnectionLimits, LogFormat, Settings},
    collector,
    listen::{self, Listen},
    policies::Policies,
    problems::Problems,
    reader::Reader,
    secret_keys, security_txt,
    sources::Sources,
};
use crate::{globus::scopes, secret::ClientSecret, zone::Zone};

const WHERE_TO_REGISTER: &str = "https://app.globus.org/settings/developers";

/// Far longer than most responses of Globus take.
const REFRESH_TIMEOUT_SECONDS: u32 = 30;
/// More than a machine with two cores can serve, but too few to fill its memory.
const MAX_CONNECTIONS: usize = 10_000;
const REQUEST_HEAD_SECONDS: u32 = 10;
const KEEP_ALIVE_SECONDS: u32 = 60;
/// An exchange takes a few hundred milliseconds, so this allows a few hundred logins a second, a quarter from one address.
const MAX_EXCHANGES: usize = 128;

/// Checks everything. A wrong value is replaced by its default, so that the rest can be checked too.
pub(super) fn check(mut reader: Reader, sources: &Sources) -> Result<Settings, Problems> {
    let settings = read(&mut reader, sources);
    if reader.problems.is_empty() { Ok(settings) } else { Err(Problems(reader.problems)) }
}

fn read(reader: &mut Reader, sources: &Sources) -> Settings {
    let (sandbox, environment) = (sources.sandbox.is_some(), globus::environment(reader));
    let (address, sandbox_public_url) = addresses(reader, sandbox);
    let (client_id, client_secret) = credentials(reader, sources, &address);
    let (listen, trusted_proxies) = way_in(reader, &address, sandbox_public_url.is_some());
    let (policies, groups_max_age) = policies::read(reader);
    Settings {
        metrics_listen: address::metrics_listen(reader, &listen),
        collector: collector::read(reader),
        listen,
        secret_key: secret_keys::secret_key(reader, &address, sandbox),
        secret_key_fallbacks: secret_keys::fallbacks(reader, &address),
        client_id,
        client_secret,
        app_name: reader.text("APP_NAME").map_or_else(|| "Globus Example App".to_owned(), |(name, _)| name),
        landing_page: reader.parsed_scalar("LANDING_PAGE", boolean).unwrap_or(false),
        time_zone: reader.parsed("TIME_ZONE", time_zone).unwrap_or(Zone::UTC),
        scopes: scopes_for(reader, &policies),
        policies,
        groups_max_age,
        allow_consent_for: allow_consent_for(reader),
        collections: collections::read(reader, sources.file.parent().unwrap_or(Path::new(""))),
        refresh_tokens: reader.parsed_scalar("REFRESH_TOKENS", boolean).unwrap_or(false),
        refresh_timeout: seconds(reader, "REFRESH_TIMEOUT_SECONDS", REFRESH_TIMEOUT_SECONDS, (1, 120, "120")),
        session_store: sessions::store(reader, sandbox),
        session_cookie_name: sessions::cookie(reader, &address),
        cookie_names: address.cookie_names(),
        app_hosts: app_hosts::read(reader, &address),
        session_idle: sessions::idle(reader),
        session_lifetime: sessions::lifetime(reader),
        session_cache: sessions::cache(reader),
        sessions_per_person: sessions::per_person(reader),
        globus_trust: globus::trust(reader, &environment),
        globus_timeout: globus::timeout(reader),
        environment,
        trusted_proxies,
        connections: connection_limits(reader),
        max_exchanges: reader.count("MAX_EXCHANGES", MAX_EXCHANGES, (1, 10_000)),
        log_format: reader.parsed("LOG_FORMAT", log_format).unwrap_or_else(default_log_format),
        shutdown_delay: shutdown_delay(reader, &address),
        security_txt: security_txt::read(reader),
        server_name: address.server_name,
        scheme: address.scheme,
        root: address.root,
        sandbox_public_url,
        sandbox: None,
        ignored_variables: sources.service_variables(),
        warnings: std::mem::take(&mut reader.warnings),
    }
}

/// The portal's public address, and the sandbox's.
fn addresses(reader: &mut Reader, sandbox: bool) -> (PublicAddress, Option<Url>) {
    let of_sandbox = address::sandbox_public_url(reader, sandbox);
    (PublicAddress::read(reader, sandbox, of_sandbox.as_ref()), of_sandbox)
}

fn seconds(reader: &mut Reader, key: &str, default: u32, limits: (u32, u32, &str)) -> Duration {
    Duration::from_secs(reader.seconds(key, default, limits).into())
}

fn shutdown_delay(reader: &mut Reader, address: &PublicAddress) -> Duration {
    seconds(reader, "SHUTDOWN_DELAY_SECONDS", if address.loopback { 0 } else { 5 }, (0, 120, "120"))
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
    } else if let Err(error) = scopes::parse(&scopes) {
        reader.problem("SCOPES", Some(origin), format!("expected scopes with spaces between them: {error}"));
    }
    if !scopes.iter().any(|scope| scope == scopes::auth::OPENID) {
        scopes.insert(0, scopes::auth::OPENID.to_owned());
    }
    scopes
}

/// The scopes, and what policies need of them.
fn scopes_for(reader: &mut Reader, policies: &Policies) -> Vec<String> {
    let scopes = with_groups(scopes(reader), policies);
    for_apps::warn(reader, policies, &scopes);
    scopes
}

/// A policy that asks for groups needs the scope that lists them.
fn with_groups(mut scopes: Vec<String>, policies: &Policies) -> Vec<String> {
    let lists = [scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS, scopes::groups::ALL];
    if policies.ask_for_groups() && !scopes.iter().any(|scope| lists.contains(&scope.as_str())) {
        scopes.push(lists[0].to_owned());
    }
    scopes
}

/// Resource servers, as their ids or names, and whole scopes.
fn allow_consent_for(reader: &mut Reader) -> Vec<String> {
    let Some((items, origin)) = reader.list("ALLOW_CONSENT_FOR", &[' ', '\n', '\t']) else { return Vec::new() };
    let items: Vec<String> = items.iter().flat_map(|item| item.split_whitespace()).map(ToOwned::to_owned).collect();
    if let Some(item) = items.iter().find(|item| item.contains(['[', ']', '*', ',', ';'])) {
        let text = format!(
            "{item:?} is neither a resource server nor one scope: expected items such as 'groups.api.globus.org', with \
             spaces between them and without dependencies"
        );
        reader.problem("ALLOW_CONSENT_FOR", Some(origin), text);
        return Vec::new();
    }
    items
}

fn time_zone(text: &str) -> Result<Zone, String> {
    Zone::named(text).ok_or_else(|| "expected the name of a time zone, such as 'Europe/Berlin' or 'UTC'".to_owned())
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

fn connection_limits(reader: &mut Reader) -> ConnectionLimits {
    let within_an_hour = (1, 3600, "3600");
    ConnectionLimits {
        max: reader.count("MAX_CONNECTIONS", MAX_CONNECTIONS, (16, 1_000_000)),
        head: seconds(reader, "REQUEST_HEAD_SECONDS", REQUEST_HEAD_SECONDS, within_an_hour),
        idle: seconds(reader, "KEEP_ALIVE_SECONDS", KEEP_ALIVE_SECONDS, within_an_hour),
    }
}

/// Where visitors come in, and by which proxies.
fn way_in(reader: &mut Reader, address: &PublicAddress, published: bool) -> (Listen, Vec<IpNet>) {
    let (listen, proxies) = (listen::listen(reader), trusted_proxies(reader));
    reader.warnings.extend(address.warnings(&listen, !proxies.is_empty(), published));
    (listen, proxies)
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
        let text = format!("{item:?} is not a network: expected items such as 127.0.0.1 or 10.0.0.0/8");
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
