//! How to run a sandbox, and the ids of its own apps.

use std::net::SocketAddr;

use url::Url;

/// The client id of the registered confidential app, "Sandbox App".
pub const CLIENT_ID: &str = "4d8f1a52-7c3e-4b09-9f61-2ac05e7d8b34";

/// Its secret. It is valid at the sandbox only, so it may appear in the source.
pub const CLIENT_SECRET: &str = "mh3PPFv3R3FSCoYvwxCHgLkXIY7K8xRq/AziH/xkgw8=";

/// The client id of the registered native app, which has no secret and must use PKCE (RFC 8252, RFC 7636).
pub const NATIVE_CLIENT_ID: &str = "e1e0a7a4-b49f-4758-a9d2-5fa12f5d5aed";

/// A scope of the confidential app itself. The dependent token grant exchanges a token for it.
pub const CLIENT_SCOPE: &str = "https://auth.globus.org/scopes/4d8f1a52-7c3e-4b09-9f61-2ac05e7d8b34/use";

/// How to run a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// A loopback address, or any address when there is a public URL. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where browsers reach it, if not at the address it listens on: from outside its container, for example. The sandbox
    /// then answers to that host as well. `http` or `https`, a host and an optional port, without path, query or user.
    pub public_url: Option<Url>,
    /// Redirect URIs to register in addition to all loopback URLs. They must match exactly.
    pub redirect_uris: Vec<String>,
    /// The name of the confidential app on the sandbox's pages.
    pub client_name: String,
    /// Apps to register in addition to the sandbox's own.
    pub clients: Vec<NewClient>,
}

/// An app to register.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// Its client id.
    pub id: String,
    /// Its name on the sandbox's pages.
    pub name: String,
    /// Its secret; `None` makes it a native app.
    pub secret: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            redirect_uris: vec![],
            client_name: "Sandbox App".into(),
            clients: vec![],
        }
    }
}
