//! Logging in and out: the flow, what comes back, id_tokens, cookies.

mod callback;
mod circles;
mod claims;
mod cookie_names;
mod dead_links;
mod hostile_answers;
mod id_token;
mod keys;
mod logout;
mod offers;
mod provider_documents;
mod return_path;
mod start;
mod step_ups;
mod walk;
