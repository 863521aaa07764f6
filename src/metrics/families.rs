//! The metrics themselves: names, labels, help texts and buckets.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::labels::{Cause, Closed, Decision, Outcome, Renewed};

/// A route, a class of methods, and a status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Answered {
    pub(super) route: String,
    pub(super) method: &'static str,
    pub(super) status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Route {
    pub(super) route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Ended {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Login {
    pub(super) outcome: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Why {
    pub(super) cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ServiceCall {
    pub(super) service: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StoreCall {
    pub(super) operation: &'static str,
    pub(super) outcome: &'static str,
}

/// Policies have names of letters, digits and hyphens.
const NO_POLICY: &str = "(unknown)";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Decided {
    policy: String,
    decision: &'static str,
    reason: &'static str,
}

impl Decided {
    /// A policy without a name is one that the settings do not have.
    pub(super) fn new(policy: Option<&str>, decision: Decision, reason: &'static str) -> Self {
        Self { policy: policy.unwrap_or(NO_POLICY).to_owned(), decision: decision.as_str(), reason }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics, and the registry that prints them.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) requests: Family<Answered, Counter>,
    pub(super) request_duration: Histograms<Route>,
    pub(super) logins: Family<Login, Counter>,
    pub(super) step_ups: Family<Ended, Counter>,
    pub(super) logouts: Counter,
    pub(super) sessions_ended: Family<Why, Counter>,
    pub(super) sessions_cached: Gauge,
    pub(super) token_renewals: Family<Ended, Counter>,
    pub(super) token_revocations: Family<Ended, Counter>,
    pub(super) globus_call_duration: Histograms<ServiceCall>,
    pub(super) store_call_duration: Histograms<StoreCall>,
    pub(super) gate_decisions: Family<Decided, Counter>,
    pub(super) connections_open: Gauge,
    pub(super) connections_closed_early: Family<Why, Counter>,
    pub(super) log_lines_lost: Counter,
    build: Family<Build, Gauge>,
}

impl Families {
    pub(super) fn new() -> Self {
        let mut families = Self {
            registry: Registry::with_prefix("globus_portal"),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(requests),
            logins: Family::default(),
            step_ups: Family::default(),
            logouts: Counter::default(),
            sessions_ended: Family::default(),
            sessions_cached: Gauge::default(),
            token_renewals: Family::default(),
            token_revocations: Family::default(),
            globus_call_duration: Family::new_with_constructor(globus_calls),
            store_call_duration: Family::new_with_constructor(store_calls),
            gate_decisions: Family::default(),
            connections_open: Gauge::default(),
            connections_closed_early: Family::default(),
            log_lines_lost: Counter::default(),
            build: Family::default(),
        };
        families.register_web();
        families.register_gate();
        families.register_sessions();
        families.begin_at_zero();
        families
    }

    /// Requests, connections, and the process.
    fn register_web(&mut self) {
        let Self { registry, .. } = self;
        registry.register("requests", "Requests answered, by route, method and status", self.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from the head of a request to its response, by route",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        registry.register("connections_open", "Connections that are open", self.connections_open.clone());
        registry.register(
            "connections_closed_early",
            "Connections that the limits closed or refused, by cause",
            self.connections_closed_early.clone(),
        );
        registry.register("log_lines_lost", "Log lines that could not be written", self.log_lines_lost.clone());
        registry.register("build_info", "The version that runs; the value is always 1", self.build.clone());
    }

    fn register_gate(&mut self) {
        let Self { registry, .. } = self;
        let help = "Decisions of the gate, by policy, decision and reason";
        registry.register("gate_decisions", help, self.gate_decisions.clone());
    }

    /// Logins, sessions, tokens, and the calls that they need.
    fn register_sessions(&mut self) {
        let Self { registry, .. } = self;
        registry.register("logins", "Logins that ended, by outcome and reason", self.logins.clone());
        registry.register("step_ups", "Step-ups that ended, by outcome", self.step_ups.clone());
        registry.register("logouts", "Logouts of people who had a session", self.logouts.clone());
        registry.register("sessions_ended", "Sessions ended by this process, by cause", self.sessions_ended.clone());
        registry.register("sessions_cached", "Sessions in the cache of this process", self.sessions_cached.clone());
        registry.register("token_renewals", "Token renewals that ended, by outcome", self.token_renewals.clone());
        registry.register(
            "token_revocations",
            "Attempts to revoke the tokens of an ended session for one service, by outcome; failed ones are repeated",
            self.token_revocations.clone(),
        );
        registry.register_with_unit(
            "globus_call_duration",
            "Time of a try of a call to Globus, by service and outcome",
            Unit::Seconds,
            self.globus_call_duration.clone(),
        );
        registry.register_with_unit(
            "store_call_duration",
            "Time of a call of the session store, by operation and outcome",
            Unit::Seconds,
            self.store_call_duration.clone(),
        );
    }

    /// Creates the series of a policy that the alert rules watch.
    pub(super) fn begin_policy(&self, policy: &str) {
        for decision in [Decision::Allowed, Decision::Unknown] {
            drop(self.gate_decisions.get_or_create(&Decided::new(Some(policy), decision, "none")));
        }
    }

    /// Creates the series that are known beforehand, so that the first event is an increase.
    fn begin_at_zero(&self) {
        drop(self.logins.get_or_create(&Login { outcome: Outcome::Ok.as_str(), reason: "none" }));
        // What the alert rules watch.
        for reason in
            ["client_refused", "globus_failed", "globus_timeout", "id_token", "internal", "overloaded", "store"]
        {
            drop(self.logins.get_or_create(&Login { outcome: Outcome::Failed.as_str(), reason }));
        }
        for outcome in Outcome::ALL {
            drop(self.step_ups.get_or_create(&Ended { outcome: outcome.as_str() }));
        }
        for cause in Cause::ALL {
            drop(self.sessions_ended.get_or_create(&Why { cause: cause.as_str() }));
        }
        for outcome in Renewed::ALL {
            drop(self.token_renewals.get_or_create(&Ended { outcome: outcome.as_str() }));
        }
        for outcome in [Outcome::Ok, Outcome::Failed] {
            drop(self.token_revocations.get_or_create(&Ended { outcome: outcome.as_str() }));
        }
        for cause in Closed::ALL {
            drop(self.connections_closed_early.get_or_create(&Why { cause: cause.as_str() }));
        }
        drop(self.gate_decisions.get_or_create(&Decided::new(None, Decision::Denied, "closed")));
        self.build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
    }
}

fn requests() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 45.0])
}

fn globus_calls() -> Histogram {
    Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

fn store_calls() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0])
}
