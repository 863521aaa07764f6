//! Pauses between retries that take no time, and clients for servers on loopback.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use globus_portal::globus::http::{HttpClient, Limits, Pause, Proxies, Trust};

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
