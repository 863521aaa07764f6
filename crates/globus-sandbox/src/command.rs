//! The sandbox as a command: its arguments, what it prints, and serving. The `globus-sandbox` binary and the `sandbox`
//! command of `globus-portal` share it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;
use url::Url;

use crate::ground::options::{CLIENT_ID, CLIENT_SECRET, NATIVE_CLIENT_ID, NewClient, Options};
use crate::sandbox::Sandbox;

/// The sandbox's usual port.
pub const PORT: u16 = 5001;
/// Where a sandbox listens by default.
pub const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);

/// The arguments of the command. Flatten them into another program's with clap's derive; to read `--public-url`
/// from an environment variable too, name the variable with `mut_arg("public_url", …)`.
#[derive(Args, Clone, Debug)]
pub struct SandboxArgs {
    /// A loopback address; any address with --public-url
    #[arg(long, value_name = "ADDRESS", default_value_t = ADDRESS)]
    pub listen: SocketAddr,
    /// The URL at which browsers outside this machine or container reach the sandbox: anyone there can use it
    #[arg(long, value_name = "URL")]
    pub public_url: Option<Url>,
    /// A redirect URI to register besides all loopback ones; may be given several times
    #[arg(long, value_name = "URL")]
    pub redirect_uri: Vec<String>,
    /// An app to register: a UUID for a native app, UUID:SECRET for a confidential one; may be given several times
    #[arg(long, value_name = "ID[:SECRET]", value_parser = client)]
    pub client: Vec<NewClient>,
}

fn client(text: &str) -> Result<NewClient, String> {
    let (id, secret) = text.split_once(':').map_or((text, None), |(id, secret)| (id, Some(secret)));
    let id = uuid::Uuid::parse_str(id).map_err(|_| "a client id is a UUID")?.to_string();
    if secret == Some("") {
        return Err("the secret after the colon is empty; leave out the colon for a native app".to_owned());
    }
    Ok(NewClient { name: format!("App {id}"), secret: secret.map(ToOwned::to_owned), id })
}

/// Why the command failed.
#[derive(Debug)]
pub enum Failure {
    /// It cannot listen on this address.
    Bind(SocketAddr, io::Error),
    /// It cannot serve.
    Serve(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Serve(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let (Self::Bind(_, error) | Self::Serve(error)) = self;
        Some(error)
    }
}

/// Runs a sandbox until `shutdown` completes. Once it listens, it passes `print` each line to show: the base
/// URL, the client ids, and the environment variables for the Globus SDK and CLI.
///
/// # Errors
///
/// [`Failure::Bind`] when it cannot listen, [`Failure::Serve`] when serving fails.
pub async fn serve(
    args: SandboxArgs,
    print: impl Fn(&str),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let (listen, is_public) = (args.listen, args.public_url.is_some());
    let clients = args.client.clone();
    let options = Options {
        listen,
        public_url: args.public_url,
        redirect_uris: args.redirect_uri,
        clients: args.client,
        ..Options::default()
    };
    let sandbox = Sandbox::bind(options).await.map_err(|error| Failure::Bind(listen, error))?;
    let base = sandbox.base_url();
    if is_public {
        warn_of_public_sandbox(&base);
    }
    print_settings(&base, &clients, print);
    sandbox.serve(shutdown).await.map_err(Failure::Serve)
}

/// Logs a warning that other machines can reach the sandbox at this URL.
pub fn warn_of_public_sandbox(public_url: &str) {
    tracing::warn!(
        sandbox = public_url,
        "THIS IS A SANDBOX, NOT GLOBUS, and it can be reached from outside this machine: anyone can log in as anyone"
    );
}

fn print_settings(base: &str, clients: &[NewClient], print: impl Fn(&str)) {
    print(&format!("Sandbox of Globus on {base}/ (a stand-in: nothing here is real)"));
    print(&format!("  client id         {CLIENT_ID}"));
    print(&format!("  client secret     {CLIENT_SECRET}"));
    print(&format!("  native client id  {NATIVE_CLIENT_ID}"));
    for client in clients {
        let kind = if client.secret.is_some() { "registered" } else { "registered as a native app" };
        print(&format!("  client id         {} ({kind})", client.id));
    }
    // The sandbox does not have the last three; it answers 404, so that no tool sends the sandbox's tokens to the real ones.
    for service in ["AUTH", "TRANSFER", "GROUPS", "SEARCH", "FLOWS", "TIMER"] {
        print(&format!("  export GLOBUS_SDK_SERVICE_URL_{service}={base}/"));
    }
}
