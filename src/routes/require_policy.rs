//! Policies for pages of one's own: the same ones, judged in the same way, as at the gate.

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};

use super::{
    gate::judge::{Verdict, judge_session},
    logged_in::LoggedIn,
};
use crate::{
    error::{AppError, Denial},
    state::AppState,
};

impl LoggedIn {
    /// Asks whether the person meets the policy of this name (`[policies.NAME]`). A policy that the settings do not have lets
    /// nobody in.
    ///
    /// # Errors
    /// [`AppError::Denied`]: a navigation is sent to Globus, once, if Globus can give all that is missing; otherwise the page
    /// says what it is (403). [`AppError::Undecided`] if it cannot be found out now (503). Where Globus no longer accepts the
    /// session's token, the error sends the person through login and back to this page.
    pub async fn meet_policy(&self, name: &str) -> Result<(), AppError> {
        match judge_session(&self.app, self.live.clone(), Some(name)).await {
            Verdict::Passes(_) => Ok(()),
            Verdict::SignIn => Err(self.asked.log_in(&self.app.settings.root)),
            Verdict::Denied(_, unmet) => Err(AppError::Denied(Box::new(Denial { policy: name.to_owned(), unmet }))),
            // Only tokens of programs are refused, and there is none here.
            Verdict::Refused(_) | Verdict::Unknown => Err(AppError::Undecided),
        }
    }
}

/// These pages, and those that are only for people whom a policy lets in, with its name.
pub(super) fn with_guarded(
    app: &AppState,
    pages: Router<AppState>,
    guarded: Vec<(String, Router<AppState>)>,
) -> Router<AppState> {
    guarded.into_iter().fold(pages, |pages, (policy, more)| {
        let guard = Guard { app: app.clone(), policy: policy.into() };
        pages.merge(more.layer(from_fn_with_state(guard, let_in)))
    })
}

#[derive(Clone, Debug)]
struct Guard {
    app: AppState,
    policy: Arc<str>,
}

async fn let_in(State(Guard { app, policy }): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let allowed = async {
        let user = <LoggedIn as FromRequestParts<AppState>>::from_request_parts(&mut parts, &app).await?;
        user.meet_policy(&policy).await
    };
    match allowed.await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => error.into_response(),
    }
}
