//! A portal with a page of its own: `cargo run --example own_page -- --sandbox`, then visit `/count`.

use axum::{Router, extract::State, routing::get};
use globus_portal::{error::AppError, globus::transfer::EndpointSearch, routes::logged_in::LoggedIn, state::AppState};

// README: begin
async fn count(State(app): State<AppState>, user: LoggedIn) -> Result<String, AppError> {
    let transfer = user.transfer(&app).await?;
    let search = EndpointSearch { filter_scope: Some("my-endpoints"), limit: Some(100), ..EndpointSearch::default() };
    let found = transfer.endpoint_search(&search).await.map_err(|error| user.refused(&app, error))?;
    Ok(format!("{}, you have {} endpoints.", user.user.display_name(), found.endpoints.len()))
}

/// The pages of this portal besides the usual ones.
pub fn pages() -> Router<AppState> {
    Router::new().route("/count", get(count))
}
// README: end

#[cfg_attr(test, expect(dead_code, reason = "a test takes the pages alone"))]
fn main() -> std::process::ExitCode {
    globus_portal::cli::run(pages())
}
