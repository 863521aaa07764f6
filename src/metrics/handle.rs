//! The handle through which everything is counted.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use prometheus_client::encoding::text::encode;

use super::{
    families::{Answered, Decided, Ended, Families, Login, Route, ServiceCall, StoreCall, Why},
    labels::{Cause, Closed, Decision, Outcome, Renewed},
};

/// Counts what happens, or does nothing. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Option<Arc<Families>>);

/// What is read when metrics are printed.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// How many sessions are in the cache.
    pub sessions_cached: usize,
    /// How many connections are open.
    pub connections_open: usize,
    /// How many log lines were lost so far.
    pub log_lines_lost: u64,
}

impl Metrics {
    /// Metrics that are counted if this is so.
    #[must_use]
    pub fn counted(counted: bool) -> Self {
        Self(counted.then(|| Arc::new(Families::new())))
    }

    /// Whether anything is counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.0.is_some()
    }

    /// The time at which something begins whose duration is counted.
    #[must_use]
    pub fn begin(&self) -> Option<Instant> {
        self.0.as_ref().map(|_| Instant::now())
    }

    /// Counts an answered request. `route` is the pattern of its route, if it has one.
    pub fn request(&self, route: Option<&str>, method: &'static str, status: u16, took: Duration) {
        let Some(families) = &self.0 else { return };
        let route = route.unwrap_or("other").to_owned();
        families.request_duration.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        families.requests.get_or_create(&Answered { route, method, status }).inc();
    }

    /// Counts a login that ended.
    pub fn login(&self, outcome: Outcome, reason: &'static str) {
        let Some(families) = &self.0 else { return };
        families.logins.get_or_create(&Login { outcome: outcome.as_str(), reason }).inc();
    }

    /// Counts a step-up that ended.
    pub fn step_up(&self, outcome: Outcome) {
        let Some(families) = &self.0 else { return };
        families.step_ups.get_or_create(&Ended { outcome: outcome.as_str() }).inc();
    }

    /// Counts a logout.
    pub fn logout(&self) {
        let Some(families) = &self.0 else { return };
        families.logouts.inc();
    }

    /// Counts a session that ended.
    pub fn session_ended(&self, cause: Cause) {
        let Some(families) = &self.0 else { return };
        families.sessions_ended.get_or_create(&Why { cause: cause.as_str() }).inc();
    }

    /// Counts a renewal that ended.
    pub fn renewal(&self, outcome: Renewed) {
        let Some(families) = &self.0 else { return };
        families.token_renewals.get_or_create(&Ended { outcome: outcome.as_str() }).inc();
    }

    /// Counts attempts to revoke tokens.
    pub fn revocations(&self, revoked: usize, failed: usize) {
        let Some(families) = &self.0 else { return };
        for (outcome, count) in [(Outcome::Ok, revoked), (Outcome::Failed, failed)] {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            families.token_revocations.get_or_create(&Ended { outcome: outcome.as_str() }).inc_by(count);
        }
    }

    /// Counts a decision of the gate. `policy` is its name, if the settings have it.
    pub fn gate_decision(&self, policy: Option<&str>, decision: Decision, reason: &'static str) {
        let Some(families) = &self.0 else { return };
        families.gate_decisions.get_or_create(&Decided::new(policy, decision, reason)).inc();
    }

    /// Begins to count the decisions by a policy, so that the first one is an increase.
    pub fn gate_policy(&self, policy: &str) {
        let Some(families) = &self.0 else { return };
        families.begin_policy(policy);
    }

    /// Counts a connection that the server closed early.
    pub fn connection_closed(&self, cause: Closed) {
        let Some(families) = &self.0 else { return };
        families.connections_closed_early.get_or_create(&Why { cause: cause.as_str() }).inc();
    }

    pub(super) fn globus_call(&self, service: &'static str, outcome: &'static str, took: Duration) {
        let Some(families) = &self.0 else { return };
        let call = ServiceCall { service, outcome };
        families.globus_call_duration.get_or_create(&call).observe(took.as_secs_f64());
    }

    /// Counts a call of the session store, which began at `began`.
    pub fn store_call(&self, operation: &'static str, ok: bool, began: Option<Instant>) {
        let (Some(families), Some(began)) = (&self.0, began) else { return };
        let outcome = if ok { Outcome::Ok } else { Outcome::Failed };
        let call = StoreCall { operation, outcome: outcome.as_str() };
        families.store_call_duration.get_or_create(&call).observe(began.elapsed().as_secs_f64());
    }

    /// All metrics in the text format of OpenMetrics; nothing where none are counted.
    ///
    /// # Errors
    /// [`fmt::Error`], which writing to a text does not give.
    pub fn print(&self, reading: &Reading) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let Some(families) = &self.0 else { return Ok(text) };
        let gauge = |count| i64::try_from(count).unwrap_or(i64::MAX);
        families.sessions_cached.set(gauge(reading.sessions_cached));
        families.connections_open.set(gauge(reading.connections_open));
        families.log_lines_lost.inner().store(reading.log_lines_lost, Ordering::Relaxed);
        encode(&mut text, &families.registry)?;
        Ok(text)
    }
}
