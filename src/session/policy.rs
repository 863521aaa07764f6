//! Whether a person meets a policy, and what Globus can give of what is missing.

use time::OffsetDateTime;

use super::session_info::SessionInfo;
use crate::{
    globus::{claims::LinkedIdentity, flow::AuthorizeParameters, id_token::IdTokenClaims},
    settings::Policy,
};

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
    /// None of the logins was with multi-factor authentication.
    Mfa,
    /// The last login is too old, or nobody knows when it was.
    AuthenticationAge,
    /// The person has not logged in with an identity of one of the domains.
    SingleDomain,
    /// An authentication policy of Globus does not hold.
    SessionPolicies,
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
            Self::Mfa => "mfa",
            Self::AuthenticationAge => "authentication_max_age",
            Self::SingleDomain => "single_domain",
            Self::SessionPolicies => "session_policies",
            Self::AccessToken => "access_token",
        }
    }
}

/// What is known of a person who is to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// Who they are, as of the login.
    pub claims: &'a IdTokenClaims,
    /// The ids of the groups that they are an active member of, in lower case; only a policy that asks for groups needs them.
    pub groups: &'a [String],
    /// How they have logged in, if it was read. Its identities are as they are linked now, so they count in place of those of
    /// the login.
    pub session_info: Option<&'a SessionInfo>,
    /// The time by which they are judged.
    pub now: OffsetDateTime,
}

/// What a person lacks for a policy.
#[must_use]
pub fn unmet(policy: &Policy, person: &Person<'_>) -> Vec<Unmet> {
    let lists = [&policy.groups, &policy.identity_providers, &policy.identities, &policy.domains];
    if !policy.signed_in && lists.iter().all(|list| list.is_empty()) && !asks_for_session_info(policy) {
        return vec![Unmet::Closed];
    }
    let identities = identities(person);
    let any = |wanted: &[String], of: &dyn Fn(&Identity<'_>) -> Option<String>| {
        wanted.is_empty() || identities.iter().any(|identity| of(identity).is_some_and(|it| wanted.contains(&it)))
    };
    let id = |text: Option<&str>| text.map(str::to_ascii_lowercase);
    let says = |holds: &dyn Fn(&SessionInfo) -> bool| person.session_info.is_some_and(holds);
    let is_member = policy.groups.is_empty() || person.groups.iter().any(|group| policy.groups.contains(group));
    let is_young =
        |info: &SessionInfo| policy.authentication_max_age.is_none_or(|age| info.is_younger_than(age, person.now));
    let in_domain = |info: &SessionInfo| {
        info.logged_in_with()
            .filter_map(|identity| domain(identity.username.as_deref()?))
            .any(|it| policy.single_domain.contains(&it))
    };
    let conditions = [
        (is_member, Unmet::Groups),
        (any(&policy.identity_providers, &|identity| id(identity.provider)), Unmet::IdentityProviders),
        (any(&policy.identities, &|identity| id(Some(identity.sub))), Unmet::Identities),
        (any(&policy.domains, &|identity| identity.username.and_then(domain)), Unmet::Domains),
        (!policy.mfa || says(&SessionInfo::has_mfa), Unmet::Mfa),
        (policy.authentication_max_age.is_none() || says(&is_young), Unmet::AuthenticationAge),
        (policy.single_domain.is_empty() || says(&in_domain), Unmet::SingleDomain),
        (
            policy.session_policies.is_empty() || says(&|info| info.meets(&policy.session_policies)),
            Unmet::SessionPolicies,
        ),
    ];
    conditions.into_iter().filter(|(holds, _)| !holds).map(|(_, unmet)| unmet).collect()
}

/// Whether a policy asks how the person has logged in.
#[must_use]
pub fn asks_for_session_info(policy: &Policy) -> bool {
    policy.mfa
        || policy.authentication_max_age.is_some()
        || !policy.single_domain.is_empty()
        || !policy.session_policies.is_empty()
}

