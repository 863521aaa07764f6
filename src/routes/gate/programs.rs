//! Programs at the gate: a policy with `program_scope` lets them in by a bearer token, which then decides alone.

use std::sync::Arc;

use axum::http::HeaderMap;

use crate::{
    globus::{
        auth::TokenError,
        authorizer::AccessTokenAuthorizer,
        error::CallError,
        fault::Fault,
        groups::GroupsClient,
        scopes::groups::{RESOURCE_SERVER, VIEW_MY_GROUPS_AND_MEMBERSHIPS},
    },
    routes::bearer::{self, Refusal},
    session::{
        memberships::CallFailed,
        policy::{Person, asks_for_session_info, unmet},
        programs::{Admitted, BearerToken, NoDependentTokens, NotAccepted, Program},
    },
    settings::Policy,
    state::AppState,
    telemetry::RequestFacts,
};

/// What a bearer token is worth to a policy.
pub(super) enum ByToken {
    /// The program may pass. Its groups, if the policy asks for any.
    Passes(Arc<Program>, Arc<[String]>),
    Refused(Refusal),
    /// It cannot be found out now.
    Unknown,
}

/// Judges a request by its bearer token; `None` if it has none, or if the policy lets no programs in.
pub(super) async fn judge(
    app: &AppState,
    headers: &HeaderMap,
    facts: &RequestFacts,
    name: Option<&str>,
) -> Option<ByToken> {
    let policy = app.settings.policies.named(name)?;
    let scope = policy.program_scope.as_deref()?;
    Some(match bearer::sent(headers) {
        Ok(token) => by_token(app, facts, policy, scope, &token?).await,
        Err(refusal) => ByToken::Refused(refusal),
    })
}

/// The event of a denial.
pub(super) fn note(facts: &RequestFacts, name: Option<&str>, judged: &ByToken) {
    if let ByToken::Refused(refusal) = judged {
        let sub = facts.sub().unwrap_or("-");
        tracing::info!(policy = name.unwrap_or("default"), sub, ?refusal, "the gate denies a program");
    }
}

async fn by_token(app: &AppState, facts: &RequestFacts, policy: &Policy, scope: &str, token: &BearerToken) -> ByToken {
    let program = match app.programs.introspections.of(token, facts.peer).await {
        Ok(program) => program,
        Err(NotAccepted::Invalid(reason)) => return ByToken::Refused(Refusal::Invalid(reason)),
        Err(NotAccepted::Unknown) => return ByToken::Unknown,
    };
    // Set once: there is one token in a request.
    let _ = facts.program.set(Admitted { program: program.clone(), scope: scope.to_owned() });
    if !program.has_scope(scope) {
        return ByToken::Refused(Refusal::Scope(scope.to_owned()));
    }
    // A program has not authenticated as a person does.
    if asks_for_session_info(policy) {
        return ByToken::Refused(Refusal::Denied);
    }
    match groups_for(app, policy, &program, token).await {
        Ok(groups) if is_met(app, policy, &program, &groups) => ByToken::Passes(program, groups),
        Ok(_) | Err(NoGroups::NotPermitted) => ByToken::Refused(Refusal::Denied),
        Err(NoGroups::TokenEnded) => ByToken::Refused(Refusal::Invalid("it has ended")),
        Err(NoGroups::Unknown) => ByToken::Unknown,
    }
}

fn is_met(app: &AppState, policy: &Policy, program: &Program, groups: &[String]) -> bool {
    let person = Person { claims: &program.claims, groups, session_info: None, now: app.clock.now() };
    unmet(policy, &person).is_empty()
}

/// Why the groups of a program's identity are not known.
enum NoGroups {
    /// The portal may not read them with this token.
    NotPermitted,
    /// The token has ended since it was introspected.
    TokenEnded,
    Unknown,
}

impl From<NoDependentTokens> for NoGroups {
    fn from(error: NoDependentTokens) -> Self {
        tracing::warn!(error = %error, "the gate has no dependent token for a program's groups");
        match &*error.0 {
            TokenError::InvalidGrant(_) => Self::TokenEnded,
            TokenError::Call(error) if error.fault() != Fault::TryAgain => Self::NotPermitted,
            _ => Self::Unknown,
        }
    }
}

impl From<CallError> for NoGroups {
    fn from(error: CallError) -> Self {
        tracing::warn!(error = error.for_log(), "the gate cannot read a program's groups");
        match error.fault() {
            Fault::SignInAgain | Fault::ConsentNeeded | Fault::NotAllowed => Self::NotPermitted,
            Fault::TryAgain | Fault::OurMistake => Self::Unknown,
        }
    }
}

impl From<CallFailed> for NoGroups {
    fn from(_: CallFailed) -> Self {
        Self::Unknown
    }
}

async fn groups_for(
    app: &AppState,
    policy: &Policy,
    program: &Program,
    token: &BearerToken,
) -> Result<Arc<[String]>, NoGroups> {
    if policy.groups.is_empty() {
        return Ok(Arc::default());
    }
    let mut used = None;
    let client = async || {
        let tokens = app.programs.dependents.of(token).await?;
        let Some(token) = tokens.iter().find(|token| token.resource_server == RESOURCE_SERVER) else {
            let wanted = VIEW_MY_GROUPS_AND_MEMBERSHIPS;
            tracing::warn!(wanted, "a program's token gives the gate no dependent token for Globus Groups");
            return Err(NoGroups::NotPermitted);
        };
        let token = used.insert(token.access_token.clone());
        let authorizer = AccessTokenAuthorizer::new(token.clone());
        Ok(GroupsClient::new(app.settings.environment.groups.clone(), app.http.clone(), authorizer))
    };
    let groups = app.programs.memberships.of(program.token.0, client).await;
    if let (Err(NoGroups::NotPermitted), Some(used)) = (&groups, used) {
        app.programs.dependents.forget(program.token, &used);
    }
    groups
}
