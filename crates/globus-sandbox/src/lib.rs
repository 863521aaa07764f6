//! The sandbox: a stand-in for Globus Auth, Transfer and Groups, on loopback unless it is opened on purpose.
//!
//! It serves the first run of a portal without any registration, and the tests. It follows the public documentation of
//! Globus and the standards (RFC 6749 OAuth 2.0, RFC 7636 PKCE, RFC 7009 revocation, RFC 7662 introspection, OpenID Connect
//! Core) closely enough that the official SDKs work against it. Nothing in it is real, so nothing in it is secret.
//!
//! It imports nothing from the rest of this crate. A field that our client misreads must fail a test, and it would not if
//! both sides shared a type.
//!
//! # The folder
//!
//! | file | what is in it |
//! |---|---|
//! | `routes` | every route, and what stands around them |
//! | `authorize` | `GET /v2/oauth2/authorize`: reading a request, error pages, error redirects |
//! | `sign_in` | the pages after it: who are you, do you allow this, and the way back to the app |
//! | `token` | `POST /v2/oauth2/token` and its four grants |
//! | `auth` | discovery, keys, revoke, introspect, userinfo |
//! | `identities`, `consents` | the Identities API: identities, providers, consents |
//! | `transfer` | Transfer: endpoint search, single endpoints |
//! | `operations`, `disk` | Transfer: `ls`, `stat`, `mkdir`, `rename`, and the files |
//! | `submit`, `task_routes`, `tasks`, `task_log` | Transfer: submitting tasks, looking after them, how they run, what they moved |
//! | `bookmarks` | Transfer: bookmarks |
//! | `sharing`, `sharing_routes` | Transfer: access rules and roles |
//! | `access`, `listing`, `call` | Transfer: who may do what, and its errors; filters, orders and pages; one call |
//! | `troubles` | Transfer: collections that fail in one way each |
//! | `gcs`, `tls` | the manager of Globus Connect Server: collections and roles, by https on the same port |
//! | `groups`, `group_actions`, `group_book` | Groups, memberships that change, and the groups that exist |
//! | `web` | the front page, logout, consents, auth-code, static files |
//! | `people`, `collections`, `belongings` | who there is, what collections are, who owns which |
//! | `client`, `client_routes`, `client_auth` | the registered apps, registering more, and how they authenticate |
//! | `hosts` | who may talk to the sandbox: `Host`, `Origin`, CORS |
//! | `services` | which service a path belongs to, and how that service words what the sandbox lacks |
//! | `scopes` | scope strings, and the scopes that exist |
//! | `policies` | authentication policies |
//! | `id_token`, `claims`, `keys` | what an `id_token` says, and its signature |
//! | `control`, `faults`, `seen` | the controls for tests: faults, what was seen, tasks that end at once |
//! | `wire` | connections that can be cut |
//! | `store`, `shelf` | sessions, consents, codes and tokens: in memory, bounded |
//! | `params`, `reply`, `pages`, `random`, `moment` | parameters in; documents, redirects and pages out; random values, dates |
//!
//! # Signing in without a browser
//!
//! Every form works with just the hidden fields that it has. With a cookie jar (the sign-in lives in the cookie
//! `sandbox_globus_auth`, path `/v2`) and without following redirects:
//!
//! 1. `GET /v2/oauth2/authorize?…` gives 200 and a page. Its forms have a hidden field `request`.
//! 2. `POST /v2/web/choose` with `request` and `identity` (a username of [people](self#people), or an identity's id) gives
//!    303 to `/v2/web/consent?request=…`.
//! 3. `POST /v2/web/consent` with `request` and `decision=allow` (or `deny`) gives 303 to the app's redirect URI, with
//!    `code` and `state` (or `error`). Step 2's page need not be loaded in between.
//!
//! Who is signed in already gets the consent page from step 1 and leaves out step 2. Who has also consented to all of the
//! scopes before is sent back by step 1 itself with a 302, and so is the `GET` of the page between steps 2 and 3.
//!
//! # People
//!
//! `mira@northfield.example`, `jonas@ridgeline.example`, `amara@globusid.org`,
//! `0009-0004-7312-5580@scholar-id.example`, `priya@coastal.example` and `quirk@hostile.example`. The front page says what
//! each is good for.
//!
//! # Trouble on purpose
//!
//! Collections `7e57ab1e-0000-4000-8000-0000000000NN` fail in one way each, for everybody; `troubles` and the front page
//! list them. Everything else that can go wrong is switched on and off, in any language, by `POST`, `GET` and `DELETE` of
//! `/sandbox/faults`; `faults` has the list. `GET /sandbox/seen` tells which calls came, and `POST /sandbox/tasks/finish` ends
//! tasks at once. Each sandbox has faults and a memory of its own, so tests that start one each do not meet.

