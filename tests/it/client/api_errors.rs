//! Error answers: what the SDK reads from them, the requirements they carry, and what they never show.

use std::{fmt::Write as _, io, time::Duration};

use globus_portal::globus::{
    ServiceClient,
    auth::TokenError,
    authorizer::Authorizer,
    error::{ApiError, BoxError, CallError, Service},
    fault::Fault,
    gare::{Gare, GlobusAuthorizationParameters, LoginParameters, has_gares, is_gare, to_gare, to_gares},
    http::{HttpClient, Limits},
    scopes::{self, ScopeParseError},
};
use serde_json::{Value, json, ser::Formatter};

use crate::{
    client::scopes::Dice,
    harness::{fixture, loopback_client},
};

const JSON: Option<&str> = Some("application/json");

fn error(body: &Value) -> ApiError {
    ApiError::parse(Service::Transfer, 403, JSON, body.to_string().as_bytes())
}

fn gare(body: &Value) -> Option<Value> {
    to_gare(&error(body)).map(|gare| gare.to_dict())
}

/// Writes JSON as Python does, so that lengths are those of the SDK.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// The body of a case: text as it is, anything else as JSON.
fn body(value: &Value) -> Vec<u8> {
    let (Value::Object(_) | Value::Array(_)) = value else { return value.as_str().unwrap().into() };
    let mut body = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut body, Spaced);
    serde::Serialize::serialize(value, &mut serializer).unwrap();
    body
}

#[test]
fn the_sdks_answers_are_read_as_the_sdk_reads_them() {
    let Some(vectors) = fixture("api_errors", "vectors/api_errors.json") else { return };
    let cases: Vec<Value> = serde_json::from_str(&vectors).unwrap();
    assert_eq!(cases.len(), 35);
    for case in &cases {
        let name = &case["name"];
        let service = match case["class"].as_str().unwrap() {
            "AuthAPIError" => Service::Auth,
            "TransferAPIError" => Service::Transfer,
            "GroupsAPIError" => Service::Groups,
            other => panic!("{other}"),
        };
        let status = u16::try_from(case["http_status"].as_u64().unwrap()).unwrap();
        let body = body(&case["body"]);
        let error = ApiError::parse(service, status, case["content_type"].as_str(), &body);

        assert_eq!(error.service(), service, "{name}");
        assert_eq!(error.http_status(), status, "{name}");
        assert_eq!(json!(error.code()), case["code"], "{name}");
        assert_eq!(json!(error.messages()), case["messages"], "{name}");
        assert_eq!(json!(error.message()), case["message"], "{name}");
        assert_eq!(json!(error.request_id()), case["request_id"], "{name}");
        assert_eq!(error.body(), body, "{name}");
        assert_eq!(json!(error.text().chars().count()), case["text_len"], "{name}");
        assert_eq!(json!(error.errors().len()), case["errors_len"], "{name}");
        if let Some(raw) = error.raw_json() {
            assert_eq!(raw, &case["body"], "{name}");
        } else {
            assert!(case["body"].is_string(), "{name}");
        }

        let info = error.info();
        let consent = &case["consent_required"];
        assert_eq!(json!(info.consent_required().is_some()), consent["present"], "{name}");
        assert_eq!(json!(info.consent_required()), consent["required_scopes"], "{name}");
        let parameters = info.authorization_parameters().is_some();
        assert_eq!(json!(parameters), case["authorization_parameters_present"], "{name}");

        let gare = to_gare(&error).map(|gare| gare.to_dict());
        assert_eq!(json!(gare), case["gare"], "{name}");
        let gares: Vec<Value> = to_gares([&error]).iter().map(|gare| gare.to_dict()).collect();
        // A difference from the SDK, which crashes.
        let crash = case["gares"] == "SDK raises AttributeError";
        assert_eq!(json!(gares), if crash { json!([]) } else { case["gares"].clone() }, "{name}");
        assert_eq!(crash, name == "json_list");
    }
}

