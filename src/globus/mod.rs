//! A client of Globus: Globus Auth, Globus Transfer and Globus Groups over HTTPS.
//!
//! It knows nothing of axum, of settings or of sessions: it takes URLs, a clock and credentials, and could become a
//! crate of its own any day. Names are those of the OAuth2 and OpenID Connect standards and of the Globus Python SDK.
//!
//! | module | what it holds |
//! |---|---|
//! | [`environment`] | where the services of Globus are |
//! | [`http`] | the one HTTP client: time and size limits, no redirects |
//! | [`error`] | error documents of Globus, and whose fault a failure is |
//! | [`auth`] | [`AuthClient`](auth::AuthClient): tokens, revocation, introspection, userinfo, the logout page |
//! | [`flow`] | [`AuthorizationCodeFlowManager`](flow::AuthorizationCodeFlowManager) and PKCE |
//! | [`gare`] | what a service needs before it does what was asked, and the login that gives it |
//! | [`scopes`] | [`Scope`](scopes::Scope): reading, merging and printing; names of well-known scopes |
//! | [`tokens`] | token responses: one token per resource server |
//! | [`provider`] | discovery document and key set, kept in memory |
//! | [`id_token`] | verification of id_tokens |
//! | [`authorizer`] | what goes into the `Authorization` header |
//! | [`transfer`] | [`TransferClient`](transfer::TransferClient): endpoints, files, tasks, bookmarks |
//! | [`groups`] | [`GroupsClient`](groups::GroupsClient): the person's groups |
//!
//! # Differences from the Python SDK
//!
//! Where this client and globus-sdk-python 4 have the same thing, they do the same, but for these:
//!
//! | what | the SDK | here | because |
//! |---|---|---|---|
//! | order of scopes and dependencies after [`scopes::parse`] | changes from run to run | that of first mention | equal input should give equal URLs and tests |
//! | `with_dependency` of a [`Scope`](scopes::Scope) | adds, whatever it is | unites equal names, refuses cycles | a value is always what its text says, and mistakes show where they are made |
//! | white space other than spaces around a scope's name | is part of it, but for the text's last name | is no part of it; `Scope::new` refuses it | a text from a file or setting may end its lines in any way, and no scope has such a name |
//! | an empty name in `Scope::new` | is taken | is refused | its text could not be read again |
//! | scopes nested deeper than 64, more than 10 000 in all | no bound | are refused | a short text can stand for more scopes than fit in memory |
//! | content types in other letters, `Application/JSON` | are not JSON | are JSON | RFC 9110 section 8.3.1 |
//! | bodies with `NaN`, numbers beyond a double's range, lone surrogates, UTF-16, or more than 127 levels | are JSON | are not JSON | RFC 8259, and bounded depth |
//! | error bodies that are a list or another JSON value, `errors` empty with `dependent_consent_required`, ids of errors that are lists or objects, `authorization_parameters` that is no object | some of its functions crash | have no code, no GARE and so on | no answer should end a program |
//! | `{"error": "invalid_grant"}` | is only to be seen in `raw_json` | [`oauth_error`](error::ApiError::oauth_error) | it is the one error that a login has to know |
//! | printing an error | shows URL, messages and body | shows status, code and request id | messages and bodies may quote tokens, and errors end up in logs |
//! | `info.authorization_parameters` | members checked one by one | the object as it came | [`gare::to_gare`] gives the checked ones |
//! | a GARE without code, or with comma texts, that has `required_scopes` | loses them to the other members | keeps them as scopes | the login would not ask for them |
//! | `to_dict(include_extra=True)` of a GARE | other members may replace known ones | known ones stay | the older forms have broken `authorization_parameters` among the others |

pub mod auth;
pub mod authorizer;
mod client;
#[macro_use]
mod document;
pub mod environment;
pub mod error;
pub mod flow;
pub mod gare;
pub mod groups;
pub mod http;
pub mod id_token;
pub mod provider;
#[doc = include_str!("python_sdk.md")]
pub mod python_sdk {}
mod query;
pub mod scopes;
pub mod tokens;
pub mod transfer;
