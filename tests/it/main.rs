//! The tests: they tell how the portal is used, over real HTTP, with the real router.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where it stopped")]
#![expect(unreachable_pub, reason = "one binary: nothing here is public")]

mod api_errors;
mod authorize_urls;
mod authorizers;
mod callback;
mod chromium;
mod commands;
mod connections;
mod dumps;
mod environment;
mod globus_fixtures;
mod groups;
mod harness;
mod headers;
mod id_token;
mod id_tokens;
mod keys;
mod layers;
mod leaks;
mod leaving;
mod load;
mod login_start;
mod logout;
mod my_endpoints;
mod native_app;
mod nginx;
mod one_session;
mod own_page;
mod pages;
mod postgres_store;
mod recorder;
mod redis_store;
mod replicas;
mod requests;
mod retries;
mod return_path;
mod sandbox;
mod sandbox_faults;
mod sandbox_groups;
mod sandbox_sign_in;
mod sandbox_transfer;
mod sandbox_visit;
mod scopes;
mod sdk;
mod session_limit;
mod sessions;
mod settings;
mod step_up;
mod store_contract;
mod token_responses;
mod tokens;
mod transfer;
mod vault;
mod walk;
