//! Globus Auth: clients of apps with a secret, of apps without one, and of a person's token.
//!
//! Names are those of the Python SDK. A login is not kept inside a client, as the SDK does, but in a value of its own
//! (see [`flow`]): one client serves any number of people at once.
//!
//! ```
//! use globus_sdk::Globus;
//!
//! # use globus_sandbox::{self as sandbox, Sandbox};
//! # use globus_sdk::{environment::Environment, http::HttpClient, secret::*};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
//! # let environment = Environment::at(&sandbox.base_url().parse()?);
//! # tokio::spawn(sandbox.serve(std::future::pending()));
//! # let (client_id, client_secret) = (sandbox::CLIENT_ID.to_owned(), ClientSecret::new(sandbox::CLIENT_SECRET));
//! # let globus = Globus::new(environment, HttpClient::direct(Default::default())?);
//! # let app = globus.confidential_app(client_id, &client_secret);
//! // `app` is `Globus::from_env()?.confidential_app(client_id, &client_secret)`; here, that of a sandbox.
//! let tokens = app.oauth2_client_credentials_tokens("openid").await?;
//! let token = &tokens.by_resource_server("auth.globus.org").ok_or("no token")?.access_token;
//! assert!(app.oauth2_token_introspect(token, &[]).await?.active);
//! app.oauth2_revoke_token(token, None).await?;
//! assert!(!app.oauth2_token_introspect(token, &[]).await?.active);
//! # Ok(())
//! # }
//! ```

mod app;
pub mod claims;
mod documents;
pub mod flow;
pub mod id_token;
mod kept;
mod person;
pub mod provider;
mod renewing;
mod stored;
pub mod tokens;

pub use self::{
    app::{AppAuthClient, Confidential, ConfidentialAppAuthClient, Native, NativeAppAuthClient, TokenTypeHint},
    documents::{
        Consent, Consents, DependentTokenOptions, Identities, IdentitiesQuery, Identity, IdentityProvider,
        IdentityProviders, Introspection, ProvidersQuery,
    },
    person::AuthClient,
    renewing::{EXPIRES_ADJUST, LoginClient, OnRefresh, RenewingAuthorizer},
    tokens::TokenError,
};
