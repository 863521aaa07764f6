//! The page of consents.

use askama::Template;
use time::OffsetDateTime;

use super::{
    filters,
    site::{Site, UserView},
};

/// What a person has consented to for this portal.
#[derive(Template)]
#[template(path = "consents.html")]
pub struct ConsentsPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// The consents, each before its parts.
    pub consents: Vec<ConsentView>,
    /// Globus's page where they are withdrawn.
    pub manage: &'a str,
}

/// A consent.
pub struct ConsentView {
    /// The scope.
    pub scope: String,
    /// Whether it is part of the consent before it.
    pub is_part: bool,
    /// When it was given.
    pub given: Option<OffsetDateTime>,
    /// When it was last used.
    pub last_used: Option<OffsetDateTime>,
}
