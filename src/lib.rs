//! A server-side web portal: people log in with Globus Auth, the portal keeps one token per resource server in a session
//! on the server, uses the tokens for them, and logs out completely.
//!
//! ```text
//! browser ──HTTP──> routes ──> session ──> store: memory, SQLite, PostgreSQL, Redis (values sealed, ids hashed)
//!                     │  └──> pages (askama)
//!                     └─────> globus ──HTTPS──> Globus Auth, Transfer, Groups
//!                                               (or the sandbox: the same services, in this process, on loopback)
//! ```
//!
//! The map, from the ground up. A module imports only from the lines above its own; a test enforces that.
//!
//! | layer | module | what it holds |
//! |---|---|---|
//! | ground | [`clock`] | all access to time (from `globus-sdk`) |
//! | ground | [`keep_running`] | tasks that must run as long as the process does (from `globus-sdk`) |
//! | protocol | [`globus`] | the client of Globus, the crate `globus-sdk`: flow, tokens, id_tokens, Transfer, Groups |
//! | ground | [`secret`] | secrets that do not print, random values, constant-time equality |
//! | ground | [`zone`] | times by the clocks of a time zone |
//! | settings | [`settings`] | the settings: read and checked; all problems are reported at once |
//! | ground | [`metrics`] | counters and durations for the operator; nothing is counted unless `METRICS_LISTEN` is set |
//! | memory | [`session`] | what is kept about a browser: logins in progress, sessions, tokens, stores; who meets a policy; what is signed for apps |
//! | words | [`pages`] | one struct per template; the stylesheet |
//! | core | [`state`] | what every handler shares, built from the settings |
//! | core | [`error`] | errors: status, text for the visitor, cause for the log |
//! | core | [`telemetry`] | the log, which never blocks its callers, and the one line per request |
//! | web | [`routes`] | the route table, one file per page, [`LoggedIn`](routes::logged_in::LoggedIn) and [`Caller`](routes::caller::Caller) |
//! | process | [`server`] | bind, accept, connection limits, sweep, stop |
//! | process | [`cli`] | the commands |
//! | aside | [`sandbox`] | a stand-in for Globus, the crate `globus-sandbox`, which shares no code with the rest, so that it cannot share its mistakes |
//!
//! A client that disconnects interrupts nothing: a route that has to wait continues in its own task, which outlives the client
//! and the deadline, so every handler runs to its end (see [`routes::frame`]). What is useless without the response, such as a
//! new session, is undone if the response cannot be delivered. Background work runs under [`keep_running`].
//!
//! To follow a login, read `routes/login.rs` from top to bottom, then [`session::login_attempt`], [`globus::flow`],
//! [`globus::id_token`], [`session::records`] and [`session::tokens`].

pub use globus_sandbox as sandbox;
pub use globus_sdk as globus;
pub use globus_sdk::{clock, keep_running};

pub mod cli;
pub mod error;
pub mod metrics;
pub mod pages;
pub mod routes;
pub mod secret;
pub mod server;
pub mod session;
pub mod settings;
pub mod state;
pub mod telemetry;
pub mod zone;
