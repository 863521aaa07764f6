//! Flow managers: one value is one login, from the authorize URL to the exchange of the code.
//!
//! Each login has its own state, and any number of logins can be under way. The exchange takes the value; a clone is the
//! same login, whose code Globus accepts once only.
//!
//! ```
//! use globus_sdk::{
//!     Globus,
//!     auth::TokenError,
//!     flow::{AuthorizeParameters, FlowManager as _, random_verifier},
//!     scopes,
//! };
//!
//! # use globus_sandbox::{self as sandbox, Sandbox};
//! # use globus_sdk::{environment::Environment, http::HttpClient, secret::*};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
//! # let environment = Environment::at(&sandbox.base_url().parse()?);
//! # tokio::spawn(sandbox.serve(std::future::pending()));
//! # let (client_id, client_secret) = (sandbox::CLIENT_ID.to_owned(), ClientSecret::new(sandbox::CLIENT_SECRET));
//! let globus = Globus::from_env()?;
//! # let globus = Globus::new(environment, HttpClient::direct(Default::default())?);
//! let client = globus.confidential_app(client_id, &client_secret);
//! let flow = client.oauth2_start_flow("http://localhost:5000/login", ["openid", scopes::transfer::ALL])?;
//! let flow = flow.with_verifier(random_verifier())?;
//! let url = flow.get_authorize_url(&AuthorizeParameters::default());
//! assert!(url.as_str().starts_with(client.authorize_endpoint().as_str()));
//!
//! // The browser goes there and comes back with `state` and `code`. `state` must be that of the flow. A code that Globus
//! // has not given is refused.
//! let code = AuthorizationCode::new("made up");
//! let refused = flow.exchange_code_for_tokens(code).await;
//! assert!(matches!(refused, Err(TokenError::InvalidGrant(_))));
//! # Ok(())
//! # }
//! ```
//!
//! A whole login, by an app without a secret, is in `examples/native_app.rs`.

mod code;
mod manager;
mod native_app;
mod parameters;
mod pkce;

pub use self::{
    code::{AuthorizationCodeFlowManager, AuthorizeUrls},
    manager::FlowManager,
    native_app::NativeAppFlowManager,
    parameters::AuthorizeParameters,
    pkce::{check_verifier, code_challenge, random_verifier},
};
