//! The groups. The built-in ones are invented and cover every role and every status.
//!
//! | group | who |
//! |---|---|
//! | Cryo-EM users (`63f9f0a1-…01`) | Mira member, Priya manager by her university identity; Jonas invited, Amara pending, the scholar rejected |
//! | Portal users (`…02`) | Mira and Jonas members, Priya admin and, by her university identity, member; Amara removed, the scholar left |
//! | Ridgeline (`…03`) | Jonas manager |
//! | Beamline 7 (`…04`), inside Ridgeline | Jonas admin; Mira declined |
//! | a group named like markup (`…05`) | the hostile person admin |
//! | Coastal board (`…06`), private | Priya admin |

use crate::ground::random;
use crate::world::people::{AMARA, Identity, JONAS, MIRA, PRIYA, People, Person, QUIRK, SCHOLAR};

/// The most groups in addition to the built-in ones.
const MAX_GROUPS: usize = 500;
/// The most memberships of one group.
const MAX_MEMBERSHIPS: usize = 1_000;

/// All groups.
pub(crate) struct GroupBook(Vec<Group>);

/// One group.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) terms: Option<String>,
    pub(crate) parent: Option<String>,
    pub(crate) policies: Policies,
    pub(crate) memberships: Vec<Membership>,
}

/// Who may see a group, and join it.
#[derive(Clone)]
pub(crate) struct Policies {
    /// Whether only its members may see it.
    pub(crate) private: bool,
    /// `managers` or `members`: who may see the memberships.
    pub(crate) members_visible_to: &'static str,
    /// Whether people may join, or ask to join, without an invitation.
    pub(crate) join_requests: bool,
    pub(crate) high_assurance: bool,
    pub(crate) assurance_timeout: u64,
    pub(crate) signup_fields: Vec<String>,
}

/// The role and status of an identity in a group.
#[derive(Clone)]
pub(crate) struct Membership {
    pub(crate) identity: Identity,
    pub(crate) role: &'static str,
    pub(crate) status: &'static str,
}

/// There are too many groups.
#[derive(Debug)]
pub(crate) struct Full;

impl Group {
    /// A new group; `admin` is its admin.
    pub(crate) fn new(name: String, description: Option<String>, parent: Option<String>, admin: &Identity) -> Self {
        let policies =
            Policies { private: true, members_visible_to: "managers", join_requests: false, ..Policies::usual() };
        let admin = Membership { identity: admin.clone(), role: "admin", status: "active" };
        Self { id: random::uuid(), name, description, terms: None, parent, policies, memberships: vec![admin] }
    }

    /// A person's memberships, over all linked identities.
    pub(crate) fn held<'a>(&'a self, person: &'a Person) -> impl Iterator<Item = &'a Membership> {
        self.memberships
            .iter()
            .filter(|membership| person.identities().any(|identity| identity.id == membership.identity.id))
    }

    /// Whether a person has an active membership with one of these roles.
    pub(crate) fn has_role(&self, person: &Person, roles: &[&str]) -> bool {
        self.held(person).any(|membership| membership.status == "active" && roles.contains(&membership.role))
    }

    /// Whether a person may see the members: managers and admins always may, members if the policy allows it.
    pub(crate) fn shows_members_to(&self, person: &Person) -> bool {
        let members_may = self.policies.members_visible_to == "members";
        self.has_role(person, &["manager", "admin"]) || members_may && self.has_role(person, &["member"])
    }

    pub(crate) fn member(&self, identity_id: &str) -> Option<&Membership> {
        self.memberships.iter().find(|membership| membership.identity.id == identity_id)
    }

    /// Gives an identity this role and status; false if the group is full.
    pub(crate) fn put(&mut self, identity: &Identity, role: Option<&'static str>, status: &'static str) -> bool {
        if let Some(known) = self.memberships.iter_mut().find(|known| known.identity.id == identity.id) {
            known.role = role.unwrap_or(known.role);
            known.status = status;
            return true;
        }
        if self.memberships.len() >= MAX_MEMBERSHIPS {
            return false;
        }
        self.memberships.push(Membership { identity: identity.clone(), role: role.unwrap_or("member"), status });
        true
    }

    /// Whether an identity is the only active admin.
    pub(crate) fn is_last_admin(&self, identity_id: &str) -> bool {
        let mut admins = self.memberships.iter().filter(|m| m.role == "admin" && m.status == "active");
        admins.next().is_some_and(|admin| admin.identity.id == identity_id) && admins.next().is_none()
    }
}

impl Policies {
    fn usual() -> Self {
        Self {
            private: false,
            members_visible_to: "members",
            join_requests: true,
            high_assurance: false,
            assurance_timeout: 28_800,
            signup_fields: vec![],
        }
    }
}

