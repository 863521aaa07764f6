//! For those who run the portal: does the process live, and can it serve?

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use crate::state::AppState;

/// `/healthz`: the process lives.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `/readyz`: 200 when logins and sessions can work, else 503 and what is missing, one line each.
pub(super) async fn readyz(State(app): State<AppState>) -> Response {
    let (store, globus) = tokio::join!(app.vault.probe(), app.provider.keys());
    let missing = [
        app.is_stopping().then_some("this process is about to stop\n"),
        store.err().map(|_| "the session store does not answer\n"),
        globus.err().map(|_| "Globus Auth does not answer\n"),
    ];
    let missing: String = missing.into_iter().flatten().collect();
    if missing.is_empty() {
        return "ok\n".into_response();
    }
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, missing).into_response();
    response.extensions_mut().insert(PlainText);
    response
}

/// Marks an answer for programs: it keeps its own text.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlainText;
