//! The sandbox: beside a portal, and as a command of its own.

use std::{io, net::SocketAddr, time::Duration};

use url::Url;

use super::{
    failure::Failure,
    output::announce,
    signals::{ignore_hangup, stop_signal},
};
use crate::{
    keep_running::keep_running,
    sandbox::{
        self, Sandbox,
        command::{self, ADDRESS, PORT, SandboxArgs, warn_of_public_sandbox},
    },
    settings::{Listen, LogFormat, Settings},
    telemetry,
};

/// The pause before a sandbox that has ended is served again.
const PAUSE: Duration = Duration::from_secs(1);

/// A sandbox beside a portal.
pub(super) struct Started {
    /// Where the portal reaches it.
    pub local: Url,
    /// Where browsers reach it.
    pub public: Url,
}

/// Starts the sandbox beside the portal, on its usual port or, if that is in use, on any free one. With a public URL it
/// listens on the portal's address (on loopback if the portal has a socket of another kind) and the port of that URL.
pub(super) async fn start(settings: &Settings) -> Result<Started, Failure> {
    let public_url = settings.sandbox_public_url.clone();
    let options = |listen| sandbox::Options {
        listen,
        public_url: public_url.clone(),
        redirect_uris: vec![settings.public_url("/login")],
        client_name: settings.app_name.clone(),
        clients: vec![],
    };
    let wanted = match &public_url {
        Some(url) => {
            let ip = settings.listen.tcp().unwrap_or(ADDRESS).ip();
            SocketAddr::new(ip, url.port().unwrap_or(PORT))
        }
        None => ADDRESS,
    };
    let any = SocketAddr::new(ADDRESS.ip(), 0);
    let sandbox = match Sandbox::bind(options(wanted)).await {
        Ok(sandbox) => sandbox,
        Err(error) if public_url.is_some() => return Err(Failure::Bind(Listen::Tcp(wanted), error)),
        Err(_) => Sandbox::bind(options(any)).await.map_err(|error| Failure::Bind(Listen::Tcp(any), error))?,
    };
    let parse = |base: String| Url::parse(&format!("{base}/")).map_err(|error| io::Error::other(error.to_string()));
    let started = Started { local: parse(sandbox.local_url())?, public: parse(sandbox.base_url())? };
    if public_url.is_some() {
        warn_of_public_sandbox(started.public.as_str());
    }
    keep_running("the sandbox", move || serve_for_ever(sandbox.clone()));
    Ok(started)
}

async fn serve_for_ever(sandbox: Sandbox) {
    loop {
        let ended = sandbox.clone().serve(std::future::pending()).await;
        tracing::error!(error = ended.err().map(tracing::field::display), "the sandbox stopped; serving it again");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs only the sandbox.
pub(super) async fn serve(args: SandboxArgs) -> Result<(), Failure> {
    telemetry::start(LogFormat::Pretty);
    ignore_hangup()?;
    command::serve(args, announce, stop_signal()?).await.map_err(|failure| match failure {
        command::Failure::Bind(address, error) => Failure::BindSandbox(address, error),
        command::Failure::Serve(error) => Failure::Io(error),
    })
}
