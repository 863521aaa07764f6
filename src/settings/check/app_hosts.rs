//! The hosts beside `SERVER_NAME`.

use crate::settings::{
    address::{PublicAddress, host},
    app_hosts::{AppHost, AppHosts, domain, is_within},
    reader::Reader,
};

/// `ALLOWED_RETURN_HOSTS`, with the `COOKIE_DOMAIN` of this address.
pub(super) fn read(reader: &mut Reader, address: &PublicAddress) -> AppHosts {
    let cookie_domain = address.cookie_domain.clone();
    let separators = [' ', ',', '\n', '\r', '\t'];
    let (items, origin) = reader.list("ALLOWED_RETURN_HOSTS", &separators).unwrap_or_default();
    let mut hosts = AppHosts { cookie_domain, ..AppHosts::default() };
    for item in items {
        match app_host(item.trim(), address) {
            Ok(host) if hosts.hosts.contains(&host) => {}
            Ok(host) => hosts.hosts.push(host),
            Err(text) => reader.problem("ALLOWED_RETURN_HOSTS", Some(origin.clone()), text),
        }
    }
    hosts
}

fn app_host(text: &str, address: &PublicAddress) -> Result<AppHost, String> {
    if text.contains('*') {
        return Err(format!("{text:?} has a wildcard: name each host"));
    }
    let name = host(text).map_err(|_| {
        format!("{text:?} is no host: expected items such as app.example.org or app.example.org:8443, without https://")
    })?;
    let name = address.without_default_port(&name);
    if name == address.server_name {
        return Err(format!("{text:?} is SERVER_NAME itself, whose pages need not be allowed"));
    }
    let domain = domain(&name);
    let shares = |cookie_domain: &String| is_within(domain, cookie_domain);
    let has_session_cookie = domain == address.domain() || address.cookie_domain.as_ref().is_some_and(shares);
    Ok(AppHost::new(&address.scheme, &name, has_session_cookie))
}
