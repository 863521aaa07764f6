//! The discovery document and the key set of Globus Auth, kept in memory.
//!
//! Both are asked for when a login first needs them, so that a portal starts while Globus is down. A key id that is
//! not known makes one request for the key set, and no more than one within [`MIN_INTERVAL`], whether it succeeds or
//! not: whoever sends made-up tokens cannot make us hammer Globus.

use std::sync::Arc;

use serde::Deserialize;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;
use url::Url;

use super::{auth::AppAuthClient, client::ServiceClient, error::CallError, query::Parameters};
use crate::clock::Clock;

/// The shortest time between two requests for the same document.
pub const MIN_INTERVAL: Duration = Duration::seconds(10);
/// How long a document is used before it is asked for again.
pub const MAX_AGE: Duration = Duration::hours(1);

/// The discovery document (OpenID Connect Discovery section 3), as far as it is used.
#[derive(Clone, Debug, Deserialize)]
pub struct Discovery {
    /// The issuer of id_tokens: Globus's has no slash at the end.
    pub issuer: String,
    /// Where the key set is.
    pub jwks_uri: Url,
    /// Whether the answer of the authorize endpoint always names the issuer (RFC 9207 section 3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// A key set (RFC 7517 section 5). Keys are read one by one later, so that one that cannot be read spoils no other.
#[derive(Clone, Debug, Deserialize)]
pub struct JwkSet {
    /// The keys as they came.
    pub keys: Vec<serde_json::Value>,
}

/// Why the provider's documents cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProviderError {
    /// The call failed.
    #[error("cannot get the {document} of Globus Auth: {cause}")]
    Call {
        /// Which document.
        document: &'static str,
        /// Why.
        cause: Arc<CallError>,
    },
    /// The call failed a moment ago, and it is too early to try again.
    #[error("the {document} of Globus Auth could not be had a moment ago")]
    TooSoon {
        /// Which document.
        document: &'static str,
    },
    /// The document names another issuer or another host than the one that was asked (OpenID Connect Discovery section
    /// 4.3).
    #[error("the discovery document is not that of {expected}")]
    Foreign {
        /// The issuer that was expected.
        expected: String,
    },
}

/// Keeps the discovery document and the key set.
#[derive(Debug)]
pub struct Provider {
    service: ServiceClient,
    clock: Clock,
    discovery: Mutex<Kept<Discovery>>,
    keys: Mutex<Kept<JwkSet>>,
}

#[derive(Debug)]
struct Kept<T> {
    document: Option<(Arc<T>, OffsetDateTime)>,
    asked: Option<OffsetDateTime>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { document: None, asked: None }
    }
}

impl<T> Kept<T> {
    fn fresh(&self, now: OffsetDateTime) -> Option<Arc<T>> {
        let (document, at) = self.document.as_ref()?;
        (now - *at < MAX_AGE).then(|| document.clone())
    }

    fn any(&self) -> Option<Arc<T>> {
        self.document.as_ref().map(|(document, _)| document.clone())
    }

    fn may_ask(&self, now: OffsetDateTime) -> bool {
        self.asked.is_none_or(|at| now - at >= MIN_INTERVAL)
    }

    /// Keeps what a call gave. A call that failed leaves the document of before in use. The interval to the next call
    /// counts from here: those who waited for one that took long must not each make another.
    fn settle(&mut self, now: OffsetDateTime, result: Result<T, ProviderError>) -> Result<Arc<T>, ProviderError> {
        self.asked = Some(now);
        match (result, self.any()) {
            (Ok(document), _) => {
                let document = Arc::new(document);
                self.document = Some((document.clone(), now));
                Ok(document)
            }
            (Err(error), Some(document)) => {
                tracing::warn!(error = %error, "using the document of before");
                Ok(document)
            }
            (Err(error), None) => Err(error),
        }
    }
}

impl Provider {
    /// Keeps the documents of the Globus Auth that `client` asks.
    #[must_use]
    pub fn new<K>(client: &AppAuthClient<K>, clock: Clock) -> Self {
        Self { service: client.public_service(), clock, discovery: Mutex::default(), keys: Mutex::default() }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The discovery document.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn discovery(&self) -> Result<Arc<Discovery>, ProviderError> {
        let mut kept = self.discovery.lock().await;
        let now = self.clock.now();
        if let Some(document) = kept.fresh(now) {
            return Ok(document);
        }
        if !kept.may_ask(now) {
            return kept.any().ok_or(ProviderError::TooSoon { document: "discovery document" });
        }
        kept.asked = Some(now);
        let result = self.ask_discovery().await;
        kept.settle(self.clock.now(), result)
    }

    async fn ask_discovery(&self) -> Result<Discovery, ProviderError> {
        let asked = openid_configuration(&self.service).await;
        let document =
            asked.map_err(|cause| ProviderError::Call { document: "discovery document", cause: Arc::new(cause) })?;
        let base = &self.service.base;
        let expected = base.as_str().trim_end_matches('/');
        if document.issuer != expected || document.jwks_uri.origin() != base.origin() {
            return Err(ProviderError::Foreign { expected: expected.to_owned() });
        }
        Ok(document)
    }

    /// The key set; `again` asks for it even when one is kept, because it seems to lack a key, unless that was done
    /// within [`MIN_INTERVAL`].
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn keys(&self, again: bool) -> Result<Arc<JwkSet>, ProviderError> {
        let jwks_uri = self.discovery().await?.jwks_uri.clone();
        let mut kept = self.keys.lock().await;
        let now = self.clock.now();
        if let Some(document) = kept.fresh(now).filter(|_| !again) {
            return Ok(document);
        }
        if !kept.may_ask(now) {
            return kept.any().ok_or(ProviderError::TooSoon { document: "key set" });
        }
        kept.asked = Some(now);
        let asked = jwk_set(&self.service, jwks_uri).await;
        let result = asked.map_err(|cause| ProviderError::Call { document: "key set", cause: Arc::new(cause) });
        kept.settle(self.clock.now(), result)
    }
}

pub(super) async fn openid_configuration(service: &ServiceClient) -> Result<Discovery, CallError> {
    service.get(".well-known/openid-configuration", &Parameters::default()).await?.document()
}

pub(super) async fn jwk_set(service: &ServiceClient, jwks_uri: Url) -> Result<JwkSet, CallError> {
    service.get_url(jwks_uri).await?.document()
}
