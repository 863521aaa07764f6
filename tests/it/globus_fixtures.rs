//! Documents as Globus sends them, read by the client over real HTTP.

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use globus_portal::{
    clock::Clock,
    globus::{
        auth::{AuthClient, TokenError, TokenTypeHint},
        authorizer::AccessTokenAuthorizer,
        environment::Environment,
        error::{ApiError, CallError, Fault},
        flow::{AuthorizationCodeFlowManager, FlowSecrets, code_challenge},
        http::{HttpClient, Limits},
        id_token::{Expected, IdTokenClaims, IdTokenError, IdTokenVerifier},
        provider::{Discovery, JwkSet, Provider as Documents},
        tokens::TokenResponse,
        transfer::{EndpointSearch, TransferClient},
    },
    secret::{AccessToken, AuthorizationCode, ClientSecret, CodeVerifier, IdToken, RefreshToken},
};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::harness::{
    Provider, fixture,
    provider::{CLIENT_ID, CLIENT_SECRET, Call},
};

/// A moment at which the id_token of 2021 was good.
const IN_2021: i64 = 1_621_481_020;

/// A fixture document, or the end of the test where there are none.
macro_rules! document {
    ($name:expr) => {
        match fixture(std::thread::current().name().unwrap_or(module_path!()), $name) {
            Some(text) => text,
            None => return,
        }
    };
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(IN_2021).unwrap()
}

fn http() -> HttpClient {
    HttpClient::new(Limits::default(), true).unwrap()
}

fn base(provider: &Provider) -> Url {
    Url::parse(&format!("{}/", provider.base)).unwrap()
}

fn auth_client(provider: &Provider, client_id: &str) -> AuthClient {
    let secret = ClientSecret::new(CLIENT_SECRET);
    AuthClient::new(base(provider), http(), Clock::manual(now()), client_id.to_owned(), secret)
}

fn transfer_client(provider: &Provider) -> TransferClient {
    TransferClient::new(base(provider), http(), AccessTokenAuthorizer::new(AccessToken::new("transfer-token")))
}

/// An answer with a status and a JSON text.
fn answer(status: u16, text: String) -> impl Fn(&Call) -> Response + Send + Sync + 'static {
    let status = StatusCode::from_u16(status).unwrap();
    move |_| (status, [(header::CONTENT_TYPE, "application/json")], text.clone()).into_response()
}

async fn exchange(provider: &Provider, text: String) -> Result<TokenResponse, TokenError> {
    provider.on_token(answer(200, text));
    let code = AuthorizationCode::new("a-code");
    let verifier = CodeVerifier::new("a-verifier");
    auth_client(provider, CLIENT_ID).exchange_code_for_tokens(code, "http://localhost:5000/login", &verifier).await
}

#[tokio::test]
async fn token_documents_are_read() {
    let provider = Provider::start().await;
    let names = [
        ("token_authorization_code.json", 1, false),
        ("token_authorization_code_full.json", 2, true),
        ("token_authorization_code_openid.json", 1, true),
        ("token_client_credentials.json", 1, false),
        ("token_client_credentials_openid.json", 1, true),
        ("token_refresh.json", 1, false),
    ];
    for (name, count, has_id_token) in names {
        let text = document!(name);
        let document: Value = serde_json::from_str(&text).unwrap();
        let response = exchange(&provider, text).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(response.tokens().len(), count, "{name}");
        assert_eq!(response.id_token().is_some(), has_id_token, "{name}");
        assert_eq!(response.access_token().expose_secret(), document["access_token"], "{name}");
        let others = document["other_tokens"].as_array().unwrap();
        for (token, written) in response.tokens().iter().zip(std::iter::once(&document).chain(others)) {
            assert_eq!(token.resource_server, written["resource_server"], "{name}");
            assert_eq!(token.access_token.expose_secret(), written["access_token"], "{name}");
            assert_eq!(token.scopes.join(" "), written["scope"], "{name}");
            let refresh_token = token.refresh_token.as_ref().map(|token| token.expose_secret());
            assert_eq!(refresh_token, written["refresh_token"].as_str(), "{name}");
            assert_eq!(token.expires_at, now() + Duration::seconds(written["expires_in"].as_i64().unwrap()), "{name}");
        }
    }
    // A dependent grant's answer is a list, which a code's is not.
    for name in ["token_dependent.json", "token_dependent_refresh.json"] {
        let error = exchange(&provider, document!(name)).await.unwrap_err();
        assert!(matches!(error, TokenError::Call(CallError::Malformed { .. })), "{name}: {error}");
    }
}

