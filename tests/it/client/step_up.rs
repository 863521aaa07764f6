//! From a service's requirements to the login that meets them: a GARE, over real HTTP, on the sandbox.

use globus_portal::{
    globus::{
        authorizer::AccessTokenAuthorizer,
        error::CallError,
        fault::Fault,
        flow::{AuthorizationCodeFlowManager, AuthorizeParameters, FlowManager as _},
        gare::to_gare,
        scopes::{self, Scope},
        tokens::TokenResponse,
        transfer::{LsQuery, TransferClient},
    },
    secret::AuthorizationCode,
};

use crate::harness::{Browser, MIRA, Portal, parameter};

/// A collection that requires an identity of `globusid.org` in the session, and such a linked identity of Mira.
const WANTS_A_GLOBUS_ID: &str = "7e57ab1e-0000-4000-8000-000000000006";
const LINKED: &str = "msolano@globusid.org";

/// A login independent of the portal's: requests scopes and session parameters, as a person.
async fn log_in(portal: &Portal, scopes: &[Scope], more: &AuthorizeParameters, person: &str) -> TokenResponse {
    let redirect_uri = portal.app.settings.public_url("/login");
    let flow = AuthorizationCodeFlowManager::new(&portal.app.auth, redirect_uri, scopes).unwrap();
    let back = portal.decide(&Browser::new(), &flow.get_authorize_url(more), person, "allow").await;
    assert_eq!(parameter(&back, "state").as_deref(), Some(flow.state()));
    let code = AuthorizationCode::new(parameter(&back, "code").unwrap());
    flow.exchange_code_for_tokens(code).await.unwrap()
}

fn transfer(portal: &Portal, tokens: &TokenResponse) -> TransferClient {
    let token = tokens.by_resource_server(scopes::transfer::RESOURCE_SERVER).unwrap();
    let base = portal.app.settings.environment.transfer.clone();
    TransferClient::new(base, portal.app.http.clone(), AccessTokenAuthorizer::new(token.access_token.clone()))
}

#[tokio::test]
async fn what_a_collection_requires_becomes_a_login_after_which_the_call_goes_through() {
    let portal = Portal::start().await;
    let usual = scopes::parse(format!("openid {}", scopes::transfer::ALL)).unwrap();
    let first = log_in(&portal, &usual, &AuthorizeParameters::default(), MIRA).await;
    let refused = transfer(&portal, &first).operation_ls(WANTS_A_GLOBUS_ID, &LsQuery::default()).await.unwrap_err();
    assert_eq!(refused.fault(), Fault::SignInAgain);
    let CallError::Api(error) = refused else { panic!("{refused}") };

    let login = to_gare(&error).unwrap().login_parameters(&usual).unwrap();
    assert_eq!(login.authorize.session_required_single_domain, Some(vec!["globusid.org".to_owned()]));
    let second = log_in(&portal, &login.scopes, &login.authorize, LINKED).await;
    let listed = transfer(&portal, &second).operation_ls(WANTS_A_GLOBUS_ID, &LsQuery::default()).await;
    assert!(listed.is_ok(), "{:?}", listed.err());
}
