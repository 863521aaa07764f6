//! The pages: text and appearance.
//!
//! Plain data goes in, HTML comes out. Nothing here calls Globus, reads a session or decides who may see what: a route
//! gathers the data, fills one of these structs and renders it. Each template has one struct of the same name (`ProfilePage`
//! is `templates/profile.html`). The templates extend `base.html`, or `signed_in.html` for pages that require a login.
//!
//! Names, descriptions and the like come from Globus, where anyone may have written them. Askama escapes them, and the
//! templates isolate each one in an element of its own (`<bdi>`, or `dir="auto"`), so that characters which change the
//! direction of text cannot affect the words around it.
//!
//! The stylesheet and the icon are compiled in. Their names contain a hash of the content, so a browser may cache them
//! forever and still gets the right ones after an update.

mod collections;
mod consents;
mod endpoint;
mod filters;
mod gate;
mod groups;
mod site;
mod step_up;
mod tasks;
mod transfer;

use askama::Template;
use time::OffsetDateTime;

use self::endpoint::range;
pub use self::{
    collections::{
        BookmarkView, CollectionsPage, ColumnView, CrumbView, EntryPage, EntryView, FactsView, FolderPage, TabView,
        bytes_words,
    },
    consents::{ConsentView, ConsentsPage},
    endpoint::{EndpointView, EndpointsPage},
    gate::{DeniedPage, SignInView, UnsentPage},
    groups::{GroupView, GroupsPage, MembershipView},
    site::{DataView, FAVICON, STYLESHEET, Site, UserView, favicon_name, hashed_name, stylesheet_name},
    step_up::{FieldView, KeptFormPage, StepUpPage, WantedView},
    tasks::{
        EventView, PauseView, ProgressView, ReasonView, RefreshView, SkippedView, TaskPage, TaskRow, TaskTab, TasksPage,
    },
    transfer::{
        ChoiceView, ChosenField, TransferDestinationPage, TransferFolderPage, TransferItemsPage, TransferReviewPage,
    },
};

/// The front page for visitors who are signed out.
#[derive(Template)]
#[template(path = "landing.html")]
pub struct LandingPage<'a> {
    /// The site.
    pub site: &'a Site,
}

/// The first page after login: who you are and what you can do.
#[derive(Template)]
#[template(path = "index.html")]
pub struct IndexPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
}

/// The profile: identities, permissions and session, but never a token.
#[derive(Template)]
#[template(path = "profile.html")]
pub struct ProfilePage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// The identities that are linked with each other, the primary one first.
    pub identities: Vec<IdentityView>,
    /// How many more linked identities Globus knows.
    pub identities_left_out: usize,
    /// Globus's page for linking identities.
    pub manage_identities: &'a str,
    /// Globus's page for consents.
    pub consents: &'a str,
    /// How long the reader stays signed in.
    pub session: SessionView,
    /// What the portal may do at each service.
    pub tokens: Vec<TokenView>,
}

/// One of a person's identities.
#[derive(Clone, Debug)]
pub struct IdentityView {
    /// The username, `name@domain`.
    pub username: String,
    /// The full name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The organization.
    pub organization: Option<String>,
    /// The identity provider's name for people.
    pub provider: Option<String>,
    /// The identity's id, a UUID.
    pub id: String,
    /// Whether this is the identity that the others are linked to.
    pub primary: bool,
    /// Where the person signs in with it; `None` for the one in use.
    pub use_it: Option<String>,
    /// When the person last authenticated with this identity, if known.
    pub last_authentication: Option<OffsetDateTime>,
}

/// How long the reader stays signed in.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// When the session began.
    pub began: OffsetDateTime,
    /// When it ends, however much it is used.
    pub ends: OffsetDateTime,
    /// The minutes without a request after which it ends earlier.
    pub idle_minutes: u64,
}

impl SessionView {
    /// The idle time in words: "8 hours", "1 hour 30 minutes".
    fn idle_words(&self) -> String {
        let count = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
        match (self.idle_minutes / 60, self.idle_minutes % 60) {
            (0, minutes) => count(minutes, "minute"),
            (hours, 0) => count(hours, "hour"),
            (hours, minutes) => format!("{} {}", count(hours, "hour"), count(minutes, "minute")),
        }
    }
}

/// What the portal may do at one service, and until when. The token itself is never part of a page.
#[derive(Clone, Debug)]
pub struct TokenView {
    /// The service's id, such as `transfer.api.globus.org`.
    pub resource_server: String,
    /// The service's name for people, such as "Globus Transfer".
    pub title: String,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// When the access token expires.
    pub expires: OffsetDateTime,
    /// Whether it has expired.
    pub expired: bool,
    /// Whether the portal has a refresh token and renews the access token by itself.
    pub renewable: bool,
}

impl TokenView {
    /// Whether only another login can renew the permission.
    fn needs_login(&self) -> bool {
        self.expired && !self.renewable
    }
}

/// The browsers that the reader is signed in with.
#[derive(Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The reader.
    pub user: &'a UserView,
    /// The sessions of this page. The reader's current session is the first one of the first page.
    pub sessions: Vec<BrowserSessionView>,
    /// The number of the first one, counted from 1 over all pages.
    pub first: usize,
    /// How many there are over all pages.
    pub total: usize,
    /// Link to the previous page, if there is one; `site.root` included.
    pub previous: Option<String>,
    /// Link to the next page, if there is one; `site.root` included.
    pub next: Option<String>,
    /// How many sessions the reader has just ended, if any.
    pub ended: Option<usize>,
}

impl SessionsPage<'_> {
    /// The numbers of the sessions shown.
    fn range(&self) -> String {
        range(self.first, self.sessions.len())
    }
}

/// One of a person's sessions.
#[derive(Clone, Debug)]
pub struct BrowserSessionView {
    /// Names the session in a form of this page.
    pub handle: String,
    /// Whether it is the session of the reader's browser.
    pub current: bool,
    /// The browser in a few words.
    pub browser: String,
    /// The address that the person signed in from.
    pub address: Option<String>,
    /// When the session began.
    pub began: OffsetDateTime,
    /// When it was last used.
    pub last_seen: OffsetDateTime,
    /// When it ends, however much it is used.
    pub ends: OffsetDateTime,
}

/// The page to which Globus's logout page returns. It says "signed out", so never show it to a visitor with a session.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// The page to go on to: a path, or an address at the host of an app.
    pub next: Option<&'a str>,
    /// Whether there is a front page for visitors who are signed out.
    pub has_front_page: bool,
}

/// The confirmation page for a logout that another site requested.
#[derive(Template)]
#[template(path = "confirm_logout.html")]
pub struct ConfirmLogoutPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Where the form is sent to.
    pub action: &'a str,
}

/// An error: what happened, what to do next, and the request ID to find it in the log.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: Option<&'a UserView>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What happened, in a few plain words.
    pub title: &'a str,
    /// What it means for the reader.
    pub message: &'a str,
    /// Whether the portal or Globus failed, rather than the request.
    pub is_ours: bool,
    /// The next step; without one the page offers the start page.
    pub action: Option<Action>,
    /// The same page, if trying again may help.
    pub again: Option<&'a str>,
    /// The ID of this request in the log.
    pub request_id: &'a str,
}

/// A link that looks like a button.
#[derive(Clone, Debug)]
pub struct Action {
    /// What the button says.
    pub label: String,
    /// Where it leads; for a page of our own, `site.root` included.
    pub href: String,
}