#[tokio::test]
async fn token_responses_are_read_as_the_sdk_reads_them() {
    let provider = Provider::start().await;
    let vectors: Vec<Value> = serde_json::from_str(&document!("vectors/token_responses.json")).unwrap();
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        if name == "dependent" {
            continue; // The answer to a grant that this client does not use.
        }
        // The SDK takes a response without a type, which RFC 6749 section 5.1 does not allow: it is given one, so that
        // each vector shows what it is about.
        let mut document = vector["response"].clone();
        document.as_object_mut().unwrap().entry("token_type").or_insert_with(|| "Bearer".into());
        let response = exchange(&provider, document.to_string()).await;
        if vector["error"].is_string() {
            assert!(response.is_err(), "{name}");
            continue;
        }
        let response = response.unwrap_or_else(|error| panic!("{name}: {error}"));
        let servers = vector["by_resource_server"].as_object().unwrap();
        assert_eq!(response.tokens().len(), servers.len(), "{name}");
        for (server, expected) in servers {
            let token = response.by_resource_server(server).unwrap_or_else(|| panic!("{name}: {server}"));
            assert_eq!(token.access_token.expose_secret(), expected["access_token"], "{name}");
            assert_eq!(token.scopes.join(" "), expected["scope"], "{name}");
            let refresh_token = token.refresh_token.as_ref().map(|token| token.expose_secret());
            assert_eq!(refresh_token, expected["refresh_token"].as_str(), "{name}");
        }
        for (scopes, expected) in look_ups(&vector["by_scopes"]) {
            let found = response.by_scopes(&scopes).map(|token| token.access_token.expose_secret().to_owned());
            assert_eq!(found, expected, "{name}: {scopes:?}");
        }
    }
}

/// The look-ups by scopes of a vector, and the access token each one gives: none for an error.
fn look_ups(by_scopes: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let list = by_scopes.as_array().unwrap().iter();
    list.map(|look_up| (text(&look_up["key"]).unwrap(), text(&look_up["access_token"]))).collect()
}

#[tokio::test]
async fn the_errors_of_the_token_endpoint_are_told_apart() {
    let provider = Provider::start().await;
    let client = auth_client(&provider, CLIENT_ID);
    let cases = [
        ("error_invalid_grant_code.json", 401, "grant"),
        ("error_invalid_grant_refresh.json", 400, "grant"),
        ("error_invalid_grant_refresh.json", 401, "grant"),
        ("error_basic_auth_failed.json", 401, "client"),
        ("error_invalid_client_introspect.json", 401, "client"),
        ("error_dependent_consent_required.json", 403, "call"),
    ];
    for (name, status, expected) in cases {
        provider.on_token(answer(status, document!(name)));
        let error = client.refresh_token(&RefreshToken::new("r")).await.unwrap_err();
        let kind = match error {
            TokenError::InvalidGrant(_) => "grant",
            TokenError::ClientRefused(_) => "client",
            TokenError::Call(_) => "call",
        };
        assert_eq!(kind, expected, "{name} with status {status}");
    }
}

async fn api_error(provider: &Provider, status: u16, text: String) -> ApiError {
    provider.on_other(answer(status, text));
    match transfer_client(provider).get_endpoint("an-id").await {
        Err(CallError::Api(error)) => error,
        other => panic!("{status}: {other:?}"),
    }
}

