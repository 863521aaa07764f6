//! Uses tokens outside of a portal: prints a person's endpoints page by page, and the groups they are in.
//!
//! | variable | |
//! |---|---|
//! | `GLOBUS_TRANSFER_TOKEN` | an access token for Transfer |
//! | `GLOBUS_TRANSFER_REFRESH_TOKEN` | or a refresh token for it; needs `GLOBUS_CLIENT_ID`, and `GLOBUS_CLIENT_SECRET` if the app has one |
//! | `GLOBUS_GROUPS_TOKEN` | an access token for Groups, if groups are wanted |
//! | `GLOBUS_SDK_ENVIRONMENT` | which Globus: `production` where nothing is said |
//! | `GLOBUS_SDK_SERVICE_URL_AUTH`, `…_TRANSFER`, `…_GROUPS` | where a service is, if elsewhere |

#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::error::Error;

use globus_sdk::{
    Globus,
    auth::{LoginClient, RenewingAuthorizer},
    authorizer::{AccessTokenAuthorizer, Authorizer},
    environment::process_variable,
    groups::GroupsClient,
    secret::{AccessToken, ClientSecret, RefreshToken},
    transfer::{EndpointSearch, TransferClient},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let globus = Globus::from_env()?;
    print_endpoints(&globus.transfer(authorizer(&globus)?)).await?;
    if let Some(token) = process_variable("GLOBUS_GROUPS_TOKEN") {
        let authorizer = AccessTokenAuthorizer::new(AccessToken::new(token));
        print_groups(&globus.groups(authorizer)).await?;
    }
    Ok(())
}

async fn print_endpoints(transfer: &TransferClient) -> Result<()> {
    let mine = EndpointSearch::new().with_filter_scope("my-endpoints");
    let mut pages = transfer.paginated().endpoint_search(&mine);
    let mut number = 0;
    while let Some(page) = pages.next_page().await? {
        number += 1;
        println!("Page {number}: {} endpoints", page.endpoints.len());
        for endpoint in page.endpoints {
            let name = endpoint.display_name.or(endpoint.canonical_name).unwrap_or_default();
            println!("  {}  {name}", endpoint.id);
        }
    }
    Ok(())
}

async fn print_groups(groups: &GroupsClient) -> Result<()> {
    println!("Groups:");
    for group in groups.get_my_groups(&["active"]).await? {
        if group.is_active_member() {
            println!("  {}  {}", group.id, group.name.unwrap_or_default());
        }
    }
    Ok(())
}

/// What to send to Transfer: the access token as it is, or access tokens that the refresh token gives.
fn authorizer(globus: &Globus) -> Result<Authorizer> {
    if let Some(token) = process_variable("GLOBUS_TRANSFER_TOKEN") {
        return Ok(AccessTokenAuthorizer::new(AccessToken::new(token)).into());
    }
    let missing = "set GLOBUS_TRANSFER_TOKEN, or GLOBUS_TRANSFER_REFRESH_TOKEN and GLOBUS_CLIENT_ID";
    let refresh_token = RefreshToken::new(process_variable("GLOBUS_TRANSFER_REFRESH_TOKEN").ok_or(missing)?);
    let client_id = process_variable("GLOBUS_CLIENT_ID").ok_or(missing)?;
    let app: LoginClient = match process_variable("GLOBUS_CLIENT_SECRET").map(ClientSecret::new) {
        Some(secret) => globus.confidential_app(client_id, &secret).into(),
        None => globus.native_app(client_id)?.into(),
    };
    Ok(RenewingAuthorizer::refresh_token(refresh_token, app, None).into())
}
