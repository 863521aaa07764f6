//! Whether a request may pass: its session or its bearer token, and the policy. Pages of one's own are judged here too.

use std::sync::Arc;

use axum::http::HeaderMap;

use super::{
    access_token, host_cookies,
    programs::{self, ByToken},
};
use crate::{
    globus::{groups::GroupsClient, id_token::IdTokenClaims, scopes::groups::RESOURCE_SERVER},
    routes::{bearer::Refusal, cookies::SentSessions, logged_in::is_new},
    secret::AccessToken,
    session::{
        live::LiveSession,
        not_known::NotKnown,
        policy::{Person, Unmet, asks_for_session_info, remedy, unmet},
        programs::Program,
        session_info::SessionInfo,
        tokens::SessionToken,
    },
    settings::{AppHost, Policy},
    state::AppState,
    telemetry::RequestFacts,
};

/// What a policy says.
pub(crate) enum Verdict {
    /// The request may pass.
    Passes(Passed),
    /// Nobody is signed in.
    SignIn,
    /// Somebody is, and may not pass.
    Denied(Arc<LiveSession>, Vec<Unmet>),
    /// A program may not pass.
    Refused(Refusal),
    /// It cannot be found out now: neither yes nor no.
    Unknown,
}

/// Who may pass.
pub(crate) struct Passed {
    pub(super) who: Who,
    /// The groups they are an active member of, if the policy asks for any.
    pub(super) groups: Arc<[String]>,
    /// When they last logged in at Globus, in seconds since 1970, if the policy asks how they did.
    pub(super) authenticated: Option<i64>,
    /// The access token that the app gets, if the policy gives one.
    pub(super) access_token: Option<AccessToken>,
}

/// A person or a program.
pub(super) enum Who {
    Person(Arc<LiveSession>),
    Program(Arc<Program>),
}

impl Passed {
    /// Who it is, as Globus says.
    pub(super) fn claims(&self) -> &IdTokenClaims {
        match &self.who {
            Who::Person(live) => &live.user.claims,
            Who::Program(program) => &program.claims,
        }
    }

    /// When they authenticated at Globus, in seconds since 1970, as far as it is known.
    pub(super) fn auth_time(&self) -> Option<i64> {
        self.authenticated.or(self.claims().last_authentication)
    }
}

impl From<ByToken> for Verdict {
    fn from(judged: ByToken) -> Self {
        match judged {
            ByToken::Passes(program, groups) => {
                Self::Passes(Passed { who: Who::Program(program), groups, authenticated: None, access_token: None })
            }
            ByToken::Refused(refusal) => Self::Refused(refusal),
            ByToken::Unknown => Self::Unknown,
        }
    }
}

/// Judges a request by the policy of this name, or the default one, and logs a denial. A policy that does not exist lets
/// nobody pass. `on` is the host of an app that it is for, as the proxy says; `None` is the portal's own.
pub(super) async fn judge(
    app: &AppState,
    headers: &HeaderMap,
    facts: &RequestFacts,
    name: Option<&str>,
    on: Option<&AppHost>,
) -> Verdict {
    if let Some(by_token) = programs::judge(app, headers, facts, name).await {
        programs::note(facts, name, &by_token);
        return by_token.into();
    }
    match known(app, headers, facts, on).await {
        Ok(live) => judge_session(app, live, name).await,
        Err(verdict) => verdict,
    }
}

/// The same on the portal's own host for a request that was judged a moment ago, so that a denial is one event.
pub(super) async fn judge_again(
    app: &AppState,
    headers: &HeaderMap,
    facts: &RequestFacts,
    name: Option<&str>,
) -> Verdict {
    if let Some(by_token) = programs::judge(app, headers, facts, name).await {
        return by_token.into();
    }
    match known(app, headers, facts, None).await {
        Ok(live) => by_name(app, live, name).await,
        Err(verdict) => verdict,
    }
}

/// Judges a session by the policy of this name, or the default one.
pub(crate) async fn judge_session(app: &AppState, live: Arc<LiveSession>, name: Option<&str>) -> Verdict {
    let verdict = by_name(app, live, name).await;
    if let Verdict::Denied(live, unmet) = &verdict {
        let sub = &live.user.claims.sub;
        tracing::info!(policy = name.unwrap_or("default"), sub, ?unmet, "denied by a policy");
    }
    verdict
}