#[tokio::test]
async fn error_documents_are_read() {
    let provider = Provider::start().await;
    let cases = [
        ("error_auth_forbidden.json", 403, Some("FORBIDDEN"), Fault::Permission),
        ("error_auth_policy_failed.json", 403, Some("AuthPolicyFailed"), Fault::Permission),
        ("error_auth_unauthorized.json", 401, Some("UNAUTHORIZED"), Fault::SignIn),
        ("error_basic_auth_failed.json", 401, Some("UNAUTHORIZED"), Fault::SignIn),
        ("error_consent_required_action_provider.json", 401, Some("ConsentRequired"), Fault::SignIn),
        ("error_consent_required_gare.json", 403, Some("ConsentRequired"), Fault::Permission),
        ("error_consent_required_transfer.json", 403, Some("ConsentRequired"), Fault::Permission),
        ("error_dependent_consent_required.json", 403, Some("DEPENDENT_CONSENT_REQUIRED"), Fault::Permission),
        ("error_endpoint_deleted.json", 404, Some("EndpointDeleted"), Fault::Ours),
        ("error_endpoint_not_found.json", 404, Some("EndpointNotFound"), Fault::Ours),
        ("error_gc_disconnected.json", 502, Some("ExternalError.DirListingFailed.GCDisconnected"), Fault::Globus),
        ("error_invalid_client_introspect.json", 401, Some("invalid_client"), Fault::SignIn),
        ("error_invalid_grant_code.json", 401, Some("invalid_grant"), Fault::SignIn),
        ("error_invalid_grant_refresh.json", 400, Some("invalid_grant"), Fault::SignIn),
        (
            "error_login_failed_authorization_parameters.json",
            502,
            Some("ExternalError.DirListingFailed.LoginFailed"),
            Fault::Globus,
        ),
        ("error_no_credentials.json", 400, Some("ClientError.AuthenticationFailed"), Fault::Ours),
        ("error_stat_not_found.json", 404, Some("NotFound"), Fault::Ours),
        ("error_stat_permission_denied.json", 403, Some("EndpointPermissionDenied"), Fault::Permission),
        ("error_submit_transfer_no_items.json", 400, Some("ClientError.BadRequest.NoTransferItems"), Fault::Ours),
        ("error_token_not_active.json", 401, Some("AuthenticationFailed"), Fault::SignIn),
    ];
    for (name, status, code, fault) in cases {
        let text = document!(name);
        let document: Value = serde_json::from_str(&text).unwrap();
        let error = api_error(&provider, status, text).await;
        assert_eq!((error.status, error.code.as_deref()), (status, code), "{name}");
        let id = [&document["request_id"], &document["errors"][0]["id"]].into_iter().find_map(Value::as_str);
        assert_eq!(error.request_id.as_deref(), id, "{name}");
        assert_eq!(CallError::Api(error.clone()).fault(), fault, "{name}");
        // What goes into the log names the error and quotes nothing.
        let expected =
            code.map_or_else(|| format!("HTTP status {status}"), |code| format!("HTTP status {status}, {code}"));
        assert_eq!(error.to_string(), expected, "{name}");
    }
}

#[tokio::test]
async fn error_answers_are_read_as_the_sdk_reads_them_where_both_have_an_opinion() {
    let provider = Provider::start().await;
    let vectors: Vec<Value> = serde_json::from_str(&document!("vectors/api_errors.json")).unwrap();
    for vector in vectors {
        let name = vector["name"].as_str().unwrap().to_owned();
        let status = u16::try_from(vector["http_status"].as_u64().unwrap()).unwrap();
        let content_type = vector["content_type"].as_str().unwrap().to_owned();
        let body = match &vector["body"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            document => document.to_string(),
        };
        provider.on_other(move |_| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::CONTENT_TYPE, content_type.clone())], body.clone()).into_response()
        });
        let error = match transfer_client(&provider).get_endpoint("an-id").await {
            Err(CallError::Api(error)) => error,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(error.status, status, "{name}");
        for (ours, theirs) in [(&error.code, &vector["code"]), (&error.request_id, &vector["request_id"])] {
            if let Some(theirs) = theirs.as_str() {
                // The SDK fills in a code for documents that have none.
                let given = vector["body"].to_string().contains(&format!("\"{theirs}\""));
                assert!(!given || ours.as_deref() == Some(theirs), "{name}: {ours:?} and not {theirs:?}");
            }
        }
    }
}

