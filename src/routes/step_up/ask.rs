//! From a demand to the link of a login.

use axum::response::{IntoResponse as _, Redirect, Response};

use super::permitted;
use crate::{
    error::{AppError, Demand, Need},
    globus::{
        flow::AuthorizeParameters,
        gare::{Gare, GlobusAuthorizationParameters},
        scopes::{self, Scope},
    },
    routes::{asked::Asked, logged_in::is_new},
    session::{
        live::LiveSession,
        return_path::ReturnPath,
        step_up::{Ask, KeptForm},
        store::SessionKey,
    },
    state::AppState,
};

/// The longest message of a service that is passed on, in characters.
const MAX_MESSAGE: usize = 300;

/// What was asked for when the demand came.
pub(crate) struct Wanted<'a> {
    pub(crate) asked: &'a Asked,
    /// Whether the person's browser can be sent to a login.
    pub(crate) by_person: bool,
    /// The fields of the form that was being sent.
    pub(crate) fields: Option<String>,
}

/// Turns a demand into a login that leads back to the page; `None` if no login helps.
///
/// # Errors
/// [`AppError`]: what the visitor is told instead.
pub(crate) async fn meet(
    app: &AppState,
    live: &LiveSession,
    wanted: Wanted<'_>,
    demand: &Demand,
) -> Result<Option<Response>, AppError> {
    let gare = match &demand.need {
        Need::SignIn if is_new(app, live) => return Ok(None),
        Need::SignIn => return Err(wanted.asked.log_in(&app.settings.root)),
        Need::Gare(gare) => gare.clone(),
        Need::Scope(scope) => {
            let needs = GlobusAuthorizationParameters::new().with_required_scopes([scope.as_str()]);
            Box::new(Gare::new("ConsentRequired", needs))
        }
    };
    let is_ours = matches!(demand.need, Need::Scope(_));
    let ask = ask_of(app, &gare, &wanted)?;
    let scopes = required(&ask)?;
    if let Some(scope) =
        scopes.iter().find_map(|scope| permitted::refused(&app.settings, scope, &demand.opened)).filter(|_| !is_ours)
    {
        return Err(AppError::Refused {
            title: "This site does not ask for that".into(),
            message:
                "Globus wants your consent to something that this site does not request. Its operators can allow it."
                    .into(),
            cause: format!("a service asks for the scope {scope}, which neither SCOPES nor ALLOW_CONSENT_FOR permits")
                .into(),
            sign_in: None,
        });
    }
    if !wanted.by_person {
        return Ok(None);
    }
    Ok(Some(Redirect::to(&link(app, live.key, &ask)?).into_response()))
}

/// What a service requires, as the login that gives it.
fn ask_of(app: &AppState, gare: &Gare, wanted: &Wanted<'_>) -> Result<Ask, AppError> {
    let needs = gare.login_parameters([""; 0]).map_err(|error| AppError::Refused {
        title: "Globus asks for something unknown".into(),
        message:
            "A service of Globus asks for permissions that this site cannot read. Its operators need to look at this."
                .into(),
        cause: format!("a service requires scopes that are none: {error}").into(),
        sign_in: None,
    })?;
    let mut authorize = needs.authorize;
    // `none` forbids to ask the person anything, who is there and can be asked.
    authorize.prompt = authorize.prompt.filter(|prompt| prompt != "none");
    authorize.session_message = authorize.session_message.map(|message| message.chars().take(MAX_MESSAGE).collect());
    let front = || ReturnPath::front(&app.settings.root);
    let next = wanted.asked.page(&app.settings.root).unwrap_or_else(front);
    let form = wanted
        .fields
        .as_ref()
        .map(|fields| KeptForm { path: wanted.asked.target().to_owned(), fields: fields.clone() });
    let scopes = gare.authorization_parameters.required_scopes.clone().unwrap_or_default();
    Ok(Ask { scopes, authorize, next: next.as_str().to_owned(), form, ..Ask::default() })
}

/// The scopes that an ask requires.
pub(super) fn required(ask: &Ask) -> Result<Vec<Scope>, AppError> {
    let parsed: Result<Vec<_>, _> = ask.scopes.iter().map(scopes::parse).collect();
    Ok(parsed.map_err(|error| AppError::Internal(error.to_string()))?.concat())
}

/// The link that begins such a login. A form that is too long to keep in it is left out, and a page says so first.
///
/// # Errors
/// [`AppError::Refused`] if what is asked for is too long.
pub(super) fn link(app: &AppState, session: SessionKey, ask: &Ask) -> Result<String, AppError> {
    let sealed = ask.seal(&app.vault.keys, session);
    let without_form = || Ask { form: None, form_lost: ask.form.is_some(), ..ask.clone() };
    let sealed = sealed.or_else(|_| without_form().seal(&app.vault.keys, session));
    let sealed = sealed.map_err(|_| AppError::Refused {
        title: "Globus asks for too much at once".into(),
        message: "What a service of Globus asks for does not fit into a link. The operators of this site need to look at this.".into(),
        cause: "what a service requires is too long for a URL".into(),
        sign_in: None,
    })?;
    Ok(format!("{}/login?ask={sealed}", app.settings.root))
}

/// The link to a login with a given identity, which leads back to `next`.
///
/// # Errors
/// As [`link`].
pub(crate) fn identity_link(
    app: &AppState,
    session: SessionKey,
    identity: &str,
    next: String,
) -> Result<String, AppError> {
    let authorize = AuthorizeParameters::new().with_session_required_identities([identity]).with_prompt("login");
    link(app, session, &Ask { authorize, next, by_person: true, ..Ask::default() })
}

/// The link that begins such a login, as a path below the root; `None` if what is asked for is too long for a URL.
pub(crate) fn link_below_root(app: &AppState, session: SessionKey, ask: &Ask) -> Option<String> {
    Some(format!("/login?ask={}", ask.seal(&app.vault.keys, session).ok()?))
}