mod access;
mod auth;
mod authorize;
mod belongings;
mod bookmarks;
mod call;
mod claims;
mod client;
mod client_auth;
mod client_routes;
mod collections;
mod consents;
mod control;
mod disk;
mod faults;
mod gcs;
mod group_actions;
mod group_book;
mod groups;
mod hosts;
mod id_token;
mod identities;
mod keys;
mod listing;
mod moment;
mod operations;
mod pages;
mod params;
mod people;
mod policies;
mod random;
mod reply;
mod routes;
mod scopes;
mod seen;
mod services;
mod sharing;
mod sharing_routes;
mod shelf;
mod sign_in;
mod store;
mod submit;
mod task_log;
mod task_routes;
mod tasks;
mod tls;
mod token;
mod transfer;
mod troubles;
mod web;
mod wire;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use url::Url;

use bookmarks::Bookmarks;
use client::{Client, Clients};
use collections::Catalogue;
use faults::Faults;
use group_book::GroupBook;
use hosts::Hosts;
use keys::ComingKey;
use people::People;
use seen::Seen;
use sharing::Sharing;
use store::{Store, now_millis};
use tasks::TransferState;
use tls::Tls;
use wire::{CuttableListener, Shears};

/// The client id of the registered confidential app, "Sandbox App".
pub const CLIENT_ID: &str = "4d8f1a52-7c3e-4b09-9f61-2ac05e7d8b34";

/// Its secret. It opens nothing but the sandbox, so it may stand in the source.
pub const CLIENT_SECRET: &str = "mh3PPFv3R3FSCoYvwxCHgLkXIY7K8xRq/AziH/xkgw8=";

/// The client id of the registered native app, which has no secret and must use PKCE (RFC 8252, RFC 7636).
pub const NATIVE_CLIENT_ID: &str = "e1e0a7a4-b49f-4758-a9d2-5fa12f5d5aed";

/// A scope of the confidential app itself. A token for it can be traded in the dependent token grant.
pub const CLIENT_SCOPE: &str = "https://auth.globus.org/scopes/4d8f1a52-7c3e-4b09-9f61-2ac05e7d8b34/use";

/// How to run a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// A loopback address, unless there is a public URL. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where browsers reach it, if that is not the address it listens on: from outside a container, say. It makes the sandbox
    /// answer to that host as well. `http` or `https`, a host and perhaps a port, and nothing else.
    pub public_url: Option<Url>,
    /// Redirect URIs that are registered besides all loopback URLs. They have to match exactly.
    pub redirect_uris: Vec<String>,
    /// The name of the confidential app on the sandbox's pages.
    pub client_name: String,
    /// Apps that are registered besides the sandbox's own.
    pub clients: Vec<NewClient>,
}

/// An app to register.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// Its client id.
    pub id: String,
    /// Its name on the sandbox's pages.
    pub name: String,
    /// Its secret; none makes it a native app.
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

/// A stand-in for Globus that has its port and waits to be served. All clones are the same sandbox: who serves one again
/// goes on with its port and its memory.
#[derive(Clone)]
pub struct Sandbox {
    listener: Arc<TcpListener>,
    app: AppState,
}

