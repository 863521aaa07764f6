//! The client of Globus, called as any program calls it.

mod api_errors;
mod authorize_urls;
mod authorizers;
mod base_urls;
mod clients;
mod error_details;
mod globus_fixtures;
mod groups;
mod id_tokens;
mod lists;
mod my_endpoints;
mod native_app;
mod raw_calls;
mod requests;
mod retries;
mod scopes;
mod step_up;
mod token_responses;
mod transfer;