impl GroupBook {
    pub(crate) fn new(people: &People) -> Self {
        let membership = |seat: &Seat| {
            let (_, identity) = people.with_identity(seat.identity)?;
            Some(Membership { identity: identity.clone(), role: seat.role, status: seat.status })
        };
        let group = |seed: &Seed| Group {
            id: seed.id.to_owned(),
            name: seed.name.to_owned(),
            description: Some(seed.description.to_owned()),
            terms: None,
            parent: seed.parent.map(str::to_owned),
            policies: Policies {
                private: seed.private,
                members_visible_to: seed.members_visible_to,
                join_requests: !seed.private,
                ..Policies::usual()
            },
            memberships: seed.memberships.iter().filter_map(membership).collect(),
        };
        Self(GROUPS.iter().map(group).collect())
    }

    pub(crate) fn all(&self) -> &[Group] {
        &self.0
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Group> {
        self.0.iter().find(|group| group.id == id)
    }

    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.0.iter_mut().find(|group| group.id == id)
    }

    pub(crate) fn add(&mut self, group: Group) -> Result<(), Full> {
        if self.0.len() >= GROUPS.len() + MAX_GROUPS {
            return Err(Full);
        }
        self.0.push(group);
        Ok(())
    }

    /// Removes a group and all its subgroups.
    pub(crate) fn remove(&mut self, id: &str) {
        self.0.retain(|group| group.id != id);
        let orphans = self.0.iter().filter(|group| group.parent.as_deref() == Some(id)).map(|group| group.id.clone());
        for orphan in orphans.collect::<Vec<_>>() {
            self.remove(&orphan);
        }
    }

    /// Ids of the groups where a person is an active member.
    pub(crate) fn active_groups_of(&self, person: &Person) -> Vec<String> {
        let active = |group: &&Group| group.held(person).any(|membership| membership.status == "active");
        self.0.iter().filter(active).map(|group| group.id.clone()).collect()
    }
}

/// A built-in group.
struct Seed {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    parent: Option<&'static str>,
    private: bool,
    members_visible_to: &'static str,
    memberships: &'static [Seat],
}

/// A membership in a built-in group.
struct Seat {
    /// The identity's id or username.
    identity: &'static str,
    role: &'static str,
    status: &'static str,
}

const fn is(identity: &'static str, role: &'static str, status: &'static str) -> Seat {
    Seat { identity, role, status }
}

/// Priya's identity at Northfield.
const PRIYA_AT_NORTHFIELD: &str = "praman@northfield.example";
const RIDGELINE: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0003";

/// The built-in groups.
const GROUPS: &[Seed] = &[
    Seed {
        id: "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0001",
        name: "Cryo-EM users",
        description: "People with time on the microscope.",
        parent: None,
        private: false,
        members_visible_to: "members",
        memberships: &[
            is(MIRA, "member", "active"),
            is(PRIYA_AT_NORTHFIELD, "manager", "active"),
            is(JONAS, "member", "invited"),
            is(AMARA, "member", "pending"),
            is(SCHOLAR, "member", "rejected"),
        ],
    },
    Seed {
        id: "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0002",
        name: "Portal users",
        description: "Who may use the portal.",
        parent: None,
        private: false,
        members_visible_to: "managers",
        memberships: &[
            is(MIRA, "member", "active"),
            is(JONAS, "member", "active"),
            is(PRIYA, "admin", "active"),
            is(PRIYA_AT_NORTHFIELD, "member", "active"),
            is(AMARA, "member", "removed"),
            is(SCHOLAR, "member", "left"),
        ],
    },
    Seed {
        id: RIDGELINE,
        name: "Ridgeline",
        description: "Staff of the laboratory.",
        parent: None,
        private: false,
        members_visible_to: "members",
        memberships: &[is(JONAS, "manager", "active")],
    },
    Seed {
        id: "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0004",
        name: "Beamline 7",
        description: "The crew of beamline 7.",
        parent: Some(RIDGELINE),
        private: false,
        members_visible_to: "members",
        memberships: &[is(JONAS, "admin", "active"), is(MIRA, "member", "declined")],
    },
    Seed {
        id: "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0005",
        name: "<b>Escaping</b> & \"friends\" \u{202e}puorg",
        description: "<script>alert('group')</script>",
        parent: None,
        private: false,
        members_visible_to: "members",
        memberships: &[is(QUIRK, "admin", "active")],
    },
    Seed {
        id: "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0006",
        name: "Coastal board",
        description: "Minutes and budgets.",
        parent: None,
        private: true,
        members_visible_to: "managers",
        memberships: &[is(PRIYA, "admin", "active")],
    },
];
