#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | module | what it holds |
//! |---|---|
//! | [`Globus`] | the handle that makes every client |
//! | [`ServiceClient`] | raw calls, and services that have no client here; [`Response`] |
//! | [`environment`] | where the services of Globus are |
//! | [`http`] | calls: limits, retries, proxies, no redirects |
//! | [`python_sdk`] | "I know the Python SDK: how do I …" |
//! | [`error`] | errors of calls, and what Globus says in them |
//! | [`fault`] | whose fault a failure is, and what helps |
//! | [`auth`] | clients of Globus Auth: for apps with and without a secret, and for a person's token |
//! | [`flow`] | flow managers: one value is one login; PKCE |
//! | [`gare`] | what a service needs before it does what was asked, and the login that gives it |
//! | [`scopes`] | [`Scope`](scopes::Scope): reading, merging and printing; names of well-known scopes |
//! | [`tokens`] | token responses: one token per resource server |
//! | [`provider`] | discovery document and key set, kept in memory |
//! | [`id_token`] | verification of id_tokens |
//! | [`claims`] | what an id_token or userinfo says about a person |
//! | [`authorizer`] | what goes into the `Authorization` header; where tokens come from |
//! | [`transfer`] | [`TransferClient`](transfer::TransferClient): endpoints, files, tasks, bookmarks |
//! | [`groups`] | [`GroupsClient`](groups::GroupsClient): the person's groups |
//! | [`secret`] | secrets that do not print, random values |
//! | [`clock`], [`clock_difference`] | time, and how far this machine's clock is from Globus's |
//! | [`keep_running`] | work that runs as long as the process: the provider's documents, and the portal's own tasks |
//!
//! The crates whose types stand in its signatures are re-exported: `async_trait`, `futures_core`, `serde_json`, `time`, `url`.
//! Options are set by `with_…` methods. Those that take a `bool` set a parameter of Globus that has a default there: absent,
//! true and false are three different requests.
//!
//! A limit or a pause is a [`std::time::Duration`]; what is added to a point in time, or may be negative, is a
//! [`time::Duration`].
//!
//! Files import each other in one direction: secrets and texts, errors, `service` (calls), the clients, [`Globus`].
//!
#![doc = include_str!("differences.md")]

#[macro_use]
mod setters;
pub mod auth;
pub mod clock;
pub mod clock_difference;
#[macro_use]
mod document;
pub mod environment;
pub mod error;
pub mod fault;
mod for_log;
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

// Their types stand in signatures of this crate.
pub use async_trait::async_trait;
pub use {futures_core, serde_json, time, url};

pub use auth::{claims, flow, id_token, provider, tokens};
pub use globus::Globus;
pub use service::{authorizer, client::ServiceClient, http, response::Response};
