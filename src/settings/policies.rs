//! Policies (`[policies.NAME]`): who may pass the gate or see a page.

use std::{collections::BTreeMap, time::Duration};

/// All policies, by their names.
#[derive(Clone, Debug, Default)]
pub struct Policies(pub(super) BTreeMap<String, Policy>);

/// The policy of a gate that names none.
const DEFAULT: &str = "default";

/// One policy. Every condition that is given must hold; without any, nobody may pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What people call what it guards.
    pub title: Option<String>,
    /// Whom people ask to be let in.
    pub contact: Option<String>,
    /// Whether everybody who is signed in may pass, if nothing else is asked for.
    pub signed_in: bool,
    /// Globus groups, by their ids in lower case: an active member of one of them may pass.
    pub groups: Vec<String>,
    /// Identity providers, by their ids in lower case: one of the person's identities must be of one of them.
    pub identity_providers: Vec<String>,
    /// Identities, by their ids in lower case: one of them must be the person's.
    pub identities: Vec<String>,
    /// Domains in lower case: one of the person's identities must have a username in one of them.
    pub domains: Vec<String>,
    /// Whether one of the logins at Globus must have been with multi-factor authentication.
    pub mfa: bool,
    /// How long ago the last authentication at Globus may have been.
    pub authentication_max_age: Option<Duration>,
    /// Domains in lower case: the person must have logged in with an identity of one of them.
    pub single_domain: Vec<String>,
    /// Authentication policies of Globus, by their ids in lower case: each must hold.
    pub session_policies: Vec<String>,
    /// The scope that the Globus token of a program must have; without one, programs may not pass.
    pub program_scope: Option<String>,
    /// The resource server whose access token the app gets.
    pub access_token: Option<String>,
}

impl Policy {
    /// How many of a person's groups an app gets at most. Proxies and apps take headers of some kilobytes only, and each group
    /// takes 37 bytes in one header and 52 in another.
    pub const MOST_GROUPS: usize = 50;

    /// Those of a person's groups that the policy names, in its order: an app learns of no others.
    #[must_use]
    pub fn groups_for_app(&self, groups: &[String]) -> Vec<&str> {
        let named = self.groups.iter().filter(|group| groups.contains(group));
        named.map(|group| &**group).take(Self::MOST_GROUPS).collect()
    }
}

impl Policies {
    /// The policy of this name; without a name, the default one.
    #[must_use]
    pub fn named(&self, name: Option<&str>) -> Option<&Policy> {
        self.0.get(name.unwrap_or(DEFAULT))
    }

    /// The name of that policy, if there is one.
    #[must_use]
    pub fn name_of(&self, name: Option<&str>) -> Option<&str> {
        self.0.get_key_value(name.unwrap_or(DEFAULT)).map(|(name, _)| &**name)
    }

    /// All of them, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Policy)> {
        self.0.iter().map(|(name, policy)| (&**name, policy))
    }

    /// Whether any policy asks for groups.
    #[must_use]
    pub fn ask_for_groups(&self) -> bool {
        self.0.values().any(|policy| !policy.groups.is_empty())
    }
}
