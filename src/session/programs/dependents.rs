//! Tokens to act for a caller at other services (Globus Auth developer guide, "dependent token grant").
//!
//! They are kept until the first of them is about to expire. None is revoked here: they belong to what the caller has consented
//! to, live for a short time, have no refresh tokens, and end with the caller's consent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use time::{Duration, OffsetDateTime};

use super::{
    calls::Calls,
    token::{BearerToken, TokenHash},
};
use crate::{
    clock::Clock,
    globus::{
        auth::{ConfidentialAppAuthClient, DependentTokenOptions, TokenError},
        tokens::Token,
    },
    secret::{AccessToken, equal},
};

/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::seconds(30);
/// For how many callers they are kept.
const MOST: usize = 4096;

/// There are no dependent tokens. All who waited for the call get the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no dependent tokens: {}", .0.for_log())]
pub struct NoDependentTokens(pub Arc<TokenError>);

/// All tokens of one caller, one for each service.
type Outcome = Result<Arc<[Token]>, NoDependentTokens>;

/// The dependent tokens of callers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dependents {
    clock: Clock,
    auth: ConfidentialAppAuthClient,
    kept: Arc<Mutex<HashMap<TokenHash, Kept>>>,
    calls: Calls<Outcome>,
}

#[derive(Debug)]
struct Kept {
    until: OffsetDateTime,
    tokens: Arc<[Token]>,
}

impl Dependents {
    pub(super) fn new(clock: Clock, auth: ConfidentialAppAuthClient) -> Self {
        Self { clock, auth, kept: Arc::default(), calls: Calls::default() }
    }

    /// The tokens for all services that the portal may call for the holder of this token, which must have been introspected.
    /// Requests with the same token share one call. The caller may be dropped.
    ///
    /// # Errors
    /// [`NoDependentTokens`].
    pub async fn of(&self, token: &BearerToken) -> Result<Arc<[Token]>, NoDependentTokens> {
        match self.calls.join(token.hash, || self.begin(token)) {
            Ok(call) => call.await,
            Err(tokens) => Ok(tokens),
        }
    }

    /// Forgets the tokens of a caller if this one is among them, which a service has refused: the next call gets others.
    pub fn forget(&self, caller: TokenHash, refused: &AccessToken) {
        let is_refused =
            |token: &Token| equal(token.access_token.expose_secret().as_bytes(), refused.expose_secret().as_bytes());
        let mut kept = self.kept();
        if kept.get(&caller).is_some_and(|kept| kept.tokens.iter().any(is_refused)) {
            kept.remove(&caller);
        }
    }

    fn begin(&self, token: &BearerToken) -> Result<impl Future<Output = Outcome> + Send + use<>, Arc<[Token]>> {
        let kept = self.kept();
        if let Some(kept) = kept.get(&token.hash).filter(|kept| kept.until > self.clock.now()) {
            return Err(kept.tokens.clone());
        }
        let (this, token) = (self.clone(), token.clone());
        Ok(async move { this.ask(&token).await })
    }

    async fn ask(&self, token: &BearerToken) -> Outcome {
        let response = self.auth.oauth2_get_dependent_tokens(&token.token, &DependentTokenOptions::new()).await;
        let response = response.map_err(|error| NoDependentTokens(Arc::new(error)))?;
        let tokens: Arc<[Token]> = response.tokens().into();
        if let Some(first) = tokens.iter().map(|token| token.expires_at).min() {
            self.keep(token.hash, Kept { until: first.saturating_sub(MARGIN), tokens: tokens.clone() });
        }
        Ok(tokens)
    }

    fn keep(&self, token: TokenHash, tokens: Kept) {
        let (mut kept, now) = (self.kept(), self.clock.now());
        if kept.len() >= MOST {
            kept.retain(|_, kept| kept.until > now);
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(token, tokens);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<TokenHash, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
