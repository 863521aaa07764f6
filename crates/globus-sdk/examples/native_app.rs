//! A login on the command line, by an app that has no secret (RFC 8252): it says who you are and which resource servers it
//! got tokens for, and revokes the tokens.
//!
//! With an app of one's own, registered at <https://app.globus.org/settings/developers> as a native app:
//!
//! ```text
//! GLOBUS_CLIENT_ID=… cargo run --example native_app              # paste the code that Globus shows
//! GLOBUS_CLIENT_ID=… cargo run --example native_app -- --listen  # or let the browser bring it to a port of this machine
//! ```
//!
//! `--listen` wants `http://localhost` among the app's redirect URIs. Without an app, on the sandbox: let `globus-portal
//! sandbox` run, set the variables `GLOBUS_SDK_SERVICE_URL_…` that it prints, and take for `GLOBUS_CLIENT_ID`
//! `e1e0a7a4-b49f-4758-a9d2-5fa12f5d5aed`.

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    routing::get,
};
use globus_sdk::{
    Globus,
    auth::{NativeAppAuthClient, TokenTypeHint},
    environment::process_variable,
    flow::{AuthorizeParameters, FlowManager as _},
    scopes,
    secret::{AuthorizationCode, equal, random_text},
    tokens::TokenResponse,
};
use serde::Deserialize;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};

const SCOPES: [&str; 4] = [scopes::auth::OPENID, scopes::auth::PROFILE, scopes::auth::EMAIL, scopes::transfer::ALL];

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let listen = std::env::args().skip(1).any(|argument| argument == "--listen");
    match log_in(listen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn log_in(listen: bool) -> Result<(), Failure> {
    let client = client()?;
    let nonce = random_text::<32>();
    let mut flow = client.oauth2_start_flow(SCOPES)?.with_nonce(&*nonce);
    let listener = if listen { Some(TcpListener::bind("127.0.0.1:0").await?) } else { None };
    if let Some(listener) = &listener {
        flow = flow.with_redirect_uri(format!("http://localhost:{}/", listener.local_addr()?.port()));
    }
    writeln!(
        io::stdout(),
        "Open this page in your browser:\n{}",
        flow.get_authorize_url(&AuthorizeParameters::default())
    )?;
    let code = match listener {
        Some(listener) => brought_code(listener, flow.state()).await?,
        None => pasted_code()?,
    };
    let response = flow.exchange_code_for_tokens(code).await?;
    let shown = show(&client, &response, &nonce).await;
    // Whatever happened meanwhile: no token is left behind.
    revoke(&client, &response).await?;
    shown
}

fn client() -> Result<NativeAppAuthClient, Failure> {
    let client_id = process_variable("GLOBUS_CLIENT_ID").ok_or("set GLOBUS_CLIENT_ID to the client id of your app")?;
    Ok(Globus::from_env()?.native_app(client_id)?)
}

async fn show(client: &NativeAppAuthClient, response: &TokenResponse, nonce: &str) -> Result<(), Failure> {
    let claims = response.decode_id_token(&client.id_token_verifier(), Some(nonce)).await?;
    let username = claims.preferred_username.as_deref().unwrap_or("somebody without a username");
    let mut out = io::stdout().lock();
    writeln!(out, "You are {username} ({}).", claims.sub)?;
    for token in response.tokens() {
        writeln!(out, "There is a token for {}: {}", token.resource_server, token.scopes.join(" "))?;
    }
    Ok(())
}

async fn revoke(client: &NativeAppAuthClient, response: &TokenResponse) -> Result<(), Failure> {
    for token in response.tokens() {
        client.oauth2_revoke_token(&token.access_token, Some(TokenTypeHint::AccessToken)).await?;
    }
    writeln!(io::stdout(), "All tokens are revoked.")?;
    Ok(())
}

/// The code that a person copies from Globus's page. No state comes with it: the verifier alone ties it to this login.
fn pasted_code() -> Result<AuthorizationCode, Failure> {
    write!(io::stdout(), "Paste the code here: ")?;
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    match line.trim() {
        "" => Err("there is no code".into()),
        code => Ok(AuthorizationCode::new(code)),
    }
}

/// What the browser brings (RFC 6749 sections 4.1.2 and 4.1.2.1).
#[derive(Deserialize)]
struct Brought {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// What the page that the browser comes to needs to know.
#[derive(Clone)]
struct Expected {
    state: String,
    codes: mpsc::Sender<Result<AuthorizationCode, String>>,
}

/// The code that the browser brings to a port of this machine (RFC 8252 section 7.3).
async fn brought_code(listener: TcpListener, state: &str) -> Result<AuthorizationCode, Failure> {
    let (codes, mut brought) = mpsc::channel(1);
    let page = Router::new().route("/", get(come_back)).with_state(Expected { state: state.to_owned(), codes });
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, page).with_graceful_shutdown(async { drop(stopped.await) });
    let server = tokio::spawn(server.into_future());
    let code = brought.recv().await;
    // The browser gets its page before the program goes on.
    drop(stop);
    server.await??;
    Ok(code.ok_or("nothing came")??)
}

/// Takes the code of the login that was started here. Any other answer is ignored, and the wait goes on.
async fn come_back(State(expected): State<Expected>, Query(brought): Query<Brought>) -> (StatusCode, &'static str) {
    let state = brought.state.unwrap_or_default();
    if !equal(state.as_bytes(), expected.state.as_bytes()) {
        return (StatusCode::BAD_REQUEST, "This is not the answer to the login that was begun here.");
    }
    let outcome = match (brought.code, brought.error) {
        (Some(code), None) => Ok(AuthorizationCode::new(code)),
        (_, error) => Err(format!("Globus gave no code: {:?}", error.unwrap_or_default())),
    };
    drop(expected.codes.try_send(outcome));
    (StatusCode::OK, "You can close this page and go back to the program.")
}
