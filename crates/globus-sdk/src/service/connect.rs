//! How connections are made: trusted CAs, proxies, and their number.

use std::time::Duration;

use reqwest::{
    header::{ACCEPT, HeaderMap, HeaderValue},
    redirect::Policy,
};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use url::Url;

use super::{trust::Trust, url::is_loopback};
use crate::error::{CallError, Service};

/// What is sent, and what is accepted.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How many calls of one service may be under way at a time. Others wait for their turn, within their deadline: a service
/// that is slow costs this many connections and no more, and keeps none of another service waiting.
pub(super) const CALLS_AT_A_TIME: usize = 256;
/// How many connections to one host are kept open while nothing uses them.
const IDLE_CONNECTIONS: usize = 32;

/// Which proxies calls go through. Loopback is never reached through one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxies {
    /// Those that the environment names: `HTTPS_PROXY` and the like.
    FromEnvironment,
    /// None, whatever the environment names.
    Ignored,
}

/// The connections of an HTTP client. What goes to this machine itself never goes through a proxy, whatever the
/// environment says.
#[derive(Debug)]
pub(super) struct Connections {
    trust: Trust,
    proxies: Proxies,
    connect_timeout: Duration,
    /// To this machine itself. Made when they are first needed: reading the machine's CA certificates takes longer than all
    /// else at a start.
    here: OnceCell<reqwest::Client>,
    /// To everywhere else, perhaps through proxies and always verified; nothing where it would be the same client.
    elsewhere: Option<OnceCell<reqwest::Client>>,
    turns: [Semaphore; 4],
}

impl Connections {
    pub(super) fn new(trust: Trust, proxies: Proxies, timeout: Duration) -> Self {
        let differ = proxies == Proxies::FromEnvironment || matches!(trust, Trust::AnyoneOnLoopback);
        Self {
            trust,
            proxies,
            connect_timeout: timeout.min(Duration::from_secs(5)),
            here: OnceCell::new(),
            elsewhere: differ.then(OnceCell::new),
            turns: std::array::from_fn(|_| Semaphore::new(CALLS_AT_A_TIME)),
        }
    }

    /// The client for a URL.
    pub(super) async fn to(&self, url: &Url) -> Result<&reqwest::Client, CallError> {
        match &self.elsewhere {
            Some(elsewhere) if !is_loopback(url) => self.made(elsewhere, false).await,
            _ => self.made(&self.here, true).await,
        }
    }

    /// Makes the client for services elsewhere now, if that has not been done yet.
    pub(super) async fn open(&self) -> Result<(), CallError> {
        let (cell, here) = self.to_elsewhere();
        self.made(cell, here).await.map(drop)
    }

    /// The same at once, for a caller that has time.
    pub(super) fn open_now(&self) -> Result<(), ClientError> {
        let (cell, here) = self.to_elsewhere();
        // A client that is there already is as good.
        let _ = cell.set(build(&self.trust, self.proxies, self.connect_timeout, here)?);
        Ok(())
    }

    /// The client for services elsewhere, and whether it is that for this machine too.
    fn to_elsewhere(&self) -> (&OnceCell<reqwest::Client>, bool) {
        self.elsewhere.as_ref().map_or((&self.here, true), |elsewhere| (elsewhere, false))
    }

    /// Waits for a turn at a service.
    pub(super) async fn turn(&self, service: Service) -> Result<SemaphorePermit<'_>, CallError> {
        self.turns[service as usize].acquire().await.map_err(|_| CallError::Busy)
    }

    async fn made<'a>(
        &'a self,
        cell: &'a OnceCell<reqwest::Client>,
        here: bool,
    ) -> Result<&'a reqwest::Client, CallError> {
        let make = || async move {
            let (trust, proxies, timeout) = (self.trust.clone(), self.proxies, self.connect_timeout);
            let made = tokio::task::spawn_blocking(move || build(&trust, proxies, timeout, here)).await;
            let made = made.map_err(|error| CallError::Request(error.into()))?;
            made.map_err(|error| CallError::Request(error.into()))
        };
        cell.get_or_try_init(make).await
    }
}

/// No HTTP client can be created: there is no TLS configuration, for example because the machine has no CA certificates.
#[derive(Debug, thiserror::Error)]
#[error("cannot create an HTTP client: check that CA certificates are installed")]
pub struct ClientError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// A client to this machine itself (`here`), or to everywhere else.
fn build(
    trust: &Trust,
    proxies: Proxies,
    connect_timeout: Duration,
    here: bool,
) -> Result<reqwest::Client, ClientError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, JSON);
    let mut builder = reqwest::Client::builder()
        .default_headers(headers)
        .redirect(Policy::none())
        .referer(false)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .connect_timeout(connect_timeout);
    if here || proxies == Proxies::Ignored {
        builder = builder.no_proxy();
    }
    match trust {
        Trust::System => {}
        Trust::Only(authorities) => builder = builder.tls_certs_only(authorities.iter().cloned()),
        Trust::AnyoneOnLoopback => builder = builder.tls_danger_accept_invalid_certs(here),
    }
    builder.build().map_err(|error| ClientError(error.into()))
}
