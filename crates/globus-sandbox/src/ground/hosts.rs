//! The hosts that a sandbox answers to.

use std::net::IpAddr;

use axum::http::uri::Authority;
use url::{Host, Url};

/// How the host names of collections begin.
pub(crate) const LABEL: &str = "m-";

/// The hosts that the sandbox answers to, in addition to loopback ones.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// The host of the public URL, and the local address that a portal in the same process uses.
    pub(crate) fn new(public_url: Option<&Url>, local: IpAddr) -> Self {
        let public = public_url.and_then(Url::host).map(|host| plain(&host));
        Self(public.into_iter().chain([local.to_string()]).collect())
    }

    /// Whether a `Host` header or a URL's authority is one of these.
    pub(crate) fn accepts(&self, authority: &str) -> bool {
        let parsed = authority.parse::<Authority>().ok().filter(|_| !authority.contains('@'));
        let host = parsed.and_then(|authority| Host::parse(authority.host()).ok());
        host.is_some_and(|host| is_loopback(&host) || self.knows(&plain(&host)))
    }

    /// Whether this is one of the names, or that of a collection below one of them.
    fn knows(&self, name: &str) -> bool {
        let above = name.split_once('.').filter(|(label, _)| label.starts_with(LABEL)).map(|(_, above)| above);
        self.0.iter().any(|known| known == name || above == Some(known))
    }

    /// Whether a page of this origin is one of ours, or of an app on this machine.
    pub(crate) fn accepts_origin(&self, origin: &str) -> bool {
        let web = |rest: &&str| !rest.contains('/');
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).filter(web);
        authority.is_some_and(|authority| self.accepts(authority))
    }
}

/// Where the files of collections are: each collection has a host of its own, so that each is an origin of its own.
#[derive(Debug)]
pub(crate) struct FileHosts {
    scheme: String,
    /// The host above them, and the port if it is not the usual one.
    above: String,
    port: Option<u16>,
}

impl FileHosts {
    /// Below the host of the base URL; on this machine below `localhost`, which browsers look up here. Nothing is below
    /// an address of another machine.
    pub(crate) fn new(base_url: &str) -> Option<Self> {
        let url = Url::parse(base_url).ok()?;
        let host = Host::parse(url.host_str()?).ok()?;
        let above = match &host {
            _ if is_loopback(&host) => "localhost".to_owned(),
            Host::Domain(_) => plain(&host),
            _ => return None,
        };
        Some(Self { scheme: url.scheme().to_owned(), above, port: url.port() })
    }

    pub(crate) fn origin(&self, label: &str) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{label}.{}{port}", self.scheme, self.above)
    }

    /// The label of a host below this one.
    pub(crate) fn label(&self, authority: &str) -> Option<String> {
        let host = Host::parse(authority.parse::<Authority>().ok()?.host()).ok()?;
        let name = plain(&host);
        let label = name.strip_suffix(&self.above)?.strip_suffix('.')?;
        label.starts_with(LABEL).then(|| label.to_owned())
    }
}

fn plain<S: AsRef<str>>(host: &Host<S>) -> String {
    match host {
        Host::Domain(name) => name.as_ref().trim_end_matches('.').to_ascii_lowercase(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(_) => {
            let name = plain(host);
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use url::Url;

    use super::{FileHosts, Hosts};

    #[test]
    fn loopback_hosts_and_the_public_one_are_accepted() {
        let public = Url::parse("http://Sandbox.example:5001").unwrap();
        let hosts = Hosts::new(Some(&public), Ipv4Addr::new(192, 0, 2, 7).into());
        for host in ["localhost", "LOCALHOST:1", "a.localhost", "localhost.", "127.0.0.1:5001", "127.9.9.9", "[::1]:80"]
        {
            assert!(hosts.accepts(host) && Hosts::default().accepts(host), "{host}");
        }
        for host in ["sandbox.example", "sandbox.example:99", "192.0.2.7:5001"] {
            assert!(hosts.accepts(host) && !Hosts::default().accepts(host), "{host}");
        }
        let foreign =
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "x@localhost", "a b"];
        for host in foreign {
            assert!(!hosts.accepts(host), "{host}");
        }
    }

    #[test]
    fn each_collection_has_a_host_below_the_sandbox() {
        let public = Url::parse("https://sandbox.example").unwrap();
        let hosts = Hosts::new(Some(&public), Ipv4Addr::LOCALHOST.into());
        assert!(hosts.accepts("m-1.sandbox.example:80") && hosts.accepts("m-1.localhost"));
        assert!(!hosts.accepts("x.sandbox.example") && !hosts.accepts("m-1.m-2.sandbox.example"));
        for (base, origin) in [
            ("http://127.0.0.1:5001", Some("http://m-1.localhost:5001")),
            ("http://[::1]:5001", Some("http://m-1.localhost:5001")),
            ("http://localhost:5001", Some("http://m-1.localhost:5001")),
            ("https://sandbox.example", Some("https://m-1.sandbox.example")),
            ("http://192.0.2.7:5001", None),
        ] {
            let files = FileHosts::new(base);
            assert_eq!(files.as_ref().map(|files| files.origin("m-1")).as_deref(), origin, "{base}");
        }
        let files = FileHosts::new("http://127.0.0.1:5001").unwrap();
        assert_eq!(files.label("M-1.LocalHost.:5001").as_deref(), Some("m-1"));
        for other in ["localhost:5001", "x.localhost", "127.0.0.1:5001", "m-1.evil.example", "m-1localhost", ""] {
            assert_eq!(files.label(other), None, "{other}");
        }
    }

    #[test]
    fn origins_are_accepted_by_their_host() {
        let hosts = Hosts::default();
        assert!(hosts.accepts_origin("http://localhost:3000") && hosts.accepts_origin("https://127.0.0.1"));
        for origin in
            ["null", "", "http://evil.example", "ftp://localhost", "http://localhost/", "http://localhost@evil.example"]
        {
            assert!(!hosts.accepts_origin(origin), "{origin}");
        }
    }
}