#[test]
fn every_document_tells_what_helps() {
    let documents = [
        ("error_auth_forbidden", Service::Auth, 403, Some("FORBIDDEN"), Fault::NotAllowed),
        ("error_auth_policy_failed", Service::Transfer, 403, Some("AuthPolicyFailed"), Fault::SignInAgain),
        ("error_auth_unauthorized", Service::Auth, 401, Some("UNAUTHORIZED"), Fault::SignInAgain),
        ("error_basic_auth_failed", Service::Auth, 401, Some("UNAUTHORIZED"), Fault::SignInAgain),
        ("error_consent_required_action_provider", Service::Other, 401, Some("ConsentRequired"), Fault::ConsentNeeded),
        ("error_consent_required_gare", Service::Transfer, 403, Some("ConsentRequired"), Fault::ConsentNeeded),
        ("error_consent_required_transfer", Service::Transfer, 403, Some("ConsentRequired"), Fault::ConsentNeeded),
        (
            "error_dependent_consent_required",
            Service::Auth,
            403,
            Some("DEPENDENT_CONSENT_REQUIRED"),
            Fault::ConsentNeeded,
        ),
        ("error_endpoint_deleted", Service::Transfer, 404, Some("EndpointDeleted"), Fault::OurMistake),
        ("error_endpoint_not_found", Service::Transfer, 404, Some("EndpointNotFound"), Fault::OurMistake),
        (
            "error_gc_disconnected",
            Service::Transfer,
            502,
            Some("ExternalError.DirListingFailed.GCDisconnected"),
            Fault::TryAgain,
        ),
        ("error_invalid_client_introspect", Service::Auth, 401, None, Fault::OurMistake),
        ("error_invalid_grant_code", Service::Auth, 401, None, Fault::SignInAgain),
        ("error_invalid_grant_refresh", Service::Auth, 400, None, Fault::SignInAgain),
        (
            "error_login_failed_authorization_parameters",
            Service::Transfer,
            502,
            Some("ExternalError.DirListingFailed.LoginFailed"),
            Fault::SignInAgain,
        ),
        ("error_no_credentials", Service::Transfer, 400, Some("ClientError.AuthenticationFailed"), Fault::OurMistake),
        ("error_stat_not_found", Service::Transfer, 404, Some("NotFound"), Fault::OurMistake),
        ("error_stat_permission_denied", Service::Transfer, 403, Some("EndpointPermissionDenied"), Fault::NotAllowed),
        (
            "error_submit_transfer_no_items",
            Service::Transfer,
            400,
            Some("ClientError.BadRequest.NoTransferItems"),
            Fault::OurMistake,
        ),
        ("error_token_not_active", Service::Transfer, 401, Some("AuthenticationFailed"), Fault::SignInAgain),
        ("gare_flows_consent_required", Service::Other, 403, Some("ConsentRequired"), Fault::ConsentNeeded),
        ("gare_identities_mfa", Service::Other, 403, Some("AuthorizationRequired"), Fault::SignInAgain),
        ("gare_legacy_comma_strings", Service::Other, 403, None, Fault::SignInAgain),
        ("gare_multiple_subdocuments", Service::Other, 403, Some("ConsentRequired"), Fault::ConsentNeeded),
        ("gare_policies", Service::Other, 403, Some("AuthorizationRequired"), Fault::SignInAgain),
        ("gare_preferred_over_legacy", Service::Other, 403, Some("ConsentRequired"), Fault::ConsentNeeded),
        ("gare_single_domain", Service::Other, 403, Some("AuthorizationRequired"), Fault::SignInAgain),
        ("gare_single_domain_prompt_login", Service::Other, 403, Some("AuthorizationRequired"), Fault::SignInAgain),
    ];
    for (name, service, status, code, fault) in documents {
        let Some(text) = fixture("api_errors", &format!("{name}.json")) else { return };
        let error = ApiError::parse(service, status, JSON, text.as_bytes());
        assert_eq!(error.code(), code, "{name}");
        assert_eq!(error.fault(), fault, "{name}");
        assert_eq!(error.is_invalid_grant(), name.starts_with("error_invalid_grant"), "{name}");
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(error.raw_json(), Some(&document), "{name}");
        assert_eq!(
            is_gare(&error),
            matches!(fault, Fault::ConsentNeeded)
                || name.starts_with("gare_")
                || error.info().authorization_parameters().is_some(),
            "{name}"
        );
        let request_id = document["request_id"].as_str().or_else(|| document["errors"][0]["id"].as_str());
        assert_eq!(error.request_id(), request_id, "{name}");
        // A log gets nothing but status, code and request id.
        let call = CallError::Api(error.clone());
        for message in error.messages() {
            for logged in [error.for_log(), format!("{error:?}"), call.for_log(), format!("{call:?}")] {
                assert!(!logged.contains(message.as_str()), "{name}: {logged}");
            }
            let first_line = message.lines().next().unwrap();
            assert!(error.to_string().contains(first_line), "{name}: {error}");
            assert_eq!(call.to_string(), error.to_string(), "{name}");
        }
    }
}

