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

use std::{env, error::Error};

use globus_portal::{
    clock::Clock,
    globus::{
        auth::{ConfidentialAppAuthClient, NativeAppAuthClient},
        authorizer::{AccessTokenAuthorizer, Authorizer, LoginClient, RenewingAuthorizer},
        environment::{Environment, with_slash},
        groups::GroupsClient,
        http::{HttpClient, Limits},
        transfer::{EndpointSearch, TransferClient},
    },
    secret::{AccessToken, ClientSecret, RefreshToken},
};
use url::Url;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let globus = environment()?;
    let direct = globus.transfer.scheme() == "http"; // A stand-in on loopback is behind no proxy.
    let http = HttpClient::new(Limits::default(), direct)?;
    let transfer = TransferClient::new(globus.transfer.clone(), http.clone(), authorizer(&globus, &http)?);
    print_endpoints(&transfer).await?;
    if let Some(token) = variable("GLOBUS_GROUPS_TOKEN") {
        let authorizer = AccessTokenAuthorizer::new(AccessToken::new(token));
        print_groups(&GroupsClient::new(globus.groups, http, authorizer)).await?;
    }
    Ok(())
}

async fn print_endpoints(transfer: &TransferClient) -> Result<()> {
    let mine = EndpointSearch { filter_scope: Some("my-endpoints"), ..EndpointSearch::default() };
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
fn authorizer(globus: &Environment, http: &HttpClient) -> Result<Authorizer> {
    if let Some(token) = variable("GLOBUS_TRANSFER_TOKEN") {
        return Ok(AccessTokenAuthorizer::new(AccessToken::new(token)).into());
    }
    let missing = "set GLOBUS_TRANSFER_TOKEN, or GLOBUS_TRANSFER_REFRESH_TOKEN and GLOBUS_CLIENT_ID";
    let refresh_token = RefreshToken::new(variable("GLOBUS_TRANSFER_REFRESH_TOKEN").ok_or(missing)?);
    let client_id = variable("GLOBUS_CLIENT_ID").ok_or(missing)?;
    let (auth, http, clock) = (globus.auth.clone(), http.clone(), Clock::system());
    let app: LoginClient = match variable("GLOBUS_CLIENT_SECRET").map(ClientSecret::new) {
        Some(secret) => ConfidentialAppAuthClient::new(auth, http, clock.clone(), client_id, &secret).into(),
        None => NativeAppAuthClient::new(auth, http, clock.clone(), client_id)?.into(),
    };
    Ok(RenewingAuthorizer::refresh_token(refresh_token, app, None, clock).into())
}

/// Where Globus is, from the variables that the Globus Python SDK reads.
fn environment() -> Result<Environment> {
    let name = variable("GLOBUS_SDK_ENVIRONMENT").unwrap_or_else(|| "production".to_owned());
    let mut globus = Environment::named(&name)?;
    let services = [("AUTH", &mut globus.auth), ("TRANSFER", &mut globus.transfer), ("GROUPS", &mut globus.groups)];
    for (service, url) in services {
        if let Some(text) = variable(&format!("GLOBUS_SDK_SERVICE_URL_{service}")) {
            *url = with_slash(Url::parse(&text)?);
        }
    }
    Ok(globus)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
