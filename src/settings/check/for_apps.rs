//! What policies give to apps: warnings about what cannot be given.

use crate::{
    globus::scopes::{self, Scope, auth, groups, search, transfer},
    settings::{
        policies::{Policies, Policy},
        reader::Reader,
    },
};

/// How the scopes begin that have the name of their resource server in them.
const NAMED: &str = "urn:globus:auth:scope:";
/// How those begin that have an id in them: that of the resource server, which may have a name besides.
const BY_ID: &str = "https://auth.globus.org/scopes/";
/// Resource servers all of whose scopes have their names.
const WITH_NAMED_SCOPES: [&str; 4] =
    [auth::RESOURCE_SERVER, transfer::RESOURCE_SERVER, groups::RESOURCE_SERVER, search::RESOURCE_SERVER];

/// Warns of policies whose apps cannot get what they are to get.
pub(super) fn warn(reader: &mut Reader, policies: &Policies, asked: &[String]) {
    let asked = scopes::parse(asked).unwrap_or_default();
    for (name, policy) in policies.iter() {
        if let Some(server) = &policy.access_token
            && !asked.iter().any(|scope| may_belong(scope, server))
        {
            let text =
                format!("policies.{name}: nobody passes, because no scope of SCOPES is one of {server} (access_token)");
            reader.warnings.push(text);
        }
        if policy.groups.len() > Policy::MOST_GROUPS {
            let most = Policy::MOST_GROUPS;
            let text = format!("policies.{name}: an app gets at most {most} groups of a person");
            reader.warnings.push(text);
        }
    }
}

/// Whether a scope may be one of a resource server, as far as its text says.
fn may_belong(scope: &Scope, server: &str) -> bool {
    let scope = scope.scope_string();
    if let Some(rest) = scope.strip_prefix(NAMED) {
        return rest.split(':').next() == Some(server);
    }
    if let Some(rest) = scope.strip_prefix(BY_ID) {
        let has_other_id = uuid::Uuid::parse_str(server).is_ok() && rest.split('/').next() != Some(server);
        return !has_other_id && !WITH_NAMED_SCOPES.contains(&server);
    }
    // `openid`, `profile` and `email` are Globus Auth's.
    scope.contains(':') || server == auth::RESOURCE_SERVER
}
