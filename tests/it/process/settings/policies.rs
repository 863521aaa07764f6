//! `[policies.NAME]`: what they may ask for, and that a wrong one refuses the start. Row I6.

use std::time::Duration;

use super::Given;

const ID: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0002";

#[test]
fn policies_are_read_with_all_their_conditions() {
    let settings = Given::app(&format!(
        "GROUPS_MAX_AGE_SECONDS = 60\n[policies.staff]\ntitle = 'The lab book'\ncontact = 'lab@uni.example'\n\
         groups = ['{}']\nidentity_providers = ['{ID}']\nidentities = ['{ID}']\ndomains = ['Uni.Example']\n\
         [policies.default]\nsigned_in = true\n[policies.closed-2]\n\
         [policies.strict]\nmfa = true\nauthentication_max_age_seconds = 3600\nsingle_domain = ['UNI.example']\n\
         session_policies = ['{ID}']\nprogram_scope = 'https://auth.globus.org/scopes/x/all'\n\
         access_token = 'transfer.api.globus.org'\n",
        ID.to_uppercase()
    ))
    .good();
    let staff = settings.policies.named(Some("staff")).unwrap();
    assert_eq!(
        (&*staff.groups, &*staff.identity_providers, &*staff.domains),
        (&[ID.to_owned()][..], &[ID.to_owned()][..], &["uni.example".to_owned()][..])
    );
    assert_eq!((staff.title.as_deref(), staff.contact.as_deref()), (Some("The lab book"), Some("lab@uni.example")));
    assert!(settings.policies.named(None).unwrap().signed_in);
    assert!(!settings.policies.named(Some("closed-2")).unwrap().signed_in);
    assert!(settings.policies.named(Some("other")).is_none() && Given::app("").good().policies.named(None).is_none());
    let strict = settings.policies.named(Some("strict")).unwrap();
    assert!(strict.mfa && strict.authentication_max_age == Some(Duration::from_secs(3600)));
    assert_eq!(
        (&*strict.single_domain, &*strict.session_policies),
        (&["uni.example".to_owned()][..], &[ID.to_owned()][..])
    );
    assert_eq!(strict.program_scope.as_deref(), Some("https://auth.globus.org/scopes/x/all"));
    assert_eq!(strict.access_token.as_deref(), Some("transfer.api.globus.org"));
    assert_eq!(settings.groups_max_age, Duration::from_secs(60));
    assert!(settings.scopes.iter().any(|scope| scope.ends_with(":view_my_groups_and_memberships")));
    let without = Given::app("[policies.default]\nsigned_in = true\n").good();
    assert!(!without.scopes.iter().any(|scope| scope.contains("groups.api")), "no policy asks for groups");
}

#[test]
fn a_policy_that_is_not_understood_refuses_the_start_and_says_where() {
    for (table, key, said) in [
        ("[policies.a]\ngroup = ['x']", "policies.a.group", "did you mean groups?"),
        ("[policies.a]\nwebauthn = true", "policies.a.webauthn", "no such condition"),
        ("[policies.a]\nmfa = 'perhaps'", "policies.a.mfa", "true or false"),
        ("[policies.a]\nauthentication_max_age_seconds = 0", "policies.a.authentication_max_age_seconds", "from 60"),
        ("[policies.a]\nauthentication_max_age_seconds = -9", "policies.a.authentication_max_age_seconds", "from 60"),
        ("[policies.a]\nsingle_domain = 'uni.example'", "policies.a.single_domain", "expected a list"),
        ("[policies.a]\nsession_policies = ['strict']", "policies.a.session_policies", "is not a UUID"),
        ("[policies.a]\nprogram_scope = 'a b'", "policies.a.program_scope", "expected one scope"),
        ("[policies.a]\nprogram_scope = 'a[b]'", "policies.a.program_scope", "expected one scope"),
        ("[policies.a]\naccess_token = 'a b'", "policies.a.access_token", "expected one resource server"),
        ("[policies.a]\ngroups = []", "policies.a.groups", "leave the line out"),
        ("[policies.a]\ngroups = ['admins']", "policies.a.groups", "is not a UUID"),
        ("[policies.a]\ngroups = 'x'", "policies.a.groups", "expected a list"),
        ("[policies.a]\nidentities = ['mira@uni.example']", "policies.a.identities", "is not a UUID"),
        ("[policies.a]\ndomains = ['@uni.example']", "policies.a.domains", "is not a domain"),
        ("[policies.a]\ndomains = ['']", "policies.a.domains", "is not a domain"),
        ("[policies.a]\nsigned_in = 'perhaps'", "policies.a.signed_in", "true or false"),
        ("[policies.a]\ncontact = '${WHO}'", "policies.a.contact", "a reference to a variable"),
        ("[policies.A]\nsigned_in = true", "policies.A", "lower-case letters"),
        ("[policies.'a/b']\nsigned_in = true", "policies.a/b", "lower-case letters"),
        ("policies = 'x'", "policies", "expected tables [policies.NAME]"),
        ("[[policies]]\nsigned_in = true", "policies", "expected tables [policies.NAME]"),
        ("[policies]\na = true", "policies", "expected tables [policies.NAME]"),
    ] {
        let text = Given::app(&format!("{table}\n")).one_problem(key);
        assert!(text.contains(said), "{table}: {text}");
    }
}
