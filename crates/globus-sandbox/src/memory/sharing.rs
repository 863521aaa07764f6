//! Who may use and manage which collection: access rules (permissions) and roles ("Globus Transfer documentation", Endpoint
//! and Collection Access Rules, Endpoint Roles).

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::ground::moment::now;
use crate::ground::{moment, random};
use crate::world::catalogue::Catalogue;
use crate::world::collections::Collection;
use crate::world::people::Person;

/// The most rules, and the most roles, of one collection.
const MAX_ENTRIES: usize = 200;

/// The roles that the CLI can assign.
pub(crate) const ROLES: [&str; 4] = ["administrator", "access_manager", "activity_manager", "activity_monitor"];

/// Rules and roles, by collection.
pub(crate) struct Sharing {
    rules: HashMap<String, Vec<Rule>>,
    roles: HashMap<String, Vec<Role>>,
}

/// Who a rule or a role applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    Identity(String),
    Group(String),
    AllAuthenticated,
    Anonymous,
}

/// Allows a principal to read, or to read and write, everything below a path.
#[derive(Clone)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) principal: Principal,
    /// With a trailing slash.
    pub(crate) path: String,
    pub(crate) write: bool,
    created: i64,
    pub(crate) expires: Option<String>,
}

/// Allows a principal to manage a collection.
#[derive(Clone)]
pub(crate) struct Role {
    pub(crate) id: String,
    pub(crate) principal: Principal,
    pub(crate) role: &'static str,
}

/// Why an entry was not added: there are too many, or it exists already.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotAdded {
    Full,
    Exists,
}

/// A caller's identities, and the groups in which these are active.
pub(crate) struct Standing<'a> {
    pub(crate) person: &'a Person,
    pub(crate) groups: Vec<String>,
}

impl Standing<'_> {
    fn is(&self, principal: &Principal) -> bool {
        match principal {
            Principal::Identity(id) => self.person.identities().any(|identity| identity.id == *id),
            Principal::Group(id) => self.groups.contains(id),
            Principal::AllAuthenticated | Principal::Anonymous => true,
        }
    }
}

impl Principal {
    /// Type and value, as in documents.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Identity(id) => ("identity", id),
            Self::Group(id) => ("group", id),
            Self::AllAuthenticated => ("all_authenticated_users", ""),
            Self::Anonymous => ("anonymous", ""),
        }
    }
}

impl Rule {
    pub(crate) fn new(principal: Principal, path: String, write: bool, expires: Option<String>) -> Self {
        Self { id: random::uuid(), principal, path, write, created: now(), expires }
    }

    pub(crate) fn document(&self) -> Value {
        let (kind, principal) = self.principal.parts();
        json!({
            "DATA_TYPE": "access",
            "create_time": moment::iso(self.created),
            "expiration_date": self.expires,
            "id": self.id,
            "path": self.path,
            "permissions": if self.write { "rw" } else { "r" },
            "principal": principal,
            "principal_type": kind,
            "role_id": null,
            "role_type": null,
        })
    }

    fn covers(&self, path: &str) -> bool {
        format!("{path}/").starts_with(&self.path) || self.path == "/"
    }
}

/// The rule that cannot be deleted: the owner has full access.
pub(crate) fn owners_rule(collection: &Collection) -> Value {
    json!({
        "DATA_TYPE": "access",
        "create_time": null,
        "expiration_date": null,
        "id": null,
        "path": "/",
        "permissions": "rw",
        "principal": collection.owner.id,
        "principal_type": "identity",
        "role_id": null,
        "role_type": "administrator",
    })
}

impl Role {
    pub(crate) fn new(principal: Principal, role: &'static str) -> Self {
        Self { id: random::uuid(), principal, role }
    }

    pub(crate) fn document(&self) -> Value {
        let (kind, principal) = self.principal.parts();
        json!({
            "DATA_TYPE": "role",
            "id": self.id,
            "name": null,
            "principal": principal,
            "principal_type": kind,
            "role": self.role,
        })
    }
}

