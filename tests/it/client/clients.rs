//! Clients of the test provider.

use globus_portal::{
    globus::{
        authorizer::AccessTokenAuthorizer,
        http::{HttpClient, Limits},
        transfer::TransferClient,
    },
    secret::AccessToken,
};

use crate::harness::Provider;

pub fn transfer_client(provider: &Provider) -> TransferClient {
    TransferClient::new(provider.url.clone(), http(), token())
}

/// Calls that are not retried.
pub fn http() -> HttpClient {
    HttpClient::direct(Limits::default().with_max_retries(0)).unwrap()
}

pub fn token() -> AccessTokenAuthorizer {
    AccessTokenAuthorizer::new(AccessToken::new("AT"))
}
