//! The page of groups.

use askama::Template;

use super::site::{Site, UserView};

/// The groups that a person is in.
#[derive(Template)]
#[template(path = "groups.html")]
pub struct GroupsPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// The groups, by name.
    pub groups: Vec<GroupView>,
}

/// A group.
pub struct GroupView {
    /// Its name, or its id if it has none.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its id.
    pub id: String,
    /// Its page in Globus's web app.
    pub href: String,
    /// The person's active memberships: one for each of their identities that is in it.
    pub memberships: Vec<MembershipView>,
}

/// What one of the person's identities is to a group.
pub struct MembershipView {
    /// The role, in a word for people.
    pub role: &'static str,
    /// The identity.
    pub username: Option<String>,
}
