//! How long Globus takes to answer.

use super::handle::Metrics;
use crate::globus::{
    error::Service,
    http::{Observer, Tried},
};

impl Observer for Metrics {
    fn tried(&self, tried: &Tried) {
        let service = match tried.service {
            Service::Auth => "auth",
            Service::Transfer => "transfer",
            Service::Groups => "groups",
            _ => "other",
        };
        let outcome = match tried.status {
            None => "no_answer",
            Some(429) => "too_many",
            Some(200..=299) => "ok",
            Some(500..) => "server_error",
            Some(_) => "client_error",
        };
        self.globus_call(service, outcome, tried.time);
    }
}
