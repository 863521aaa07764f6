//! Scope strings and the scopes that exist.
//!
//! The grammar is that of the Globus Auth documentation: scopes are separated by spaces, `name[dependency …]` asks for
//! dependent scopes as deep as wanted, and a `*` right before a name marks it as atomically revocable.

use std::fmt;

use crate::world::apps::Client;
use crate::world::catalogue::Catalogue;
use crate::world::collections::Kind;

/// One requested scope with its dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) dependencies: Vec<Scope>,
}

/// A scope string that breaks the grammar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Limits for untrusted requests: real ones have a handful of scopes, two or three levels deep.
const MAX_SCOPES: usize = 200;
const MAX_DEPTH: usize = 8;

/// Parses a scope string; scopes with the same name become one with the dependencies of both.
pub(crate) fn parse(text: &str) -> Result<Vec<Scope>, Malformed> {
    let mut parser = Parser { rest: text, scopes: 0 };
    let scopes = parser.list(0)?;
    if parser.rest.is_empty() && !scopes.is_empty() { Ok(scopes) } else { Err(Malformed) }
}

/// Adds scopes to others, merging the dependencies of scopes that both have.
pub(crate) fn merge(into: &mut Vec<Scope>, more: impl IntoIterator<Item = Scope>) {
    for scope in more {
        match into.iter_mut().find(|known| known.name == scope.name) {
            Some(known) => {
                // Required by one of them means required.
                known.optional &= scope.optional;
                merge(&mut known.dependencies, scope.dependencies);
            }
            None => into.push(scope),
        }
    }
}

/// Whether `given` holds everything in `asked`, dependencies included.
pub(crate) fn cover(given: &[Scope], asked: &[Scope]) -> bool {
    asked.iter().all(|wanted| {
        given.iter().any(|held| held.name == wanted.name && cover(&held.dependencies, &wanted.dependencies))
    })
}

/// Whether these scopes ask for an `id_token`.
pub(crate) fn asks_openid(scopes: &[Scope]) -> bool {
    scopes.iter().any(|scope| scope.name == "openid")
}

/// Every name in a tree of scopes.
pub(crate) fn names(scopes: &[Scope]) -> Vec<&str> {
    let mut all = Vec::new();
    for scope in scopes {
        all.push(scope.name.as_str());
        all.extend(names(&scope.dependencies));
    }
    all
}

struct Parser<'a> {
    rest: &'a str,
    scopes: usize,
}