async fn by_name(app: &AppState, live: Arc<LiveSession>, name: Option<&str>) -> Verdict {
    match app.settings.policies.named(name) {
        Some(policy) => by_policy(app, live, policy).await,
        None => {
            tracing::error!(policy = name.unwrap_or("default"), "the settings have no such policy");
            Verdict::Denied(live, vec![Unmet::Closed])
        }
    }
}

/// The session of a request.
async fn known(
    app: &AppState,
    headers: &HeaderMap,
    facts: &RequestFacts,
    on: Option<&AppHost>,
) -> Result<Arc<LiveSession>, Verdict> {
    let live = session(app, headers, on).await?.ok_or(Verdict::SignIn)?;
    // Set once: the session is the same throughout a request.
    let _ = facts.session.set(live.clone());
    Ok(live)
}

/// The session of a request: on a host that does not get the session cookie, by the cookie of a hand-over.
///
/// # Errors
/// [`Verdict::Unknown`].
pub(super) async fn session(
    app: &AppState,
    headers: &HeaderMap,
    on: Option<&AppHost>,
) -> Result<Option<Arc<LiveSession>>, Verdict> {
    let key = match on.filter(|host| !host.has_session_cookie()) {
        Some(host) => host_cookies::session(app, headers, host),
        // Two session cookies: nobody knows which is whose. A login leaves one.
        None => SentSessions::of(headers, &app.settings).only().unwrap_or_default(),
    };
    let Some(key) = key else { return Ok(None) };
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
    let groups = match groups {
        Ok(groups) => groups,
        // Another login would not help somebody who has just been through one.
        Err(NotKnown::SignIn) if is_new(app, &live) => return Verdict::Denied(live, vec![Unmet::Groups]),
        Err(NotKnown::SignIn) => return Verdict::SignIn,
        Err(NotKnown::Unknown) => return Verdict::Unknown,
    };
    match lacks(app, &live, policy, &groups).await {
        Ok((unmet, authenticated)) if unmet.is_empty() => {
            let passed = Passed { who: Who::Person(live.clone()), groups, authenticated, access_token: None };
            with_token(app, policy, live, passed).await
        }
        Ok((unmet, _)) => Verdict::Denied(live, unmet),
        Err(NotKnown::SignIn) if !is_new(app, &live) => Verdict::SignIn,
        Err(_) => Verdict::Unknown,
    }
}

/// What somebody lacks, and when they logged in at Globus, if it was asked. Globus is asked how they have logged in if the policy
/// asks for that, and if what they lack may have been given by a login at Globus since.
async fn lacks(
    app: &AppState,
    live: &LiveSession,
    policy: &Policy,
    groups: &[String],
) -> Result<(Vec<Unmet>, Option<i64>), NotKnown> {
    let with = |session_info: Option<&SessionInfo>| {
        unmet(policy, &Person { claims: &live.user.claims, groups, session_info, now: app.clock.now() })
    };
    let by_login = with(None);
    if !asks_for_session_info(policy) && remedy(policy, &by_login).is_none() {
        return Ok((by_login, None));
    }
    let enough = |info: &SessionInfo| with(Some(info)).is_empty();
    let info = app.authentications.of(live, &policy.session_policies, enough).await?;
    Ok((with(Some(&*info)), info.last_authentication(app.clock.now())))
}

/// A yes, with what the app gets besides.
async fn with_token(app: &AppState, policy: &Policy, live: Arc<LiveSession>, passed: Passed) -> Verdict {
    match access_token::of(app, live.key, policy).await {
        Ok(access_token) => Verdict::Passes(Passed { access_token, ..passed }),
        // Another login would not help somebody who has just been through one.
        Err(NotKnown::SignIn) if is_new(app, &live) => {
            let wanted = policy.access_token.as_deref().unwrap_or_default();
            tracing::error!(wanted, "the gate denies: a login gave no access token for an app: check SCOPES");
            Verdict::Denied(live, vec![Unmet::AccessToken])
        }
        Err(NotKnown::SignIn) => Verdict::SignIn,
        Err(NotKnown::Unknown) => Verdict::Unknown,
    }
}

/// The groups of a person, as Globus says them now or has said them a moment ago.
pub(super) async fn groups(app: &AppState, live: &LiveSession) -> Result<Arc<[String]>, NotKnown> {
    let client = async || {
        let token = app.tokens.fresh(live.key, RESOURCE_SERVER).await?;
        let authorizer = SessionToken::new(app.tokens.clone(), live.key, RESOURCE_SERVER, token);
        Ok::<_, NotKnown>(GroupsClient::new(app.settings.environment.groups.clone(), app.http.clone(), authorizer))
    };
    app.memberships.of(live.key.0, client).await
}
