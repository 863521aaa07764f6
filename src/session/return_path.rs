//! Where a login leads afterwards: always a path on this site.

use percent_encoding::percent_decode_str;
use url::Url;

/// The longest path that is kept, in bytes. It travels inside `state`, in a URL.
pub const MAX_LENGTH: usize = 1024;

/// A path on this site, with its query, that is safe in a `Location` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// The requested path, if a login may lead to it.
    ///
    /// Refused: anything but a plain absolute path (another scheme or host in any spelling, `//`, `\`, dot segments, control
    /// characters, literal or percent-encoded), anything longer than [`MAX_LENGTH`], and our own `/login`, `/logout`,
    /// `/signed-out` and `/oauth2/…` below `root`, which would cause a loop. An encoded slash may stand behind the first
    /// segment, as apps behind the gate have it in names of files; there it can neither begin a host nor lead to our own pages.
    #[must_use]
    pub fn parse(asked: &str, root: &str) -> Option<Self> {
        let plain = asked.len() <= MAX_LENGTH && asked.starts_with('/') && asked.bytes().all(|b| b.is_ascii_graphic());
        if !plain || asked.contains(['\\', '#']) {
            return None;
        }
        let (path, _query) = asked.split_once('?').unwrap_or((asked, ""));
        if !is_canonical(path) || causes_a_loop(path, root) {
            return None;
        }
        Some(Self(asked.to_owned()))
    }

    /// The front page.
    #[must_use]
    pub fn front(root: &str) -> Self {
        Self(format!("{root}/"))
    }

    /// The path and query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
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

/// Checks the path decoded and without empty segments, because a proxy in front may do both before it reaches our routes.
fn causes_a_loop(path: &str, root: &str) -> bool {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let path: String =
        path.split('/').filter(|segment| !segment.is_empty()).flat_map(|segment| ["/", segment]).collect();
    let own = path.strip_prefix(root).unwrap_or(&path);
    let first = own.split('/').nth(1).unwrap_or_default();
    matches!(first, "login" | "logout" | "signed-out" | "oauth2")
}
