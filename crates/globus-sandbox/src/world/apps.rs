//! The apps registered at the sandbox: two of its own, the Globus CLI, and those that users register.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use url::{Host, Url};

use crate::ground::options::{CLIENT_ID, CLIENT_SECRET, NATIVE_CLIENT_ID, Options};
use crate::ground::random;
use crate::world::people::{Person, of_client};

/// The most apps registered at run time. A new one removes the oldest.
const MAX_REGISTERED: usize = 500;

/// The native apps of the Globus CLI in the environments of Globus. Each installation registers its own app from one of
/// them.
const GLOBUS_CLI: [&str; 6] = [
    "95fdeba8-fac2-42bd-a357-e068d82ff78e",
    "33b6a241-bce4-4359-9c6d-09f88b3c9eef",
    "e0c31fd1-663b-44e1-840f-f4304bb9ee7a",
    "0ebfd058-452f-40c3-babf-5a6b16a7b337",
    "3029c3cb-c8d9-4f2b-979c-c53330aa7327",
    "b2867dbb-0846-4579-8486-dc70763d700b",
];

/// A registered app. Two are equal when their ids are.
#[derive(Clone)]
pub(crate) struct Client(Arc<Registration>);

/// The properties of an app.
pub(crate) struct Registration {
    pub(crate) id: String,
    pub(crate) name: String,
    /// A native app has none, and must use PKCE (RFC 8252, RFC 7636).
    pub(crate) secret: Option<String>,
    /// Redirect URIs in addition to all loopback ones. They must match exactly.
    pub(crate) redirect_uris: Vec<String>,
    /// The native app that it was made from.
    pub(crate) template: Option<String>,
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.id())
    }
}

impl Client {
    pub(crate) fn new(registration: Registration) -> Self {
        Self(Arc::new(registration))
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn secret(&self) -> Option<&str> {
        self.0.secret.as_deref()
    }

    pub(crate) fn redirect_uris(&self) -> &[String] {
        &self.0.redirect_uris
    }

    pub(crate) fn template(&self) -> Option<&str> {
        self.0.template.as_deref()
    }

    pub(crate) fn is_native(&self) -> bool {
        self.0.secret.is_none()
    }

    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        self.secret().is_some_and(|known| random::same(secret, known))
    }

    /// The app's own identity, which client credentials speak for.
    pub(crate) fn person(&self) -> Person {
        of_client(self.id(), self.name())
    }

    /// Whether it may revoke the tokens of `other`: its own, and those of apps registered from it.
    pub(crate) fn answers_for(&self, other: &Self) -> bool {
        self == other || other.template() == Some(self.id())
    }

    /// Any loopback URL counts as registered, so that developers can use any port; all others must be registered.
    pub(crate) fn may_return_to(&self, text: &str, url: &Url) -> bool {
        is_loopback(url) || self.redirect_uris().iter().any(|known| known == text)
    }
}

fn is_loopback(url: &Url) -> bool {
    let http = matches!(url.scheme(), "http" | "https");
    let no_user = url.username().is_empty() && url.password().is_none();
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    http && no_user && here
}

/// The longest name of an app.
pub(crate) const MAX_NAME: usize = 200;

/// Whether an app can have this name.
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_NAME
}

/// Every app there is.
pub(crate) struct Clients {
    /// The built-in ones and those of the options; they cannot be removed.
    fixed: Vec<Client>,
    registered: VecDeque<Client>,
}

/// Another app has the id.
#[derive(Debug)]
pub(crate) struct Taken;

impl Clients {
    pub(crate) fn new(options: &Options, auth_code_page: &str) -> Self {
        let mut redirect_uris = options.redirect_uris.clone();
        redirect_uris.push(auth_code_page.to_owned());
        let fixed = |id: &str, name: &str, secret: Option<&str>| {
            Client::new(Registration {
                id: id.to_owned(),
                name: name.to_owned(),
                secret: secret.map(str::to_owned),
                redirect_uris: redirect_uris.clone(),
                template: None,
            })
        };
        let mut all = vec![
            fixed(CLIENT_ID, &options.client_name, Some(CLIENT_SECRET)),
            fixed(NATIVE_CLIENT_ID, "Sandbox Native App", None),
        ];
        all.extend(GLOBUS_CLI.map(|id| fixed(id, "Globus CLI", None)));
        for extra in &options.clients {
            // The options come last, so that they can give a built-in app another secret.
            all.retain(|known| known.id() != extra.id);
            all.push(fixed(&extra.id, &extra.name, extra.secret.as_deref()));
        }
        Self { fixed: all, registered: VecDeque::new() }
    }

    pub(crate) fn find(&self, id: &str) -> Option<Client> {
        self.all().find(|client| client.id() == id).cloned()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Client> {
        self.fixed.iter().chain(&self.registered)
    }

    /// Registers an app; returns the oldest one if it had to be removed.
    pub(crate) fn register(&mut self, client: Client) -> Result<Option<Client>, Taken> {
        if self.find(client.id()).is_some() {
            return Err(Taken);
        }
        let full = self.registered.len() >= MAX_REGISTERED;
        let oldest = if full { self.registered.pop_front() } else { None };
        self.registered.push_back(client);
        Ok(oldest)
    }

    /// Removes an app that was registered at run time.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Client> {
        let position = self.registered.iter().position(|client| client.id() == id)?;
        self.registered.remove(position)
    }
}
