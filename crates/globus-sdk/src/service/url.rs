//! Base URLs of services.

use url::{Host, Url};

use crate::error::UsageError;

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

/// Whether a URL points to this machine, and to nothing else.
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

/// The URL of a path that a caller has written, below a base URL that ends with a slash. Whatever could lead elsewhere is
/// refused: URL parsers resolve `.` and `..` even where they are encoded, take `\` for `/`, and skip control characters.
pub(crate) fn path_below(base: &Url, path: &str) -> Result<Url, UsageError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let refuse = |problem: &str| Err(UsageError(format!("{path:?} cannot be the path of a call: {problem}")));
    if path.contains(['?', '#']) {
        return refuse("give the query apart from it");
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return refuse("it has a backslash or control character");
    }
    let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split('/').any(is_dots) {
        return refuse("it leaves the base URL");
    }
    Ok(join(base, path))
}
