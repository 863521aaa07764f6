//! What the portal keeps about a browser.
//!
//! From the ground up; a file imports from those above it and from none below.
//!
//! | module | what it holds |
//! |---|---|
//! | [`seal`] | keys derived by purpose; sealing and opening |
//! | [`assertions`] | what the gate says about somebody, signed for apps |
//! | [`return_path`] | where a login goes afterwards |
//! | [`per_client`] | counts of what is under way, in total and for each client |
//! | [`exchanges`] | code exchanges with Globus in progress: a bounded number |
//! | [`refused_states`] | states of logins that Globus has refused |
//! | [`store`] | the contract of a store, and the stores |
//! | [`step_up`] | what a login of a person who is logged in asks for, sealed for URLs |
//! | `answers` | what Globus has answered about sessions: one call at a time for each |
//! | [`session_info`] | how a person has logged in, as Globus Auth says about the session's token |
//! | [`policy`] | whether a person meets a policy, and what Globus can give of what is missing |
//! | [`choice`] | what a choice in Globus's web app is for, sealed for URLs and good once |
//! | [`login_attempt`] | logins in progress: kept in the browser, not in a store |
//! | [`hand_over`] | how a session gets to an app's host under another domain: sealed for URLs and a cookie there |
//! | `probes` | whether the store works, for any number of callers |
//! | [`recent_logins`] | the last login of each browser, so that parallel logins leave one session |
//! | [`user`] | who is logged in, and where |
//! | [`live`] | the cache: sessions that this process knows, so that checking one needs no store |
//! | [`vault`] | the one door to the store and the cache |
//! | [`tokens`] | the tokens of a session: kept, refreshed, revoked |
//! | [`records`] | sessions: found, used, listed |
//! | [`memberships`] | the groups of people, read again before they are too old |
//! | [`authentications`] | how people have logged in, read again before it is too old |
//! | [`programs`] | callers with a bearer token in place of a session |
//! | [`ending`] | sessions ended: store, cache and tokens in one step |
//! | `limit` | how many sessions a person may have |
//! | `beginning` | sessions begun |
//!
//! Of tower-sessions only the ids are used, and not its middleware: that saves whole records without a condition, so a slow
//! request could bring back a session that has ended, or a token that has been replaced.

mod answers;
pub mod assertions;
pub mod authentications;
mod beginning;
pub mod choice;
pub mod ending;
pub mod exchanges;
pub mod hand_over;
mod limit;
pub mod live;
pub mod login_attempt;
pub mod memberships;
pub mod not_known;
pub mod per_client;
pub mod policy;
pub mod presented;
mod probes;
pub mod programs;
pub mod recent_logins;
pub mod records;
pub mod refused_states;
pub mod return_path;
pub mod seal;
pub mod session_info;
pub mod step_up;
pub mod store;
pub mod tokens;
pub mod user;
pub mod vault;
mod whose;

pub use self::vault::{Lifetimes, Vault, person_key, session_key};
