//! A portal with an API of its own for programs: `cargo run --example own_api -- --sandbox`. A token for it comes from its Globus
//! Auth, here the sandbox, with the id and secret of any app there (`ID` and `SECRET`, from `/sandbox/clients`):
//!
//! ```sh
//! SCOPE="https://auth.globus.org/scopes/4d8f1a52-7c3e-4b09-9f61-2ac05e7d8b34/use"
//! TRANSFER="urn:globus:auth:scope:transfer.api.globus.org:all"
//! curl -u "$ID:$SECRET" -d grant_type=client_credentials --data-urlencode "scope=$SCOPE[$TRANSFER]" \
//!     http://127.0.0.1:5001/v2/oauth2/token
//! curl -H "Authorization: Bearer $TOKEN" http://localhost:5000/api/ls/7e57ab1e-0000-4000-8000-000000000001
//! ```

use axum::{Json, Router, extract::Path, routing::get};
use globus_portal::{
    globus::transfer::LsQuery,
    routes::{
        Pages,
        caller::{Caller, JsonError, RequiredScope},
    },
    state::AppState,
};

// README: begin
/// `https://auth.globus.org/scopes/APP_CLIENT_ID/use`
struct Use;

impl RequiredScope for Use {
    const NAME: &'static str = "use";
}

async fn ls(caller: Caller<Use>, Path(collection): Path<String>) -> Result<Json<Vec<String>>, JsonError> {
    let folder = caller.transfer().await?.operation_ls(&collection, &LsQuery::new()).await?;
    Ok(Json(folder.files.into_iter().map(|entry| entry.name).collect()))
}

/// The API to add to the portal's own pages.
pub fn api() -> Pages {
    Pages::default().without_csrf_check(Router::<AppState>::new().route("/api/ls/{collection}", get(ls)))
}
// README: end

#[cfg_attr(test, expect(dead_code, reason = "a test takes the API alone"))]
fn main() -> std::process::ExitCode {
    globus_portal::cli::run(api())
}
