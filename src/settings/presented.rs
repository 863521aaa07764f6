//! The collections that the operator presents (`[[collections]]`), and what people may see of them.

use std::fmt;

/// All that are presented, in the operator's order.
#[derive(Clone, Debug, Default)]
pub struct Presented(pub(super) Vec<PresentedCollection>);

/// One of them.
#[derive(Clone, Debug)]
pub struct PresentedCollection {
    /// The collection's id, a UUID in lower case.
    pub id: String,
    /// The name on the pages.
    pub title: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// The topmost folder that people see, with a slash at its end; `None` for the whole collection.
    pub path: Option<String>,
    /// A picture of it.
    pub image: Option<Image>,
    /// Where the pages offer to transfer files to.
    pub default_destination: Option<Destination>,
}

/// A picture, read from the operator's file at the start.
#[derive(Clone)]
pub struct Image {
    /// The media type.
    pub content_type: &'static str,
    /// The extension of such files.
    pub extension: &'static str,
    /// The file's content.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.bytes.len(), self.content_type)
    }
}

/// A collection to transfer files to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The collection's id, a UUID in lower case.
    pub id: String,
    /// The folder there, with a slash at its end.
    pub path: Option<String>,
}

/// What people may see of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// All that Globus shows them.
    Everything,
    /// Only what is in this folder, whose path ends with a slash.
    Below(&'a str),
}

impl Presented {
    /// In the operator's order.
    pub fn iter(&self) -> impl Iterator<Item = &PresentedCollection> {
        self.0.iter()
    }

    /// What of a collection people may see, at this path or where it opens; `None` if the path is outside of that. The id is
    /// in lower case.
    #[must_use]
    pub fn reach(&self, id: &str, path: Option<&str>) -> Option<Reach<'_>> {
        let tops = || self.iter().filter(|one| one.id == id).map(|one| one.path.as_deref());
        let Some(path) = path else {
            return Some(tops().next().flatten().map_or(Reach::Everything, Reach::Below));
        };
        if tops().next().is_none() || tops().any(|top| top.is_none()) {
            return Some(Reach::Everything);
        }
        let deepest = tops().flatten().filter(|top| is_within(path, top)).max_by_key(|top| top.len());
        deepest.map(Reach::Below)
    }

    /// The one that is at a path: the deepest, or the one that the collection opens with.
    #[must_use]
    pub fn at(&self, id: &str, path: Option<&str>) -> Option<&PresentedCollection> {
        let of_id = || self.iter().filter(|one| one.id == id);
        let Some(path) = path else { return of_id().next() };
        let is_there = |one: &&PresentedCollection| one.path.as_deref().is_none_or(|top| is_within(path, top));
        of_id().filter(is_there).max_by_key(|one| one.path.as_deref().map_or(0, str::len))
    }
}

/// Whether a path leads to a folder or into it. One with steps upwards could lead anywhere; some file systems take `\` for a
/// separator too.
fn is_within(path: &str, top: &str) -> bool {
    let leads_up = path.split(['/', '\\']).any(|part| part == "..");
    let is_plain = !path.contains("//") && !path.contains("/./") && !path.contains('\0');
    is_plain && !leads_up && (path.starts_with(top) || top.strip_suffix('/') == Some(path))
}

#[cfg(test)]
mod tests {
    use super::{Presented, PresentedCollection, Reach};

    fn one(id: &str, path: Option<&str>) -> PresentedCollection {
        PresentedCollection {
            id: id.to_owned(),
            title: path.unwrap_or("all").to_owned(),
            description: None,
            path: path.map(ToOwned::to_owned),
            image: None,
            default_destination: None,
        }
    }

    #[test]
    fn nothing_above_or_beside_the_folder_can_be_reached() {
        let presented = Presented(vec![one("a", Some("/data/open/"))]);
        for inside in ["/data/open/", "/data/open", "/data/open/x", "/data/open/x/..y/", "/data/open/.hidden/"] {
            assert_eq!(presented.reach("a", Some(inside)), Some(Reach::Below("/data/open/")), "{inside}");
        }
        for outside in [
            "/",
            "/data/",
            "/data/open-not/",
            "/data/opened",
            "/data/open/../",
            "/data/open/..",
            "/data/open/x/../../../etc/",
            "/data/open/..\\..\\",
            "/data/open//x",
            "/data/open/./x",
            "//data/open/",
            "/data/OPEN/",
            "/~/",
            "~/",
            "data/open/",
            "",
        ] {
            assert_eq!(presented.reach("a", Some(outside)), None, "{outside}");
        }
        assert_eq!(presented.reach("a", None), Some(Reach::Below("/data/open/")));
        assert_eq!(presented.reach("b", Some("/../x")), Some(Reach::Everything), "it is not presented");
    }

    #[test]
    fn one_collection_can_be_presented_by_several_folders_or_as_a_whole() {
        let two = Presented(vec![one("a", Some("/x/")), one("a", Some("/x/y/")), one("a", Some("/z/"))]);
        let tops = ["/x/1", "/x/y/1", "/z/"].map(|path| two.reach("a", Some(path)));
        assert_eq!(tops, ["/x/", "/x/y/", "/z/"].map(|top| Some(Reach::Below(top))));
        assert_eq!(two.reach("a", Some("/")), None);
        assert_eq!(two.at("a", Some("/x/y/1")).map(|one| &*one.title), Some("/x/y/"));
        assert_eq!(two.at("a", None).map(|one| &*one.title), Some("/x/"));
        let whole = Presented(vec![one("a", Some("/x/")), one("a", None)]);
        assert_eq!(whole.reach("a", Some("/elsewhere/")), Some(Reach::Everything));
        assert_eq!(whole.at("a", Some("/elsewhere/")).map(|one| &*one.title), Some("all"));
    }
}
