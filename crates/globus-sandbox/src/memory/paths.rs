//! Paths of files: absolute, without a trailing slash; the root is `/`.

use crate::world::collections::Collection;

pub(crate) const MAX_PATH: usize = 1_000;
/// What most file systems allow for one name.
const MAX_NAME: usize = 255;

/// The folder that `~` and `{server_default}` mean.
pub(crate) fn home(collection: &Collection) -> &'static str {
    if collection.kind.is_guest() { "/" } else { "/home/researcher" }
}

/// A path in the form of the tree; `None` if it is invalid.
pub(crate) fn absolute(collection: &Collection, text: &str) -> Option<String> {
    if text.len() > MAX_PATH || text.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    let relative = match text {
        _ if text.starts_with("/~/") || text == "/~" => &text[2..],
        _ if text.starts_with("~/") || text == "~" => &text[1..],
        _ => text.strip_prefix("/{server_default}").unwrap_or(text),
    };
    if relative.len() < text.len() || !text.starts_with('/') {
        parts.extend(home(collection).split('/'));
    }
    for part in relative.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            _ if part.len() > MAX_NAME => return None,
            _ => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    Some(format!("/{}", parts.join("/")))
}

/// The folder above a path; none above the root.
pub(crate) fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        _ if path == "/" => None,
        Some(("", _)) => Some("/"),
        Some((above, _)) => Some(above),
        None => None,
    }
}

/// The last part of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The prefix of all paths inside a folder.
pub(crate) fn inside(folder: &str) -> String {
    if folder == "/" { "/".into() } else { format!("{folder}/") }
}

/// Whether a path is the denied folder, or inside it.
pub(crate) fn is_denied(path: &str) -> bool {
    path.split('/').any(|part| part == "restricted")
}
