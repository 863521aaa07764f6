//! Whether a request may pass: its session, and the policy.

use std::sync::Arc;

use axum::http::HeaderMap;

use super::access_token::{self, NoToken};
use crate::{
    globus::{
        error::CallError, fault::Fault, groups::GroupsClient, id_token::IdTokenClaims, scopes::groups::RESOURCE_SERVER,
    },
    routes::{cookies::SentSessions, logged_in::is_new},
    secret::AccessToken,
    session::{
        live::LiveSession,
        memberships::CallFailed,
        policy::{Unmet, unmet},
        tokens::{SessionToken, TokenUnavailable},
    },
    settings::Policy,
    state::AppState,
    telemetry::RequestFacts,
};

/// What the gate says.
pub(super) enum Verdict {
    /// The request may pass.
    Passes(Passed),
    /// Nobody is signed in.
    SignIn,
    /// Somebody is, and may not pass.
    Denied(Arc<LiveSession>, Vec<Unmet>),
    /// It cannot be found out now: neither yes nor no.
    Unknown,
}

/// Who may pass.
pub(super) struct Passed {
    pub(super) live: Arc<LiveSession>,
    /// The groups they are an active member of, if the policy asks for any.
    pub(super) groups: Arc<[String]>,
    /// The access token that the app gets, if the policy gives one.
    pub(super) access_token: Option<AccessToken>,
}

impl Passed {
    /// Who it is, as Globus says.
    pub(super) fn claims(&self) -> &IdTokenClaims {
        &self.live.user.claims
    }
}

/// Judges a request by the policy of this name, or the default one. A policy that does not exist lets nobody pass.
pub(super) async fn judge(app: &AppState, headers: &HeaderMap, facts: &RequestFacts, name: Option<&str>) -> Verdict {
    let live = match session(app, headers).await {
        Ok(Some(live)) => live,
        Ok(None) => return Verdict::SignIn,
        Err(verdict) => return verdict,
    };
    // Set once: the session is the same throughout a request.
    let _ = facts.session.set(live.clone());
    let Some(policy) = app.settings.policies.named(name) else {
        tracing::error!(
            policy = name.unwrap_or("default"),
            "the gate is asked for a policy that the settings do not have"
        );
        return Verdict::Denied(live, vec![Unmet::Closed]);
    };
    let verdict = by_policy(app, live, policy).await;
    if let Verdict::Denied(live, unmet) = &verdict {
        let sub = &live.user.claims.sub;
        tracing::info!(policy = name.unwrap_or("default"), sub, ?unmet, "the gate denies");
    }
    verdict
}

async fn session(app: &AppState, headers: &HeaderMap) -> Result<Option<Arc<LiveSession>>, Verdict> {
    // Two session cookies: nobody knows which is whose. A login leaves one.
    let Ok(Some(key)) = SentSessions::of(headers, &app.settings).only() else { return Ok(None) };
    app.records.find(key).await.map_err(|error| {
        tracing::warn!(error = %error, "the gate cannot look up a session");
        Verdict::Unknown
    })
}

async fn by_policy(app: &AppState, live: Arc<LiveSession>, policy: &Policy) -> Verdict {
    let groups = match policy.groups.is_empty() {
        true => Ok(Arc::default()),
        false => groups(app, &live).await,
    };
    match groups {
        Ok(groups) => match unmet(policy, &live.user.claims, &groups) {
            unmet if unmet.is_empty() => with_token(app, live, policy, groups).await,
            unmet => Verdict::Denied(live, unmet),
        },
        // Another login would not help somebody who has just been through one.
        Err(NoGroups::SignIn) if is_new(app, &live) => Verdict::Denied(live, vec![Unmet::Groups]),
        Err(NoGroups::SignIn) => Verdict::SignIn,
        Err(NoGroups::Unknown) => Verdict::Unknown,
    }
}

/// A yes, with what the app gets besides.
async fn with_token(app: &AppState, live: Arc<LiveSession>, policy: &Policy, groups: Arc<[String]>) -> Verdict {
    match access_token::of(app, live.key, policy).await {
        Ok(access_token) => Verdict::Passes(Passed { live, groups, access_token }),
        // Another login would not help somebody who has just been through one.
        Err(NoToken::SignIn) if is_new(app, &live) => {
            let wanted = policy.access_token.as_deref().unwrap_or_default();
            tracing::error!(wanted, "the gate denies: a login gave no access token for an app: check SCOPES");
            Verdict::Denied(live, vec![Unmet::AccessToken])
        }
        Err(NoToken::SignIn) => Verdict::SignIn,
        Err(NoToken::Unknown) => Verdict::Unknown,
    }
}

/// Why the groups of a person are not known.
pub(super) enum NoGroups {
    /// The session may not ask for them.
    SignIn,
    Unknown,
}

impl From<CallError> for NoGroups {
    fn from(error: CallError) -> Self {
        tracing::warn!(error = error.for_log(), "the gate cannot read somebody's groups");
        match error.fault() {
            Fault::SignInAgain | Fault::ConsentNeeded => Self::SignIn,
            _ => Self::Unknown,
        }
    }
}

impl From<CallFailed> for NoGroups {
    fn from(_: CallFailed) -> Self {
        Self::Unknown
    }
}

impl From<TokenUnavailable> for NoGroups {
    fn from(error: TokenUnavailable) -> Self {
        match error {
            TokenUnavailable::SignIn(_) => Self::SignIn,
            error => {
                tracing::warn!(error = %error, "the gate has no token for somebody's groups");
                Self::Unknown
            }
        }
    }
}

/// The groups of a person, as Globus says them now or has said them a moment ago.
pub(super) async fn groups(app: &AppState, live: &LiveSession) -> Result<Arc<[String]>, NoGroups> {
    let client = async || {
        let token = app.tokens.fresh(live.key, RESOURCE_SERVER).await?;
        let authorizer = SessionToken::new(app.tokens.clone(), live.key, RESOURCE_SERVER, token);
        Ok::<_, NoGroups>(GroupsClient::new(app.settings.environment.groups.clone(), app.http.clone(), authorizer))
    };
    app.memberships.of(live.key, client).await
}
