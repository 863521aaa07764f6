//! Authorize URLs and PKCE, byte for byte as the Python SDK makes them.

use globus_portal::{
    globus::{
        Globus,
        auth::{ConfidentialAppAuthClient, NativeAppAuthClient},
        environment::Environment,
        flow::{
            AuthorizationCodeFlowManager, AuthorizeParameters, AuthorizeUrls, FlowManager as _, NativeAppFlowManager,
            check_verifier, code_challenge, random_verifier,
        },
        http::Limits,
    },
    secret::{ClientSecret, CodeVerifier},
};
use serde_json::Value;
use url::Url;

use crate::harness::{fixture, loopback_client, parameter};

fn production() -> Globus {
    Globus::new(Environment::production(), loopback_client(Limits::default()))
}

fn confidential(client_id: &str) -> ConfidentialAppAuthClient {
    production().confidential_app(client_id, &ClientSecret::new("s"))
}

fn native(client_id: &str) -> NativeAppAuthClient {
    production().native_app(client_id).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        many => many.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
    }
}

/// A value as Python prints it: here, the caller of `query_params` writes the text.
fn printed(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The caller's own parameters in their order, which a JSON object does not keep and the list of all parameters does.
fn query_params(case: &Value) -> Vec<(String, String)> {
    let Some(given) = case["get_authorize_url"]["query_params"].as_object() else { return Vec::new() };
    let names = case["params"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap());
    names.filter_map(|name| Some((name.to_owned(), printed(given.get(name)?)))).collect()
}

fn parameters(case: &Value) -> AuthorizeParameters {
    let arguments = &case["get_authorize_url"];
    let list = |name: &str| arguments.get(name).map(texts);
    let text = |name: &str| arguments[name].as_str().map(ToOwned::to_owned);
    let mut parameters = AuthorizeParameters::new();
    parameters.session_required_identities = list("session_required_identities");
    parameters.session_required_single_domain = list("session_required_single_domain");
    parameters.session_required_policies = list("session_required_policies");
    parameters.session_required_mfa = arguments["session_required_mfa"].as_bool();
    parameters.session_message = text("session_message");
    parameters.prompt = text("prompt");
    parameters.query_params = query_params(case);
    parameters
}

fn confidential_url(case: &Value) -> String {
    let start = &case["start_flow"];
    let client = confidential(case["client_id"].as_str().unwrap());
    let redirect_uri = start["redirect_uri"].as_str().unwrap();
    let flow = AuthorizationCodeFlowManager::new(&client, redirect_uri, texts(&start["requested_scopes"])).unwrap();
    let mut flow = flow.with_state(start["state"].as_str().unwrap_or("_default"));
    if start["refresh_tokens"] == true {
        flow = flow.with_refresh_tokens();
    }
    flow.get_authorize_url(&parameters(case)).into()
}

fn native_url(case: &Value) -> String {
    let start = &case["start_flow"];
    let client = native(case["client_id"].as_str().unwrap());
    let flow = NativeAppFlowManager::new(&client, texts(&start["requested_scopes"])).unwrap();
    let mut flow = flow
        .with_verifier(CodeVerifier::new(start["verifier"].as_str().unwrap()))
        .unwrap()
        .with_state(start["state"].as_str().unwrap_or("_default"));
    if start["refresh_tokens"] == true {
        flow = flow.with_refresh_tokens();
    }
    if let Some(redirect_uri) = start["redirect_uri"].as_str() {
        flow = flow.with_redirect_uri(redirect_uri);
    }
    if let Some(label) = start["prefill_named_grant"].as_str() {
        flow = flow.with_prefill_named_grant(label);
    }
    flow.get_authorize_url(&parameters(case)).into()
}

/// The URL of the vector, which is from version 4.9. From 4.10 on, the Python SDK leaves empty lists out.
fn expected_url(case: &Value) -> String {
    let url = case["url"].as_str().unwrap();
    let is_empty_list = |pair: &&str| pair.starts_with("session_required_") && pair.ends_with('=');
    url.split('&').filter(|pair| !is_empty_list(pair)).collect::<Vec<_>>().join("&")
}

#[test]
fn an_empty_list_of_requirements_is_not_sent() {
    let none = Some(Vec::new());
    let mut parameters = AuthorizeParameters::default();
    parameters.session_required_identities.clone_from(&none);
    parameters.session_required_single_domain.clone_from(&none);
    parameters.session_required_policies = none;
    assert_eq!(parameters.query_pairs(), []);
    let flow = AuthorizationCodeFlowManager::new(&confidential("c"), "http://localhost/", ["openid"]).unwrap();
    let plain = flow.get_authorize_url(&AuthorizeParameters::default());
    assert_eq!(flow.get_authorize_url(&parameters), plain);
}

#[test]
fn every_authorize_url_is_the_one_that_the_python_sdk_makes() {
    let Some(text) = fixture("authorize URLs", "vectors/authorize_urls.json") else { return };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    for case in &cases {
        let url = if case["client"] == "native" { native_url(case) } else { confidential_url(case) };
        assert_eq!(url, expected_url(case), "{}", case["name"]);
    }
    assert_eq!(cases.len(), 12);
}

#[test]
fn a_nonce_and_pkce_of_a_confidential_app_come_after_the_usual_parameters() {
    let flow =
        AuthorizationCodeFlowManager::new(&confidential("c"), "http://localhost:5000/login", ["openid"]).unwrap();
    let verifier = CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let flow = flow.with_state("S").with_nonce("N").with_verifier(verifier).unwrap();
    let url = flow.get_authorize_url(&AuthorizeParameters::default());
    let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    let usual = ["client_id", "redirect_uri", "scope", "state", "response_type", "access_type"];
    assert_eq!(names[..6], usual);
    assert_eq!(names[6..], ["nonce", "code_challenge", "code_challenge_method"]);
    assert_eq!(parameter(&url, "code_challenge").unwrap(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[test]
fn a_portal_asks_for_each_login_as_its_flow_does() {
    let flow =
        AuthorizationCodeFlowManager::new(&confidential("c"), "http://h/login?a=b", ["openid", "a[b c]"]).unwrap();
    for flow in [flow.clone(), flow.with_refresh_tokens()] {
        let verifier = CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let url = Url::parse(&AuthorizeUrls::like(&flow).url("S&=", "N +", &verifier)).unwrap();
        let flow = flow.with_state("S&=").with_nonce("N +").with_verifier(verifier).unwrap();
        let sorted = |url: &Url| {
            let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
            pairs.sort_unstable();
            pairs
        };
        let expected = flow.get_authorize_url(&AuthorizeParameters::default());
        assert_eq!(sorted(&url), sorted(&expected));
        assert_eq!((url.origin(), url.path()), (expected.origin(), expected.path()));
    }
}

#[test]
fn code_verifiers_are_hashed_or_refused_as_by_the_python_sdk() {
    let Some(text) = fixture("PKCE", "vectors/pkce.json") else { return };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    for case in vectors["valid"].as_array().unwrap() {
        let verifier = CodeVerifier::new(case["verifier"].as_str().unwrap());
        check_verifier(&verifier).unwrap();
        assert_eq!(code_challenge(&verifier), case["challenge"].as_str().unwrap());
    }
    for case in vectors["invalid"].as_array().unwrap() {
        let verifier = CodeVerifier::new(case["verifier"].as_str().unwrap());
        let error = check_verifier(&verifier).unwrap_err();
        assert_eq!(format!("GlobusSDKUsageError: {error}"), case["result"].as_str().unwrap());
        let flow = NativeAppFlowManager::new(&native("c"), ["openid"]).unwrap();
        assert_eq!(flow.with_verifier(verifier.clone()).unwrap_err(), error);
        let flow = AuthorizationCodeFlowManager::new(&confidential("c"), "http://localhost/", ["openid"]).unwrap();
        assert_eq!(flow.with_verifier(verifier).unwrap_err(), error);
    }
}

#[test]
fn a_flow_needs_a_scope_and_a_native_app_a_client_id() {
    let needs = "'scopes' cannot be the empty string or empty collection.";
    let client = confidential("c");
    let empty: [&str; 0] = [];
    let error = AuthorizationCodeFlowManager::new(&client, "http://localhost/", empty).unwrap_err();
    assert_eq!(error.to_string(), needs);
    assert_eq!(NativeAppFlowManager::new(&native("c"), [""]).unwrap_err().to_string(), needs);
    let error = production().native_app("").unwrap_err();
    assert_eq!(error.to_string(), "a native app needs a client id");
}

/// Difference from the Python SDK, whose default state is the same for every login: it does not protect against a forged
/// answer (RFC 6749 section 10.12).
#[test]
fn the_default_state_and_verifier_are_random() {
    let state = |url: &Url| parameter(url, "state").unwrap();
    let login = || {
        let flow = AuthorizationCodeFlowManager::new(&confidential("c"), "http://localhost/", ["openid"]).unwrap();
        let url = flow.get_authorize_url(&AuthorizeParameters::default());
        assert_eq!(state(&url), flow.state());
        state(&url)
    };
    let (one, other) = (login(), login());
    assert_eq!(one.len(), 43);
    assert_ne!(one, other);

    let native_login = || {
        let flow = NativeAppFlowManager::new(&native("c"), ["openid"]).unwrap();
        let url = flow.get_authorize_url(&AuthorizeParameters::default());
        (state(&url), parameter(&url, "code_challenge").unwrap())
    };
    let (one, other) = (native_login(), native_login());
    assert_ne!(one.0, other.0);
    assert_ne!(one.1, other.1);
    check_verifier(&random_verifier()).unwrap();
}
