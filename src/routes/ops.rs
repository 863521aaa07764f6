//! Health checks: is the process alive, and can it serve?

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use crate::{error::ErrorText, state::AppState};

/// `/healthz`: the process is alive.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `/readyz`: 200 when logins and sessions can work, else 503 and what is missing, one line each.
pub(super) async fn readyz(State(app): State<AppState>) -> Response {
    let (store, globus) = tokio::join!(app.vault.probe(), app.provider.keys());
    let missing = [
        app.is_stopping().then_some(("this process is stopping", None)),
        store.err().map(|error| ("the session store does not answer", Some(error.to_string()))),
        globus.err().map(|error| ("Globus Auth does not answer", Some(error.to_string()))),
    ];
    let missing: Vec<_> = missing.into_iter().flatten().collect();
    if missing.is_empty() {
        return "ok\n".into_response();
    }
    let lines: String = missing.iter().map(|(what, _)| format!("{what}\n")).collect();
    // The reasons go to the log only: a client must not learn where the store is.
    let reasons: Vec<_> = missing.into_iter().map(|(what, why)| why.unwrap_or_else(|| what.to_owned())).collect();
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, lines).into_response();
    response.extensions_mut().insert(PlainText);
    let text = ErrorText { cause: Some(reasons.join("; ").into()), ..ErrorText::of(StatusCode::SERVICE_UNAVAILABLE) };
    response.extensions_mut().insert(text);
    response
}

/// Marks an answer for programs: it keeps its own text.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlainText;
