//! The sandbox's pages: one struct for each template under `templates/`. Templates escape everything.

use askama::Template;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use crate::answer::directory::ROUTES;
use crate::ground::moment::now;
use crate::ground::options::{CLIENT_ID, CLIENT_SECRET, NATIVE_CLIENT_ID};
use crate::ground::random;
use crate::memory::app::App;
use crate::memory::faults;
use crate::memory::policies::POLICIES;
use crate::memory::store::{Consent, Pending};
use crate::world::groups::{Group, Membership};
use crate::world::people::{Identity, Person};
use crate::world::scopes::Scope;
use crate::world::troubles;

/// What the sandbox is, how to point an app at it, who can sign in, what it serves.
#[derive(Template)]
#[template(path = "front.html")]
pub(crate) struct FrontPage<'a> {
    base_url: &'a str,
    client_name: &'a str,
    client_id: &'static str,
    client_secret: &'static str,
    native_client_id: &'static str,
    redirect_uris: &'a [String],
    people: Vec<PersonCard>,
    /// Name, id, and what happens.
    troubles: Vec<(&'static str, String, &'static str)>,
    groups: Vec<GroupLine>,
    policies: [(&'static str, &'static str); 2],
    faults: Vec<&'static str>,
    routes: &'static [(&'static str, &'static str, &'static str)],
}

impl<'a> FrontPage<'a> {
    pub(crate) fn new(app: &'a App) -> Self {
        Self {
            base_url: &app.base_url,
            client_name: &app.client_name,
            client_id: CLIENT_ID,
            client_secret: CLIENT_SECRET,
            native_client_id: NATIVE_CLIENT_ID,
            redirect_uris: &app.redirect_uris,
            people: people(app),
            troubles: troubles::described(),
            groups: app.groups().all().iter().map(group_line).collect(),
            policies: POLICIES,
            faults: faults::names(),
            routes: ROUTES,
        }
    }
}

/// A group on the front page.
struct GroupLine {
    name: String,
    id: String,
    members: Vec<String>,
}

fn group_line(group: &Group) -> GroupLine {
    let words = |membership: &Membership| {
        let username = &membership.identity.username;
        match membership.status {
            "active" => format!("{username}: {}", membership.role),
            status => format!("{username}: {status}"),
        }
    };
    let members = group.memberships.iter().map(words).collect();
    GroupLine { name: group.name.clone(), id: group.id.clone(), members }
}

/// A person as the front page and the "Who are you?" page show one.
struct PersonCard {
    name: String,
    username: String,
    id: String,
    provider: &'static str,
    good_for: &'static str,
    linked: Vec<LinkedIdentity>,
    endpoints: usize,
}

struct LinkedIdentity {
    username: String,
    provider: &'static str,
}

fn people(app: &App) -> Vec<PersonCard> {
    let linked = |person: &Person| {
        person
            .linked
            .iter()
            .map(|identity| LinkedIdentity { username: identity.username.clone(), provider: identity.provider.name })
            .collect()
    };
    app.people
        .all
        .iter()
        .map(|person| PersonCard {
            name: person.shown_name().to_owned(),
            username: person.primary.username.clone(),
            id: person.primary.id.clone(),
            provider: person.primary.provider.name,
            good_for: person.good_for,
            linked: linked(person),
            endpoints: app.catalogue.owned_by(person).count(),
        })
        .collect()
}

/// "Who are you?"
#[derive(Template)]
#[template(path = "choose.html")]
pub(crate) struct ChoosePage {
    /// The pending request; none when a person signs in to look at their consents or identities.
    request: Option<String>,
    client_name: String,
    message: Option<String>,
    needs: Vec<String>,
    people: Vec<PersonCard>,
    /// The page to show next when no request is pending, and what it is for.
    next: String,
    purpose: &'static str,
}

impl ChoosePage {
    pub(crate) fn for_app(app: &App, request: &str, pending: &Pending) -> Self {
        Self {
            request: Some(request.to_owned()),
            client_name: pending.client.name().to_owned(),
            message: pending.message.clone(),
            needs: needs(pending),
            people: people(app),
            next: String::new(),
            purpose: "",
        }
    }

    /// For a visitor of a page for which one must be signed in: `next` is its path below `/v2/web/`, with its query.
    pub(crate) fn for_page(app: &App, next: String, purpose: &'static str) -> Self {
        let people = people(app);
        Self { request: None, client_name: String::new(), message: None, needs: vec![], people, next, purpose }
    }
}

