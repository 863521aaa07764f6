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
//! The map, from the ground up. A module imports from the layers above its own line and from none below; a test holds
//! that.
//!
//! | layer | module | what it holds |
//! |---|---|---|
//! | ground | [`clock`] | the one door for time (from `globus-sdk`) |
//! | ground | [`keep_running`] | work that must run for as long as the process does (from `globus-sdk`) |
//! | protocol | [`globus`] | the client of Globus, the crate `globus-sdk`: flow, tokens, id_tokens, Transfer, Groups |
//! | ground | [`secret`] | secrets that do not print, random values, constant-time equality |
//! | settings | [`settings`] | the settings: read, checked, every problem reported at once |
//! | memory | [`session`] | what we keep about a browser: logins under way, sessions, tokens, stores |
//! | words | [`pages`] | one struct a template; the stylesheet |
//! | core | [`state`] | what every handler can reach, built from the settings |
//! | core | [`error`] | what goes wrong: status, what the visitor reads, what the log gets |
//! | core | [`telemetry`] | the log, which cannot hurt who writes to it, and the one line a request leaves |
//! | web | [`routes`] | the route table, one file a page, and [`LoggedIn`](routes::logged_in::LoggedIn) |
//! | process | [`server`] | bind, accept, the limits of connections, sweep, stop |
//! | process | [`cli`] | the commands |
//! | aside | [`sandbox`] | a stand-in for Globus, the crate `globus-sandbox`, which shares nothing with the rest, so that it cannot share a mistake |
//!
//! A client that leaves changes nothing: a route that has to wait goes on in a task of its own, which outlives the client
//! and the deadline, so a handler runs from its beginning to its end (see [`routes::frame`]). What a client must have for it
//! to be worth anything, such as a new session, is taken back when the answer could not be given. Work that is not a
//! request's runs under [`keep_running`].
//!
//! One login, to read along: `routes/login.rs` from top to bottom, then [`session::login_attempt`], [`globus::flow`],
//! [`globus::id_token`], [`session::records`] and [`session::tokens`].

pub use globus_sandbox as sandbox;
pub use globus_sdk as globus;
pub use globus_sdk::{clock, keep_running};

pub mod cli;
pub mod error;
pub mod pages;
pub mod routes;
pub mod secret;
pub mod server;
pub mod session;
pub mod settings;
pub mod state;
pub mod telemetry;
