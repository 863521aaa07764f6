//! What pages have in common: the site, the person, and the files that pages load.

use std::fmt::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest;

use crate::zone::Zone;

/// The stylesheet of every page, served as [`stylesheet_name`] with the type `text/css; charset=utf-8`.
pub const STYLESHEET: &str = include_str!("../../templates/static/style.css");

/// The icon of the site, served as [`favicon_name`] with the type `image/svg+xml`.
pub const FAVICON: &str = include_str!("../../templates/static/favicon.svg");

/// The stylesheet's file name under `/static/`.
pub fn stylesheet_name() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| hashed_name("style", STYLESHEET.as_bytes(), "css"));
    &NAME
}

/// The icon's file name under `/static/`.
pub fn favicon_name() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| hashed_name("favicon", FAVICON.as_bytes(), "svg"));
    &NAME
}

/// `<stem>.<16 hex digits of the content's SHA-256>.<extension>`
pub fn hashed_name(stem: &str, content: &[u8], extension: &str) -> String {
    let digest = digest::digest(&digest::SHA256, content);
    let mut name = format!("{stem}.");
    for byte in &digest.as_ref()[..8] {
        let _ = write!(name, "{byte:02x}"); // writing to a String cannot fail
    }
    name.push('.');
    name.push_str(extension);
    name
}

/// What every page needs to know about the site and the request.
#[derive(Clone, Debug)]
pub struct Site {
    /// The portal's name, as its operator wrote it.
    pub app_name: String,
    /// Where the portal is mounted: empty, or a path such as `/portal`. Every path of our own begins with it.
    pub root: String,
    /// The front page of the sandbox, if the portal runs against one. Then every page says so.
    pub sandbox: Option<String>,
    /// The time zone of its people.
    pub zone: Zone,
    /// The collections that the operator presents.
    pub data: Vec<DataView>,
}

/// A collection that the operator presents.
#[derive(Clone, Debug)]
pub struct DataView {
    /// Its name.
    pub title: String,
    /// What it is.
    pub description: Option<String>,
    /// Its page.
    pub href: String,
    /// The address of its picture.
    pub image: Option<String>,
}

impl Site {
    /// The path of the stylesheet.
    pub fn stylesheet(&self) -> String {
        self.static_path(stylesheet_name())
    }

    /// The path of the icon.
    pub fn favicon(&self) -> String {
        self.static_path(favicon_name())
    }

    /// The path of a file that pages load.
    pub fn static_path(&self, name: &str) -> String {
        format!("{}/static/{name}", self.root)
    }
}

/// The person who is signed in.
#[derive(Clone, Debug)]
pub struct UserView {
    /// The full name, or the username if there is none.
    pub name: String,
    /// The username of the identity, `name@domain`.
    pub username: String,
    /// The organization that the person belongs to.
    pub organization: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the session may use Globus Transfer, so that pages which need it are worth a link.
    pub can_transfer: bool,
    /// A CSRF token for the forms of one page.
    pub csrf: String,
}
