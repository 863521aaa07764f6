//! Who a token is of, as Globus Auth says (RFC 7662). A yes counts for a minute and never beyond the token's end, a no for ten
//! seconds; a failure is neither and is not kept.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use time::{Duration, OffsetDateTime};

use super::{
    calls::Calls,
    program::{Expected, Program, Unfit},
    strangers::Strangers,
    token::{BearerToken, TokenHash},
};
use crate::{clock::Clock, globus::auth::ConfidentialAppAuthClient, session::exchanges::Exchanges};

/// How long a yes counts: a revoked token is refused within this time.
const YES: Duration = Duration::MINUTE;
/// How long a no counts.
const NO: Duration = Duration::seconds(10);
/// How many tokens of each kind are kept.
const MOST: usize = 4096;

/// Why a token does not let a program in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// Globus does not accept it, or it is not for the portal: why, for the log.
    #[error("the token is not accepted: {0}")]
    Invalid(&'static str),
    /// It cannot be found out now: neither yes nor no.
    #[error("the token cannot be introspected now")]
    Unknown,
}

type Outcome = Result<Arc<Program>, NotAccepted>;

/// The tokens of programs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Introspections {
    asker: Arc<Asker>,
    calls: Calls<Outcome>,
    in_progress: Exchanges,
}

#[derive(Debug)]
struct Asker {
    clock: Clock,
    auth: ConfidentialAppAuthClient,
    expected: Expected,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    accepted: HashMap<TokenHash, Accepted>,
    refused: HashMap<TokenHash, Refused>,
    strangers: Strangers,
}

/// A yes. It is kept after it has stopped to count, so that the program is no stranger.
#[derive(Debug)]
struct Accepted {
    at: OffsetDateTime,
    program: Arc<Program>,
}

/// A no, and why.
#[derive(Debug)]
struct Refused {
    at: OffsetDateTime,
    reason: &'static str,
}

impl Introspections {
    pub(super) fn new(clock: Clock, auth: ConfidentialAppAuthClient, max: usize) -> Self {
        let issuer = auth.browser_base().as_str().trim_end_matches('/').to_owned();
        let expected = Expected { client_id: auth.client_id().to_owned(), issuer };
        let strangers = Strangers::new(clock.now());
        let known = Mutex::new(Known { accepted: HashMap::new(), refused: HashMap::new(), strangers });
        let asker = Arc::new(Asker { clock, auth, expected, known });
        Self { asker, calls: Calls::default(), in_progress: Exchanges::new(max) }
    }

    /// Who this token is of. `client` is the address that it came from. Requests with the same token share one call. The caller
    /// may be dropped.
    ///
    /// # Errors
    /// [`NotAccepted`].
    pub async fn of(&self, token: &BearerToken, client: IpAddr) -> Result<Arc<Program>, NotAccepted> {
        match self.calls.join(token.hash, || self.begin(token, client)) {
            Ok(call) => call.await,
            Err(outcome) => outcome,
        }
    }

    /// How many tokens are kept: accepted ones, and refused ones.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        let known = self.asker.known();
        (known.accepted.len(), known.refused.len())
    }

    /// A call for this token, unless the outcome is known without one.
    fn begin(
        &self,
        token: &BearerToken,
        client: IpAddr,
    ) -> Result<impl Future<Output = Outcome> + Send + use<>, Outcome> {
        if let Some(outcome) = self.asker.known().outcome(token.hash, client, self.asker.clock.now()) {
            return Err(outcome);
        }
        let place = self.in_progress.begin(client).map_err(|_| {
            tracing::warn!(peer = %client, "too many tokens are being introspected (MAX_EXCHANGES)");
            Err(NotAccepted::Unknown)
        })?;
        let (asker, token) = (self.asker.clone(), token.clone());
        Ok(async move {
            let _place = place;
            asker.ask(&token, client).await
        })
    }
}

impl Asker {
    async fn ask(&self, token: &BearerToken, client: IpAddr) -> Outcome {
        let at = self.clock.now();
        let document = self.auth.oauth2_token_introspect(&token.token, &["identity_set_detail"]).await;
        let document = document.map_err(|error| {
            tracing::warn!(error = error.for_log(), "cannot introspect a token");
            NotAccepted::Unknown
        })?;
        match self.expected.read(&document, token.hash, self.clock.now()) {
            Ok(program) => {
                let program = Arc::new(program);
                self.known().accept(at, program.clone());
                Ok(program)
            }
            Err(Unfit::Refused(reason)) => {
                self.known().refuse(Refused { at, reason }, token.hash, client);
                Err(NotAccepted::Invalid(reason))
            }
            Err(Unfit::Malformed(member)) => {
                tracing::warn!(member, "Globus Auth's introspection lacks a member, or it is wrong");
                Err(NotAccepted::Unknown)
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What needs no call.
    fn outcome(&mut self, token: TokenHash, client: IpAddr, now: OffsetDateTime) -> Option<Outcome> {
        if let Some(Accepted { at, program }) = self.accepted.get(&token) {
            return match program.expires_at <= now {
                true => Some(Err(NotAccepted::Invalid("it has expired"))),
                false => counts(*at, YES, now).then(|| Ok(program.clone())),
            };
        }
        if let Some(refused) = self.refused.get(&token).filter(|refused| counts(refused.at, NO, now)) {
            return Some(Err(NotAccepted::Invalid(refused.reason)));
        }
        if !self.strangers.admits(client, now) {
            tracing::warn!(peer = %client, "too many tokens that Globus does not accept: no more are introspected for now");
            return Some(Err(NotAccepted::Unknown));
        }
        None
    }

    fn accept(&mut self, at: OffsetDateTime, program: Arc<Program>) {
        if self.accepted.len() >= MOST {
            self.accepted.retain(|_, accepted| counts(accepted.at, YES, at));
        }
        if self.accepted.len() >= MOST {
            self.accepted.clear();
        }
        self.accepted.insert(program.token, Accepted { at, program });
    }

    fn refuse(&mut self, refused: Refused, token: TokenHash, client: IpAddr) {
        self.accepted.remove(&token);
        if self.refused.len() >= MOST {
            self.refused.retain(|_, earlier| counts(earlier.at, NO, refused.at));
        }
        if self.refused.len() >= MOST {
            self.refused.clear();
        }
        self.refused.insert(token, refused);
        self.strangers.note(client);
    }
}

/// Whether what was said then still counts.
fn counts(then: OffsetDateTime, at_most: Duration, now: OffsetDateTime) -> bool {
    let age = now - then;
    !age.is_negative() && age < at_most
}