/// The login that gives all that is missing; `None` if nothing is missing, or if a login cannot give all of it.
///
/// A login has to meet every identity that is asked for, so only a policy that names one can ask for it.
#[must_use]
pub fn remedy(policy: &Policy, unmet: &[Unmet]) -> Option<AuthorizeParameters> {
    let mut login = AuthorizeParameters::new();
    for condition in unmet {
        login = match condition {
            Unmet::Closed | Unmet::Groups | Unmet::IdentityProviders | Unmet::AccessToken => return None,
            Unmet::Identities if policy.identities.len() > 1 => return None,
            Unmet::Identities => login.with_session_required_identities(&policy.identities),
            Unmet::Domains => login.with_session_required_single_domain(&policy.domains),
            Unmet::Mfa => login.with_session_required_mfa(true),
            Unmet::AuthenticationAge => login.with_prompt("login"),
            // It comes after `Domains`, and asks for more. If both are still to be met, the next login asks for the other.
            Unmet::SingleDomain => login.with_session_required_single_domain(&policy.single_domain),
            Unmet::SessionPolicies => login.with_session_required_policies(&policy.session_policies),
        };
    }
    (!unmet.is_empty()).then_some(login)
}

/// What of an identity is judged.
struct Identity<'a> {
    sub: &'a str,
    username: Option<&'a str>,
    provider: Option<&'a str>,
}

impl<'a> From<&'a LinkedIdentity> for Identity<'a> {
    fn from(identity: &'a LinkedIdentity) -> Self {
        Self {
            sub: &identity.sub,
            username: identity.username.as_deref(),
            provider: identity.identity_provider.as_deref(),
        }
    }
}

/// The identities of a person: that of the login and those that are linked with it, or those that are linked now.
fn identities<'a>(person: &Person<'a>) -> Vec<Identity<'a>> {
    if let Some(info) = person.session_info {
        return info.identities.iter().map(Identity::from).collect();
    }
    let claims = person.claims;
    let own = Identity {
        sub: &claims.sub,
        username: claims.preferred_username.as_deref(),
        provider: claims.identity_provider.as_deref(),
    };
    std::iter::once(own).chain(claims.identity_set.iter().map(Identity::from)).collect()
}

