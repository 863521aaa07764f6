//! Scopes: what the SDK accepts and refuses, the normal form, and limits.

use globus_portal::{
    globus::{
        Globus,
        auth::{DependentTokenOptions, RenewingAuthorizer},
        environment::Environment,
        flow::{AuthorizeParameters, FlowManager as _},
        gare::to_gare,
        scopes::{
            self, GcsCollectionScopes, GcsEndpointScopes, MAX_DEPTH, MAX_SCOPES, Scope, ScopeParseError, Scopes,
            SpecificFlowScopes, merge, parse, serialize,
        },
    },
    secret::{AccessToken, ClientSecret},
};
use serde_json::{Value, json};
use url::Url;

use crate::{
    client::clients::http,
    harness::{Provider, fixture, parameter},
};

/// A generator of arbitrary numbers that yields the same ones every time.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn printed(text: &str) -> Result<String, ScopeParseError> {
    Ok(texts(&parse(text)?).join(" "))
}

fn texts(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_sdks_texts_give_what_the_sdk_gives() {
    let Some(vectors) = fixture("scopes", "vectors/scopes.json") else { return };
    let vectors: Value = serde_json::from_str(&vectors).unwrap();
    let accepted = vectors["accept"].as_array().unwrap();
    for case in accepted {
        let mut scopes = texts(&parse(case["in"].as_str().unwrap()).unwrap());
        scopes.sort();
        assert_eq!(Value::from(scopes), case["out"], "{case}");
    }
    let refused = vectors["reject"].as_array().unwrap();
    for case in refused {
        let error = parse(case["in"].as_str().unwrap()).unwrap_err();
        let class = if matches!(error, ScopeParseError::Cycle(_)) { "ScopeCycleError" } else { "ScopeParseError" };
        assert_eq!(format!("{class}: {error}"), case["error"], "{case}");
    }
    assert_eq!((accepted.len(), refused.len()), (22, 22));
}

#[test]
fn equal_names_become_one_scope_in_the_order_of_first_mention() {
    for (text, normal) in [
        ("z a m", "z a m"),
        ("a[c b] d a[b e]", "a[c b e] d"),
        // A name has the same dependencies wherever it stands.
        ("a[b] b[c]", "a[b[c]] b[c]"),
        ("a[*b[x]] c[b[y]]", "a[*b[x y]] c[b[x y]]"),
        // What is required once is required; at the top both stay.
        ("a[*b c b]", "a[b c]"),
        ("*a[b] a[c]", "*a[b c] a[b c]"),
    ] {
        assert_eq!(printed(text).as_deref(), Ok(normal), "{text}");
    }
}

#[test]
fn merging_keeps_the_first_lists_order() {
    let merged = |a: &str, b: &str| merge(parse(a).unwrap(), parse(b).unwrap());
    assert_eq!(texts(&merged("openid t[*a]", "email t[*b a]").unwrap()), ["openid", "t[a *b]", "email"]);
    assert_eq!(merged("a[b]", "b[a]"), Err(ScopeParseError::Cycle("b".into())));
    assert_eq!(merged("", ""), Ok(Vec::new()));
}

#[test]
fn a_value_is_always_what_its_text_says() {
    let scope = |text: &str| text.parse::<Scope>().unwrap();
    let built = scope("a[b]").with_dependencies([scope("*b[c]"), scope("d")]).unwrap().optional();
    assert_eq!(built.to_string(), "*a[b[c] d]");
    assert_eq!(built, scope("*a[b[c] d]"));
    assert_eq!(built.required(), scope("a[b[c] d]"));
    assert_eq!(scope("a").with_dependency(scope("b[a]")), Err(ScopeParseError::Cycle("a".into())));
    assert_eq!(scope("a").with_dependency(scope("a")), Err(ScopeParseError::Cycle("a".into())));

    let json = serde_json::to_string(&scope("a[*b]")).unwrap();
    assert_eq!(json, r#""a[*b]""#);
    assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope("a[*b]"));
    assert!(serde_json::from_str::<Scope>(r#""a b""#).is_err());
}

#[test]
fn a_name_is_a_name_and_one_scope_is_one() {
    for name in ["", "a b", "a[b]", "*a", "a\n", "\ta"] {
        assert_eq!(Scope::new(name), Err(ScopeParseError::Name), "{name:?}");
    }
    for (text, found) in [("", 0), ("a b", 2)] {
        assert_eq!(text.parse::<Scope>(), Err(ScopeParseError::NotOne(found)));
    }
    assert_eq!(serialize(["a", "b[c]"]).as_deref(), Ok("a b[c]"));
    assert_eq!(serialize([Scope::new("a").unwrap()]).as_deref(), Ok("a"));
    assert_eq!(serialize([""; 0]), Err(ScopeParseError::Empty));
}

/// A difference from the SDK, which takes it off the end of a text alone.
#[test]
fn white_space_around_names_is_no_part_of_them() {
    assert_eq!(printed("a\n b\t [").as_deref(), Err(&ScopeParseError::SpaceBeforeBracket));
    assert_eq!(printed("\ta\n b[\tc ]\n").as_deref(), Err(&ScopeParseError::TextAfterBracket));
    assert_eq!(printed("\ta\n b[\tc ] \n").as_deref(), Ok("a b[c]"));
    assert_eq!(printed("a\tb").as_deref(), Ok("a\tb"));
}

/// Differences from the SDK, which has no bounds.
#[test]
fn depth_and_number_are_bounded() {
    let nested = |depth: usize| {
        let names: Vec<String> = (0..depth).map(|level| format!("s{level}")).collect();
        format!("{}{}", names.join("["), "]".repeat(depth - 1))
    };
    let deepest: Scope = nested(MAX_DEPTH).parse().unwrap();
    assert_eq!(deepest.to_string(), nested(MAX_DEPTH));
    assert_eq!(nested(MAX_DEPTH + 1).parse::<Scope>(), Err(ScopeParseError::TooDeep));
    assert_eq!(Scope::new("top").unwrap().with_dependency(deepest), Err(ScopeParseError::TooDeep));
    // Written flat, it is just as deep.
    let flat: Vec<String> = (0..MAX_DEPTH).map(|level| format!("s{level}[s{}]", level + 1)).collect();
    assert_eq!(parse(flat), Err(ScopeParseError::TooDeep));

    let many = |count: usize| (0..count).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
    assert_eq!(parse(many(MAX_SCOPES)).unwrap().len(), MAX_SCOPES);
    assert_eq!(parse(many(MAX_SCOPES + 1)), Err(ScopeParseError::TooMany));
    // 31 short scopes that stand for two to the power of thirty.
    let doubling: Vec<String> =
        (0..30).map(|level| format!("a{level}[a{n} b{n}] b{level}[a{n}]", n = level + 1)).collect();
    assert_eq!(parse(doubling), Err(ScopeParseError::TooMany));

    for text in ["a[".repeat(1_000_000), "]".repeat(1_000_000), "*".repeat(1_000_000), "a ".repeat(1_000_000)] {
        assert_eq!(parse(text), Err(ScopeParseError::TooMany));
    }
}

#[test]
fn printing_and_reading_again_gives_the_same() {
    let mut dice = Dice(0x5EED);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let length = dice.below(24);
        let text: String =
            (0..length).map(|_| dice.pick(&["a", "b", "c", "dé", " ", " ", "[", "]", "*", "\t"])).collect();
        let Ok(scopes) = parse(&text) else { continue };
        accepted += 1;
        let printed = texts(&scopes).join(" ");
        assert_eq!(parse(&printed).as_ref(), Ok(&scopes), "{text:?}");
        assert_eq!(merge(&scopes, &scopes).as_ref(), Ok(&scopes), "{text:?}");
        for scope in &scopes {
            assert_eq!(scope.to_string().parse::<Scope>().as_ref(), Ok(scope), "{text:?}");
        }
    }
    assert!(accepted > 2000, "{accepted}");
}

#[test]
fn arbitrary_text_never_panics() {
    let mut dice = Dice(0xBAD_5EED);
    for _ in 0..20_000 {
        let length = dice.below(40);
        let text: String = (0..length)
            .map(|_| match dice.below(3) {
                0 => char::from_u32(u32::try_from(dice.below(0x11_0000)).unwrap()).unwrap_or('\u{fffd}'),
                _ => dice.pick(&['a', ' ', '[', ']', '*']),
            })
            .collect();
        if let Err(error) = parse(&text) {
            assert!(!error.to_string().contains(char::is_control), "{text:?}");
        }
    }
}

#[test]
fn ids_give_the_scopes_of_collections_endpoints_and_flows() {
    let id = "aa752cea-8222-5bc8-acd9-555b090c0ccb";
    let collection = GcsCollectionScopes::new(id).unwrap();
    assert_eq!(collection.resource_server(), id);
    assert_eq!(collection.data_access().to_string(), format!("https://auth.globus.org/scopes/{id}/data_access"));
    assert_eq!(collection.https().to_string(), format!("https://auth.globus.org/scopes/{id}/https"));
    let endpoint = GcsEndpointScopes::new(id).unwrap();
    assert_eq!(endpoint.manage_collections().to_string(), format!("urn:globus:auth:scope:{id}:manage_collections"));
    let flow = SpecificFlowScopes::new(id).unwrap();
    assert_eq!(
        flow.user().to_string(),
        format!("https://auth.globus.org/scopes/{id}/flow_aa752cea_8222_5bc8_acd9_555b090c0ccb_user")
    );
    assert_eq!(GcsCollectionScopes::new("x openid"), Err(ScopeParseError::Name));
    assert_eq!(GcsEndpointScopes::new(""), Err(ScopeParseError::Name));
    assert_eq!(SpecificFlowScopes::new("x]"), Err(ScopeParseError::Name));
}

#[test]
fn well_known_scopes_are_names() {
    for scope in [
        scopes::auth::OPENID,
        scopes::auth::MANAGE_PROJECTS,
        scopes::auth::VIEW_AUTHENTICATIONS,
        scopes::auth::VIEW_CLIENTS,
        scopes::auth::VIEW_CLIENTS_AND_SCOPES,
        scopes::auth::VIEW_CONSENTS,
        scopes::auth::VIEW_IDENTITIES,
        scopes::auth::VIEW_IDENTITY_SET,
        scopes::transfer::ALL,
        scopes::transfer::GCP_INSTALL,
        scopes::groups::ALL,
        scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS,
        scopes::search::ALL,
        scopes::search::GLOBUS_CONNECT_SERVER,
        scopes::search::INGEST,
        scopes::search::SEARCH,
        scopes::timers::TIMER,
    ] {
        assert_eq!(Scope::new(scope).unwrap().to_string(), scope);
    }
    for scope in [
        scopes::flows::ALL,
        scopes::flows::MANAGE_FLOWS,
        scopes::flows::VIEW_FLOWS,
        scopes::flows::RUN,
        scopes::flows::RUN_STATUS,
        scopes::flows::RUN_MANAGE,
    ] {
        assert!(scope.contains(scopes::flows::CLIENT_ID), "{scope}");
    }
    assert!(scopes::compute::ALL.contains(scopes::compute::CLIENT_ID));
    assert!(scopes::timers::TIMER.contains(scopes::timers::RESOURCE_SERVER));
}

/// What each function that takes scopes makes of them.
async fn made_of<S: Into<Scopes> + Clone>(server: &Provider, scopes: S) -> Vec<String> {
    let globus = Globus::new(Environment::at(&server.url), http());
    let (app, native) = (globus.confidential_app("c", &ClientSecret::new("s")), globus.native_app("c").unwrap());
    let scope = |url: Url| parameter(&url, "scope").unwrap();
    let usual = AuthorizeParameters::default();
    let mut made = vec![
        scope(app.oauth2_start_flow("http://localhost/", scopes.clone()).unwrap().get_authorize_url(&usual)),
        scope(native.oauth2_start_flow(scopes.clone()).unwrap().get_authorize_url(&usual)),
        serialize(scopes.clone()).unwrap(),
        serialize(parse(scopes.clone()).unwrap()).unwrap(),
        serialize(merge(scopes.clone(), "").unwrap()).unwrap(),
        serialize(merge("", scopes.clone()).unwrap()).unwrap(),
    ];
    let needed = Scope::new("needed").unwrap().with_dependencies(scopes.clone()).unwrap();
    made.push(needed.to_string().trim_start_matches("needed[").trim_end_matches(']').to_owned());
    let gare = to_gare(&json!({"code": "X", "authorization_parameters": {}})).unwrap();
    made.push(serialize(gare.login_parameters(scopes.clone()).unwrap().scopes).unwrap());

    let tokens = app.oauth2_client_credentials_tokens(scopes.clone()).await.unwrap();
    assert_eq!(tokens.by_scopes(scopes.clone()).unwrap().resource_server, "r");
    let options = DependentTokenOptions::new().with_scopes(scopes.clone());
    drop(app.oauth2_get_dependent_tokens(&AccessToken::new("theirs"), &options).await);
    let renewing = RenewingAuthorizer::client_credentials(app, scopes, None);
    drop(globus.auth(renewing).userinfo().await);
    let fields = server.take().into_iter().filter_map(|request| request.field("scope").map(str::to_owned));
    made.extend(fields);
    made
}

#[tokio::test]
async fn scopes_in_any_form_give_the_same_request() {
    let document = json!({
        "access_token": "t", "scope": "openid profile", "token_type": "Bearer", "resource_server": "r", "expires_in": 9,
        "other_tokens": [], "sub": "p"
    });
    let server = Provider::with(document.to_string()).await;
    let text = "openid profile".to_owned();
    let texts = vec!["openid".to_owned(), "profile".to_owned()];
    let scopes = parse(&text).unwrap();
    let expected = vec![text.clone(); 11];
    assert_eq!(made_of(&server, "openid profile").await, expected);
    assert_eq!(made_of(&server, &text).await, expected);
    assert_eq!(made_of(&server, text.clone()).await, expected);
    assert_eq!(made_of(&server, ["openid", "profile"]).await, expected);
    assert_eq!(made_of(&server, &["openid", "profile"]).await, expected);
    assert_eq!(made_of(&server, &texts[..]).await, expected);
    assert_eq!(made_of(&server, &texts).await, expected);
    assert_eq!(made_of(&server, texts.clone()).await, expected);
    assert_eq!(made_of(&server, [&scopes[0], &scopes[1]]).await, expected);
    assert_eq!(made_of(&server, &scopes).await, expected);
    assert_eq!(made_of(&server, scopes.clone()).await, expected);
    assert_eq!(made_of(&server, scopes.iter().collect::<Scopes>()).await, expected);
}

#[test]
fn one_scope_stands_for_itself() {
    let scope: Scope = "t[*d]".parse().unwrap();
    for scopes in [Scopes::from(&scope), Scopes::from(scope.clone()), Scopes::from([scope.clone()])] {
        assert_eq!((scopes.as_str(), parse(&scopes)), ("t[*d]", Ok(vec![scope.clone()])));
    }
}

/// Two texts that are no scopes by themselves could be some together.
#[test]
fn lists_are_merged_scope_by_scope_and_not_as_texts() {
    assert_eq!(merge("a[b", "c]"), Err(ScopeParseError::UnclosedBrackets));
}
