//! The discovery document and the key set of Globus Auth, kept in memory.
//!
//! A program can start while Globus is down. Concurrent callers share one fetch of a document, which completes even if they
//! are gone. A document is refreshed in the background before it is too old, and the cached one stays in use while Globus
//! does not answer. An unknown key causes one request for the key set at once, and then at most one per [`MIN_INTERVAL`],
//! whether it succeeds or not: made-up tokens cannot make the app flood Globus.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use time::Duration;
use tokio::task::JoinHandle;
use url::Url;

pub use super::kept::{MAX_AGE, MIN_INTERVAL, ProviderError, REFRESH_AFTER};
use super::{app::AppAuthClient, kept::Kept, person::AuthClient};
use crate::{
    clock::Clock,
    clock_difference::{ClockDifference, LEEWAY},
    error::CallError,
    keep_running::keep_running,
    service::{answer::Answer, client::ServiceClient, query::Parameters},
};

/// How often the documents are looked at by [`Provider::keep_fresh`].
const LOOK_EVERY: Duration = Duration::MINUTE;
/// The largest discovery document or key set, in bytes: Globus's have less than 2,000.
const MAX_DOCUMENT: usize = 256 << 10;
const OPENID_CONFIGURATION: &str = ".well-known/openid-configuration";

/// The members of the discovery document (OpenID Connect Discovery section 3) that are used here.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Discovery {
    /// The issuer of id_tokens: Globus's has no slash at the end.
    pub issuer: String,
    /// Where the key set is.
    pub jwks_uri: Url,
    /// Whether the answer of the authorize endpoint always names the issuer (RFC 9207 section 3).
    #[serde(default, deserialize_with = "null_is_false")]
    pub authorization_response_iss_parameter_supported: bool,
}

/// `null` counts as absent. Anything else but true or false is an error: the member decides how answers are checked.
fn null_is_false<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A key set (RFC 7517 section 5). Keys are parsed one by one when they are used: a malformed one does not affect others.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct JwkSet {
    /// The keys as they came.
    pub keys: Vec<serde_json::Value>,
}

/// Keeps the discovery document and the key set.
#[derive(Debug)]
pub struct Provider {
    source: Arc<Source>,
    discovery: Arc<Kept<Discovery>>,
    keys: Arc<Kept<JwkSet>>,
}

/// Where the documents come from.
#[derive(Debug)]
struct Source {
    service: ServiceClient,
    /// What the issuer must be.
    issuer: String,
    clock: Clock,
    /// How far the clocks differed when a document came last.
    difference: Mutex<Option<ClockDifference>>,
}

impl Provider {
    /// Keeps the documents of the Globus Auth that `client` asks.
    #[must_use]
    pub fn new<K>(client: &AppAuthClient<K>, clock: Clock) -> Self {
        let mut service = client.public_service();
        service.http = service.http.with_body_limit(MAX_DOCUMENT);
        let issuer = client.browser_base().as_str().trim_end_matches('/').to_owned();
        Self {
            discovery: Kept::new("discovery document", clock.clone()),
            keys: Kept::new("key set", clock.clone()),
            source: Arc::new(Source { service, issuer, clock, difference: Mutex::default() }),
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.source.clock
    }

    /// The discovery document.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn discovery(&self) -> Result<Arc<Discovery>, ProviderError> {
        self.discovery.get(|| discovery(self.source.clone())).await
    }

    /// The key set.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn keys(&self) -> Result<Arc<JwkSet>, ProviderError> {
        let jwks_uri = self.discovery().await?.jwks_uri.clone();
        self.keys.get(|| keys(self.source.clone(), jwks_uri)).await
    }

    /// A key set newer than `known`, which lacks a key: fetched at once, however recently `known` came, but no more than once
    /// within [`MIN_INTERVAL`]. Where that may not be, `known` itself.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn keys_newer_than(&self, known: &Arc<JwkSet>) -> Result<Arc<JwkSet>, ProviderError> {
        let jwks_uri = self.discovery().await?.jwks_uri.clone();
        self.keys.newer_than(known, || keys(self.source.clone(), jwks_uri)).await
    }

    /// How far this machine's clock is from Globus's, by the `Date` header of the last document.
    #[must_use]
    pub fn clock_difference(&self) -> Option<ClockDifference> {
        *self.source.difference.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the documents now and keeps them fresh in the background, so that no login waits for them. Ends with the
    /// provider. Called within a runtime.
    pub fn keep_fresh(self: &Arc<Self>) -> JoinHandle<()> {
        let provider = Arc::downgrade(self);
        keep_running("the documents of Globus Auth", move || {
            let provider = provider.clone();
            async move {
                while let Some(provider) = provider.upgrade() {
                    let pause = if provider.keys().await.is_ok() { LOOK_EVERY } else { MIN_INTERVAL };
                    drop(provider);
                    tokio::time::sleep(pause.unsigned_abs()).await;
                }
            }
        })
    }
}

impl Source {
    /// Compares the clocks, by an answer that has just come.
    fn compare_clocks(&self, answer: &Answer) {
        let difference = answer.clock_difference(self.clock.now());
        if let Some(difference) = difference.filter(|difference| difference.is_large()) {
            tracing::warn!(
                "{difference}, by the Date header of Globus Auth: logins fail beyond {} minutes, so set the clock",
                LEEWAY.whole_minutes()
            );
        }
        *self.difference.lock().unwrap_or_else(PoisonError::into_inner) = difference;
    }

    fn read<T: DeserializeOwned>(
        &self,
        document: &'static str,
        answer: Result<Answer, CallError>,
    ) -> Result<T, ProviderError> {
        let read = answer.and_then(|answer| {
            self.compare_clocks(&answer);
            answer.document()
        });
        read.map_err(|cause| ProviderError::Call { document, cause: Arc::new(cause) })
    }
}

async fn discovery(source: Arc<Source>) -> Result<Discovery, ProviderError> {
    let answer = source.service.fetch(OPENID_CONFIGURATION, &Parameters::default()).await;
    let document: Discovery = source.read("discovery document", answer)?;
    if document.issuer != source.issuer || document.jwks_uri.origin() != source.service.base.origin() {
        return Err(ProviderError::Foreign { expected: source.issuer.clone() });
    }
    Ok(document)
}

async fn keys(source: Arc<Source>, jwks_uri: Url) -> Result<JwkSet, ProviderError> {
    let answer = source.service.get_url(jwks_uri).await;
    source.read("key set", answer)
}

impl<K> AppAuthClient<K> {
    /// The discovery document (OpenID Connect Discovery section 4).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_openid_configuration(&self) -> Result<Discovery, CallError> {
        openid_configuration(&self.public_service()).await
    }

    /// The set of keys that sign id_tokens (RFC 7517 section 5).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_jwk(&self, jwks_uri: Url) -> Result<JwkSet, CallError> {
        jwk_set(&self.public_service(), jwks_uri).await
    }
}

impl AuthClient {
    /// The discovery document (OpenID Connect Discovery section 4).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_openid_configuration(&self) -> Result<Discovery, CallError> {
        openid_configuration(&self.service).await
    }
}

async fn openid_configuration(service: &ServiceClient) -> Result<Discovery, CallError> {
    service.fetch(OPENID_CONFIGURATION, &Parameters::default()).await?.document()
}

async fn jwk_set(service: &ServiceClient, jwks_uri: Url) -> Result<JwkSet, CallError> {
    service.get_url(jwks_uri).await?.document()
}
