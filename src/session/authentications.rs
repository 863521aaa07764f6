//! How people have logged in at Globus, for policies that ask for it. Globus Auth is asked about the session's own token.
//!
//! What meets a policy counts for `GROUPS_MAX_AGE_SECONDS`. What does not counts for a second, and only while the session has
//! the same token, so that a person who comes back from a step-up is judged by what Globus says now, whichever portal they
//! come back to. A failure is not kept, and says neither yes nor no.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::{
    answers::{Answered, Answers},
    live::LiveSession,
    not_known::NotKnown,
    seal::hash,
    session_info::{Malformed, SessionInfo},
    store::SessionKey,
    tokens::Tokens,
};
use crate::{
    clock::Clock,
    globus::{auth::ConfidentialAppAuthClient, error::CallError, scopes::auth::RESOURCE_SERVER},
    secret::AccessToken,
};

const INCLUDE: [&str; 2] = ["session_info", "identity_set_detail"];
/// How long a no counts.
const NO: Duration = Duration::SECOND;

/// How the people of sessions have logged in.
#[derive(Debug)]
pub struct Authentications {
    clock: Clock,
    max_age: Duration,
    tokens: Tokens,
    auth: ConfidentialAppAuthClient,
    /// By the session, and the authentication policies that were asked about.
    answers: Answers<(SessionKey, Vec<String>), Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    /// The hash of the token that it is about.
    token: [u8; 32],
    /// `None` for a token that is no longer active.
    info: Option<Arc<SessionInfo>>,
}

/// A call that has not told it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}", .0.for_log())]
    Call(#[from] CallError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl From<Failure> for NotKnown {
    fn from(error: Failure) -> Self {
        tracing::warn!(error = %error, "cannot read from Globus how somebody has logged in");
        Self::Unknown
    }
}

impl Authentications {
    /// Nobody's yet. `tokens` are those of the sessions, and `auth` asks about them.
    #[must_use]
    pub fn new(clock: Clock, max_age: std::time::Duration, tokens: Tokens, auth: ConfidentialAppAuthClient) -> Self {
        let max_age = max_age.try_into().unwrap_or(Duration::MAX);
        Self { answers: Answers::new(clock.clone()), clock, max_age, tokens, auth }
    }

    /// How the person of a session has logged in, and which of these authentication policies hold. What is known is taken if
    /// it is `enough`, else it is read. The caller may be dropped.
    ///
    /// # Errors
    /// [`NotKnown`].
    pub async fn of(
        &self,
        live: &LiveSession,
        policies: &[String],
        enough: impl Fn(&SessionInfo) -> bool,
    ) -> Result<Arc<SessionInfo>, NotKnown> {
        let arrived = self.clock.now();
        let is_yes = |answered: &Answered<Answer>| {
            self.is_within(answered.at, arrived, self.max_age)
                && answered.value.info.as_ref().is_some_and(|info| enough(info))
        };
        let known = self.answers.latest(&(live.key, policies.to_vec()), is_yes);
        if let Some(info) = known.and_then(|answer| answer.info) {
            return Ok(info);
        }
        let token = self.tokens.fresh(live.key, RESOURCE_SERVER).await?;
        if let Some(info) = self.introspected(live, policies, &token, arrived).await? {
            return Ok(info);
        }
        let Some(token) = self.tokens.another(live.key, RESOURCE_SERVER, &token).await? else {
            return Err(NotKnown::SignIn);
        };
        self.introspected(live, policies, &token, arrived).await?.ok_or(NotKnown::SignIn)
    }

    /// Forgets what is known of a session, because it has been through a login since.
    pub fn forget(&self, session: SessionKey) {
        self.answers.forget(|(key, _)| *key == session);
    }

    /// What Globus says about a token; `None` if that is no longer active.
    async fn introspected(
        &self,
        live: &LiveSession,
        policies: &[String],
        token: &AccessToken,
        arrived: OffsetDateTime,
    ) -> Result<Option<Arc<SessionInfo>>, NotKnown> {
        let of_token = hash(&[b"introspected", token.expose_secret().as_bytes()]);
        let counts = |answered: &Answered<Answer>| {
            answered.value.token == of_token && self.is_within(answered.at, arrived, self.max_age.min(NO))
        };
        let call = async || {
            let info = self.introspect(&live.user.claims.sub, policies, token).await;
            Ok::<_, NotKnown>(info.map(|info| Answer { token: of_token, info: info.map(Arc::new) }))
        };
        let answer = self.answers.of((live.key, policies.to_vec()), counts, call).await?;
        Ok(answer.info)
    }

    async fn introspect(
        &self,
        sub: &str,
        policies: &[String],
        token: &AccessToken,
    ) -> Result<Option<SessionInfo>, Failure> {
        let asked: Vec<&str> = policies.iter().map(String::as_str).collect();
        let document = self.auth.oauth2_token_introspect_with_policies(token, &INCLUDE, &asked).await?;
        Ok(if document.active { Some(SessionInfo::read(&document, sub, policies)?) } else { None })
    }

    /// Whether what was asked for at `then` was young enough when a request arrived; one that has waited for the call meets an
    /// answer that is younger than itself.
    fn is_within(&self, then: OffsetDateTime, arrived: OffsetDateTime, age: Duration) -> bool {
        then <= self.clock.now() && arrived - then < age
    }
}
