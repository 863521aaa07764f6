//! Paths and names of files: as links, as text, and step by step.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use uuid::Uuid;

use crate::{error::AppError, pages::CrumbView};

/// What stands as it is in the path of an HTTPS address of a file (RFC 3986 section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The id of a collection, in lower case. Any other text is the id of nothing.
pub(super) fn collection_id(text: &str) -> Result<String, AppError> {
    Uuid::parse_str(text).map(|id| id.to_string()).map_err(|_| AppError::NotFound)
}

/// The page of a folder.
pub(super) fn folder_page(root: &str, collection: &str, path: &str) -> String {
    format!("{root}/collections/{collection}?path={}", encoded(path))
}

/// A text for a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A folder's path, with a slash at its end.
pub(super) fn as_folder(path: &str) -> String {
    if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

/// The folder above, unless this is the topmost.
pub(super) fn parent(path: &str) -> Option<&str> {
    let without = path.strip_suffix('/')?;
    let at = without.rfind('/')?;
    without.get(..=at).filter(|_| !is_top(path))
}

/// Whether nothing is above: the root, or a home folder, whose parent Globus names otherwise.
fn is_top(path: &str) -> bool {
    matches!(path, "/" | "/~/" | "~/")
}

/// The steps from the topmost folder, given by its path and name, down to this one.
pub(super) fn crumbs(root: &str, collection: &str, path: &str, (top, name): (&str, &str)) -> Vec<CrumbView> {
    let mut above = top.to_owned();
    let mut crumbs = vec![CrumbView { name: name.to_owned(), href: folder_page(root, collection, top) }];
    let below = path.strip_prefix(top).unwrap_or_default();
    for part in below.split('/').filter(|part| !part.is_empty()) {
        above.push_str(part);
        above.push('/');
        let name = if part == "~" { "Home".to_owned() } else { visible(part) };
        crumbs.push(CrumbView { name, href: folder_page(root, collection, &above) });
    }
    crumbs
}

/// A name as text in which nothing is invisible: control characters, those that change the direction of text, and what stands
/// for bytes that are not UTF-8 are shown by their number.
pub(super) fn visible(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for character in name.chars() {
        if is_invisible(character) {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | char::REPLACEMENT_CHARACTER | '\u{e0000}'..='\u{e007f}')
}

/// The HTTPS address of a file, for the visitor's browser. `None` unless the collection has one of its own that a browser may
/// be sent to: https, or any on the same machine.
pub(super) fn download(https_server: Option<&str>, absolute_path: Option<&str>, name: &str) -> Option<String> {
    let server = url::Url::parse(https_server?).ok()?;
    let is_local = server
        .host_str()
        .is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost"));
    let is_good = server.scheme() == "https" || (server.scheme() == "http" && is_local);
    let folder = absolute_path.filter(|path| is_good && path.starts_with('/') && !path.contains("/~"))?;
    let path = format!("{}{name}", as_folder(folder));
    let segments: Vec<String> = path.split('/').map(|part| utf8_percent_encode(part, SEGMENT).to_string()).collect();
    Some(format!("{}{}?download", server.origin().ascii_serialization(), segments.join("/")))
}

#[cfg(test)]
mod tests {
    use super::{crumbs, download, folder_page, parent, visible};

    #[test]
    fn every_name_leads_where_it_is() {
        assert_eq!(
            folder_page("/p", "id", "/~/a b#%?&+\"\n"),
            "/p/collections/id?path=%2F%7E%2Fa%20b%23%25%3F%26%2B%22%0A"
        );
        let steps = crumbs("", "id", "/~/a/b/", ("/", "/"));
        let steps: Vec<_> = steps.iter().map(|crumb| (&*crumb.name, &*crumb.href)).collect();
        assert_eq!(
            steps[1..3],
            [("Home", "/collections/id?path=%2F%7E%2F"), ("a", "/collections/id?path=%2F%7E%2Fa%2F")]
        );
        assert_eq!((parent("/~/a/"), parent("/~/"), parent("/"), parent("/a/")), (Some("/~/"), None, None, Some("/")));
        let steps = crumbs("", "id", "/data/open/a/", ("/data/open/", "Our data"));
        let steps: Vec<_> = steps.iter().map(|crumb| (&*crumb.name, &*crumb.href)).collect();
        let above = ("Our data", "/collections/id?path=%2Fdata%2Fopen%2F");
        assert_eq!(steps, [above, ("a", "/collections/id?path=%2Fdata%2Fopen%2Fa%2F")]);
        assert_eq!((parent("~/"), parent("/a/b/")), (None, Some("/a/")));
    }

    #[test]
    fn nothing_in_a_name_is_invisible() {
        assert_eq!(visible("a\u{202e}txt\n\u{200b}é\u{fffd}"), "a\\u{202e}txt\\u{a}\\u{200b}é\\u{fffd}");
    }

    #[test]
    fn a_file_is_fetched_from_the_address_of_its_collection_only() {
        let of = |server, path, name| download(Some(server), Some(path), name);
        assert_eq!(
            of("https://m-1.example.org", "/data/", "a b?.txt").as_deref(),
            Some("https://m-1.example.org/data/a%20b%3F.txt?download")
        );
        assert_eq!(of("http://127.0.0.1:5001/x", "/d", "a").as_deref(), Some("http://127.0.0.1:5001/d/a?download"));
        assert_eq!(
            of("http://m-1.localhost:5001", "/d", "a").as_deref(),
            Some("http://m-1.localhost:5001/d/a?download"),
            "below localhost is the same machine (RFC 6761 section 6.3)"
        );
        for server in [
            "http://localhost.evil.example",
            "http://evillocalhost",
            "http://evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://m.example",
            "",
            "//x",
        ] {
            assert_eq!(of(server, "/data/", "a"), None, "{server}");
        }
        assert_eq!(of("https://m-1.example.org", "/~/data/", "a"), None, "where it is, is not known");
        assert_eq!(download(None, Some("/"), "a"), None);
    }
}
