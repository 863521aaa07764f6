//! `globus-portal`: see [`globus_portal::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    globus_portal::cli::run(axum::Router::new())
}