#[tokio::test]
async fn discovery_and_key_set_are_read() {
    let discovery: Discovery = serde_json::from_str(&document!("oidc_discovery.json")).unwrap();
    assert_eq!(discovery.issuer, "https://auth.globus.org");
    assert_eq!(discovery.jwks_uri.as_str(), "https://auth.globus.org/jwk.json");
    assert!(!discovery.authorization_response_iss_parameter_supported);
    let keys: JwkSet = serde_json::from_str(&document!("jwks.json")).unwrap();
    assert_eq!(keys.keys.len(), 1);
    // Our own environment names the same service.
    let auth = Environment::production().auth;
    assert_eq!(discovery.issuer, auth.as_str().trim_end_matches('/'));
    assert_eq!(discovery.jwks_uri.origin(), auth.origin());
}

#[tokio::test]
async fn claims_of_id_tokens_and_userinfo_are_read() {
    let provider = Provider::start().await;
    let claims: IdTokenClaims = serde_json::from_str(&document!("id_token_claims.json")).unwrap();
    assert_eq!(claims.identity_set.len(), 3);
    assert_eq!(claims.identity_set[1].organization, None);
    assert_eq!(claims.identity_set[1].last_authentication, None);
    for name in ["userinfo_full.json", "userinfo_openid_only.json"] {
        let text = document!(name);
        let written: Value = serde_json::from_str(&text).unwrap();
        provider.on_other(answer(200, text));
        let token = AccessToken::new("auth-token");
        let claims = auth_client(&provider, CLIENT_ID).userinfo(&token).await.unwrap();
        assert_eq!(claims.sub, written["sub"], "{name}");
        assert_eq!(claims.name.as_deref(), written["name"].as_str(), "{name}");
        assert_eq!(claims.preferred_username.as_deref(), written["preferred_username"].as_str(), "{name}");
        assert_eq!(claims.organization.as_deref(), written["organization"].as_str(), "{name}");
        assert_eq!(claims.email.as_deref(), written["email"].as_str(), "{name}");
        assert_eq!(claims.last_authentication, written["last_authentication"].as_i64(), "{name}");
        assert_eq!(claims.identity_set.len(), written["identity_set"].as_array().unwrap().len(), "{name}");
        assert!(claims.identity_set.iter().any(|identity| identity.sub == claims.sub), "{name}");
        let call = provider.other_calls().pop().unwrap();
        assert_eq!(call.uri.path(), "/v2/oauth2/userinfo");
        assert_eq!(call.headers["authorization"], "Bearer auth-token");
    }
    provider.on_other(answer(403, document!("error_auth_forbidden.json")));
    let error = auth_client(&provider, CLIENT_ID).userinfo(&AccessToken::new("t")).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Permission);
}

