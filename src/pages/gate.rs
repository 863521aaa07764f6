//! The pages of the gate.

use askama::Template;

use super::site::{Site, UserView};

/// Why somebody may not see an app.
#[derive(Template)]
#[template(path = "denied.html")]
pub struct DeniedPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// What they may not see, as its operators call it.
    pub what: Option<&'a str>,
    /// Whom to ask.
    pub contact: Option<&'a str>,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// The login that gives what is missing, if Globus can give all of it.
    pub sign_in: Option<SignInView>,
}

/// A login, as a link.
#[derive(Clone, Debug)]
pub struct SignInView {
    /// What the link says.
    pub label: String,
    /// Where it leads; `site.root` included.
    pub href: String,
}

/// A form that was sent after its session had ended.
#[derive(Template)]
#[template(path = "unsent.html")]
pub struct UnsentPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The login, for another tab.
    pub login: &'a str,
}
