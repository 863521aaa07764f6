//! Base URLs of services.

use url::{Host, Url};

/// Reads the base URL of a service. Tokens go there, so it must be https; http is for this machine alone.
/// # Errors
/// What is wrong with it.
pub fn service_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "expected a URL, as in https://auth.globus.org/".to_owned())?;
    match url.scheme() {
        "https" => Ok(with_slash(url)),
        "http" if is_loopback(&url) => Ok(with_slash(url)),
        _ => Err("expected https; http is for loopback addresses only".to_owned()),
    }
}

/// Whether a URL is of this machine and of nothing else.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

/// The same URL with a path that ends with a slash, so that joining a path to it keeps its own.
#[must_use]
pub fn with_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// Joins a base URL that ends with a slash and a path that has none in front.
pub(crate) fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}{path}", base.path());
    url.set_path(&path);
    url
}
