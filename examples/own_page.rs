//! A portal with a page of its own: `cargo run --example own_page -- --sandbox`, then visit `/count`.

use axum::{Router, routing::get};
use globus_portal::{error::AppError, globus::transfer::EndpointSearch, routes::logged_in::LoggedIn, state::AppState};

// README: begin
async fn count(user: LoggedIn) -> Result<String, AppError> {
    let transfer = user.transfer().await?;
    let mine = EndpointSearch::new().with_filter_scope("my-endpoints");
    let found = transfer.paginated().endpoint_search(&mine).collect().await.map_err(|error| user.refused(error))?;
    Ok(format!("{}, you have {} endpoints.", user.user().display_name(), found.len()))
}

/// The pages to add to the portal's own.
pub fn pages() -> Router<AppState> {
    Router::new().route("/count", get(count))
}
// README: end

#[cfg_attr(test, expect(dead_code, reason = "a test takes the pages alone"))]
fn main() -> std::process::ExitCode {
    globus_portal::cli::run(pages())
}
