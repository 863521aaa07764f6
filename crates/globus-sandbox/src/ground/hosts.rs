//! The hosts that a sandbox answers to.

use std::net::IpAddr;

use axum::http::uri::Authority;
use url::{Host, Url};

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
        host.is_some_and(|host| is_loopback(&host) || self.0.contains(&plain(&host)))
    }

    /// Whether a page of this origin is one of ours, or of an app on this machine.
    pub(crate) fn accepts_origin(&self, origin: &str) -> bool {
        let web = |rest: &&str| !rest.contains('/');
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).filter(web);
        authority.is_some_and(|authority| self.accepts(authority))
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

    use super::Hosts;

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
