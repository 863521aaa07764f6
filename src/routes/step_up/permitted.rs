//! Which scopes a service's demand may add to a login: those of the resource servers that `SCOPES` names, what
//! `ALLOW_CONSENT_FOR` names, and the consent to reach the data of a collection that the person opened.

use crate::{
    globus::scopes::{self, Scope},
    settings::Settings,
};

const URN: &str = "urn:globus:auth:scope:";
const URL: &str = "https://auth.globus.org/scopes/";

/// The first scope, of this one and of those it depends on, that may not be asked for.
pub(super) fn refused(settings: &Settings, scope: &Scope, opened: &[String]) -> Option<String> {
    if !is_permitted(settings, scope.scope_string(), opened) {
        return Some(scope.scope_string().to_owned());
    }
    scope.dependencies().iter().find_map(|dependency| refused(settings, dependency, opened))
}

fn is_permitted(settings: &Settings, scope: &str, opened: &[String]) -> bool {
    let Some((server, name)) = parts(scope) else { return false };
    let is_allowed = settings.allow_consent_for.iter().any(|allowed| allowed == scope || allowed == server);
    let is_of_a_login = || settings.scopes.iter().filter_map(|own| parts(own)).any(|(own, _)| own == server);
    let is_to_the_data = || name == "data_access" && opened.iter().any(|id| id == server);
    is_allowed || is_of_a_login() || is_to_the_data()
}

/// The resource server of a scope, and the scope's name there.
fn parts(scope: &str) -> Option<(&str, &str)> {
    if let Some(rest) = scope.strip_prefix(URN) {
        return rest.split_once(':');
    }
    if let Some(rest) = scope.strip_prefix(URL) {
        return rest.split_once('/');
    }
    // A scope of a login may have dependencies behind it.
    let name = scope.split('[').next().unwrap_or(scope);
    let of_openid = [scopes::auth::OPENID, scopes::auth::PROFILE, scopes::auth::EMAIL];
    of_openid.contains(&name).then_some((scopes::auth::RESOURCE_SERVER, name))
}
