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
    connect_timeout: Duration,
    /// Made when they are first needed: reading the machine's CA certificates takes longer than all else at a start.
    direct: OnceCell<reqwest::Client>,
    /// Through the proxies that the environment names; nothing where none are used at all.
    proxied: Option<OnceCell<reqwest::Client>>,
    turns: [Semaphore; 4],
}

impl Connections {
    pub(super) fn new(trust: Trust, proxies: Proxies, timeout: Duration) -> Self {
        Self {
            trust,
            connect_timeout: timeout.min(Duration::from_secs(5)),
            direct: OnceCell::new(),
            proxied: (proxies == Proxies::FromEnvironment).then(OnceCell::new),
            turns: std::array::from_fn(|_| Semaphore::new(CALLS_AT_A_TIME)),
        }
    }

    /// The client for a URL.
    pub(super) async fn to(&self, url: &Url) -> Result<&reqwest::Client, CallError> {
        match &self.proxied {
            Some(proxied) if !is_loopback(url) => self.made(proxied, true).await,
            _ => self.made(&self.direct, false).await,
        }
    }

    /// Makes the client for services elsewhere now, if that has not been done yet.
    pub(super) async fn open(&self) -> Result<(), CallError> {
        let made = match &self.proxied {
            Some(proxied) => self.made(proxied, true).await,
            None => self.made(&self.direct, false).await,
        };
        made.map(drop)
    }

    /// The same at once, for a caller that has time.
    pub(super) fn open_now(&self) -> Result<(), ClientError> {
        let (cell, proxied) = self.proxied.as_ref().map_or((&self.direct, false), |proxied| (proxied, true));
        // A client that is there already is as good.
        let _ = cell.set(build(&self.trust, proxied, self.connect_timeout)?);
        Ok(())
    }

    /// Waits for a turn at a service.
    pub(super) async fn turn(&self, service: Service) -> Result<SemaphorePermit<'_>, CallError> {
        self.turns[service as usize].acquire().await.map_err(|_| CallError::Busy)
    }

    async fn made<'a>(
        &'a self,
        cell: &'a OnceCell<reqwest::Client>,
        proxied: bool,
    ) -> Result<&'a reqwest::Client, CallError> {
        let make = || async move {
            let (trust, timeout) = (self.trust.clone(), self.connect_timeout);
            let made = tokio::task::spawn_blocking(move || build(&trust, proxied, timeout)).await;
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

fn build(trust: &Trust, proxied: bool, connect_timeout: Duration) -> Result<reqwest::Client, ClientError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, JSON);
    let mut builder = reqwest::Client::builder()
        .default_headers(headers)
        .redirect(Policy::none())
        .referer(false)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .connect_timeout(connect_timeout);
    if !proxied {
        builder = builder.no_proxy();
    }
    match trust {
        Trust::System => {}
        Trust::Only(authorities) => builder = builder.tls_certs_only(authorities.iter().cloned()),
        // Only on the way that leads to this machine itself.
        Trust::AnyoneOnLoopback => builder = builder.tls_danger_accept_invalid_certs(!proxied),
    }
    builder.build().map_err(|error| ClientError(error.into()))
}
