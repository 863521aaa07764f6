//! Where a login leads afterwards: a path on this site, or on the host of an app (`ALLOWED_RETURN_HOSTS`).

use percent_encoding::percent_decode_str;
use url::Url;

use crate::settings::{AppHost, AppHosts};

/// The longest path that is kept, in bytes. It travels inside `state`, in a URL.
pub const MAX_LENGTH: usize = 1024;
/// The same for a hand-over, which holds such a path sealed.
const MAX_HAND_OVER: usize = 2048;

/// Below the root: where a session is handed over to an app's host.
pub const HAND_OVER: &str = "/oauth2/hand-over";

/// A path on this site, with its query, that is safe in a `Location` header; or such a path on the host of an app, as a whole
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// The requested path, if a login may lead to it.
    ///
    /// Refused: anything but a plain absolute path (another scheme or host in any spelling, `//`, `\`, dot segments, control
    /// characters, literal or percent-encoded), anything longer than [`MAX_LENGTH`], and our own `/login`, `/logout`,
    /// `/signed-out` and `/oauth2/…` below `root`, which would cause a loop. Of these only a hand-over to an app's host leads on:
    /// [`HAND_OVER`]. An encoded slash may stand behind the first segment, as apps behind the gate have it in names of files;
    /// there it can neither begin a host nor lead to our own pages.
    #[must_use]
    pub fn parse(asked: &str, root: &str) -> Option<Self> {
        let is_hand_over = asked.strip_prefix(root).and_then(|own| own.strip_prefix(HAND_OVER)?.strip_prefix("?to="));
        let most = if is_hand_over.is_some() { MAX_HAND_OVER } else { MAX_LENGTH };
        let path = plain_path(asked).filter(|_| asked.len() <= most)?;
        let first = first_segment(path, root);
        let loops = matches!(&*first, "login" | "logout" | "signed-out" | "oauth2") && is_hand_over.is_none();
        (!loops).then(|| Self(asked.to_owned()))
    }

    /// The same for what may also be a whole address of a host in `hosts`, in exactly the spelling of [`AppHost::origin`].
    #[must_use]
    pub fn parse_with(asked: &str, root: &str, hosts: &AppHosts) -> Option<Self> {
        match hosts.split(asked) {
            Some((host, path)) => Self::on(host, if path.is_empty() { "/" } else { path }),
            None => Self::parse(asked, root),
        }
    }

    /// A path on the host of an app. Only `/oauth2/…` is the portal's there, and causes a loop.
    #[must_use]
    pub fn on(host: &AppHost, asked: &str) -> Option<Self> {
        let path = plain_path(asked).filter(|_| asked.len() <= MAX_LENGTH)?;
        (first_segment(path, "") != "oauth2").then(|| Self(format!("{}{asked}", host.origin())))
    }

    /// The front page.
    #[must_use]
    pub fn front(root: &str) -> Self {
        Self(format!("{root}/"))
    }

    /// The path and query, behind the origin if it is on the host of an app.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The path, without the query, of what is safe in a `Location` header.
fn plain_path(asked: &str) -> Option<&str> {
    let plain = asked.starts_with('/') && asked.bytes().all(|b| b.is_ascii_graphic()) && !asked.contains(['\\', '#']);
    let (path, _query) = asked.split_once('?').unwrap_or((asked, ""));
    (plain && is_canonical(path)).then_some(path)
}

/// Whether a browser and a server read the path the same way: no empty or dot segment, no percent-encoded dot, `%`, `\` or
/// control character, and no percent-encoded slash in the first segment.
fn is_canonical(path: &str) -> bool {
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    let Ok(decoded) = std::str::from_utf8(&bytes) else { return false };
    let as_written = Url::options()
        .base_url(Url::parse("http://localhost").ok().as_ref())
        .parse(path)
        .is_ok_and(|url| url.host_str() == Some("localhost") && url.path() == path);
    let first = path.split('/').nth(1).unwrap_or_default();
    as_written
        && !path.contains("//")
        && !first.to_ascii_lowercase().contains("%2f")
        && !decoded.contains(|c: char| c.is_ascii_control() || matches!(c, '\\' | '%'))
        && decoded.matches('.').count() == path.matches('.').count()
        && !decoded.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// The first segment below `root` of the path, decoded and without empty segments, because a proxy in front may do both before it
/// reaches our routes.
fn first_segment(path: &str, root: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let path: String =
        path.split('/').filter(|segment| !segment.is_empty()).flat_map(|segment| ["/", segment]).collect();
    let own = path.strip_prefix(root).unwrap_or(&path);
    own.split('/').nth(1).unwrap_or_default().to_owned()
}
