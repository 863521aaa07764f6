//! `globus-sandbox`: see [`globus_sandbox::command`].

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser;
use globus_sandbox::command::{self, SandboxArgs};
use tracing_subscriber::EnvFilter;

/// A stand-in for Globus Auth, Transfer and Groups: sign in as invented people, without registration or network.
#[derive(Parser)]
#[command(version, mut_arg("public_url", |arg| arg.env("GLOBUS_SANDBOX_PUBLIC_URL")))]
struct Cli {
    #[command(flatten)]
    sandbox: SandboxArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr).init();
    match run(cli.sandbox).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "globus-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: SandboxArgs) -> Result<(), command::Failure> {
    let stop = stop_signal().map_err(command::Failure::Serve)?;
    command::serve(args, print, stop).await
}

/// A closed standard output does not stop the sandbox.
fn print(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Completes when the process is asked to stop: by SIGINT or SIGTERM.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
