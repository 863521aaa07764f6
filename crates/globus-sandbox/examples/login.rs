//! Logs a person in to a sandbox with the authorization code flow (RFC 6749, section 4.1), without a browser.
//!
//! `cargo run --example login`

use std::error::Error;

use globus_sandbox::{CLIENT_ID, CLIENT_SECRET, Options, Sandbox};
use reqwest::header::{COOKIE, HeaderName, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, redirect};
use serde_json::Value;

const REDIRECT_URI: &str = "http://localhost:3000/callback";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::bind(Options::default()).await?;
    let globus = sandbox.base_url();
    tokio::spawn(sandbox.serve(std::future::pending()));

    let code = authorize(&globus, "mira@northfield.example").await?;
    let tokens: Value = Client::new()
        .post(format!("{globus}/v2/oauth2/token"))
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .form(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)])
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let person: Value = Client::new()
        .get(format!("{globus}/v2/oauth2/userinfo"))
        .bearer_auth(tokens["access_token"].as_str().ok_or("no access token")?)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    assert_eq!(person["preferred_username"], "mira@northfield.example");
    tokio::task::spawn_blocking(move || say(&person)).await?;
    Ok(())
}

/// Does what a person does in a browser: opens the authorize URL, chooses an identity, and allows the app.
async fn authorize(globus: &str, username: &str) -> Result<String, Box<dyn Error>> {
    let browser = Client::builder().redirect(redirect::Policy::none()).build()?;
    let query = [
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid profile"),
        ("response_type", "code"),
        ("state", "the app's own"),
    ];
    let page = browser.get(format!("{globus}/v2/oauth2/authorize")).query(&query).send().await?.text().await?;
    let request = page.split_once("name=\"request\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (request, _) = request.ok_or("the page has no form")?;

    let choice = [("request", request), ("identity", username)];
    let chosen = browser.post(format!("{globus}/v2/web/choose")).form(&choice).send().await?;
    let cookie = header(&chosen, &SET_COOKIE)?.split(';').next().unwrap_or_default().to_owned();

    let decision = [("request", request), ("decision", "allow")];
    let allow = browser.post(format!("{globus}/v2/web/consent")).header(COOKIE, cookie).form(&decision);
    let back = reqwest::Url::parse(&header(&allow.send().await?, &LOCATION)?)?;
    let code = back.query_pairs().find(|(name, _)| name == "code").ok_or("the sandbox sent no code")?;
    Ok(code.1.into_owned())
}

fn header(response: &Response, name: &HeaderName) -> Result<String, Box<dyn Error>> {
    let value = response.headers().get(name).ok_or_else(|| format!("{} without {name}", response.status()))?;
    Ok(value.to_str()?.to_owned())
}

#[expect(clippy::print_stdout, reason = "an example shows what it got")]
fn say(person: &Value) {
    println!("{person:#}");
}