impl Sandbox {
    /// Takes the port and starts to make the signing key, without waiting for it.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an address that is not loopback when no public URL was given: anybody can sign in here as anybody,
    /// so other machines must reach it on purpose only. Else what the operating system says to the port.
    pub async fn bind(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() && options.public_url.is_none() {
            return Err(invalid(format!(
                "the sandbox listens on loopback only, and {} is not: use 127.0.0.1 or [::1], or give it a public URL",
                options.listen.ip()
            )));
        }
        let public = options.public_url.as_ref().map(public_base).transpose()?;
        let listener = TcpListener::bind(options.listen).await?;
        let local = local_address(listener.local_addr()?);
        let app = Arc::new(App::new(options, public, local));
        Ok(Self { listener: Arc::new(listener), app })
    }

    /// The one base URL of all services, without a final slash: the public URL if there is one. It is the issuer of the
    /// `id_token`s, too.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.app.base_url.clone()
    }

    /// The base URL for programs on this machine, which need not be able to reach the public one.
    #[must_use]
    pub fn local_url(&self) -> String {
        self.app.local_url.clone()
    }

    /// Serves until `shutdown` completes.
    ///
    /// # Errors
    ///
    /// What the operating system says to the listening socket.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        tracing::info!(base_url = self.app.base_url, "sandbox: listening");
        let tls = self.app.tls.clone();
        let service = routes::router(self.app).into_make_service_with_connect_info::<Shears>();
        axum::serve(CuttableListener { listener: self.listener, tls }, service).with_graceful_shutdown(shutdown).await
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// A public URL as the beginning of all URLs that the sandbox hands out.
fn public_base(url: &Url) -> io::Result<String> {
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && bare && anonymous && url.has_host() {
        return Ok(url.origin().ascii_serialization());
    }
    Err(invalid(format!("the public URL of the sandbox must be like http://host:5001, and {} is not", url.scheme())))
}

/// The address by which programs on this machine reach a socket.
fn local_address(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

type AppState = Arc<App>;

/// Everything the handlers share.
struct App {
    base_url: String,
    local_url: String,
    hosts: Hosts,
    tls: Arc<Tls>,
    client_name: String,
    redirect_uris: Vec<String>,
    clients: Mutex<Clients>,
    people: People,
    catalogue: Catalogue,
    key: ComingKey,
    store: Mutex<Store>,
    transfer: Mutex<TransferState>,
    bookmarks: Mutex<Bookmarks>,
    sharing: Mutex<Sharing>,
    groups: Mutex<GroupBook>,
    faults: Mutex<Faults>,
    seen: Mutex<Seen>,
}

impl App {
    fn new(options: Options, public: Option<String>, local: SocketAddr) -> Self {
        let people = People::new();
        let local_url = format!("http://{local}");
        let base_url = public.unwrap_or_else(|| local_url.clone());
        let clients = Clients::new(&options, &format!("{base_url}/v2/web/auth-code"));
        let manager_url = base_url.replacen("http://", "https://", 1);
        let catalogue = Catalogue::new(&people, &manager_url);
        Self {
            sharing: Mutex::new(Sharing::new(&catalogue)),
            groups: Mutex::new(GroupBook::new(&people)),
            catalogue,
            bookmarks: Mutex::default(),
            tls: Arc::new(Tls::new(options.public_url.as_ref().and_then(Url::host_str))),
            hosts: Hosts::new(options.public_url.as_ref(), local.ip()),
            base_url,
            local_url,
            clients: Mutex::new(clients),
            client_name: options.client_name,
            redirect_uris: options.redirect_uris,
            people,
            key: ComingKey::begin(),
            store: Mutex::new(Store::new()),
            transfer: Mutex::default(),
            faults: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Files and tasks, brought up to this moment. Nobody who holds this may take the store: locks are taken in the order
    /// store, transfer, faults, seen, bookmarks, sharing, groups, clients.
    fn transfer(&self) -> MutexGuard<'_, TransferState> {
        let mut state = self.transfer.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(&self.catalogue, now_millis());
        state
    }

    fn bookmarks(&self) -> MutexGuard<'_, Bookmarks> {
        self.bookmarks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sharing(&self) -> MutexGuard<'_, Sharing> {
        self.sharing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> MutexGuard<'_, GroupBook> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The apps. This is the last lock that anybody takes.
    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, id: &str) -> Option<Client> {
        self.clients().find(id)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
