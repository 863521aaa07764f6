//! The commands.
//!
//! Exit status: 0 after a clean stop, 1 after a failed check or a runtime error, 2 for invalid usage or settings.

mod check;
mod config;
mod failure;
mod health;
mod init;
mod output;
mod sandbox;
mod sessions;
mod signals;
mod systemd;
mod warnings;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use self::{
    config::Config,
    failure::Failure,
    output::{announce, report, say},
    signals::{ignore_hangup, stop_signal},
};
use crate::{
    clock::Clock,
    routes::Pages,
    sandbox::{CLIENT_ID, CLIENT_SECRET, command::SandboxArgs},
    secret::random_text,
    server::{Server, adopt_passed_sockets},
    settings::{SandboxClient, Settings},
    state::AppState,
    telemetry,
};

const NAME: &str = "globus-portal";

/// A web portal that logs people in with Globus.
#[derive(Debug, Parser)]
#[command(name = NAME, version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    serve: Serve,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the portal (the same as no command)
    Serve(Serve),
    /// Run only the stand-in for Globus, for any app in any language
    #[command(mut_arg("public_url", |arg| arg.env("GLOBUS_PORTAL_SANDBOX_PUBLIC_URL")))]
    Sandbox(SandboxArgs),
    /// Check the settings, the connection to Globus and the session store
    Check(Check),
    /// Ask the portal that runs here whether it can serve: exit status 0 or 1
    Health(health::Health),
    /// Write a settings file: asks for what the options do not say
    Init(init::Init),
    /// List and end sessions
    #[command(subcommand)]
    Sessions(sessions::Action),
    /// Print a new random SECRET_KEY
    GenerateKey,
    /// Print a script that completes this command line in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands
    Man {
        /// The folder to write to
        folder: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
struct Check {
    #[command(flatten)]
    config: Config,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Serve {
    #[command(flatten)]
    config: Config,
    /// Log in against a stand-in for Globus inside this process: no registration, no network
    #[arg(long)]
    sandbox: bool,
}

/// Runs the command that the command line names. `more` holds pages of your own; `Router::new()` for none.
#[must_use]
pub fn run(more: impl Into<Pages>) -> ExitCode {
    let more = more.into();
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    adopt_passed_sockets();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Io)
        .and_then(|runtime| runtime.block_on(execute(command, more)));
    let status = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure);
            ExitCode::from(if matches!(failure, Failure::Settings(_)) { 2 } else { 1 })
        }
    };
    telemetry::flush();
    status
}

async fn execute(command: Command, more: Pages) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => Box::pin(serve_portal(serve, more)).await,
        Command::Sandbox(args) => sandbox::serve(args).await,
        Command::Check(Check { config, json }) => {
            let well = Box::pin(check::check(config.sources(None), json)).await;
            if well { Ok(()) } else { Err(Failure::Check) }
        }
        Command::Health(args) => health::run(args).await,
        Command::Sessions(action) => Box::pin(sessions::run(action)).await,
        Command::Init(init) => init::run(init),
        Command::GenerateKey => {
            say(&random_text::<48>());
            Ok(())
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
            say(&String::from_utf8_lossy(&script));
            Ok(())
        }
        Command::Man { folder: Some(folder) } => Ok(clap_mangen::generate_to(Cli::command(), folder)?),
        Command::Man { folder: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            say(&String::from_utf8_lossy(&page));
            Ok(())
        }
    }
}

const SANDBOX_CLIENT: SandboxClient = SandboxClient { client_id: CLIENT_ID, client_secret: CLIENT_SECRET };

async fn serve_portal(serve: Serve, more: Pages) -> Result<(), Failure> {
    let sources = serve.config.sources(serve.sandbox.then_some(SANDBOX_CLIENT));
    let mut settings = Settings::load(&sources).map_err(Failure::Settings)?;
    telemetry::start(settings.log_format);
    ignore_hangup()?;
    if serve.sandbox {
        let started = sandbox::start(&settings).await?;
        tracing::warn!(
            sandbox = %started.public,
            "this portal runs on the sandbox, a stand-in for Globus: nothing here is real"
        );
        settings = settings.on_sandbox(&started.local, &started.public);
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    for variable in &settings.ignored_variables {
        tracing::debug!(variable, "ignored a service variable of the kind that Kubernetes and Docker set");
    }
    for warning in warnings::of(&settings).await {
        tracing::warn!("{warning}");
    }
    let app = AppState::build(settings, Clock::system()).await?;
    let server = Server::bind(app.clone(), more).await?;
    let stop = systemd::told(&app, server.address(), stop_signal()?);
    announce(&format!("Listening on {}. Visit {}", server.address(), app.settings.public_url("/")));
    if let Some(sandbox) = &app.settings.sandbox {
        announce(&format!("Sandbox, not Globus: {sandbox} shows its people and its client id"));
    }
    server.serve(stop).await;
    tracing::info!("stopped");
    Ok(())
}
