//! The sandbox: a stand-in for Globus Auth, Transfer and Groups, on loopback unless you give it a public URL.
//!
//! Use it in tests, and to try out an app without registering it. It follows the public documentation of
//! Globus and the standards (RFC 6749 OAuth 2.0, RFC 7636 PKCE, RFC 7009 revocation, RFC 7662 introspection, OpenID Connect
//! Core) closely enough that the official SDKs work against it. Nothing in it is real, so nothing in it is secret.
//!
//! It shares no type with a client: a field that a client misreads must fail a test, and it would not if both sides
//! shared the type.
//!
//! # The wings
//!
//! A wing imports from those above it in this table, and no file imports another in a circle.
//!
//! | wing | what is in it |
//! |---|---|
//! | `ground` | options, time, random values, parameters, patterns, bounded shelves, the hosts it answers to, TLS |
//! | `world` | the built-in people, apps, collections, groups and scopes |
//! | `memory` | the state of a sandbox: sign-ins, consents and tokens (`store`), tasks and files, access rules, bookmarks, faults, recorded calls; `app` holds all of it and its locks |
//! | `answer` | documents, pages and redirects; the errors of each service (`services`); `Host`, `Origin` and CORS (`hosts`) |
//! | `auth` | Globus Auth: authorize, sign-in, tokens, userinfo, introspection, identities, consents, clients, helper pages |
//! | `groups` | Globus Groups |
//! | `transfer` | Globus Transfer: search, files, tasks, access rules and roles, bookmarks |
//! | `files` | the files of collections, at an address of each collection |
//! | `chooser` | the file chooser of Globus's web app |
//! | `gcs` | the manager of Globus Connect Server: collections and roles, over https on the same port |
//! | `control` | the controls for tests: faults, recorded calls, the pace of tasks, registered apps, cut connections |
//! | `web` | the front page and its files |
//! | `router` | all routes, and the middleware around them |
//! | `sandbox` | [`Sandbox`]: binds a port and serves |
//! | `command` | the command line, shared by the `globus-sandbox` binary and `globus-portal sandbox` (feature `command`) |
//!
//! # A first program
//!
//! The README has one, and the example `login` logs a person in.
//!
//! # Signing in without a browser
//!
//! Every form works with its hidden fields alone. With a cookie jar (the sign-in lives in the cookie
//! `sandbox_globus_auth`, path `/v2`) and without following redirects:
//!
//! 1. `GET /v2/oauth2/authorize?…` gives 200 and a page. Its forms have a hidden field `request`.
//! 2. `POST /v2/web/choose` with `request` and `identity` (a username of the [people](#people), or an identity's id) gives
//!    303 to `/v2/web/consent?request=…`.
//! 3. `POST /v2/web/consent` with `request` and `decision=allow` (or `deny`) gives 303 to the app's redirect URI, with
//!    `code` and `state` (or `error`). You can skip loading the page of step 2.
//!
//! If the browser is already signed in, step 1 gives the consent page; skip step 2. If the person has also consented to all
//! of the scopes, step 1 itself redirects to the app with a 302, and so does a `GET` of the page between steps 2 and 3.
//!
//! # People
//!
//! `mira@northfield.example`, `jonas@ridgeline.example`, `amara@globusid.org`,
//! `0009-0004-7312-5580@scholar-id.example`, `priya@coastal.example` and `quirk@hostile.example`. The front page says what
//! each is for.
//!
//! # Trouble on purpose
//!
//! Collections `7e57ab1e-0000-4000-8000-0000000000NN` fail in one way each, for every caller; `troubles` and the front
//! page list them. A test in any language switches all other failures on and off by `POST`, `GET` and `DELETE` of
//! `/sandbox/faults`; `faults` has the list. `GET /sandbox/seen` lists the recorded calls. `POST /sandbox/pace` sets how long
//! tasks take, `POST /sandbox/tasks/fault` lets running ones meet a fault, and `POST /sandbox/tasks/finish` ends them at
//! once. Each sandbox has its own faults and state, so tests that each start one do not interfere.

mod answer;
mod auth;
mod chooser;
#[cfg(feature = "command")]
pub mod command;
mod control;
mod files;
mod gcs;
mod ground;
mod groups;
mod memory;
mod router;
mod sandbox;
mod transfer;
mod web;
mod world;

pub use ground::options::{CLIENT_ID, CLIENT_SCOPE, CLIENT_SECRET, NATIVE_CLIENT_ID, NewClient, Options};
pub use sandbox::Sandbox;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
