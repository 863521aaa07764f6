//! Documents of Globus Auth as Globus sends them, read by the client over real HTTP. (Token responses, errors, and the
//! documents of Transfer and Groups have their own files.)

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use globus_portal::{
    clock::Clock,
    globus::{
        auth::{AuthClient, ConfidentialAppAuthClient, IdentitiesQuery, ProvidersQuery, TokenError, TokenTypeHint},
        authorizer::AccessTokenAuthorizer,
        environment::Environment,
        error::CallError,
        fault::Fault,
        http::Limits,
        id_token::IdTokenClaims,
        provider::{Discovery, JwkSet},
    },
    secret::{AccessToken, ClientSecret, RefreshToken},
};
use serde_json::Value;
use url::Url;

use crate::harness::{
    Provider, fixture, globus_at, loopback_client,
    provider::{CLIENT_ID, CLIENT_SECRET, Request},
};

/// A fixture document; where there are none, the test returns.
macro_rules! document {
    ($name:expr) => {
        match fixture(std::thread::current().name().unwrap_or(module_path!()), $name) {
            Some(text) => text,
            None => return,
        }
    };
}

fn base(provider: &Provider) -> Url {
    provider.url.clone()
}

fn auth_client(provider: &Provider) -> ConfidentialAppAuthClient {
    let globus = globus_at(&provider.url, loopback_client(Limits::for_web_pages()), &Clock::system());
    globus.confidential_app(CLIENT_ID, &ClientSecret::new(CLIENT_SECRET))
}

/// A client that acts with a person's token.
fn as_person(provider: &Provider) -> AuthClient {
    let authorizer = AccessTokenAuthorizer::new(AccessToken::new("auth-token"));
    AuthClient::new(base(provider), loopback_client(Limits::for_web_pages()), authorizer)
}

/// An answer with a status and a JSON text.
fn answer(status: u16, text: String) -> impl Fn(&Request) -> Response + Send + Sync + 'static {
    let status = StatusCode::from_u16(status).unwrap();
    move |_| (status, [(header::CONTENT_TYPE, "application/json")], text.clone()).into_response()
}

#[tokio::test]
async fn the_errors_of_the_token_endpoint_are_told_apart() {
    let provider = Provider::start().await;
    let client = auth_client(&provider);
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
        let error = client.oauth2_refresh_token(&RefreshToken::new("r")).await.unwrap_err();
        let kind = match error {
            TokenError::InvalidGrant(_) => "grant",
            TokenError::ClientRefused(_) => "client",
            TokenError::Call(_) => "call",
            _ => "another",
        };
        assert_eq!(kind, expected, "{name} with status {status}");
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
        let claims = as_person(&provider).userinfo().await.unwrap();
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
    let error = as_person(&provider).userinfo().await.unwrap_err();
    assert_eq!(error.fault(), Fault::NotAllowed);
}

#[tokio::test]
async fn introspection_and_revocation_are_read() {
    let provider = Provider::start().await;
    let client = auth_client(&provider);
    provider.on_other(answer(200, document!("introspect.json")));
    let found = client.oauth2_token_introspect("t", &[]).await.unwrap();
    assert!(found.active);
    assert_eq!(found.sub.as_deref(), Some("b7ceb41b-c078-4e25-876b-f32c166e97e2"));
    assert_eq!(found.exp, Some(1_715_289_767));
    assert!(found.scope.unwrap().split(' ').any(|scope| scope == "openid"));
    provider.on_other(answer(200, document!("introspect_inactive.json")));
    assert!(!client.oauth2_token_introspect("t", &[]).await.unwrap().active);
    provider.on_other(answer(401, document!("error_invalid_client_introspect.json")));
    assert!(
        matches!(client.oauth2_token_introspect("t", &[]).await, Err(CallError::Api(error)) if error.http_status() == 401)
    );

    provider.on_revoke(answer(200, document!("revoke.json")));
    client.oauth2_revoke_token(&RefreshToken::new("t"), Some(TokenTypeHint::RefreshToken)).await.unwrap();
    let call = provider.revoke_calls().pop().unwrap();
    assert_eq!((call.field("token"), call.field("token_type_hint")), (Some("t"), Some("refresh_token")));
    provider.on_revoke(answer(401, document!("error_basic_auth_failed.json")));
    assert!(client.oauth2_revoke_token("t", None).await.is_err());
}

#[tokio::test]
async fn identities_providers_and_consents_are_read() {
    let provider = Provider::start().await;
    let client = as_person(&provider);
    let by_name = IdentitiesQuery::Usernames { usernames: &["a@x.org"], provision: false };
    for (name, count) in [
        ("get_identities.json", 1),
        ("get_identities_empty.json", 0),
        ("get_identities_globusid.json", 1),
        ("get_identities_multiple.json", 2),
    ] {
        let text = document!(name);
        let written: Value = serde_json::from_str(&text).unwrap();
        provider.on_other(answer(200, text));
        let found = client.get_identities(&by_name).await.unwrap().identities;
        assert_eq!(found.len(), count, "{name}");
        for (identity, written) in found.iter().zip(written["identities"].as_array().unwrap()) {
            assert_eq!(
                (&*identity.id, &*identity.username),
                (written["id"].as_str().unwrap(), written["username"].as_str().unwrap())
            );
            assert_eq!(identity.organization.as_deref(), written["organization"].as_str(), "{name}");
            assert_eq!(serde_json::to_value(identity).unwrap(), *written, "{name}");
        }
    }

    let text = document!("get_identity_providers.json");
    let written: Value = serde_json::from_str(&text).unwrap();
    provider.on_other(answer(200, text));
    let found =
        client.get_identity_providers(&ProvidersQuery::Domains(&["globus.org"])).await.unwrap().identity_providers;
    assert_eq!(
        found.iter().map(|found| found.name.as_deref()).collect::<Vec<_>>(),
        [Some("Globus ID"), Some("Globus Staff")]
    );
    assert_eq!(found[0].domains, ["globusid.org"]);
    assert_eq!(serde_json::to_value(&found).unwrap(), written["identity_providers"]);

    provider.on_other(answer(200, document!("get_consents.json")));
    let consents = client.get_consents("8ca28797-3541-4a5d-a264-05b00f91e608").await.unwrap().consents;
    assert_eq!((consents[0].id, &*consents[0].dependency_path), (142_632, &[142_632][..]));
    assert_eq!(consents[1].dependency_path, [142_632, 433_892]);
    assert_eq!(consents[0].more["allows_refresh"], true);
    let call = provider.other_calls().pop().unwrap();
    assert_eq!(call.uri.path(), "/v2/api/identities/8ca28797-3541-4a5d-a264-05b00f91e608/consents");
}

#[tokio::test]
async fn the_header_of_a_real_id_token_names_the_one_algorithm_that_is_taken() {
    let header: Value = serde_json::from_str(&document!("id_token_header.json")).unwrap();
    let response: Value = serde_json::from_str(&document!("token_authorization_code_full.json")).unwrap();
    let first = response["id_token"].as_str().unwrap().split('.').next().unwrap();
    let decoded: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first).unwrap()).unwrap();
    assert_eq!(decoded, header);
    assert_eq!(header["alg"], "RS512");
    let discovery: Value = serde_json::from_str(&document!("oidc_discovery.json")).unwrap();
    assert_eq!(discovery["id_token_signing_alg_values_supported"], serde_json::json!(["RS512"]));
}
