//! The hosts beside `SERVER_NAME` whose apps the gate guards.

/// A host of apps: a login, and the gate, may lead back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppHost {
    origin: String,
    has_session_cookie: bool,
}

impl AppHost {
    /// A host as [`AppHosts::named`] takes it, in an origin such as `https://data.example.org:8443`.
    /// `has_session_cookie`: whether browsers send it the session cookie.
    pub(super) fn new(scheme: &str, name: &str, has_session_cookie: bool) -> Self {
        Self { origin: format!("{scheme}://{name}"), has_session_cookie }
    }

    /// Its origin (RFC 6454 section 6.2): scheme, name, and the port unless it is the scheme's own.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The name, with the port unless it is the scheme's own.
    #[must_use]
    pub fn name(&self) -> &str {
        self.origin.split_once("://").map_or(&self.origin, |(_, name)| name)
    }

    /// The name without the port, which is what browsers keep cookies by (RFC 6265 section 8.5).
    #[must_use]
    pub fn domain(&self) -> &str {
        domain(self.name())
    }

    /// Whether browsers send it the session cookie: it is below `COOKIE_DOMAIN`, or `SERVER_NAME` with another port. Others need
    /// a hand-over.
    #[must_use]
    pub fn has_session_cookie(&self) -> bool {
        self.has_session_cookie
    }
}

/// All of them (`ALLOWED_RETURN_HOSTS`), and the domain that they share a cookie in (`COOKIE_DOMAIN`).
#[derive(Clone, Debug, Default)]
pub struct AppHosts {
    /// The `Domain` of the session cookie.
    pub cookie_domain: Option<String>,
    pub(super) hosts: Vec<AppHost>,
}

impl AppHosts {
    /// Whether there are any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The host that a `Host` header names, in any case, and with or without the scheme's own port.
    #[must_use]
    pub fn named(&self, host: &str) -> Option<&AppHost> {
        self.hosts.iter().find(|known| {
            let own_port = if known.origin.starts_with("https:") { ":443" } else { ":80" };
            let is_it = |host: &str| host.eq_ignore_ascii_case(known.name());
            is_it(host) || host.strip_suffix(own_port).is_some_and(is_it)
        })
    }

    /// The host of a whole address, and what follows it. Spelled in any other way than [`AppHost::origin`] does it is none:
    /// in upper case, with a port of the scheme's own, with a user name, or with a dot at its end.
    #[must_use]
    pub fn split<'a>(&self, address: &'a str) -> Option<(&AppHost, &'a str)> {
        self.hosts.iter().find_map(|known| {
            let rest = address.strip_prefix(known.origin())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((known, rest))
        })
    }
}

/// A host without its port.
pub(super) fn domain(name: &str) -> &str {
    let port = name.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    port.map_or(name, |(domain, _)| domain)
}

/// Whether a host is this domain or below it (RFC 6265 section 5.1.3).
pub(super) fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}