#[test]
fn an_error_for_the_log_is_status_code_and_request_id_alone() {
    let secret = "Ag1234secret";
    let body = json!({
        "code": format!("Bad\r\nCode\u{1b}[31m{}", "x".repeat(200)),
        "message": secret,
        "request_id": "r\u{0}1",
        "errors": [{"detail": secret}],
        "authorization_parameters": {"session_message": secret, "zzz": secret},
    });
    let error = error(&body);
    let code = format!("BadCode[31m{}", "x".repeat(69));
    assert_eq!(error.for_log(), format!("HTTP status 403, {code}, request r1"));
    assert_eq!(format!("{error:?}"), format!("ApiError(Transfer: HTTP status 403, {code}, request r1)"));
    let mut all = String::new();
    write!(all, "{:?} {:?} {:?}", error.errors(), error.info(), to_gare(&error).unwrap()).unwrap();
    assert!(!all.contains(secret), "{all}");

    let oauth = ApiError::parse(Service::Auth, 400, JSON, br#"{"error":"invalid_grant","error_description":"Ag12"}"#);
    assert_eq!((oauth.code(), oauth.oauth_error()), (None, Some("invalid_grant")));
    assert_eq!(oauth.for_log(), "HTTP status 400, invalid_grant");
    assert_eq!(ApiError::parse(Service::Other, 502, None, b"").for_log(), "HTTP status 502");
    let refused = TokenError::from(CallError::Api(oauth));
    assert_eq!(refused.for_log(), "Globus refuses the grant: HTTP status 400, invalid_grant");
    assert!(!format!("{refused:?}").contains("Ag12"), "{refused:?}");
}

/// The failure of some program's token source.
#[derive(Debug, thiserror::Error)]
#[error("my store says {0}")]
struct Wrapped(#[source] TokenError);

#[test]
fn the_log_gets_no_text_of_globus_out_of_the_error_of_a_token_source() {
    let refusal = || {
        let body = br#"{"error":"invalid_grant","error_description":"Ag12"}"#;
        CallError::Api(ApiError::parse(Service::Auth, 400, JSON, body))
    };
    let CallError::Api(api) = refusal() else { unreachable!() };
    let unavailable = || CallError::Api(ApiError::parse(Service::Auth, 503, JSON, br#"{"code":"C","message":"Ag12"}"#));
    let refused = "could not get another access token: Globus refuses the grant: HTTP status 400, invalid_grant";
    for (cause, expected) in [
        (BoxError::from(api), "could not get another access token: HTTP status 400, invalid_grant"),
        (refusal().into(), "could not get another access token: HTTP status 400, invalid_grant"),
        (TokenError::from(refusal()).into(), refused),
        (TokenError::from(unavailable()).into(), "could not get another access token: HTTP status 503, C"),
        (Wrapped(refusal().into()).into(), refused),
        ("Ag12".into(), "could not get another access token"),
    ] {
        let error = CallError::NoToken(cause);
        assert_eq!(error.for_log(), expected, "{error}");
        assert!(error.to_string().contains("Ag12"), "a person sees it: {error}");
    }
}

#[test]
fn an_error_prints_the_message_of_globus_escaped_and_cut() {
    let printed = |message: &str| error(&json!({"code": "Code", "message": message, "request_id": "r1"})).to_string();
    assert_eq!(printed("It's \"there\" – über"), "HTTP status 403, Code: It's \"there\" – über (request r1)");
    assert_eq!(
        printed("a\r\nERROR faked\u{1b}[31m\u{202e}b\u{2028}"),
        "HTTP status 403, Code: a\\r\\nERROR faked\\u{1b}[31m\\u{202e}b\\u{2028} (request r1)"
    );
    let long = printed(&"x".repeat(100_000));
    assert_eq!(long, format!("HTTP status 403, Code: {}… (request r1)", "x".repeat(500)));
    let oauth = br#"{"error":"invalid_grant","error_description":"The code has\nexpired"}"#;
    let oauth = ApiError::parse(Service::Auth, 400, JSON, oauth);
    let refused = TokenError::from(CallError::Api(oauth));
    assert_eq!(refused.to_string(), "Globus refuses the grant: HTTP status 400, invalid_grant: The code has\\nexpired");
    assert_eq!(ApiError::parse(Service::Other, 502, None, b"<html>").to_string(), "HTTP status 502");
}

#[test]
fn a_body_is_json_when_its_content_type_says_so() {
    let code = |content_type: Option<&str>| {
        let error = ApiError::parse(Service::Other, 400, content_type, br#"{"code":"A","message":"B"}"#);
        error.code().map(ToOwned::to_owned)
    };
    for json in ["application/json", "application/json; charset=utf-8", " application/problem+json ;x"] {
        assert_eq!(code(Some(json)).as_deref(), Some("A"), "{json}");
    }
    // A difference from the SDK: media types have no case (RFC 9110 section 8.3.1).
    assert_eq!(code(Some("Application/JSON")).as_deref(), Some("A"));
    for other in [None, Some(""), Some("text/plain"), Some("text/x+json"), Some("application/jsonx"), Some("é")] {
        assert_eq!(code(other), None, "{other:?}");
    }
}

#[test]
fn the_forms_of_bodies_are_told_apart() {
    let read = |service, content_type: &str, body: &Value| {
        let error = ApiError::parse(service, 400, Some(content_type), body.to_string().as_bytes());
        json!([error.code(), error.message(), error.request_id()])
    };
    let plain = |body: &Value| read(Service::Other, "application/json", body);
    // With a request id that is not a string the error is not "type zero", and then the id is not read.
    assert_eq!(plain(&json!({"code": "A", "message": "m", "request_id": "r"})), json!(["A", "m", "r"]));
    assert_eq!(plain(&json!({"code": "A", "message": "m", "request_id": null})), json!(["A", "m", null]));
    assert_eq!(plain(&json!({"code": "A", "request_id": "r"})), json!(["A", null, null]));
    assert_eq!(plain(&json!({"code": 7, "detail": "d", "title": "t"})), json!([null, "d", null]));
    assert_eq!(plain(&json!({"message": "m", "errors": []})), json!([null, "m", null]));
    assert_eq!(plain(&json!({"message": "m", "errors": [{}, 1]})), json!([null, "m", null]));
    // JSON:API has no message; without a valid list of errors it is not JSON:API.
    let api = |body: &Value| read(Service::Other, "application/vnd.api+json", body);
    assert_eq!(
        api(&json!({"code": "X", "message": "x", "errors": [{"message": "m", "title": "t"}]})),
        json!([null, "t", null])
    );
    assert_eq!(api(&json!({"code": "X", "message": "x", "errors": []})), json!(["X", "x", null]));
    // Globus Auth's ids: the one that all errors share.
    let auth = |ids: &[Value]| {
        let errors: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        read(Service::Auth, "application/json", &json!({"errors": errors}))[2].clone()
    };
    assert_eq!(auth(&[json!("i"), json!(null), json!("i")]), "i");
    assert_eq!(auth(&[json!("i"), json!("j")]), json!(null));
    // The SDK crashes on ids that are lists or objects.
    assert_eq!(auth(&[json!({}), json!("i")]), json!(null));
    assert_eq!(auth(&[json!("i"), json!([])]), json!(null));
}

#[test]
fn consent_has_two_spellings() {
    let scopes = |body: &Value| error(body).info().consent_required().map(|scopes| scopes.join(" "));
    let code = "ConsentRequired";
    assert_eq!(scopes(&json!({"code": code, "required_scopes": ["a", "b"]})).as_deref(), Some("a b"));
    assert_eq!(scopes(&json!({"code": code, "required_scope": "a"})).as_deref(), Some("a"));
    assert_eq!(
        scopes(&json!({"code": code, "required_scopes": ["a", 1], "required_scope": "b"})).as_deref(),
        Some("b")
    );
    assert_eq!(scopes(&json!({"code": code, "required_scopes": [], "required_scope": "b"})), None);
    assert_eq!(scopes(&json!({"code": "Other", "required_scopes": ["a"]})), None);
    assert_eq!(scopes(&json!({"errors": [{"code": code, "required_scopes": ["a"]}]})), None);
    // The SDK crashes on parameters that are not an object.
    let odd = error(&json!({"code": "A", "authorization_parameters": ["x"]}));
    assert!(odd.info().authorization_parameters().is_none());
    assert!(!is_gare(&odd));
}

#[test]
fn statuses_tell_what_helps_where_nothing_else_does() {
    for (status, fault) in [
        (302, Fault::TryAgain),
        (400, Fault::OurMistake),
        (401, Fault::SignInAgain),
        (403, Fault::NotAllowed),
        (404, Fault::OurMistake),
        (408, Fault::TryAgain),
        (409, Fault::OurMistake),
        (429, Fault::TryAgain),
        (500, Fault::TryAgain),
        (503, Fault::TryAgain),
    ] {
        let error = CallError::Api(ApiError::parse(Service::Other, status, Some("text/html"), b"<p>"));
        assert_eq!(error.fault(), fault, "{status}");
    }
    assert_eq!(CallError::Malformed { what: String::new() }.fault(), Fault::TryAgain);
    assert_eq!(CallError::TooLarge { limit: 1 }.fault(), Fault::TryAgain);
}

#[test]
fn types_in_a_gare_are_strict() {
    let parameters = |parameters: Value| gare(&json!({"code": "X", "authorization_parameters": parameters}));
    for wrong in [
        json!({"session_message": 1}),
        json!({"session_required_identities": "a"}),
        json!({"session_required_identities": ["a", 1]}),
        json!({"session_required_policies": 1}),
        json!({"session_required_policies": [1]}),
        json!({"session_required_mfa": 0}),
        json!({"session_required_mfa": "True"}),
        json!({"prompt": ["login"]}),
        json!([]),
        json!("x"),
        json!(null),
    ] {
        assert_eq!(parameters(wrong.clone()), None, "{wrong}");
    }
    // A document that is invalid in the current form may be valid in an older one.
    let older =
        |domains: &str| json!({"code": "X", "authorization_parameters": {"session_required_single_domain": domains}});
    assert_eq!(
        gare(&older("a,b")).unwrap()["authorization_parameters"]["session_required_single_domain"],
        json!(["a", "b"])
    );
    for (code, given) in
        [(json!(null), Some("AuthorizationRequired")), (json!([]), Some("AuthorizationRequired")), (json!(7), None)]
    {
        let gare = gare(&json!({"code": code, "authorization_parameters": {}}));
        assert_eq!(gare.map(|gare| gare["code"].clone()), given.map(Value::from), "{code}");
    }
    assert_eq!(gare(&json!({"code": "ConsentRequired", "required_scopes": ["a"], "message": 1})), None);
    assert_eq!(gare(&json!({"code": "ConsentRequired", "required_scopes": "a"})), None);
    assert_eq!(gare(&json!({"code": "Other", "required_scope": "a"})), None);
    let dependent = |errors: Value| gare(&json!({"error": "dependent_consent_required", "errors": errors}));
    assert_eq!(dependent(json!([{"unapproved_scopes": ["a", 1]}])), None);
    assert_eq!(dependent(json!([{}])).unwrap()["authorization_parameters"]["required_scopes"], json!([]));
    // The SDK crashes.
    assert_eq!(dependent(json!([])), None);
}

#[test]
fn other_members_of_a_gare_are_kept() {
    let document = json!({
        "code": "X", "request_id": "r", "more": [1],
        "authorization_parameters": {"prompt": "none", "zzz": {"a": null}, "session_message": null},
    });
    let found = to_gare(&document).unwrap();
    assert_eq!(json!(found.extra), json!({"request_id": "r", "more": [1]}));
    assert_eq!(json!(found.authorization_parameters.extra), json!({"zzz": {"a": null}}));
    assert_eq!(found.to_dict(), json!({"code": "X", "authorization_parameters": {"prompt": "none"}}));
    assert_eq!(to_gare(&found.to_dict_with_extra()), Some(found));

    // Differences from the SDK. It leaves scopes of this form among the other members, where a login does not find them.
    let scopes = json!({"authorization_parameters": {"required_scopes": ["a"], "session_required_policies": "p"}});
    assert_eq!(to_gare(&scopes).unwrap().authorization_parameters.required_scopes, Some(vec!["a".to_owned()]));
    // And there the invalid parameters replace the valid ones when a GARE is serialized again.
    let broken = json!({
        "code": "ConsentRequired", "required_scopes": ["a"],
        "authorization_parameters": {"session_required_mfa": "true"},
    });
    let found = to_gare(&broken).unwrap();
    assert_eq!(found.to_dict_with_extra()["authorization_parameters"], json!({"required_scopes": ["a"]}));
}

#[test]
fn one_answer_can_hold_several() {
    let one = |scope: &str| json!({"code": "ConsentRequired", "required_scopes": [scope]});
    let mut document = one("root");
    document["errors"] = json!([one("first"), {"code": "Other"}, one("second")]);
    let error = error(&document);
    let scope = |gare: &Gare| gare.authorization_parameters.required_scopes.clone().unwrap().join(" ");
    assert_eq!(to_gare(&error).as_ref().map(scope).as_deref(), Some("root"));
    let all: Vec<String> = to_gares([&error]).iter().map(scope).collect();
    assert_eq!(all, ["first", "second", "root"]);
    assert_eq!(to_gare(error.errors()[2]).as_ref().map(scope).as_deref(), Some("second"));
    assert!(has_gares(error.errors()));
    assert!(!has_gares([&json!(1), &json!([]), &json!({})]));
    assert!(to_gares([&json!(1), &document]).len() == 1);
}

#[test]
fn a_gare_gives_the_parameters_of_a_login() {
    let needs = GlobusAuthorizationParameters::new()
        .with_session_message("Hé")
        .with_session_required_identities(["a", "b@example.org"])
        .with_session_required_policies(["p"])
        .with_session_required_single_domain([""; 0])
        .with_session_required_mfa(true)
        .with_required_scopes(["t[*x] openid", "t[*y]"])
        .with_prompt("login");
    assert_eq!(needs.session_required_single_domain, Some(vec![]));
    let gare = Gare::new("ConsentRequired", needs);
    let login = gare.login_parameters("openid t").unwrap();
    assert_eq!(scopes::serialize(&login.scopes).unwrap(), "openid t[*x *y]");
    let pairs = login.authorize.query_pairs();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(
        pairs,
        [
            ("session_required_identities", "a,b@example.org"),
            ("session_required_policies", "p"),
            ("session_required_mfa", "True"),
            ("session_message", "Hé"),
            ("prompt", "login"),
        ]
    );
    let kept = serde_json::to_string(&login).unwrap();
    assert_eq!(serde_json::from_str::<LoginParameters>(&kept).unwrap(), login);
    assert_eq!(gare.login_parameters("x[t]"), Err(ScopeParseError::Cycle("t".into())));
    assert_eq!(LoginParameters::default().authorize.query_pairs(), []);
}

#[test]
fn the_sdks_session_parameters_stand_in_the_sdks_order() {
    let Some(vectors) = fixture("api_errors", "vectors/authorize_urls.json") else { return };
    let cases: Vec<Value> = serde_json::from_str(&vectors).unwrap();
    let mut compared = 0;
    for case in cases {
        let arguments = &case["get_authorize_url"];
        let document = json!({"code": "X", "authorization_parameters": arguments});
        let Some(gare) = to_gare(&document).filter(|_| !arguments.as_object().unwrap().is_empty()) else { continue };
        let expected: Vec<Value> = case["params"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|pair| pair[0].as_str().unwrap().starts_with("session_") || pair[0] == "prompt")
            .cloned()
            .collect();
        compared += usize::from(!expected.is_empty());
        // The vectors are from version 4.9. From 4.10 on, the SDK leaves empty lists out.
        let expected: Vec<Value> = expected.into_iter().filter(|pair| pair[1] != "").collect();
        let login = gare.login_parameters("").unwrap();
        assert_eq!(json!(login.authorize.query_pairs()), json!(expected), "{}", case["name"]);
    }
    assert!(compared >= 4, "{compared}");
}

/// Arbitrary JSON made of the names that readers look for.
fn arbitrary(dice: &mut Dice, depth: usize) -> Value {
    const WORDS: [&str; 20] = [
        "code",
        "message",
        "errors",
        "request_id",
        "error",
        "id",
        "detail",
        "title",
        "ConsentRequired",
        "login",
        "required_scopes",
        "required_scope",
        "authorization_parameters",
        "session_required_mfa",
        "prompt",
        "session_required_policies",
        "dependent_consent_required",
        "unapproved_scopes",
        "a[b]",
        "a[b",
    ];
    match dice.below(if depth == 0 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(dice.below(3)),
        3 | 4 => json!(dice.pick(&WORDS)),
        5 | 6 => (0..dice.below(4)).map(|_| arbitrary(dice, depth - 1)).collect(),
        _ => {
            let members: Vec<(String, Value)> =
                (0..dice.below(7)).map(|_| (dice.pick(&WORDS).to_owned(), arbitrary(dice, depth - 1))).collect();
            Value::Object(members.into_iter().collect())
        }
    }
}

fn use_all(content_type: &str, body: &[u8]) -> bool {
    let service = if body.len().is_multiple_of(2) { Service::Auth } else { Service::Other };
    let error = ApiError::parse(service, 403, Some(content_type), body);
    let _ = (error.fault(), error.message(), error.text(), error.is_invalid_grant(), error.to_string());
    let _ = (error.info().consent_required(), error.info().authorization_parameters());
    for subdocument in error.errors() {
        let _ = (subdocument.code(), subdocument.message());
    }
    for gare in to_gares([&error]) {
        assert_eq!(to_gare(&gare.to_dict()).unwrap().to_dict(), gare.to_dict());
        let _ = gare.login_parameters("").map(|login| login.authorize.query_pairs().len());
    }
    is_gare(&error)
}

#[test]
fn arbitrary_answers_never_panic() {
    let mut dice = Dice(0xC0FFEE);
    let mut found = 0;
    for _ in 0..20_000 {
        let content_type = dice.pick(&["application/json", "application/vnd.api+json", "text/html"]);
        let mut body = arbitrary(&mut dice, 4).to_string().into_bytes();
        found += usize::from(use_all(content_type, &body));
        if !body.is_empty() {
            let at = dice.below(body.len());
            body[at] = u8::try_from(dice.below(256)).unwrap();
            body.truncate(at + dice.below(40));
            use_all(content_type, &body);
        }
    }
    assert!(found > 20, "{found}");
    let deep =
        [b"[".repeat(2_000_000), br#"{"errors":"#.repeat(200_000), br#"{"authorization_parameters":"#.repeat(100_000)];
    let wide = format!(r#"{{"code":"ConsentRequired","required_scopes":["a{}"]}}"#, " a[b]".repeat(400_000));
    for body in deep.iter().map(Vec::as_slice).chain([wide.as_bytes()]) {
        use_all("application/json", body);
    }
}

/// A difference from the SDK: Python accepts JSON that RFC 8259 does not allow.
#[test]
fn json_is_that_of_the_standard() {
    for body in [&br#"{"code":NaN}"#[..], br#"{"code":"\ud800"}"#, b"\xff\xfe{\0}\0", br#"{"code":1e999}"#] {
        assert!(ApiError::parse(Service::Other, 400, JSON, body).raw_json().is_none(), "{body:?}");
    }
}

#[tokio::test]
async fn network_failures_are_told_apart() {
    let limit = Duration::from_millis(300);
    let limits = Limits::default().with_max_retries(0).with_timeout(limit);
    // The limit for making a connection stays; that for the whole call is longer.
    let (short, long) = (loopback_client(limits), loopback_client(limits).with_timeout(Duration::from_secs(5)));
    let failed = async |http: &HttpClient, url: &str| {
        let client = ServiceClient::new(url.parse().unwrap(), http.clone(), Authorizer::Null);
        client.get("secret", &[]).await.unwrap_err()
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let silent = format!("http://{}/", listener.local_addr().unwrap());
    let error = failed(&short, &silent).await;
    assert!(matches!(error, CallError::Timeout), "{error:?}");
    assert!(error.is_timeout());
    drop(listener);

    let error = failed(&long, &silent).await;
    assert!(matches!(error, CallError::Connection(_)), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(error.fault(), Fault::TryAgain);

    // A listener whose queue is full accepts no connection.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connection) = tokio::time::timeout(limit, tokio::net::TcpStream::connect(address)).await {
        waiting.push(connection.unwrap());
        assert!(waiting.len() < 100, "the queue never fills");
    }
    let error = failed(&long, &format!("http://{address}/")).await;
    assert!(matches!(error, CallError::ConnectTimeout), "{error:?}");
    assert!(error.is_timeout());

    let error = failed(&long, "ftp://127.0.0.1/").await;
    assert!(matches!(error, CallError::Request(_)), "{error:?}");
    assert_eq!(error.fault(), Fault::OurMistake);
}
