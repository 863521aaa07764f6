//! The commands.
//!
//! Exit status: 0 after a clean stop, 1 for a failed check or a failure at run time, 2 for wrong usage or settings.

mod check;
mod sandbox;
mod sessions;
mod warnings;

use std::{
    error::Error,
    fmt,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::LazyLock,
};

use axum::Router;
use clap::{Args, Parser, Subcommand};

use crate::{
    clock::Clock,
    sandbox::{CLIENT_ID, CLIENT_SECRET},
    secret::random_text,
    server::Server,
    settings::{Problems, SandboxClient, Settings, Sources},
    state::{AppState, BuildError},
    telemetry::{self, output::Output},
};

const DEFAULT_CONFIG: &str = "example_app.conf";

/// A web portal that logs people in with Globus.
#[derive(Debug, Parser)]
#[command(name = "globus-portal", version, args_conflicts_with_subcommands = true)]
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
    /// Run the stand-in for Globus alone, for any app in any language
    Sandbox(sandbox::SandboxArgs),
    /// Read the settings, try Globus and the session store, and say what is wrong
    Check(Config),
    /// See who is logged in, and end sessions
    #[command(subcommand)]
    Sessions(sessions::Action),
    /// Print a fresh SECRET_KEY
    GenerateKey,
}

#[derive(Args, Debug)]
struct Config {
    /// The settings file [default: example_app.conf]
    #[arg(long, value_name = "FILE", env = "GLOBUS_PORTAL_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Serve {
    #[command(flatten)]
    config: Config,
    /// Log in against a stand-in for Globus inside this process: no registration, no network
    #[arg(long)]
    sandbox: bool,
}

impl Config {
    fn sources(self, sandbox: Option<SandboxClient>) -> Sources {
        let required = self.config.is_some();
        Sources::of_process(self.config.unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG)), required, sandbox)
    }
}

/// Why a command failed.
#[derive(Debug)]
enum Failure {
    Settings(Problems),
    Build(BuildError),
    Bind(SocketAddr, io::Error),
    Io(io::Error),
    /// What is wrong has been printed.
    Check,
    /// Sessions are in the memory of another process.
    OwnMemory,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(problems) => problems.fmt(f),
            Self::Build(_) => f.write_str("cannot start"),
            Self::Bind(address, error) => write!(f, "cannot listen on {address}: {}", why_not(error)),
            Self::Io(_) => f.write_str("failed"),
            Self::Check => f.write_str("some checks failed"),
            Self::OwnMemory => f.write_str(
                "SESSION_STORE is memory, and so in the running portal alone: stopping it ends all sessions",
            ),
        }
    }
}

/// Why an address cannot be bound, and what to do.
fn why_not(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port (choose another with LISTEN and SERVER_NAME, or --listen for the sandbox)"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address (see LISTEN)",
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege (see LISTEN)",
        _ => "see LISTEN",
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Build(error) => Some(error),
            Self::Bind(_, error) | Self::Io(error) => Some(error),
            Self::Settings(_) | Self::Check | Self::OwnMemory => None,
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs the command of this process's command line. `more` holds pages of your own; `Router::new()` for none.
#[must_use]
pub fn run(more: Router<AppState>) -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
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

fn report(failure: &Failure) {
    let mut text = format!("globus-portal: {failure}");
    let mut source = failure.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.lines().for_each(|line| telemetry::STDERR.push(&telemetry::plain(line)));
}

/// Prints to standard output. A closed one is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints a line of a command that serves: a standard output that nobody reads must not hold it up.
fn announce(line: &str) {
    static STDOUT: LazyLock<Output> = LazyLock::new(|| Output::start("stdout", io::stdout(), |_| String::new()));
    STDOUT.push(line);
}

async fn execute(command: Command, more: Router<AppState>) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve_portal(serve, more).await,
        Command::Sandbox(args) => sandbox::serve(args).await,
        Command::Check(config) => {
            let well = check::check(config.sources(None)).await;
            if well { Ok(()) } else { Err(Failure::Check) }
        }
        Command::Sessions(action) => sessions::run(action).await,
        Command::GenerateKey => {
            say(&random_text::<48>());
            Ok(())
        }
    }
}

const SANDBOX_CLIENT: SandboxClient = SandboxClient { client_id: CLIENT_ID, client_secret: CLIENT_SECRET };

async fn serve_portal(serve: Serve, more: Router<AppState>) -> Result<(), Failure> {
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
    let listen = settings.listen;
    let app = AppState::build(settings, Clock::system()).await?;
    let server = Server::bind(app.clone(), more).await.map_err(|error| Failure::Bind(listen, error))?;
    let stop = stop_signal()?;
    announce(&format!("Listening on {}. Visit {}", server.address(), app.settings.public_url("/")));
    if let Some(sandbox) = &app.settings.sandbox {
        announce(&format!("Sandbox, not Globus: {sandbox} shows its people and its client id"));
    }
    server.serve(stop).await;
    tracing::info!("stopped");
    Ok(())
}

/// Ignores SIGHUP from now on: a terminal that closes, or a service manager's `reload`, must not stop the portal.
fn ignore_hangup() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP is ignored: settings are read at the start only, so restart to change them");
        }
    });
    Ok(())
}

/// Ready when the process is asked to stop: SIGINT or SIGTERM.
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
