//! The pages of the gate: why somebody may not pass, and that a form was not sent.

use askama::Template as _;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Redirect, Response},
};

use super::{
    answer::bare,
    judge::{Verdict, judge},
};
use crate::{
    pages::{DeniedPage, UnsentPage},
    routes::logged_in::view_of,
    session::{live::LiveSession, policy::Unmet},
    settings::Policy,
    state::AppState,
    telemetry::RequestFacts,
};

/// `GET /oauth2/denied/POLICY`: what nginx shows in place of a 403.
pub(crate) async fn denied(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    Path(policy): Path<String>,
    headers: HeaderMap,
) -> Response {
    why(&app, &facts, &headers, Some(&policy)).await
}

pub(crate) async fn by_default(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    headers: HeaderMap,
) -> Response {
    why(&app, &facts, &headers, None).await
}

async fn why(app: &AppState, facts: &RequestFacts, headers: &HeaderMap, policy: Option<&str>) -> Response {
    match judge(app, headers, facts, policy).await {
        Verdict::Denied(live, unmet) => page(app, &live, policy, &unmet),
        Verdict::Unknown => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Verdict::Passes(_) => Redirect::to(&format!("{}/", app.settings.root)).into_response(),
        Verdict::SignIn => Redirect::to(&format!("{}/login", app.settings.root)).into_response(),
    }
}

pub(super) fn page(app: &AppState, live: &LiveSession, policy: Option<&str>, unmet: &[Unmet]) -> Response {
    let policy = app.settings.policies.named(policy);
    let page = DeniedPage {
        site: &app.site,
        user: &view_of(app, live),
        what: policy.and_then(|policy| policy.title.as_deref()),
        contact: policy.and_then(|policy| policy.contact.as_deref()),
        reasons: unmet.iter().map(|unmet| words(*unmet, policy)).collect(),
    };
    match page.render() {
        Ok(html) => (StatusCode::FORBIDDEN, Html(html)).into_response(),
        Err(_) => bare(StatusCode::FORBIDDEN),
    }
}

fn words(unmet: Unmet, policy: Option<&Policy>) -> String {
    let domains = policy.map(|policy| policy.domains.join(", ")).unwrap_or_default();
    match unmet {
        Unmet::Closed => "It lets nobody in at the moment.".to_owned(),
        Unmet::Groups => "It is for members of a Globus group, and you are not an active member of it.".to_owned(),
        Unmet::IdentityProviders => {
            "It is for people of some institutions, and none of your identities is of one of them.".to_owned()
        }
        Unmet::Identities => "It is for people who are named one by one, and you are not among them.".to_owned(),
        Unmet::Domains => format!("It is for accounts of {domains}, and you have linked none."),
        Unmet::AccessToken => {
            "It needs a permission of yours that this site does not request. Its operators need to fix this.".to_owned()
        }
    }
}

/// `GET /oauth2/unsent`: what nginx shows in place of a 401 to a form.
pub(crate) async fn unsent(State(app): State<AppState>) -> Response {
    form(&app, &app.settings.public_url("/login"))
}

/// A form that somebody sent after their session had ended.
pub(super) fn form(app: &AppState, login: &str) -> Response {
    let page = UnsentPage { site: &app.site, login };
    match page.render() {
        Ok(html) => (StatusCode::UNAUTHORIZED, Html(html)).into_response(),
        Err(_) => bare(StatusCode::UNAUTHORIZED),
    }
}
