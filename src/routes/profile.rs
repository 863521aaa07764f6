//! `/profile`: the identity, its linked identities, and facts about the session and its tokens, but never a token.

use askama::Template as _;
use axum::{extract::State, response::Html};
use time::OffsetDateTime;

use super::{
    globus_pages::{self, CONSENTS, IDENTITIES},
    logged_in::LoggedIn,
    step_up,
};
use crate::{
    error::AppError,
    globus::{id_token::LinkedIdentity, scopes},
    pages::{IdentityView, ProfilePage, SessionView, TokenView},
    session::tokens::TokenFacts,
    state::AppState,
};

pub(super) async fn profile(State(app): State<AppState>, user: LoggedIn) -> Result<Html<String>, AppError> {
    let now = app.clock.now();
    let tokens = app.tokens.facts(user.key()).await?;
    let lifetimes = app.vault.lifetimes;
    let began = user.user().began;
    let page = ProfilePage {
        site: &app.site,
        user: &user.view(),
        identities: identities(&app, &user)?,
        manage_identities: &globus_pages::address(&app, IDENTITIES, "/profile"),
        consents: &globus_pages::address(&app, CONSENTS, "/profile"),
        identities_left_out: user.user().claims.identities_left_out,
        session: SessionView {
            began,
            ends: began.saturating_add(lifetimes.absolute),
            idle_minutes: lifetimes.idle.whole_minutes().unsigned_abs(),
        },
        tokens: tokens.into_iter().map(|facts| token_view(facts, now)).collect(),
    };
    Ok(Html(page.render()?))
}

/// The linked identities, starting with the one that is logged in.
fn identities(app: &AppState, user: &LoggedIn) -> Result<Vec<IdentityView>, AppError> {
    let claims = &user.user().claims;
    let views: Result<Vec<_>, AppError> =
        claims.identity_set.iter().map(|identity| identity_view(app, user, identity)).collect();
    let (primary, others): (Vec<_>, Vec<_>) = views?.into_iter().partition(|identity| identity.primary);
    Ok(primary.into_iter().chain(others).collect())
}

fn identity_view(app: &AppState, user: &LoggedIn, identity: &LinkedIdentity) -> Result<IdentityView, AppError> {
    let LinkedIdentity { sub, username, name, organization, identity_provider_display_name, email, .. } =
        identity.clone();
    let last = identity.last_authentication.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let primary = sub == user.user().claims.sub;
    let link = || step_up::identity_link(app, user.key(), &sub, format!("{}/profile", app.settings.root));
    Ok(IdentityView {
        username: username.unwrap_or_else(|| sub.clone()),
        primary,
        use_it: (!primary).then(link).transpose()?,
        id: sub,
        provider: identity_provider_display_name,
        last_authentication: last,
        name,
        email,
        organization,
    })
}

fn token_view(facts: TokenFacts, now: OffsetDateTime) -> TokenView {
    let title = match facts.resource_server.as_str() {
        scopes::auth::RESOURCE_SERVER => "Globus Auth",
        scopes::transfer::RESOURCE_SERVER => "Globus Transfer",
        scopes::groups::RESOURCE_SERVER => "Globus Groups",
        other => other,
    };
    TokenView {
        title: title.to_owned(),
        expired: facts.expires_at <= now,
        expires: facts.expires_at,
        renewable: facts.renewable,
        scopes: facts.scopes,
        resource_server: facts.resource_server,
    }
}
