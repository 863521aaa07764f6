//! The groups that exist: invented, with every role and every status among the people.
//!
//! | group | who |
//! |---|---|
//! | Cryo-EM users (`63f9f0a1-…01`) | Mira member, Priya manager by her university identity; Jonas invited, Amara pending, the scholar rejected |
//! | Portal users (`…02`) | Mira and Jonas members, Priya admin and, by her university identity, member; Amara removed, the scholar left |
//! | Ridgeline (`…03`) | Jonas manager |
//! | Beamline 7 (`…04`), inside Ridgeline | Jonas admin; Mira declined |
//! | a group named like markup (`…05`) | the hostile person admin |
//! | Coastal board (`…06`), private | Priya admin |

use super::people::{AMARA, JONAS, MIRA, PRIYA, QUIRK, SCHOLAR};

/// One group.
pub(super) struct Group {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) parent: Option<&'static str>,
    /// Whether people who are not in it may look at it.
    pub(super) private: bool,
    /// `managers` or `members`: who may see the memberships.
    pub(super) members_visible_to: &'static str,
    pub(super) memberships: &'static [Membership],
}

/// What an identity is in a group.
pub(super) struct Membership {
    /// The identity's id or username.
    pub(super) identity: &'static str,
    pub(super) role: &'static str,
    pub(super) status: &'static str,
}

const fn is(identity: &'static str, role: &'static str, status: &'static str) -> Membership {
    Membership { identity, role, status }
}

/// Priya's identity at Northfield.
const PRIYA_AT_NORTHFIELD: &str = "praman@northfield.example";
const RIDGELINE: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0003";

/// Every group.
pub(super) const GROUPS: &[Group] = &[
    Group {
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
    Group {
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
    Group {
        id: RIDGELINE,
        name: "Ridgeline",
        description: "Staff of the laboratory.",
        parent: None,
        private: false,
        members_visible_to: "members",
        memberships: &[is(JONAS, "manager", "active")],
    },
    Group {
        id: "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0004",
        name: "Beamline 7",
        description: "The crew of beamline 7.",
        parent: Some(RIDGELINE),
        private: false,
        members_visible_to: "members",
        memberships: &[is(JONAS, "admin", "active"), is(MIRA, "member", "declined")],
    },
    Group {
        id: "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0005",
        name: "<b>Escaping</b> & \"friends\" \u{202e}puorg",
        description: "<script>alert('group')</script>",
        parent: None,
        private: false,
        members_visible_to: "members",
        memberships: &[is(QUIRK, "admin", "active")],
    },
    Group {
        id: "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0006",
        name: "Coastal board",
        description: "Minutes and budgets.",
        parent: None,
        private: true,
        members_visible_to: "managers",
        memberships: &[is(PRIYA, "admin", "active")],
    },
];
