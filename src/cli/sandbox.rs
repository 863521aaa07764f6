//! The sandbox: beside a portal, and as a command of its own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use clap::Args;
use url::Url;

use super::{
    failure::Failure,
    output::announce,
    signals::{ignore_hangup, stop_signal},
};
use crate::{
    keep_running::keep_running,
    sandbox::{self, NewClient, Sandbox},
    settings::{LogFormat, Settings},
    telemetry,
};

/// The port of the sandbox, when it is free.
const PORT: u16 = 5001;
/// Where the sandbox listens unless something else is asked for.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
/// The pause before a sandbox that has ended is served again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
pub(super) struct SandboxArgs {
    /// A loopback address; any address with --public-url
    #[arg(long, value_name = "ADDRESS", default_value_t = ADDRESS)]
    listen: SocketAddr,
    /// The URL at which browsers reach the sandbox from outside, such as outside its container: anyone there can use it
    #[arg(long, value_name = "URL", env = "GLOBUS_PORTAL_SANDBOX_PUBLIC_URL")]
    public_url: Option<Url>,
    /// A redirect URI to register besides all loopback ones; may be given several times
    #[arg(long, value_name = "URL")]
    redirect_uri: Vec<String>,
    /// An app to register: a UUID for a native app, UUID:SECRET for a confidential one; may be given several times
    #[arg(long, value_name = "ID[:SECRET]", value_parser = client)]
    client: Vec<NewClient>,
}

fn client(text: &str) -> Result<NewClient, String> {
    let (id, secret) = text.split_once(':').map_or((text, None), |(id, secret)| (id, Some(secret)));
    let id = uuid::Uuid::parse_str(id).map_err(|_| "a client id is a UUID")?.to_string();
    if secret == Some("") {
        return Err("the secret after the colon is empty; leave out the colon for a native app".to_owned());
    }
    Ok(NewClient { name: format!("App {id}"), secret: secret.map(ToOwned::to_owned), id })
}

/// A sandbox beside a portal.
pub(super) struct Started {
    /// Where the portal reaches it.
    pub local: Url,
    /// Where browsers reach it.
    pub public: Url,
}

/// Starts the sandbox beside the portal: on its usual port or, where that is taken, on any. With a public URL it listens
/// where the portal does, on the port of that URL.
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
        Some(url) => SocketAddr::new(settings.listen.ip(), url.port().unwrap_or(PORT)),
        None => ADDRESS,
    };
    let any = SocketAddr::new(ADDRESS.ip(), 0);
    let sandbox = match Sandbox::bind(options(wanted)).await {
        Ok(sandbox) => sandbox,
        Err(error) if public_url.is_some() => return Err(Failure::Bind(wanted, error)),
        Err(_) => Sandbox::bind(options(any)).await.map_err(|error| Failure::Bind(any, error))?,
    };
    let parse = |base: String| Url::parse(&format!("{base}/")).map_err(|error| io::Error::other(error.to_string()));
    let started = Started { local: parse(sandbox.local_url())?, public: parse(sandbox.base_url())? };
    if public_url.is_some() {
        warn_of_public_sandbox(&started.public);
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

fn warn_of_public_sandbox(public: &Url) {
    tracing::warn!(
        sandbox = %public,
        "THIS IS A SANDBOX, NOT GLOBUS, and it can be reached from outside this machine: anyone can log in as anyone"
    );
}

/// Runs only the sandbox.
pub(super) async fn serve(args: SandboxArgs) -> Result<(), Failure> {
    telemetry::start(LogFormat::Pretty);
    ignore_hangup()?;
    let options = sandbox::Options {
        listen: args.listen,
        public_url: args.public_url.clone(),
        redirect_uris: args.redirect_uri,
        client_name: "Sandbox App".to_owned(),
        clients: args.client.clone(),
    };
    let sandbox = Sandbox::bind(options).await.map_err(|error| Failure::Bind(args.listen, error))?;
    let base = sandbox.base_url();
    if args.public_url.is_some() {
        warn_of_public_sandbox(&Url::parse(&base).map_err(|error| io::Error::other(error.to_string()))?);
    }
    announce(&format!("Sandbox of Globus on {base}/ (a stand-in: nothing here is real)"));
    announce(&format!("  client id         {}", sandbox::CLIENT_ID));
    announce(&format!("  client secret     {}", sandbox::CLIENT_SECRET));
    announce(&format!("  native client id  {}", sandbox::NATIVE_CLIENT_ID));
    for client in &args.client {
        let kind = if client.secret.is_some() { "registered" } else { "registered as a native app" };
        announce(&format!("  client id         {} ({kind})", client.id));
    }
    // It lacks the last three and says so: a tool must not take the tokens of the sandbox to the real ones.
    for service in ["AUTH", "TRANSFER", "GROUPS", "SEARCH", "FLOWS", "TIMER"] {
        announce(&format!("  export GLOBUS_SDK_SERVICE_URL_{service}={base}/"));
    }
    sandbox.serve(stop_signal()?).await?;
    Ok(())
}