impl Parser<'_> {
    fn list(&mut self, depth: usize) -> Result<Vec<Scope>, Malformed> {
        let mut scopes = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches(' ');
            if self.rest.is_empty() || self.rest.starts_with(']') {
                return Ok(scopes);
            }
            let scope = self.scope(depth)?;
            merge(&mut scopes, [scope]);
        }
    }

    fn scope(&mut self, depth: usize) -> Result<Scope, Malformed> {
        self.scopes += 1;
        if depth > MAX_DEPTH || self.scopes > MAX_SCOPES {
            return Err(Malformed);
        }
        let optional = self.skip("*");
        let name = self.name()?;
        let dependencies = if self.skip("[") { self.dependencies(depth)? } else { Vec::new() };
        Ok(Scope { name, optional, dependencies })
    }

    fn name(&mut self) -> Result<String, Malformed> {
        let end = self.rest.find([' ', '[', ']', '*']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || rest.starts_with('*') {
            return Err(Malformed);
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn dependencies(&mut self, depth: usize) -> Result<Vec<Scope>, Malformed> {
        let scopes = self.list(depth + 1)?;
        let closed = self.skip("]");
        let separated = self.rest.is_empty() || self.rest.starts_with([' ', ']']);
        if closed && separated && !scopes.is_empty() { Ok(scopes) } else { Err(Malformed) }
    }

    fn skip(&mut self, mark: &str) -> bool {
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.optional {
            f.write_str("*")?;
        }
        f.write_str(&self.name)?;
        if self.dependencies.is_empty() {
            return Ok(());
        }
        let inner: Vec<String> = self.dependencies.iter().map(Scope::to_string).collect();
        write!(f, "[{}]", inner.join(" "))
    }
}

/// A scope that exists.
pub(crate) struct Known {
    pub(crate) resource_server: String,
    /// What the consent page says.
    pub(crate) words: String,
    /// Its position in the `scope` of a token, which follows the server's order and not the request's.
    pub(crate) rank: usize,
}

pub(crate) const AUTH: &str = "auth.globus.org";
pub(crate) const TRANSFER: &str = "transfer.api.globus.org";
pub(crate) const TRANSFER_ALL: &str = "urn:globus:auth:scope:transfer.api.globus.org:all";
pub(crate) const VIEW_CONSENTS: &str = "urn:globus:auth:scope:auth.globus.org:view_consents";
pub(crate) const VIEW_IDENTITY_SET: &str = "urn:globus:auth:scope:auth.globus.org:view_identity_set";
pub(crate) const VIEW_IDENTITIES: &str = "urn:globus:auth:scope:auth.globus.org:view_identities";

const URN: &str = "urn:globus:auth:scope:";
const URL: &str = "https://auth.globus.org/scopes/";

/// Resource server, the prefix of its scopes, and their names with the texts of the consent page.
type Service = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

#[rustfmt::skip]
const SERVICES: &[Service] = &[
    (AUTH, "urn:globus:auth:scope:auth.globus.org:", &[
        ("manage_projects", "Manage your projects and the apps in them"),
        ("view_clients_and_scopes", "View your apps and their scopes"),
        ("view_clients", "View your apps"),
        ("view_consents", "View the consents you have given"),
        ("view_authentications", "View when and how you signed in"),
        ("view_identity_set", "View all identities you have linked"),
        ("view_identities", "Look up identities in Globus Auth"),
    ]),
    (AUTH, "", &[
        ("profile", "Know your name and your organization"),
        ("email", "Know your e-mail address"),
        ("openid", "Know who you are in Globus"),
    ]),
    (TRANSFER, "urn:globus:auth:scope:transfer.api.globus.org:", &[
        ("all", "Manage data using Globus Transfer"),
        ("gcp_install", "Set up Globus Connect Personal for you"),
    ]),
    ("groups.api.globus.org", "urn:globus:auth:scope:groups.api.globus.org:", &[
        ("all", "View and manage your Globus groups"),
        ("view_my_groups_and_memberships", "View your groups and memberships"),
    ]),
    ("search.api.globus.org", "urn:globus:auth:scope:search.api.globus.org:", &[
        ("all", "Search and change Globus Search indices"),
        ("search", "Search in Globus Search"),
        ("ingest", "Add data to Globus Search"),
        ("globus_connect_server", "Let Globus Connect Server use Globus Search"),
    ]),
    ("flows.globus.org", "https://auth.globus.org/scopes/eec9b274-0c81-4334-bdc2-54e90e689b9a/", &[
        ("all", "Manage and run your Globus Flows"),
        ("manage_flows", "Manage your flows"),
        ("view_flows", "View your flows"),
        ("run", "Run flows for you"),
        ("run_status", "View the progress of your flow runs"),
        ("run_manage", "Manage your flow runs"),
    ]),
    ("524230d7-ea86-4a52-8312-86065a9e0417", "https://auth.globus.org/scopes/524230d7-ea86-4a52-8312-86065a9e0417/", &[
        ("timer", "Schedule transfers with Globus Timers"),
    ]),
    ("funcx_service", "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/", &[
        ("all", "Run functions with Globus Compute"),
    ]),
];

/// Finds a scope among the well-known ones and those of collections and apps.
pub(crate) fn look_up(name: &str, catalogue: &Catalogue, app: impl Fn(&str) -> Option<Client>) -> Option<Known> {
    well_known(name).or_else(|| of_collection(name, catalogue)).or_else(|| of_app(name, app))
}

/// Every confidential app is a service too, with one scope. The dependent token grant exchanges a token for it.
fn of_app(name: &str, app: impl Fn(&str) -> Option<Client>) -> Option<Known> {
    let (id, "use") = name.strip_prefix(URL)?.split_once('/')? else {
        return None;
    };
    let client = app(id).filter(|client| !client.is_native())?;
    Some(Known { resource_server: id.into(), words: format!("Use the service of {}", client.name()), rank: usize::MAX })
}

fn well_known(name: &str) -> Option<Known> {
    let scopes = SERVICES.iter().flat_map(|(server, prefix, scopes)| {
        scopes.iter().map(move |(suffix, words)| (*server, *prefix, *suffix, *words))
    });
    scopes
        .enumerate()
        .find(|(_, (_, prefix, suffix, _))| name.strip_prefix(prefix) == Some(suffix))
        .map(|(rank, (server, _, _, words))| Known { resource_server: server.into(), words: words.into(), rank })
}

/// `data_access` exists for mapped collections only, `https` for every collection of Globus Connect Server, and
/// `manage_collections` for its endpoints and collections (Globus Auth and Transfer documentation). Requesting any other
/// is an error.
fn of_collection(name: &str, catalogue: &Catalogue) -> Option<Known> {
    let (id, right) = name
        .strip_prefix(URL)
        .and_then(|rest| rest.split_once('/'))
        .or_else(|| name.strip_prefix(URN).and_then(|rest| rest.split_once(':')))?;
    let collection = catalogue.find(id)?;
    let verb = match (right, collection.kind, name.starts_with(URN)) {
        ("data_access", Kind::Mapped, false) => "Read and write your data on",
        ("https", Kind::Mapped | Kind::Guest, false) => "Download and upload over HTTPS on",
        ("manage_collections", Kind::Endpoint, true) => "Manage the collections of",
        ("manage_collections", Kind::Mapped | Kind::Guest, true) => "Manage the collection",
        _ => return None,
    };
    Some(Known {
        resource_server: id.into(), words: format!("{verb} “{}”", collection.shown_name()), rank: usize::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::{MAX_DEPTH, cover, parse};

    fn printed(text: &str) -> Option<String> {
        let scopes = parse(text).ok()?;
        let texts: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        Some(texts.join(" "))
    }

    #[test]
    fn equal_names_become_one_scope() {
        assert_eq!(printed(" a[b *c]  d a[c[e]] ").as_deref(), Some("a[b c[e]] d"));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in ["", " ", "a[", "a]", "a[]", "[a]", "*", "* a", "a*b", "a [b]", "a[b]c", "**a"] {
            assert_eq!(printed(text), None, "{text:?}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = format!("{}x{}", "a[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(parse(&deep).is_ok());
        assert!(parse(&format!("a[{deep}]")).is_err());
        assert!(parse(&"a[".repeat(100_000)).is_err());
        assert!(parse(&"a ".repeat(100_000)).is_err());
    }

    #[test]
    fn a_consent_covers_what_it_holds_and_no_more() {
        let given = parse("a[b[c]] d").unwrap();
        for (asked, covered) in [("a", true), ("a[b]", true), ("d a[*b[c]]", true), ("b", false), ("a[c]", false)] {
            assert_eq!(cover(&given, &parse(asked).unwrap()), covered, "{asked}");
        }
    }
}
