//! Where calls go: below the base URL of a service, and with credentials over https only, except on loopback.

use globus_portal::{
    globus::{
        Globus, ServiceClient,
        auth::{AuthClient, TokenError},
        authorizer::Authorizer,
        environment::Environment,
        error::CallError,
        flow::{AuthorizeParameters, FlowManager as _},
        groups::GroupsClient,
        transfer::TransferClient,
    },
    secret::{AuthorizationCode, ClientSecret, RefreshToken},
};
use url::Url;

use crate::{
    client::clients::{http, token},
    harness::Provider,
};

#[tokio::test]
async fn no_client_merges_the_end_of_its_base_url_with_the_path_of_a_call() {
    let server = Provider::with("{}").await;
    let base = server.url.join("api").unwrap();
    let asked = || server.the_only().uri.path().to_owned();
    drop(AuthClient::new(base.clone(), http(), token()).userinfo().await);
    assert_eq!(asked(), "/api/v2/oauth2/userinfo");
    drop(TransferClient::new(base.clone(), http(), token()).get_endpoint("e").await);
    assert_eq!(asked(), "/api/v0.10/endpoint/e");
    drop(GroupsClient::new(base.clone(), http(), token()).get_group("g", &[]).await);
    assert_eq!(asked(), "/api/v2/groups/g");

    let mut environment = Environment::production();
    (environment.auth, environment.transfer, environment.groups) = (base.clone(), base.clone(), base.clone());
    let globus = Globus::new(environment, http());
    let confidential = globus.confidential_app("c", &ClientSecret::new("s"));
    drop(confidential.oauth2_revoke_token("t", None).await);
    assert_eq!(asked(), "/api/v2/oauth2/token/revoke");
    let native = globus.native_app("c").unwrap();
    drop(native.oauth2_revoke_token("t", None).await);
    assert_eq!(asked(), "/api/v2/oauth2/token/revoke");
    assert!(confidential.authorize_endpoint().path() == "/api/v2/oauth2/authorize");
    assert!(native.authorize_endpoint().path() == "/api/v2/oauth2/authorize");
    let seen_by_browsers = native.with_browser_base("https://sandbox.example/auth".parse().unwrap());
    assert_eq!(seen_by_browsers.browser_base().as_str(), "https://sandbox.example/auth/");
    let flow = seen_by_browsers.oauth2_start_flow("openid").unwrap();
    let url = flow.get_authorize_url(&AuthorizeParameters::default());
    assert!(url.as_str().starts_with("https://sandbox.example/auth/v2/oauth2/authorize?"), "{url}");

    let environment = Environment::production();
    let environment = environment.with_auth(base.clone()).with_transfer(base.clone()).with_groups(base.clone());
    assert_eq!(environment, Environment::at(&base));
}

/// Whether a call was refused before anything was sent.
fn is_refused(error: &CallError) -> bool {
    matches!(error, CallError::Usage(error) if error.to_string().contains("https"))
}

#[tokio::test]
async fn credentials_never_leave_this_machine_by_http() {
    let server = Provider::with("{}").await;
    // The same server by an address that does not count as loopback.
    let base = Url::parse(&format!("http://0.0.0.0:{}/", server.url.port().unwrap())).unwrap();
    let environment = Environment::production().with_auth(base.clone()).with_transfer(base.clone());
    let globus = Globus::new(environment, http());
    let error = globus.service(base.clone(), token()).get("x", &[]).await.unwrap_err();
    assert!(is_refused(&error), "{error:?}");
    let error = globus.transfer(token()).get_endpoint("e").await.unwrap_err();
    assert!(is_refused(&error), "{error:?}");
    let app = globus.confidential_app("c", &ClientSecret::new("s"));
    let error = app.oauth2_refresh_token(&RefreshToken::new("r")).await.unwrap_err();
    assert!(matches!(&error, TokenError::Call(error) if is_refused(error)), "{error:?}");
    // The form of an app without a secret carries the code.
    let flow = globus.native_app("c").unwrap().oauth2_start_flow("openid").unwrap();
    let error = flow.exchange_code_for_tokens(AuthorizationCode::new("code")).await.unwrap_err();
    assert!(matches!(&error, TokenError::Call(error) if is_refused(error)), "{error:?}");
    assert!(server.take().is_empty());

    // What carries no credentials may go by http, and on loopback all may.
    ServiceClient::new(base, http(), Authorizer::Null).get("x", &[]).await.unwrap();
    assert_eq!(server.the_only().header("authorization"), None);
    globus.service(server.url.clone(), token()).get("x", &[]).await.unwrap();
    assert_eq!(server.the_only().header("authorization"), Some("Bearer AT"));
}