/// What the app insists on, in words.
fn needs(pending: &Pending) -> Vec<String> {
    let needs = &pending.needs;
    let list = |words: &str, values: &[String]| (!values.is_empty()).then(|| format!("{words} {}", values.join(", ")));
    [
        list("a sign-in with the identity", &needs.identities),
        list("a sign-in with an identity of", &needs.domains),
        list("that these policies hold:", &needs.policies),
        needs.mfa.then(|| "multi-factor authentication".into()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// "Do you allow this?"
#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage {
    request: String,
    client_name: String,
    person_name: String,
    username: String,
    provider: &'static str,
    message: Option<String>,
    scopes: Vec<ScopeLine>,
    offline: bool,
    /// Where the answer goes.
    destination: String,
}

impl ConsentPage {
    pub(crate) fn new(app: &App, request: &str, pending: &Pending, person: &Person) -> Self {
        Self {
            request: request.to_owned(),
            client_name: pending.client.name().to_owned(),
            person_name: person.shown_name().to_owned(),
            username: person.primary.username.clone(),
            provider: person.primary.provider.name,
            message: pending.message.clone(),
            scopes: scope_lines(app, &pending.scopes),
            offline: pending.offline,
            destination: destination(&pending.redirect_uri),
        }
    }
}

fn destination(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
        _ => redirect_uri.to_owned(),
    }
}

/// One scope in plain words. Its dependencies follow it, one level deeper.
struct ScopeLine {
    words: String,
    name: String,
    level: usize,
    optional: bool,
}

fn scope_lines(app: &App, scopes: &[Scope]) -> Vec<ScopeLine> {
    let mut lines = Vec::new();
    add_scope_lines(app, scopes, 0, &mut lines);
    lines
}

fn add_scope_lines(app: &App, scopes: &[Scope], level: usize, lines: &mut Vec<ScopeLine>) {
    for scope in scopes {
        let known = app.scope(&scope.name);
        lines.push(ScopeLine {
            words: known.map_or_else(|| scope.name.clone(), |known| known.words),
            name: scope.name.clone(),
            // The stylesheet knows three levels.
            level: level.min(3),
            optional: scope.optional,
        });
        add_scope_lines(app, &scope.dependencies, level + 1, lines);
    }
}

/// The page for a request whose error never reaches the app.
#[derive(Template)]
#[template(path = "authorize_error.html")]
pub(crate) struct AuthorizeErrorPage {
    title: &'static str,
    detail: String,
    time: String,
    id: String,
    code: &'static str,
}

impl AuthorizeErrorPage {
    pub(crate) fn new(title: &'static str, detail: String, code: &'static str) -> Self {
        let time = OffsetDateTime::from_unix_timestamp(now()).ok().and_then(|time| time.format(&Rfc3339).ok());
        Self { title, detail, time: time.unwrap_or_default(), id: random::uuid(), code }
    }
}

/// A link back to an app, as the helper pages offer it.
pub(crate) struct BackLink {
    pub(crate) url: String,
    pub(crate) name: String,
}

/// "Logged out".
#[derive(Template)]
#[template(path = "logout.html")]
pub(crate) struct LogoutPage {
    pub(crate) client_name: Option<String>,
    pub(crate) link: Option<BackLink>,
}

/// The code of an app that has no web server.
#[derive(Template)]
#[template(path = "auth_code.html")]
pub(crate) struct AuthCodePage {
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
}

/// What a person lets apps do.
#[derive(Template)]
#[template(path = "consents.html")]
pub(crate) struct ConsentsPage {
    person_name: String,
    username: String,
    consents: Vec<ConsentCard>,
    link: Option<BackLink>,
}

struct ConsentCard {
    id: String,
    client_name: String,
    scopes: Vec<ScopeLine>,
}

impl ConsentsPage {
    pub(crate) fn new(app: &App, person: &Person, consents: &[Consent], link: Option<BackLink>) -> Self {
        let card = |consent: &Consent| ConsentCard {
            id: consent.id.clone(),
            client_name: consent.client.name().to_owned(),
            scopes: scope_lines(app, &consent.scopes),
        };
        Self {
            person_name: person.shown_name().to_owned(),
            username: person.primary.username.clone(),
            consents: consents.iter().map(card).collect(),
            link,
        }
    }
}

/// The linked identities of a person.
#[derive(Template)]
#[template(path = "identities.html")]
pub(crate) struct IdentitiesPage {
    person_name: String,
    identities: Vec<IdentityCard>,
    link: Option<BackLink>,
}

struct IdentityCard {
    username: String,
    id: String,
    provider: &'static str,
}

impl IdentitiesPage {
    pub(crate) fn new(person: &Person, link: Option<BackLink>) -> Self {
        let card = |identity: &Identity| IdentityCard {
            username: identity.username.clone(),
            id: identity.id.clone(),
            provider: identity.provider.name,
        };
        Self { person_name: person.shown_name().to_owned(), identities: person.identities().map(card).collect(), link }
    }
}

/// A short notice with a link to the front page.
#[derive(Template)]
#[template(path = "notice.html")]
pub(crate) struct NoticePage {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}
