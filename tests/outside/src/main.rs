//! The tutorial of Globus's SDK as somebody else's program: a login with an app that has a secret, "using the tokens", a
//! call that the SDK has no method for, and a logout that revokes every token.
//!
//! It prints the address to log in at, and reads the address that the browser was sent back to.

use std::{
    collections::HashMap,
    env,
    error::Error,
    io::{self, Write as _},
};

use globus_sdk::{
    Globus,
    auth::ConfidentialAppAuthClient,
    authorizer::AccessTokenAuthorizer,
    flow::{AuthorizeParameters, FlowManager as _},
    scopes,
    secret::{AuthorizationCode, ClientSecret},
    serde_json::{Value, json},
    tokens::TokenResponse,
    transfer::{EndpointSearch, TransferClient},
    url::Url,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SCOPES: &str = "openid profile email urn:globus:auth:scope:transfer.api.globus.org:all \
                      urn:globus:auth:scope:groups.api.globus.org:view_my_groups_and_memberships";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let globus = Globus::from_env()?.with_app_name("outside/1.0")?;
    let secret = ClientSecret::new(env::var("CLIENT_SECRET")?);
    let app = globus.confidential_app(env::var("CLIENT_ID")?, &secret);

    let tokens = log_in(&app).await?;
    greet(&globus, &tokens).await?;
    let transfer = globus.transfer(authorizer(&tokens, scopes::transfer::RESOURCE_SERVER)?);
    let endpoint = print_endpoints(&transfer).await?;
    print_groups(&globus, &tokens).await?;
    keep_bookmark(&transfer, &endpoint).await?;
    log_out(&app, &tokens).await?;
    match transfer.get("v0.10/bookmark_list", &[]).await {
        Err(error) => println!("after the logout: {error}"),
        Ok(_) => return Err("the token works after the logout".into()),
    }
    Ok(())
}

async fn log_in(app: &ConfidentialAppAuthClient) -> Result<TokenResponse> {
    let flow = app.oauth2_start_flow("http://localhost:5000/login", SCOPES)?;
    println!("{}", flow.get_authorize_url(&AuthorizeParameters::default()));
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let answer: HashMap<_, _> = Url::parse(line.trim())?.query_pairs().into_owned().collect();
    let code = answer.get("code").ok_or("the address has no code")?;
    Ok(flow.exchange_code_for_tokens(AuthorizationCode::new(code.as_str())).await?)
}

fn authorizer(tokens: &TokenResponse, resource_server: &str) -> Result<AccessTokenAuthorizer> {
    let token = tokens.by_resource_server(resource_server).ok_or("a token is missing")?;
    Ok(AccessTokenAuthorizer::new(token.access_token.clone()))
}

async fn greet(globus: &Globus, tokens: &TokenResponse) -> Result<()> {
    let person = globus.auth(authorizer(tokens, scopes::auth::RESOURCE_SERVER)?).userinfo().await?;
    println!("logged in: {}", person.preferred_username.unwrap_or_default());
    Ok(())
}

/// Gives the id of the last endpoint.
async fn print_endpoints(transfer: &TransferClient) -> Result<String> {
    let search = EndpointSearch::new().with_filter_scope("my-endpoints");
    let mut last = None;
    for endpoint in transfer.paginated().endpoint_search(&search).collect().await? {
        println!("endpoint: {}", endpoint.display_name.or(endpoint.canonical_name).unwrap_or_default());
        last = Some(endpoint.id);
    }
    Ok(last.ok_or("no endpoints")?.to_string())
}

async fn print_groups(globus: &Globus, tokens: &TokenResponse) -> Result<()> {
    let groups = globus.groups(authorizer(tokens, scopes::groups::RESOURCE_SERVER)?);
    for group in groups.get_my_groups(&["active"]).await? {
        println!("group: {}", group.name.unwrap_or_default());
    }
    Ok(())
}

/// Makes a bookmark, looks at it and deletes it: calls that the SDK has no method for.
async fn keep_bookmark(transfer: &TransferClient, endpoint: &str) -> Result<()> {
    let new = json!({ "name": "outside", "endpoint_id": endpoint, "path": "/~/outside/" });
    let made: Value = transfer.post("v0.10/bookmark", &[], &new).await?.json()?;
    let path = format!("v0.10/bookmark/{}", made["id"].as_str().ok_or("the bookmark has no id")?);
    let found: Value = transfer.get(&path, &[]).await?.json()?;
    println!("bookmark: {} at {}", found["name"], found["path"]);
    transfer.delete(&path, &[]).await?;
    Ok(())
}

async fn log_out(app: &ConfidentialAppAuthClient, tokens: &TokenResponse) -> Result<()> {
    for token in tokens.tokens() {
        app.oauth2_revoke_token(&token.access_token, None).await?;
    }
    println!("revoked: {} tokens", tokens.tokens().len());
    Ok(())
}