impl Sharing {
    /// The initial rules of all collections, and an administrator for each: its owner.
    pub(crate) fn new(catalogue: &Catalogue) -> Self {
        let mut sharing = Self { rules: HashMap::new(), roles: HashMap::new() };
        for collection in catalogue.every() {
            let owner = Role {
                id: random::uuid_of(&format!("owner of {}", collection.id)),
                principal: Principal::Identity(collection.owner.id.clone()),
                role: "administrator",
            };
            sharing.roles.insert(collection.id.clone(), vec![owner]);
            let rule = |id: &&str| Rule {
                id: random::uuid_of(&format!("{id} may use {}", collection.id)),
                ..Rule::new(Principal::Identity((*id).to_owned()), "/".into(), true, None)
            };
            sharing.rules.insert(collection.id.clone(), collection.shared_with.iter().map(rule).collect());
        }
        sharing
    }

    pub(crate) fn rules(&self, collection: &Collection) -> &[Rule] {
        self.rules.get(&collection.id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn roles(&self, collection: &Collection) -> &[Role] {
        self.roles.get(&collection.id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn rules_mut(&mut self, collection: &Collection) -> &mut Vec<Rule> {
        self.rules.entry(collection.id.clone()).or_default()
    }

    pub(crate) fn roles_mut(&mut self, collection: &Collection) -> &mut Vec<Role> {
        self.roles.entry(collection.id.clone()).or_default()
    }

    pub(crate) fn add_rule(&mut self, collection: &Collection, rule: Rule) -> Result<(), NotAdded> {
        let rules = self.rules_mut(collection);
        if rules.iter().any(|known| known.principal == rule.principal && known.path == rule.path) {
            return Err(NotAdded::Exists);
        }
        add(rules, rule)
    }

    pub(crate) fn add_role(&mut self, collection: &Collection, role: Role) -> Result<(), NotAdded> {
        let roles = self.roles_mut(collection);
        if roles.iter().any(|known| known.principal == role.principal && known.role == role.role) {
            return Err(NotAdded::Exists);
        }
        add(roles, role)
    }

    /// Whether a rule shares a collection with a caller.
    pub(crate) fn is_shared(&self, collection: &Collection, standing: &Standing<'_>) -> bool {
        self.rules(collection).iter().any(|rule| standing.is(&rule.principal))
    }

    /// Whether a caller may use a collection at all.
    pub(crate) fn admits(&self, collection: &Collection, standing: &Standing<'_>) -> bool {
        collection.open || self.manages(collection, standing) || self.is_shared(collection, standing)
    }

    /// Whether a caller may read, or write, at a path.
    pub(crate) fn allows(&self, collection: &Collection, standing: &Standing<'_>, path: &str, write: bool) -> bool {
        let by_rule = |rule: &Rule| standing.is(&rule.principal) && rule.covers(path) && (rule.write || !write);
        collection.open || self.manages(collection, standing) || self.rules(collection).iter().any(by_rule)
    }

    /// Whether everyone may read at a path, without signing in.
    pub(crate) fn is_public(&self, collection: &Collection, path: &str) -> bool {
        let by_rule = |rule: &Rule| rule.principal == Principal::Anonymous && rule.covers(path);
        collection.open || self.rules(collection).iter().any(by_rule)
    }

    /// Whether a caller may see and change rules: the owner, administrators, and access managers may.
    pub(crate) fn manages(&self, collection: &Collection, standing: &Standing<'_>) -> bool {
        let by_role =
            |role: &Role| matches!(role.role, "administrator" | "access_manager") && standing.is(&role.principal);
        collection.is_owned_by(standing.person) || self.roles(collection).iter().any(by_role)
    }

    /// The roles of a caller on a collection.
    pub(crate) fn roles_of(&self, collection: &Collection, standing: &Standing<'_>) -> Vec<&'static str> {
        let own = self.roles(collection).iter().filter(|role| standing.is(&role.principal));
        own.map(|role| role.role).collect()
    }
}

fn add<T>(entries: &mut Vec<T>, entry: T) -> Result<(), NotAdded> {
    if entries.len() >= MAX_ENTRIES {
        return Err(NotAdded::Full);
    }
    entries.push(entry);
    Ok(())
}
