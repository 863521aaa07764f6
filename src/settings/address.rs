//! Where browsers find the portal.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

use super::{app_hosts, checked::CookieNames, listen::Listen, reader::Reader};
use crate::globus::environment::is_loopback as is_loopback_url;

/// The address at which browsers reach the portal.
pub(super) struct PublicAddress {
    pub server_name: String,
    pub scheme: String,
    pub root: String,
    pub loopback: bool,
    /// The `Domain` of the session cookie.
    pub cookie_domain: Option<String>,
}

impl PublicAddress {
    /// The names of the portal's cookies there.
    pub(super) fn cookie_names(&self) -> CookieNames {
        CookieNames::new(&self.root, self.scheme == "https")
    }

    pub(super) fn read(reader: &mut Reader, sandbox: bool, sandbox_public_url: Option<&Url>) -> Self {
        let origin = reader.values.get("SERVER_NAME").map(|found| found.origin.clone());
        let server_name = reader.parsed("SERVER_NAME", server_name).unwrap_or_else(|| "localhost:5000".to_owned());
        let loopback = is_loopback(&server_name);
        if sandbox && !loopback && sandbox_public_url.is_none() {
            let text = "the sandbox is for one machine only: with --sandbox this must be a loopback name such as localhost:5000, \
                        unless SANDBOX_PUBLIC_URL opens the sandbox to others on purpose";
            reader.problem("SERVER_NAME", origin, text);
        }
        // The sandbox's people are invented, so their sessions do not need https.
        let open_sandbox = sandbox && sandbox_public_url.is_some_and(|url| url.scheme() == "http");
        let default = if loopback || open_sandbox { "http" } else { "https" };
        let scheme = reader.parsed("PREFERRED_URL_SCHEME", |text| match text {
            "https" => Ok(text.to_owned()),
            "http" if loopback || open_sandbox => Ok(text.to_owned()),
            "http" => {
                Err("http would expose every session on the network: use https (http is allowed on loopback only)"
                    .to_owned())
            }
            _ => Err("expected http or https".to_owned()),
        });
        let root = reader.parsed("APPLICATION_ROOT", root).unwrap_or_default();
        let scheme = scheme.unwrap_or_else(|| default.to_owned());
        let server_name = without_default_port(&server_name, &scheme);
        let domain = app_hosts::domain(&server_name);
        let cookie_domain = reader.parsed("COOKIE_DOMAIN", |text| cookie_domain(text, domain));
        Self { server_name, scheme, root, loopback, cookie_domain }
    }

    /// The server name without a port.
    pub(super) fn domain(&self) -> &str {
        app_hosts::domain(&self.server_name)
    }

    /// A host without the port that its scheme has by default.
    pub(super) fn without_default_port(&self, host: &str) -> String {
        without_default_port(host, &self.scheme)
    }

    /// Warnings if the address to bind does not fit the one that browsers are sent to. `behind_proxy`: a proxy stands in
    /// between and listens elsewhere; `published`: the ports of a container are known to be published.
    pub(super) fn warnings(&self, listen: &Listen, behind_proxy: bool, published: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        // Only a proxy can use a socket of another kind.
        let Some(listen) = listen.tcp() else { return warnings };
        let name = &self.server_name;
        if !self.loopback || published {
            return warnings;
        }
        if !listen.ip().to_canonical().is_loopback() {
            warnings.push(format!(
                "LISTEN = {listen} lets other machines in, but SERVER_NAME = {name} points them to themselves: \
                 set SERVER_NAME to the public host, or let LISTEN be 127.0.0.1"
            ));
        }
        let proxied = behind_proxy || self.scheme == "https";
        if !proxied && !self.leads_to(listen) {
            warnings.push(format!(
                "browsers are sent to SERVER_NAME = {name}, but LISTEN = {listen}: give both the same address and port, \
                 unless a proxy forwards connections from one to the other"
            ));
        }
        warnings
    }

    /// Whether a browser on this machine that visits the server name reaches this address.
    fn leads_to(&self, listen: SocketAddr) -> bool {
        let Ok(url) = Url::parse(&format!("http://{}/", self.server_name)) else { return true };
        let ip = listen.ip().to_canonical();
        let is_ours = match url.host() {
            Some(Host::Ipv4(host)) => ip == host,
            Some(Host::Ipv6(host)) => ip == host,
            // Names of this machine resolve to these two (RFC 6761 section 6.3).
            _ => ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST,
        };
        // Other addresses have a warning of their own.
        let is_ours = is_ours || !ip.is_loopback();
        is_ours && url.port_or_known_default() == Some(listen.port())
    }
}