#[tokio::test]
async fn introspection_and_revocation_are_read() {
    let provider = Provider::start().await;
    let client = auth_client(&provider, CLIENT_ID);
    provider.on_other(answer(200, document!("introspect.json")));
    let found = client.introspect_token("t").await.unwrap();
    assert!(found.active);
    assert_eq!(found.sub.as_deref(), Some("b7ceb41b-c078-4e25-876b-f32c166e97e2"));
    assert_eq!(found.exp, Some(1_715_289_767));
    assert!(found.scope.unwrap().split(' ').any(|scope| scope == "openid"));
    provider.on_other(answer(200, document!("introspect_inactive.json")));
    assert!(!client.introspect_token("t").await.unwrap().active);
    provider.on_other(answer(401, document!("error_invalid_client_introspect.json")));
    assert!(matches!(client.introspect_token("t").await, Err(CallError::Api(error)) if error.status == 401));

    provider.on_revoke(answer(200, document!("revoke.json")));
    client.revoke_token("t", TokenTypeHint::RefreshToken).await.unwrap();
    let call = provider.revoke_calls().pop().unwrap();
    assert_eq!((call.field("token"), call.field("token_type_hint")), (Some("t"), Some("refresh_token")));
    provider.on_revoke(answer(401, document!("error_basic_auth_failed.json")));
    assert!(client.revoke_token("t", TokenTypeHint::AccessToken).await.is_err());
}

#[tokio::test]
async fn endpoints_and_searches_are_read() {
    let provider = Provider::start().await;
    let client = transfer_client(&provider);
    let search =
        EndpointSearch { filter_scope: Some("my-endpoints"), limit: 25, offset: 50, ..EndpointSearch::default() };
    for (name, count) in [("endpoint_search.json", 1), ("endpoint_search_empty.json", 0)] {
        provider.on_other(answer(200, document!(name)));
        let page = client.endpoint_search(&search).await.unwrap();
        assert_eq!((page.endpoints.len(), page.has_next_page), (count, false), "{name}");
    }
    let call = provider.other_calls().pop().unwrap();
    assert_eq!(call.uri, "/v0.10/endpoint_search?filter_scope=my-endpoints&limit=25&offset=50");
    for name in ["get_endpoint.json", "get_endpoint_gcsv5.json"] {
        let text = document!(name);
        let written: Value = serde_json::from_str(&text).unwrap();
        provider.on_other(answer(200, text));
        let endpoint = client.get_endpoint("an id/../with?odd#characters").await.unwrap();
        assert_eq!(endpoint.id, written["id"], "{name}");
        assert_eq!(endpoint.display_name.as_deref(), written["display_name"].as_str(), "{name}");
        assert_eq!(endpoint.entity_type.as_deref(), written["entity_type"].as_str(), "{name}");
        assert_eq!(endpoint.organization.as_deref(), written["organization"].as_str(), "{name}");
        assert_eq!(endpoint.description.as_deref(), written["description"].as_str(), "{name}");
    }
    let path = provider.other_calls().pop().unwrap().uri.path().to_owned();
    assert_eq!(path.matches('/').count(), 3, "{path}");
}

/// Row C2. The token of 2021 cannot be taken as a whole: its issuer is the real Globus Auth, which no test calls; it was
/// made without a nonce; and the access token that its `at_hash` is about is not known. So the first refusal tells how
/// far it came: claims are looked at only once the signature holds.
#[tokio::test]
async fn the_signature_of_a_real_id_token_holds_and_with_one_bit_changed_it_does_not() {
    let full: Value = serde_json::from_str(&document!("token_authorization_code_full.json")).unwrap();
    let token = full["id_token"].as_str().unwrap();
    let claims: Value = serde_json::from_str(&document!("id_token_claims.json")).unwrap();
    let provider = Provider::start().await;
    *provider.inner.key_set.lock().unwrap() = serde_json::from_str(&document!("jwks.json")).unwrap();
    let client_id = claims["aud"].as_str().unwrap();
    let documents = Documents::new(auth_client(&provider, client_id), Clock::manual(now()));
    let verifier = IdTokenVerifier::new(Arc::new(documents), client_id.to_owned());
    let access_token = AccessToken::new("unknown");
    let expected = Expected { nonce: "", access_token: &access_token, now: now() };

    let said = verifier.verify(&IdToken::new(token), &expected).await;
    assert!(matches!(said, Err(IdTokenError::Claim("iss"))), "{said:?}");
    for at in (0..token.len()).step_by(7) {
        let mut bytes = token.as_bytes().to_vec();
        // Another character of the same alphabet, which differs in the highest of its six bits: the last one of a part
        // may have low bits that count for nothing.
        bytes[at] = match bytes[at] {
            b'.' => continue,
            b'A' => b'g',
            _ => b'A',
        };
        let changed = String::from_utf8(bytes).unwrap();
        let said = verifier.verify(&IdToken::new(changed), &expected).await;
        let refused = matches!(said, Err(IdTokenError::Signature | IdTokenError::Form | IdTokenError::Algorithm));
        assert!(refused, "character {at}: {said:?}");
    }
}

