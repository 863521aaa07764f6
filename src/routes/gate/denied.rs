//! What people get who may not pass: a login that gives what is missing, or the page that says why. And the page that says
//! that a form was not sent.

use askama::Template as _;
use axum::{
    Extension,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};

use super::{
    answer::bare,
    judge::{Verdict, judge_again},
    refused::refused,
    wanted,
};
use crate::{
    pages::{DeniedPage, SignInView, UnsentPage},
    routes::{
        asked::login_path,
        cookies,
        hosts::{app_host, to_portal},
        logged_in::view_of,
        origin::is_navigation,
        paths::encoded,
        step_up,
    },
    session::{
        live::LiveSession,
        policy::{Unmet, remedy},
        return_path::ReturnPath,
        step_up::{Ask, RecentStepUps},
    },
    settings::{AppHost, Policy},
    state::AppState,
    telemetry::RequestFacts,
};

/// `GET /oauth2/denied/POLICY`: what nginx shows in place of a 403.
pub(crate) async fn denied(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    Path(policy): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    why(&app, &facts, &headers, Some(&policy), query.as_deref()).await
}

pub(crate) async fn by_default(
    State(app): State<AppState>,
    Extension(facts): Extension<RequestFacts>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    why(&app, &facts, &headers, None, query.as_deref()).await
}

/// nginx shows this whatever was asked for, and asks for it with GET: `X-Original-URL` and `X-Original-Method` say what it was.
/// From the host of an app, `rd` in the query does.
async fn why(
    app: &AppState,
    facts: &RequestFacts,
    headers: &HeaderMap,
    policy: Option<&str>,
    query: Option<&str>,
) -> Response {
    let on = app_host(headers, &app.settings);
    let (page, method) = wanted::by_nginx(headers, &app.settings, on);
    let next = page.or_else(|| wanted::rd(query?, &app.settings, None));
    if on.is_some() {
        return match is_navigation(&Method::GET, headers) {
            true => at_portal(app, policy, next.as_ref()),
            false => bare(StatusCode::FORBIDDEN),
        };
    }
    match judge_again(app, headers, facts, policy).await {
        Verdict::Denied(live, unmet) => {
            let next = next.unwrap_or_else(|| ReturnPath::front(&app.settings.root));
            let denied = Denied { live: &live, policy, unmet: &unmet, next };
            denied.answer(app, is_navigation(&method, headers), cookies::recent_step_ups(headers, &app.settings))
        }
        Verdict::Refused(refusal) => refused(&app.settings, &refusal, StatusCode::UNAUTHORIZED),
        Verdict::Unknown => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Verdict::Passes(_) => Redirect::to(&format!("{}/", app.settings.root)).into_response(),
        Verdict::SignIn => Redirect::to(&login_path(&app.settings.root, next.as_ref())).into_response(),
    }
}

/// Leads from the host of an app to the page that says why, and from there perhaps to Globus and back to `next`.
pub(super) fn at_portal(app: &AppState, policy: Option<&str>, next: Option<&ReturnPath>) -> Response {
    let policy = policy.map(|policy| format!("/{}", encoded(policy))).unwrap_or_default();
    let query = next.map(|next| format!("?rd={}", encoded(next.as_str()))).unwrap_or_default();
    to_portal(&app.settings, &format!("/oauth2/denied{policy}{query}"))
}

/// Somebody who may not pass.
pub(crate) struct Denied<'a> {
    pub(crate) live: &'a LiveSession,
    /// The name of the policy; `None` is the default one.
    pub(crate) policy: Option<&'a str>,
    pub(crate) unmet: &'a [Unmet],
    /// The page that they want.
    pub(crate) next: ReturnPath,
}

