//! `globus-portal health`: asks the portal that runs beside it, for container images that have no other HTTP client.

use std::time::Duration;

use clap::Args;

use super::{config::Config, failure::Failure, output::say};
use crate::{
    server::health::ask,
    settings::{Listen, Settings},
    telemetry::plain,
};

#[derive(Args, Debug)]
pub(super) struct Health {
    #[command(flatten)]
    config: Config,
    /// Ask only whether the process is alive (/healthz), not whether it can serve (/readyz)
    #[arg(long)]
    live: bool,
    /// How long the answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

/// Asks at the address of LISTEN, and prints the answer. Of the settings only that one is read, so it needs no secret.
///
/// # Errors
/// [`Failure::Unwell`]: there is no answer in time, or another one than 200.
pub(super) async fn run(args: Health) -> Result<(), Failure> {
    let Health { config, live, timeout } = args;
    let listen =
        Settings::listen_of(&config.sources(None)).map_err(|problems| Failure::Unwell(problems.to_string()))?;
    if listen == Listen::Systemd {
        let text = "LISTEN is systemd, so only its socket unit says where the portal listens; the watchdog asks there";
        return Err(Failure::Unwell(text.to_owned()));
    }
    let path = if live { "/healthz" } else { "/readyz" };
    let health = ask(&listen, path, Duration::from_secs(timeout)).await;
    let health = health.map_err(|error| Failure::Unwell(format!("{listen} does not answer {path}: {error}")))?;
    let text: Vec<_> = health.text.lines().map(plain).collect();
    if health.status != 200 {
        return Err(Failure::Unwell(format!("{path} answers {}: {}", health.status, text.join("; "))));
    }
    say(&text.join("\n"));
    Ok(())
}