/// The parameters of an authorize URL, in order.
fn parameters(vector: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vector["params"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

#[tokio::test]
async fn authorize_urls_are_those_of_the_sdk_with_nonce_and_challenge_added() {
    let vectors: Vec<Value> = serde_json::from_str(&document!("vectors/authorize_urls.json")).unwrap();
    let mut compared = 0;
    for vector in vectors.iter().filter(|vector| vector["client"] == "confidential") {
        let name = vector["name"].as_str().unwrap();
        let flow = &vector["start_flow"];
        let scopes: Vec<String> = match &flow["requested_scopes"] {
            Value::Array(scopes) => scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect(),
            text => vec![text.as_str().unwrap().to_owned()],
        };
        let theirs = parameters(vector);
        // What the SDK adds after its own six parameters, or puts in the place of one, is given to ours as it is. `None`
        // and the like have been written out by then.
        let own = ["client_id", "redirect_uri", "scope", "state", "response_type", "access_type"];
        let ours_alone = ["nonce", "code_challenge", "code_challenge_method"];
        let refresh_tokens = flow["refresh_tokens"] == true;
        let access_type = if refresh_tokens { "offline" } else { "online" };
        let state = flow["state"].as_str().unwrap_or("_default");
        let extra: Vec<(&str, &str)> = theirs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .filter(|(key, value)| match *key {
                "state" => *value != state,
                "access_type" => *value != access_type,
                key => !own.contains(&key),
            })
            .collect();
        let secrets = FlowSecrets {
            state: state.to_owned(),
            nonce: "N1".to_owned(),
            verifier: CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        };
        let client = AuthClient::new(
            Environment::production().auth,
            http(),
            Clock::manual(now()),
            vector["client_id"].as_str().unwrap().to_owned(),
            ClientSecret::new("secret"),
        );
        let redirect_uri = flow["redirect_uri"].as_str().unwrap();
        let manager = AuthorizationCodeFlowManager::new(&client, redirect_uri, &scopes, refresh_tokens, secrets);
        let url = manager.authorize_url(&extra);

        // Without the three that ours always has, it is the SDK's URL to the letter, where that has none of them.
        let wanted = Url::parse(vector["url"].as_str().unwrap()).unwrap();
        let kept = |url: &Url| -> Vec<String> {
            let pairs = url.query().unwrap().split('&');
            let is_ours = |pair: &&str| ours_alone.contains(&pair.split('=').next().unwrap());
            pairs.filter(|pair| !is_ours(pair)).map(ToOwned::to_owned).collect()
        };
        assert_eq!(kept(&url), kept(&wanted), "{name}");
        assert_eq!(url[..url::Position::AfterPath], wanted[..url::Position::AfterPath], "{name}");
        if theirs.iter().any(|(key, _)| key == "nonce") {
            assert_eq!(url.as_str(), vector["url"].as_str().unwrap(), "{name}");
        }
        compared += 1;
    }
    assert_eq!(compared, 10);
}

#[test]
fn code_challenges_are_those_of_the_sdk() {
    let vectors: Value = serde_json::from_str(&document!("vectors/pkce.json")).unwrap();
    for vector in vectors["valid"].as_array().unwrap() {
        let verifier = CodeVerifier::new(vector["verifier"].as_str().unwrap());
        assert_eq!(code_challenge(&verifier), vector["challenge"], "{vector}");
    }
}
