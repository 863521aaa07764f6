//! What stands around every page, ours and those of one's own: the check of requests that change something, and the logins
//! that Globus's demands need.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    asked::{Asked, SamePage},
    caller::completed,
    cookies, csrf,
    gate::denied::Denied,
    origin::Asker,
    step_up,
};
use crate::{
    error::{AppError, Demand, Denial},
    session::{live::LiveSession, return_path::ReturnPath},
    state::AppState,
    telemetry::RequestFacts,
};

/// Around all pages but those that are exempt from the check.
pub(super) async fn checked(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if csrf::is_safe(request.method()) {
        return unchecked(State(app), request, next).await;
    }
    let sender = Sender::of(&app, &request);
    match csrf::check(&app, request).await {
        Ok((request, fields)) => pass(&app, request, next, Sender { fields, ..sender }).await,
        Err(error) => error.into_response(),
    }
}

/// Around the others.
pub(super) async fn unchecked(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let sender = Sender::of(&app, &request);
    pass(&app, request, next, sender).await
}

/// Who sent a request, and what.
struct Sender {
    asked: Asked,
    /// Whether a person sent it from a page, so that their browser can be sent to a login.
    by_person: bool,
    /// The fields of the form.
    fields: Option<String>,
    facts: Option<RequestFacts>,
    /// The cookie with its recent step-ups.
    recent: Option<String>,
}

impl Sender {
    fn of(app: &AppState, request: &Request) -> Self {
        let (method, headers) = (request.method(), request.headers());
        let asked = Asked::new(method, request.uri(), headers, request.extensions());
        let by_person =
            asked.navigation || (!csrf::is_safe(method) && Asker::of(method, headers, &app.settings) == Asker::Person);
        let recent = cookies::recent_step_ups(headers, &app.settings).map(ToOwned::to_owned);
        Self { asked, by_person, fields: None, facts: request.extensions().get().cloned(), recent }
    }
}

/// Passes a request to its page. If the page, or its policy, asks for something at Globus, a login follows that leads back.
async fn pass(app: &AppState, request: Request, next: Next, sender: Sender) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if let Some(page) = sender.asked.page(&app.settings.root) {
        response.extensions_mut().insert(SamePage(page));
    }
    let response = completed(response, sender.facts.as_ref());
    let facts = sender.facts.clone();
    let Some(live) = facts.as_ref().and_then(|facts| facts.session.get()) else { return response };
    if let Some(denial) = response.extensions().get::<Arc<Denial>>() {
        return denied(app, live, &sender, denial);
    }
    let Some(demand) = response.extensions().get::<Arc<Demand>>().cloned() else { return response };
    let Sender { asked, by_person, fields, .. } = sender;
    let wanted = step_up::Wanted { asked: &asked, by_person, fields };
    match step_up::meet(app, live, wanted, &demand).await {
        Ok(Some(answer)) => answer,
        Ok(None) => response,
        Err(error) => AppError::into_response(error),
    }
}

fn denied(app: &AppState, live: &LiveSession, sender: &Sender, denial: &Denial) -> Response {
    let root = &app.settings.root;
    let next = sender.asked.page(root).unwrap_or_else(|| ReturnPath::front(root));
    let denied = Denied { live, policy: Some(&denial.policy), unmet: &denial.unmet, next };
    denied.answer(app, sender.asked.navigation, sender.recent.as_deref())
}
