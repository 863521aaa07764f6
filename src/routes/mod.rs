//! The pages: one file per page, named like its URL. This file is the whole route table; [`frame`] is what happens around
//! every route.

mod asked;
mod assets;
mod bearer;
mod bounds;
pub mod caller;
mod collections;
mod consents;
mod cookies;
pub mod csrf;
mod delivery;
mod endpoints;
mod error_page;
pub mod frame;
mod gate;
mod globus_pages;
mod groups;
mod guard;
mod headers;
mod hosts;
mod index;
mod kept_form;
pub mod logged_in;
mod login;
mod login_step;
mod logout;
mod measured;
mod ops;
mod origin;
mod outcomes;
mod paths;
mod profile;
mod reach;
mod refusal;
mod require_policy;
mod rounds;
mod sessions;
mod step_up;
mod tasks;
mod traced;
mod transfer_form;
mod unattended;
mod well_known;

use axum::{
    Router,
    extract::State,
    http::Uri,
    middleware::from_fn_with_state,
    response::Redirect,
    routing::{get, post},
};

use self::logged_in::LoggedIn;
use crate::{error::AppError, state::AppState};

/// Pages of your own, whose paths are below the root as the portal's are.
///
/// A request of theirs that may change something is refused unless it comes from a page of this site, and a form must carry
/// [`LoggedIn::csrf_token`](logged_in::LoggedIn::csrf_token); see [`csrf`].
#[derive(Clone, Debug, Default)]
pub struct Pages {
    checked: Router<AppState>,
    unchecked: Router<AppState>,
    /// Those that a policy guards, with its name. They are checked too.
    guarded: Vec<(String, Router<AppState>)>,
}

impl Pages {
    /// These pages. A plain [`Router`] is as good: it turns into this.
    #[must_use]
    pub fn new(pages: Router<AppState>) -> Self {
        Self { checked: pages, ..Self::default() }
    }

    /// Adds pages for those whom a policy lets in, by its name (`[policies.NAME]`). Others are sent to the login, or to Globus if
    /// that can give what they lack, or see a page that says what it is. A policy that the settings do not have lets nobody in.
    ///
    /// One page can ask for itself: see [`LoggedIn::meet_policy`](logged_in::LoggedIn::meet_policy).
    #[must_use]
    pub fn require_policy(mut self, name: &str, pages: Router<AppState>) -> Self {
        self.guarded.push((name.to_owned(), pages));
        self
    }

    /// Adds pages whose requests are not checked for cross-site request forgery, such as the addresses that other programs
    /// call. They must not trust the session cookie for what they change.
    #[must_use]
    pub fn without_csrf_check(self, pages: Router<AppState>) -> Self {
        Self { unchecked: self.unchecked.merge(pages), ..self }
    }
}

impl From<Router<AppState>> for Pages {
    fn from(pages: Router<AppState>) -> Self {
        Self::new(pages)
    }
}

/// The portal's routes, and `more`.
pub fn router(app: &AppState, more: Pages) -> Router {
    let root = app.settings.root.as_str();
    let at = |path: &str| format!("{root}{path}");
    let checked = nested(root, require_policy::with_guarded(app, more.checked, more.guarded))
        .route(&at("/"), get(index::index))
        .route(&at("/profile"), get(profile::profile))
        .route(&at("/consents"), get(consents::consents))
        .route(&at("/groups"), get(groups::groups))
        .route(&at("/sessions"), get(sessions::sessions).post(sessions::end))
        .route(&at("/endpoints"), get(endpoints::endpoints))
        .route(&at("/collections"), get(collections::collections))
        .route(&at("/collections/{id}"), get(collections::folder))
        .route(&at("/collections/{id}/entry"), get(collections::entry))
        .route(&at("/collections/{id}/rename"), post(collections::rename))
        .route(&at("/collections/{id}/delete"), post(collections::delete))
        .route(&at("/collections/{id}/folders"), post(collections::make_folder))
        .route(&at("/tasks"), get(tasks::tasks))
        .route(&at("/tasks/{id}"), get(tasks::task))
        .route(&at("/tasks/{id}/cancel"), post(tasks::cancel))
        .route(&at("/transfer"), get(transfer_form::start).post(transfer_form::transfer))
        .route(&at("/transfer/submit"), post(transfer_form::submit))
        .route(&at("/transfer/in-globus"), post(transfer_form::choose))
        .route(&at("/transfer/chosen"), get(transfer_form::come_back))
        .route(&at("/collections/{id}/bookmarks"), post(collections::add_bookmark))
        .route(&at("/bookmarks/remove"), post(collections::remove_bookmark))
        .route(&at("/kept-form"), get(kept_form::kept_form))
        .layer(from_fn_with_state(app.clone(), guard::checked));
    let unchecked = nested(root, more.unchecked).layer(from_fn_with_state(app.clone(), guard::unchecked));
    let mut router = checked
        .merge(unchecked)
        // It changes nothing: see `transfer_form::arrive`.
        .route(&at("/transfer/chosen"), post(transfer_form::arrive))
        .route(&at("/login"), get(login::login).head(not_allowed))
        // It judges for itself who asks: see `logout`.
        .route(&at("/logout"), get(logout::logout).post(logout::logout).head(not_allowed))
        .route(&at("/signed-out"), get(logout::signed_out))
        .route(&at("/static/{file}"), get(assets::asset))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz));
    router = router.merge(gate::routes("")).merge(well_known::routes());
    if !root.is_empty() {
        let front = at("/");
        router = router
            .merge(gate::routes(root))
            .route(root, get(|| async move { Redirect::permanent(&front) }))
            .route(&at("/healthz"), get(ops::healthz))
            .route(&at("/readyz"), get(ops::readyz));
    }
    hosts::apart(app, router.fallback(not_found).method_not_allowed_fallback(not_allowed)).with_state(app.clone())
}

fn nested(root: &str, more: Router<AppState>) -> Router<AppState> {
    if root.is_empty() || !more.has_routes() { more } else { Router::new().nest(root, more) }
}

/// If an entry page is requested without the root, a proxy has probably stripped it. The page shows who is signed in, if that
/// can be found out.
async fn not_found(State(app): State<AppState>, uri: Uri, _: Result<Option<LoggedIn>, AppError>) -> AppError {
    let stripped = !app.settings.root.is_empty() && matches!(uri.path(), "/" | "/login" | "/logout" | "/signed-out");
    if stripped { AppError::OutsideRoot } else { AppError::NotFound }
}

async fn not_allowed() -> AppError {
    AppError::MethodNotAllowed
}
