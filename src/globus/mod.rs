//! A client of Globus: Globus Auth and Globus Transfer over HTTPS.
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
//! | [`scopes`] | names of well-known scopes |
//! | [`tokens`] | token responses: one token per resource server |
//! | [`provider`] | discovery document and key set, kept in memory |
//! | [`id_token`] | verification of id_tokens |
//! | [`authorizer`] | what goes into the `Authorization` header |
//! | [`transfer`] | [`TransferClient`](transfer::TransferClient): collections and endpoints |
//!
//! # Differences from the Python SDK
//!
//! What it does on the wire is held against recorded behaviour of the Python SDK 4. Where it differs, it does so for a
//! reason, and a test shows it.
//!
//! | difference | reason | test |
//! |---|---|---|
//! | a login is a value of its own, not a part of the client | one client serves any number of people at once | `the_default_state_and_verifier_are_random` |
//! | the default state is random, not `_default` | a state that everybody knows stops no forged answer (RFC 6749 section 10.12) | `the_default_state_and_verifier_are_random` |
//! | `token_type` is required, and must be Bearer | a client must not use a token of a type that it does not know (RFC 6749 sections 5.1 and 7.1) | `a_token_must_be_of_the_type_bearer_in_any_case_of_its_letters` |
//! | a form with a one-use code or a refresh token is never sent twice | a second use of a code ends the tokens of the first (RFC 6749 section 4.1.2), one of a rotated refresh token looks like theft (RFC 9700 section 4.14.2) | `a_one_use_code_and_a_refresh_token_are_never_sent_twice` |
//! | a client id and a secret that are not plain base64 text are form-encoded for Basic authentication | RFC 6749 section 2.3.1 | `an_app_says_who_it_is_as_globus_reads_it` |
//! | a negative `Retry-After` counts as none | the SDK crashes on it | `a_negative_retry_after_is_harmless` |
//! | a 401 is answered by a renewal after any number of other retries | the token may expire meanwhile; the SDK looks at the first answer only | `a_401_after_a_500_still_renews` |
//! | there is no pause between a 401 and the renewal, and `max_retries` does not count it | there is nothing to wait for | `a_renewal_after_a_401_is_made_at_once_and_once` |
//! | a deadline bounds the whole call, with its tries, pauses and renewals | the SDK's call can last for six minutes | `the_callers_deadline_bounds_the_whole`, `a_pause_that_would_pass_the_deadline_is_not_begun` |
//! | a 3xx is an error and is not followed | credentials must not go where a redirect points (RFC 9700 section 4.12) | `a_redirect_is_an_error_and_is_not_followed` |
//! | a renewal without a refresh token in its answer keeps the old one | the SDK loses it (RFC 6749 section 6) | `the_refresh_token_is_kept_when_the_answer_omits_it_and_replaced_when_there_is_a_new_one` |
//! | a renewing authorizer without a token gets one at the first request, not when it is made | making a value makes no call | `the_first_request_gets_a_token_where_none_is_known` |
//! | an id_token is checked for `iss`, `azp`, `nonce` and `at_hash` too, and by the key that it names | OpenID Connect Core section 3.1.3.7 | `the_key_that_the_token_names_counts_and_the_issuer_is_checked`, `a_nonce_has_to_come_back_when_one_was_sent_and_only_then`, `a_token_response_decodes_its_id_token` |
//! | clocks may differ by 60 seconds where an id_token is checked, not by 300 | machines keep better time than that | `a_real_id_token_of_globus_verifies_from_its_first_second_to_its_last` |
//! | `GLOBUS_SDK_SERVICE_URL_…` must be https, or on loopback | tokens go there | `the_address_of_a_service_is_https_unless_it_is_on_loopback` |
//! | `GLOBUS_SDK_VERIFY_SSL` cannot switch verification off | whoever is on the way could take every token; a file of authorities does what is needed | `verification_of_certificates_cannot_be_switched_off` |
//! | a `GLOBUS_SDK_HTTP_TIMEOUT` of zero, or below zero but for `-1`, is an error when it is read | the SDK fails later, at the first call | `the_timeout_is_seconds_or_minus_one_for_none` |

pub mod auth;
pub mod authorizer;
mod client;
pub mod environment;
pub mod error;
pub mod flow;
pub mod http;
pub mod id_token;
pub mod provider;
mod query;
pub mod scopes;
pub mod tokens;
pub mod transfer;