/// The domain of a username. One with two `@` has none: nobody can tell which counts.
fn domain(username: &str) -> Option<String> {
    let (name, domain) = username.split_once('@')?;
    (!name.is_empty() && !domain.contains('@')).then(|| domain.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::OffsetDateTime;

    use super::{IdTokenClaims, Person, Policy, SessionInfo, Unmet, remedy};

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

    fn unmet(policy: &Policy, claims: &IdTokenClaims, groups: &[String]) -> Vec<Unmet> {
        super::unmet(policy, &Person { claims, groups, session_info: None, now: OffsetDateTime::UNIX_EPOCH })
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

    const NOW: i64 = 1_800_000_000;

    /// What a policy lacks of a person with two identities, by what Globus says of one login, or of none.
    fn lacks(policy: &Policy, login: Option<Value>, policies: &Value) -> Vec<Unmet> {
        let mut document = json!({
            "active": true, "sub": "A", "session_info": {"authentications": {}}, "policy_evaluations": policies,
            "identity_set_detail": [
                {"sub": "a", "username": "x@uni.edu", "identity_provider": "p"},
                {"sub": "b", "username": "x@Other.org", "identity_provider": null},
            ],
        });
        if let Some(login) = login {
            document["session_info"]["authentications"]["B"] = login;
        }
        let document = serde_json::from_value(document).unwrap_or_else(|error| unreachable!("{error}"));
        let info =
            SessionInfo::read(&document, "a", &policy.session_policies).unwrap_or_else(|error| unreachable!("{error}"));
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let claims = person(&[("a", "x@uni.edu", "p")]);
        super::unmet(policy, &Person { claims: &claims, groups: &[], session_info: Some(&info), now })
    }

    #[test]
    fn mfa_is_what_rfc_8176_or_refeds_call_it() {
        let policy = Policy { mfa: true, ..Policy::default() };
        let refeds = "https://refeds.org/profile/mfa";
        for login in [json!({"amr": ["pwd", "mfa"]}), json!({"acr": refeds}), json!({"amr": "mfa", "acr": refeds})] {
            assert_eq!(lacks(&policy, Some(login.clone()), &json!({})), [], "{login}");
        }
        for login in [
            json!({}),
            json!({"amr": null, "acr": null}),
            json!({"amr": ["pwd", "otp", "MFA"]}),
            json!({"amr": "mfa"}),
            json!({"amr": [["mfa"]], "acr": [refeds]}),
            json!({"acr": "https://refeds.org/profile/sfa"}),
        ] {
            assert_eq!(lacks(&policy, Some(login.clone()), &json!({})), [Unmet::Mfa], "{login}");
        }
        assert_eq!(lacks(&policy, None, &json!({})), [Unmet::Mfa]);
        assert_eq!(unmet(&policy, &person(&[("a", "x@y", "p")]), &[]), [Unmet::Mfa], "not without a word of Globus");
    }

    #[test]
    fn a_login_is_as_old_as_its_time_says_and_one_without_a_time_is_too_old() {
        let policy = Policy { authentication_max_age: Some(std::time::Duration::from_secs(600)), ..Policy::default() };
        let at = |time: Value| lacks(&policy, Some(json!({"auth_time": time})), &json!({})).is_empty();
        for ago in [600, 599, 0, -300] {
            assert!(at((NOW - ago).into()), "{ago}");
        }
        for ago in [601, 86_400, -301, NOW, i64::MIN + NOW, NOW - i64::MAX] {
            assert!(!at(NOW.saturating_sub(ago).into()), "{ago}");
        }
        for odd in [json!(null), json!("1800000000"), json!(1.8e9), json!(true), json!([NOW])] {
            assert!(!at(odd.clone()), "{odd}");
        }
        assert_eq!(lacks(&policy, None, &json!({})), [Unmet::AuthenticationAge]);
    }

    #[test]
    fn a_single_domain_is_that_of_an_identity_that_has_logged_in_not_of_a_linked_one() {
        let policy = |domain: &str| Policy { single_domain: vec![domain.to_owned()], ..Policy::default() };
        assert_eq!(lacks(&policy("other.org"), Some(json!({})), &json!({})), []);
        assert_eq!(lacks(&policy("uni.edu"), Some(json!({})), &json!({})), [Unmet::SingleDomain]);
        assert_eq!(lacks(&policy("other.org"), None, &json!({})), [Unmet::SingleDomain]);
        let linked = Policy { domains: vec!["other.org".to_owned()], signed_in: true, mfa: true, ..Policy::default() };
        assert_eq!(lacks(&linked, None, &json!({})), [Unmet::Mfa], "what is linked now counts");
    }

    #[test]
    fn each_session_policy_must_be_evaluated_to_true() {
        let policy = Policy { session_policies: vec!["one".to_owned(), "two".to_owned()], ..Policy::default() };
        let yes = json!({"evaluation": true});
        assert_eq!(lacks(&policy, None, &json!({"one": yes, "TWO": yes, "three": {"evaluation": false}})), []);
        for other in [
            json!({}),
            json!({"one": yes}),
            json!({"one": yes, "two": {"evaluation": false}}),
            json!({"one": yes, "two": {"evaluation": "true"}}),
            json!({"one": yes, "two": {}}),
        ] {
            assert_eq!(lacks(&policy, None, &other), [Unmet::SessionPolicies], "{other}");
        }
    }

    #[test]
    fn a_login_asks_for_all_that_is_missing_or_for_nothing() {
        let policy = Policy {
            identities: vec!["b".to_owned()],
            domains: vec!["uni.edu".to_owned()],
            single_domain: vec!["other.org".to_owned(), "third.org".to_owned()],
            session_policies: vec!["one".to_owned()],
            ..Policy::default()
        };
        let all = [Unmet::Identities, Unmet::Domains, Unmet::Mfa, Unmet::AuthenticationAge, Unmet::SessionPolicies];
        let pairs = |unmet: &[Unmet]| {
            remedy(&policy, unmet).map(|login| {
                login
                    .query_pairs()
                    .into_iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>()
                    .join("&")
            })
        };
        assert_eq!(
            pairs(&all).as_deref(),
            Some(
                "session_required_identities=b&session_required_single_domain=uni.edu&session_required_policies=one&session_required_mfa=True&prompt=login"
            )
        );
        let both = pairs(&[Unmet::Domains, Unmet::SingleDomain]);
        assert_eq!(both.as_deref(), Some("session_required_single_domain=other.org,third.org"));
        assert_eq!(pairs(&[]), None);
        for never in [Unmet::Groups, Unmet::IdentityProviders, Unmet::Closed] {
            assert_eq!(pairs(&[Unmet::Mfa, never]), None, "{never:?}");
        }
        let two = Policy { identities: vec!["b".to_owned(), "c".to_owned()], ..Policy::default() };
        assert_eq!(remedy(&two, &[Unmet::Identities]), None, "a login would have to be with both");
    }
}
