//! Pauses between retries that take no time, and clients for servers on loopback.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use globus_portal::{
    clock::Clock,
    globus::{
        Globus,
        environment::Environment,
        http::{HttpClient, Limits, Pause, Proxies, Trust},
    },
};
use url::Url;

/// Records each pause instead of waiting; its random part is always the middle one.
#[derive(Debug, Default)]
pub struct NotedPause(Mutex<Vec<Duration>>);

impl NotedPause {
    pub fn seconds(&self) -> Vec<f64> {
        self.0.lock().unwrap().iter().map(Duration::as_secs_f64).collect()
    }
}

#[async_trait]
impl Pause for NotedPause {
    fn random(&self) -> f64 {
        0.5
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration);
    }
}

/// A client for servers on loopback. It trusts no CA, so none has to be loaded.
pub fn loopback_client(limits: Limits) -> HttpClient {
    HttpClient::trusting(limits, Trust::Only(Vec::new()), Proxies::Ignored).unwrap()
}

/// Clients of all services at one base URL, by a clock of the test's.
pub fn globus_at(base: &Url, http: HttpClient, clock: &Clock) -> Globus {
    Globus::new(Environment::at(base), http).with_clock(clock.clone())
}
