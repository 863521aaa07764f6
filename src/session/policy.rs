//! Whether a person meets a policy.

use crate::{globus::id_token::IdTokenClaims, settings::Policy};

/// A condition that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The policy asks for nothing, so it lets nobody in.
    Closed,
    /// The person is in none of the groups.
    Groups,
    /// None of the person's identities is of one of the providers.
    IdentityProviders,
    /// The person is none of those who are named.
    Identities,
    /// None of the person's identities is in one of the domains.
    Domains,
    /// The session has no access token of the resource server whose token the app gets.
    AccessToken,
}

impl Unmet {
    /// In a word, as a label of metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Groups => "groups",
            Self::IdentityProviders => "identity_providers",
            Self::Identities => "identities",
            Self::Domains => "domains",
            Self::AccessToken => "access_token",
        }
    }
}

/// What a person lacks for a policy. `groups` are the ids of those that they are an active member of, in lower case; only a
/// policy that asks for groups needs them.
#[must_use]
pub fn unmet(policy: &Policy, claims: &IdTokenClaims, groups: &[String]) -> Vec<Unmet> {
    let asks = [&policy.groups, &policy.identity_providers, &policy.identities, &policy.domains];
    if !policy.signed_in && asks.iter().all(|list| list.is_empty()) {
        return vec![Unmet::Closed];
    }
    let any = |wanted: &[String], of: &dyn Fn(&Identity<'_>) -> Option<String>| {
        wanted.is_empty() || identities(claims).any(|identity| of(&identity).is_some_and(|it| wanted.contains(&it)))
    };
    let id = |text: Option<&str>| text.map(str::to_ascii_lowercase);
    let is_member = policy.groups.is_empty() || groups.iter().any(|group| policy.groups.contains(group));
    let conditions = [
        (is_member, Unmet::Groups),
        (any(&policy.identity_providers, &|identity| id(identity.provider)), Unmet::IdentityProviders),
        (any(&policy.identities, &|identity| id(Some(identity.sub))), Unmet::Identities),
        (any(&policy.domains, &|identity| identity.username.and_then(domain)), Unmet::Domains),
    ];
    conditions.into_iter().filter(|(holds, _)| !holds).map(|(_, unmet)| unmet).collect()
}

/// What of an identity is judged.
struct Identity<'a> {
    sub: &'a str,
    username: Option<&'a str>,
    provider: Option<&'a str>,
}

/// The identities of a person: that of the login, and those that are linked with it.
fn identities(claims: &IdTokenClaims) -> impl Iterator<Item = Identity<'_>> {
    let own = Identity {
        sub: &claims.sub,
        username: claims.preferred_username.as_deref(),
        provider: claims.identity_provider.as_deref(),
    };
    let linked = claims.identity_set.iter().map(|identity| Identity {
        sub: &identity.sub,
        username: identity.username.as_deref(),
        provider: identity.identity_provider.as_deref(),
    });
    std::iter::once(own).chain(linked)
}

/// The domain of a username. One with two `@` has none: nobody can tell which counts.
fn domain(username: &str) -> Option<String> {
    let (name, domain) = username.split_once('@')?;
    (!name.is_empty() && !domain.contains('@')).then(|| domain.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{IdTokenClaims, Policy, Unmet, unmet};

    const PROVIDER: &str = "41143743-f3c8-4d60-bbdb-eeecaba85bd9";

    fn person(identities: &[(&str, &str, &str)]) -> IdTokenClaims {
        let identity = |(sub, username, provider): &(&str, &str, &str)| serde_json::json!({"sub": sub, "username": username, "identity_provider": provider});
        let set: Vec<_> = identities.iter().map(identity).collect();
        let document = serde_json::json!({
            "sub": identities[0].0, "preferred_username": identities[0].1, "identity_provider": identities[0].2,
            "email": "someone@uni.edu", "identity_set": set,
        });
        serde_json::from_value(document).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn lets_in(policy: &Policy, identities: &[(&str, &str, &str)]) -> bool {
        unmet(policy, &person(identities), &[]).is_empty()
    }

    #[test]
    fn a_domain_is_that_of_a_username_and_of_nothing_that_looks_like_it() {
        let policy = Policy { domains: vec!["uni.edu".to_owned()], ..Policy::default() };
        assert!(lets_in(&policy, &[("a", "x@other.org", "p"), ("b", "x@Uni.EDU", "q")]), "a linked identity counts");
        for other in
            ["a@evil@uni.edu", "x@uni.edu.evil", "x@sub.uni.edu", "uni.edu", "@uni.edu", "x@uni.edu@", "x@uni.edu\n"]
        {
            assert!(!lets_in(&policy, &[("a", other, "p")]), "{other}");
        }
    }

    #[test]
    fn all_conditions_must_hold_and_none_lets_nobody_in() {
        let open = Policy { signed_in: true, ..Policy::default() };
        assert!(lets_in(&open, &[("a", "x@y", "p")]));
        assert_eq!(unmet(&Policy::default(), &person(&[("a", "x@y", "p")]), &[]), [Unmet::Closed]);
        let both = Policy {
            signed_in: true,
            identity_providers: vec![PROVIDER.to_owned()],
            identities: vec!["b".to_owned()],
            ..Policy::default()
        };
        assert!(lets_in(&both, &[("a", "x@y", &PROVIDER.to_uppercase()), ("B", "z@y", "other")]));
        assert_eq!(unmet(&both, &person(&[("a", "x@y", PROVIDER)]), &[]), [Unmet::Identities]);
        assert_eq!(unmet(&both, &person(&[("b", "x@y", "other")]), &[]), [Unmet::IdentityProviders]);
        let groups = Policy { groups: vec!["g".to_owned()], ..Policy::default() };
        let mira = person(&[("a", "x@y", "p")]);
        assert_eq!(unmet(&groups, &mira, &["f".to_owned(), "g".to_owned()]), []);
        assert_eq!(unmet(&groups, &mira, &["f".to_owned()]), [Unmet::Groups]);
    }
}
