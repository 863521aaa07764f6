//! A portal with pages of its own: `cargo run --example own_page -- --sandbox`, then visit `/count`, and
//! `/ls/7e57ab1e-0000-4000-8000-000000000002`, a collection whose data needs your consent: Globus asks you for it once.

use axum::{Router, extract::Path, routing::get};
use globus_portal::{
    error::AppError,
    globus::transfer::{EndpointSearch, LsQuery},
    routes::logged_in::LoggedIn,
    state::AppState,
};

// README: begin
async fn count(user: LoggedIn) -> Result<String, AppError> {
    let mine = EndpointSearch::new().with_filter_scope("my-endpoints");
    let found = user.transfer().await?.paginated().endpoint_search(&mine).collect().await?;
    Ok(format!("{}, you have {} endpoints.", user.user().display_name(), found.len()))
}

async fn ls(user: LoggedIn, Path(collection): Path<String>) -> Result<String, AppError> {
    let folder = user.transfer().await?.operation_ls(&collection, &LsQuery::new()).await?;
    Ok(folder.files.into_iter().map(|entry| entry.name + "\n").collect())
}

/// The pages to add to the portal's own.
pub fn pages() -> Router<AppState> {
    Router::new().route("/count", get(count)).route("/ls/{collection}", get(ls))
}
// README: end

#[cfg_attr(test, expect(dead_code, reason = "a test takes the pages alone"))]
fn main() -> std::process::ExitCode {
    globus_portal::cli::run(pages())
}
