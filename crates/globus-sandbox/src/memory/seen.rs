//! The record of recent calls, for tests: calls by route, and the parameters of the latest requests to some routes. It does
//! not keep codes, tokens and secrets, only that they were sent.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

/// How many requests of a route are kept.
const MAX_REQUESTS: usize = 50;
const MAX_PARAMETERS: usize = 60;
const MAX_VALUE: usize = 2_000;

/// Parameters whose values it does not keep.
const HIDDEN: [&str; 9] = [
    "access_token",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "id_token",
    "id_token_hint",
    "refresh_token",
    "token",
];

/// The recorded requests. Bounded: the routes are known, and each keeps a limited number.
#[derive(Default)]
pub(crate) struct Seen {
    calls: BTreeMap<String, u64>,
    requests: BTreeMap<&'static str, VecDeque<Value>>,
}

impl Seen {
    /// Counts a call. `route` is a pattern of the router, so there are few.
    pub(crate) fn count(&mut self, method: &str, route: &str) {
        let method = if matches!(method, "GET" | "POST" | "HEAD" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") {
            method
        } else {
            "OTHER"
        };
        *self.calls.entry(format!("{method} {route}")).or_default() += 1;
    }

    /// Keeps the parameters of a request.
    pub(crate) fn note<'a>(&mut self, name: &'static str, parameters: impl Iterator<Item = (&'a str, &'a str)>) {
        let kept: Map<String, Value> = parameters
            .take(MAX_PARAMETERS)
            .map(|(name, value)| {
                let value = if HIDDEN.contains(&name) { "(hidden)" } else { value };
                (name.chars().take(MAX_VALUE).collect(), value.chars().take(MAX_VALUE).collect::<String>().into())
            })
            .collect();
        let requests = self.requests.entry(name).or_default();
        if requests.len() >= MAX_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(kept.into());
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn document(&self) -> Value {
        json!({"calls": self.calls, "requests": self.requests})
    }
}