impl Denied<'_> {
    /// A browser that goes to a page is sent to Globus, once, for all that is missing, if Globus can give it. `recent` is its
    /// cookie with the step-ups that it has just been through. All else gets the page that says what is missing.
    pub(crate) fn answer(&self, app: &AppState, is_navigation: bool, recent: Option<&str>) -> Response {
        let remedy = app.settings.policies.named(self.policy).and_then(|policy| remedy(policy, self.unmet));
        let ask = remedy.map(|authorize| Ask { authorize, next: self.next.as_str().to_owned(), ..Ask::default() });
        let now = app.clock.now();
        let recent = recent.map(|cookie| RecentStepUps::read(&app.vault.keys, self.live.key, cookie, now));
        let is_first = |ask: &Ask| !recent.unwrap_or_default().would_go_in_circles(ask.fingerprint());
        match ask {
            Some(ask) if is_navigation && is_first(&ask) => {
                self.to_globus(app, &ask).unwrap_or_else(|| self.page(app, None))
            }
            ask => self.page(app, ask),
        }
    }

    fn to_globus(&self, app: &AppState, ask: &Ask) -> Option<Response> {
        // Whole, because Traefik would take a path for one of its own.
        let login = step_up::link_below_root(app, self.live.key, ask)?;
        let location = HeaderValue::try_from(app.settings.public_url(&login)).ok()?;
        let mut response = bare(StatusCode::FOUND);
        response.headers_mut().insert(header::LOCATION, location);
        Some(response)
    }

    fn page(&self, app: &AppState, ask: Option<Ask>) -> Response {
        let policy = app.settings.policies.named(self.policy);
        let sign_in = ask.and_then(|ask| {
            let login = step_up::link_below_root(app, self.live.key, &Ask { by_person: true, ..ask })?;
            Some(SignInView { label: label(self.unmet, policy), href: format!("{}{login}", app.settings.root) })
        });
        let page = DeniedPage {
            site: &app.site,
            user: &view_of(app, self.live),
            what: policy.and_then(|policy| policy.title.as_deref()),
            contact: policy.and_then(|policy| policy.contact.as_deref()),
            reasons: self.unmet.iter().map(|unmet| words(*unmet, policy)).collect(),
            sign_in,
        };
        match page.render() {
            Ok(html) => (StatusCode::FORBIDDEN, Html(html)).into_response(),
            Err(_) => bare(StatusCode::FORBIDDEN),
        }
    }
}

fn words(unmet: Unmet, policy: Option<&Policy>) -> String {
    let list = |of: fn(&Policy) -> &[String]| policy.map(|policy| of(policy).join(", ")).unwrap_or_default();
    match unmet {
        Unmet::Closed => "It lets nobody in at the moment.".to_owned(),
        Unmet::Groups => "It is for members of a Globus group, and you are not an active member of it.".to_owned(),
        Unmet::IdentityProviders => {
            "It is for people of some institutions, and none of your identities is of one of them.".to_owned()
        }
        Unmet::Identities => "It is for people who are named one by one, and you are not among them.".to_owned(),
        Unmet::Domains => {
            format!("It is for accounts of {}, and you have linked none.", list(|policy| &policy.domains))
        }
        Unmet::Mfa => "It needs multi-factor authentication, and you have signed in without it.".to_owned(),
        Unmet::AuthenticationAge => {
            let age = policy.and_then(|policy| policy.authentication_max_age).unwrap_or_default();
            format!("It needs a sign-in of the last {}, and yours is older.", duration(age.as_secs()))
        }
        Unmet::SingleDomain => format!(
            "It needs a sign-in with an account of {}, and you have not signed in with one.",
            list(|policy| &policy.single_domain)
        ),
        Unmet::SessionPolicies => "It needs a sign-in that meets a policy of Globus, and yours does not.".to_owned(),
        Unmet::AccessToken => {
            "It needs a permission of yours that this site does not request. Its operators need to fix this.".to_owned()
        }
    }
}

/// What the link to a login says that gives what is missing.
fn label(unmet: &[Unmet], policy: Option<&Policy>) -> String {
    let with_one_of = |domains: Option<&[String]>| match domains {
        Some([domain]) => format!("Sign in with an account of {domain}"),
        _ => "Sign in with another account".to_owned(),
    };
    match unmet {
        [Unmet::Mfa] => "Sign in with multi-factor authentication".to_owned(),
        [Unmet::Domains] => with_one_of(policy.map(|policy| &*policy.domains)),
        [Unmet::SingleDomain] => with_one_of(policy.map(|policy| &*policy.single_domain)),
        [Unmet::Identities] => "Sign in with another account".to_owned(),
        _ => "Sign in again for this".to_owned(),
    }
}

/// "8 hours", "1 minute", "90 seconds".
fn duration(seconds: u64) -> String {
    let (count, unit) = match seconds {
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// `GET /oauth2/unsent`: what nginx shows in place of a 401 to a form. With `rd`, the login leads there.
pub(crate) async fn unsent(State(app): State<AppState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let rd = query.as_deref().and_then(|query| wanted::rd(query, &app.settings, None));
    form(&app, app_host(&headers, &app.settings), rd.as_ref())
}

/// A form that somebody sent after their session had ended, `on` the host of an app or the portal's own.
pub(super) fn form(app: &AppState, on: Option<&AppHost>, rd: Option<&ReturnPath>) -> Response {
    if let Some(host) = on {
        return to_portal(&app.settings, &format!("/oauth2/unsent?rd={}", encoded(host.origin())));
    }
    let page = UnsentPage { site: &app.site, login: &app.settings.public_url(&login_path("", rd)) };
    match page.render() {
        Ok(html) => (StatusCode::UNAUTHORIZED, Html(html)).into_response(),
        Err(_) => bare(StatusCode::UNAUTHORIZED),
    }
}
