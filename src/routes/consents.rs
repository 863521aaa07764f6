//! `/consents`: what the person has consented to for this portal, as Globus Auth has it.

use askama::Template as _;
use axum::{extract::State, response::Html};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    globus_pages::{self, CONSENTS},
    logged_in::LoggedIn,
};
use crate::{
    error::AppError,
    globus::{
        auth::{AuthClient, Consent},
        authorizer::AccessTokenAuthorizer,
        scopes::auth::VIEW_CONSENTS,
    },
    pages::{ConsentView, ConsentsPage},
    state::AppState,
};

pub(super) async fn consents(State(app): State<AppState>, user: LoggedIn) -> Result<Html<String>, AppError> {
    // Most logins do not ask for it: whoever opens this page is asked once.
    let token = user.access_token_with_scope(VIEW_CONSENTS).await?;
    let base = app.settings.environment.auth.clone();
    let auth = AuthClient::new(base, app.http.clone(), AccessTokenAuthorizer::new(token));
    let mut found = auth.get_consents(&user.user().claims.sub).await?.consents;
    // Each below the one that it depends on: paths begin with those of what is above.
    found.sort_by(|a, b| a.dependency_path.cmp(&b.dependency_path));
    let page = ConsentsPage {
        site: &app.site,
        user: &user.view(),
        consents: found.into_iter().map(view).collect(),
        manage: &globus_pages::address(&app, CONSENTS, "/consents"),
    };
    Ok(Html(page.render()?))
}

fn view(consent: Consent) -> ConsentView {
    let moment = |member: &str| {
        let text = consent.more.get(member).and_then(Value::as_str)?;
        OffsetDateTime::parse(text, &Rfc3339).ok()
    };
    ConsentView {
        given: moment("created"),
        last_used: moment("last_used"),
        is_part: consent.dependency_path.len() > 1,
        scope: consent.scope_name.unwrap_or(consent.scope),
    }
}
