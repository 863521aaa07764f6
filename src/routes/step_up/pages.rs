//! Pages of step-ups that do not lead on: what is missing, and what helps.

use askama::Template as _;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
};

use super::ask::link;
use crate::{
    error::{AppError, SignIn},
    pages::{StepUpPage, WantedView},
    routes::{
        globus_pages::{self, CONSENTS},
        logged_in::view_of,
        refusal::Refusal,
    },
    session::{live::LiveSession, step_up::Ask},
    settings::Settings,
    state::AppState,
};

/// Globus asks for the same again.
pub(super) fn again(app: &AppState, live: &LiveSession, ask: &Ask) -> Result<Response, AppError> {
    let text = "You have just been at Globus for this, and it asks for the same again. Probably the account you chose there cannot give it.";
    page(app, live, ask, "Globus still asks for more", text)
}

/// What was being sent cannot be kept on the way.
pub(super) fn form_lost(app: &AppState, live: &LiveSession, ask: &Ask) -> Result<Response, AppError> {
    let text = "Nothing has been sent yet: Globus asks for something first, and what you entered is too long to be kept on the way there. Ask Globus now; then go back in your browser, load the page again, and send it once more.";
    page(app, live, ask, "Globus asks for something first", text)
}

/// Another person has come back.
pub(super) fn another_person(app: &AppState, live: &LiveSession, ask: &Ask, other: &str) -> Result<Response, AppError> {
    let name = live.user.claims.preferred_username.as_deref().unwrap_or(&live.user.claims.sub);
    let text = format!(
        "You are signed in here as {name}, but at Globus you went on as {other}, which is not linked to that account. Nothing \
         was changed, and you are still signed in as {name}. Choose {name} at Globus, or an identity that is linked to it."
    );
    page(app, live, ask, "That was another account", &text)
}

/// Globus gave less than was asked for.
pub(super) fn not_granted(app: &AppState, live: &LiveSession, ask: &Ask, scope: &str) -> Result<Response, AppError> {
    tracing::warn!(sub = live.user.claims.sub, scope, "Globus did not grant a scope");
    let text = "Globus sent you back without the permission that this needs. You may have left it out there, or your account may not give it.";
    page(app, live, ask, "A permission was not given", text)
}

/// The person, or Globus, has refused. The session stays.
pub(crate) fn refused(refusal: &Refusal, ask: &Ask, settings: &Settings) -> AppError {
    AppError::Refused {
        title: "Nothing was changed".into(),
        message:
            "Globus did not give this site what it asked for, because you or Globus said no. You are still signed in."
                .into(),
        cause: format!("Globus refused a step-up: {refusal}").into(),
        sign_in: Some(SignIn { label: "Back to the page", next: Some(ask.next(&settings.root, &settings.app_hosts)) }),
    }
}

fn page(app: &AppState, live: &LiveSession, ask: &Ask, title: &str, text: &str) -> Result<Response, AppError> {
    let once_more = Ask { by_person: true, ..ask.clone() };
    let mut with_another = once_more.clone();
    with_another.authorize.prompt = Some("login".to_owned());
    let back = ask.next(&app.settings.root, &app.settings.app_hosts);
    let page = StepUpPage {
        site: &app.site,
        user: &view_of(app, live),
        title,
        text,
        wanted: wanted(live, ask),
        service_message: ask.authorize.session_message.as_deref(),
        again: &link(app, live.key, &once_more)?,
        with_another: &link(app, live.key, &with_another)?,
        consents: &globus_pages::address(app, CONSENTS, "/profile"),
        back: back.as_str(),
    };
    Ok((StatusCode::FORBIDDEN, Html(page.render()?)).into_response())
}

/// What is asked for, item by item.
fn wanted(live: &LiveSession, ask: &Ask) -> Vec<WantedView> {
    let authorize = &ask.authorize;
    let each = |label: &'static str, items: &Option<Vec<String>>| -> Vec<WantedView> {
        items.iter().flatten().map(|value| WantedView { label, value: value.clone() }).collect()
    };
    let linked = &live.user.claims.identity_set;
    let name_of = |id: &String| {
        let known = linked.iter().find(|identity| identity.sub == *id);
        known.and_then(|identity| identity.username.clone()).unwrap_or_else(|| id.clone())
    };
    let identities = authorize.session_required_identities.as_ref().map(|ids| ids.iter().map(name_of).collect());
    let mut wanted = each("A sign-in as this identity", &identities);
    wanted.extend(each("A sign-in with an identity of this domain", &authorize.session_required_single_domain));
    wanted.extend(each("A sign-in that meets this policy", &authorize.session_required_policies));
    if authorize.session_required_mfa == Some(true) {
        wanted.push(WantedView { label: "A sign-in with multi-factor authentication", value: String::new() });
    }
    wanted.extend(each("Your consent to this", &Some(ask.scopes.clone())));
    wanted
}