/// Where browsers reach the sandbox of `--sandbox`. It is mounted at the root, so a path is rejected.
pub(super) fn sandbox_public_url(reader: &mut Reader, sandbox: bool) -> Option<Url> {
    let url = reader.parsed("SANDBOX_PUBLIC_URL", |text| {
        let bare = |url: &Url| {
            let host_only = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            host_only && url.username().is_empty() && url.password().is_none()
        };
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && bare(url));
        url.ok_or_else(|| "expected a scheme and a host, as in http://localhost:5001".to_owned())
    })?;
    if !sandbox {
        reader.warnings.push("SANDBOX_PUBLIC_URL has no effect without --sandbox".to_owned());
    }
    Some(url)
}

fn server_name(text: &str) -> Result<String, String> {
    let expected = || "expected host or host:port, as in portal.example.org or localhost:5000".to_owned();
    let url = Url::parse(&format!("http://{text}/")).map_err(|_| expected())?;
    let host = url.host_str().ok_or_else(expected)?;
    // The parser drops port 80.
    let known =
        url.port().map_or_else(|| vec![host.to_owned(), format!("{host}:80")], |port| vec![format!("{host}:{port}")]);
    let name = text.to_ascii_lowercase();
    if known.contains(&name) { Ok(name) } else { Err(expected()) }
}

/// A host as browsers write it, perhaps with a port: in lower case, and without a dot at its end, which would be another host
/// for them.
pub(super) fn host(text: &str) -> Result<String, String> {
    let name = server_name(text)?;
    let is_plain = app_hosts::domain(&name).split('.').all(|label| !label.is_empty());
    if is_plain { Ok(name) } else { Err("expected a host".to_owned()) }
}

/// A domain that browsers take in a cookie of `host`: the host or one that it is below, and no public suffix, which unrelated
/// sites share (RFC 6265 section 5.3, steps 5 and 6).
fn cookie_domain(text: &str, host: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let domain = lower.strip_prefix('.').unwrap_or(&lower);
    let is_address = Url::parse(&format!("http://{host}/")).is_ok_and(|url| url.domain().is_none());
    if is_address || self::host(domain).is_err() || domain.contains(':') {
        return Err("expected a domain, as in example.org, and a SERVER_NAME in it".to_owned());
    }
    if !app_hosts::is_within(host, domain) {
        return Err(format!("browsers refuse it from {host}: expected that host, or a domain that it is below"));
    }
    if !domain.contains('.') || psl::domain_str(domain).is_none() {
        return Err("browsers refuse it, because unrelated sites share it: expected a domain of your own".to_owned());
    }
    Ok(domain.to_owned())
}

/// Browsers leave the scheme's own port out of origins and addresses.
fn without_default_port(server_name: &str, scheme: &str) -> String {
    let port = if scheme == "https" { ":443" } else { ":80" };
    server_name.strip_suffix(port).unwrap_or(server_name).to_owned()
}

/// Whether a host (with or without a port) is a loopback name.
pub(super) fn is_loopback(server_name: &str) -> bool {
    Url::parse(&format!("http://{server_name}/")).is_ok_and(|url| is_loopback_url(&url))
}

fn root(text: &str) -> Result<String, String> {
    let trimmed = text.trim_end_matches('/');
    let segments_are_plain = trimmed.split('/').skip(1).all(|segment| {
        !segment.is_empty()
            && !matches!(segment, "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    });
    let plain = text.starts_with('/') && segments_are_plain;
    if plain { Ok(trimmed.to_owned()) } else { Err("expected a path such as / or /portal".to_owned()) }
}

/// The address of the listener for metrics, which must not be the public one.
pub(super) fn metrics_listen(reader: &mut Reader, listen: &Listen) -> Option<SocketAddr> {
    reader.parsed("METRICS_LISTEN", |text| {
        let address = socket_address(text, "127.0.0.1:9100 or [::1]:9100")?;
        let meets = |public: SocketAddr| {
            let (ip, other) = (address.ip().to_canonical(), public.ip().to_canonical());
            let same = ip == other || ip.is_unspecified() || other.is_unspecified();
            same && address.port() == public.port() && public.port() != 0
        };
        if listen.tcp().is_some_and(meets) {
            return Err(
                "this is where visitors come in (LISTEN): metrics need an address or a port of their own".to_owned()
            );
        }
        Ok(address)
    })
}

fn socket_address(text: &str, example: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("expected an address and a port, as in {example}"))
}
