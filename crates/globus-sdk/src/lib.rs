//! A client of Globus: Globus Auth, Globus Transfer and Globus Groups over HTTPS.
//!
//! It knows nothing of axum, of settings or of sessions: it takes URLs, a clock and credentials, and could become a
//! crate of its own any day. Names are those of the OAuth2 and OpenID Connect standards and of the Globus Python SDK.
//!
//! | module | what it holds |
//! |---|---|
//! | [`environment`] | where the services of Globus are |
//! | [`http`] | the one way out: limits, retries, no redirects |
//! | [`python_sdk`] | "I know the Python SDK: how do I …" |
//! | [`error`] | error documents of Globus, and whose fault a failure is |
//! | [`auth`] | clients of Globus Auth: for apps with and without a secret, and for a person's token |
//! | [`flow`] | flow managers: one value is one login; PKCE |
//! | [`gare`] | what a service needs before it does what was asked, and the login that gives it |
//! | [`scopes`] | [`Scope`](scopes::Scope): reading, merging and printing; names of well-known scopes |
//! | [`tokens`] | token responses: one token per resource server |
//! | [`provider`] | discovery document and key set, kept in memory |
//! | [`id_token`] | verification of id_tokens |
//! | [`claims`] | what an id_token or userinfo says about a person |
//! | [`clock_difference`] | how far this machine's clock is from Globus's |
//! | [`authorizer`] | what goes into the `Authorization` header |
//! | [`transfer`] | [`TransferClient`](transfer::TransferClient): endpoints, files, tasks, bookmarks |
//! | [`groups`] | [`GroupsClient`](groups::GroupsClient): the person's groups |
//!
#![doc = include_str!("differences.md")]

pub mod auth;
pub mod clock;
pub mod clock_difference;
#[macro_use]
mod document;
pub mod environment;
pub mod error;
pub mod fault;
pub mod gare;
mod globus;
pub mod groups;
pub mod keep_running;
#[doc = include_str!("python_sdk.md")]
pub mod python_sdk {}
pub mod scopes;
pub mod secret;
mod service;
mod text;
pub mod transfer;

pub use auth::{claims, flow, id_token, provider, tokens};
pub use globus::Globus;
pub use service::{authorizer, client::ServiceClient, http, response::Response};
