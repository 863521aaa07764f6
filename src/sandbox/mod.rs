//! The sandbox: a stand-in for Globus Auth, Transfer and Groups, on loopback.
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
//! | `authorize` | `GET /v2/oauth2/authorize`: reading a request, error pages, error redirects |
//! | `sign_in` | the pages after it: who are you, do you allow this, and the way back to the app |
//! | `token` | `POST /v2/oauth2/token` and its four grants |
//! | `auth` | discovery, keys, revoke, introspect, userinfo |
//! | `identities`, `consents` | the Identities API: identities, providers, consents |
//! | `transfer` | Transfer: endpoint search, single endpoints |
//! | `operations`, `disk` | Transfer: `ls`, `stat`, `mkdir`, `rename`, and the files |
//! | `submit`, `task_routes`, `tasks` | Transfer: handing in tasks, looking after them, and how they run |
//! | `access`, `listing` | Transfer: who may do what, and its errors; filters, orders and pages |
//! | `troubles` | Transfer: collections that fail in one way each |
//! | `groups`, `group_book` | Groups, and the groups that exist |
//! | `web` | the front page, logout, consents, auth-code, static files |
//! | `people`, `collections`, `belongings` | who there is, what collections are, who owns which |
//! | `client` | the registered apps and how they authenticate |
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
mod claims;
mod client;
mod collections;
mod consents;
mod control;
mod disk;
mod faults;
mod group_book;
mod groups;
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
mod scopes;
mod seen;
mod shelf;
mod sign_in;
mod store;
mod submit;
mod task_routes;
mod tasks;
mod token;
mod transfer;
mod troubles;
mod web;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use tokio::net::TcpListener;

use collections::Catalogue;
use faults::Faults;
use keys::ComingKey;
use people::People;
use seen::Seen;
use store::{Store, now_millis};
use tasks::TransferState;
use wire::{CuttableListener, Shears};

/// The client id of the registered confidential app, "Sandbox App".
pub const CLIENT_ID: &str = "4d8f1a52-7c3e-4b09-9f61-2ac05e7d8b34";

/// Its secret. It opens nothing but the sandbox, so it may stand in the source.
pub const CLIENT_SECRET: &str = "mh3PPFv3R3FSCoYvwxCHgLkXIY7K8xRq/AziH/xkgw8=";

/// The client id of the registered native app, which has no secret and must use PKCE (RFC 8252, RFC 7636).
pub const NATIVE_CLIENT_ID: &str = "e1e0a7a4-b49f-4758-a9d2-5fa12f5d5aed";

/// A scope of the confidential app itself. A token for it can be traded in the dependent token grant.
pub const CLIENT_SCOPE: &str = "https://auth.globus.org/scopes/4d8f1a52-7c3e-4b09-9f61-2ac05e7d8b34/use";

/// Forms and requests of real clients are far smaller.
const BODY_LIMIT: usize = 64 * 1024;

/// How to run a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// A loopback address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Redirect URIs that are registered besides all loopback URLs. They have to match exactly.
    pub redirect_uris: Vec<String>,
    /// The name of the confidential app on the sandbox's pages.
    pub client_name: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 0)), redirect_uris: vec![], client_name: "Sandbox App".into() }
    }
}

/// A stand-in for Globus that has its port and waits to be served.
pub struct Sandbox {
    listener: TcpListener,
    app: AppState,
}

impl Sandbox {
    /// Takes the port and starts to make the signing key, without waiting for it.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an address that is not loopback: anybody can sign in here as anybody, so other machines must not
    /// reach it. Else what the operating system says to the port.
    pub async fn bind(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the sandbox listens on loopback only, and {} is not: use 127.0.0.1 or [::1]",
                    options.listen.ip()
                ),
            ));
        }
        let listener = TcpListener::bind(options.listen).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let app = Arc::new(App::new(options, base_url));
        Ok(Self { listener, app })
    }

    /// The one base URL of all services, without a final slash. It is the issuer of the `id_token`s, too.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.app.base_url.clone()
    }

    /// Serves until `shutdown` completes.
    ///
    /// # Errors
    ///
    /// What the operating system says to the listening socket.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        tracing::info!(base_url = self.app.base_url, "sandbox: listening");
        let service = router(self.app).into_make_service_with_connect_info::<Shears>();
        axum::serve(CuttableListener(self.listener), service).with_graceful_shutdown(shutdown).await
    }
}

type AppState = Arc<App>;

/// Everything the handlers share.
struct App {
    base_url: String,
    client_name: String,
    redirect_uris: Vec<String>,
    people: People,
    catalogue: Catalogue,
    key: ComingKey,
    store: Mutex<Store>,
    transfer: Mutex<TransferState>,
    faults: Mutex<Faults>,
    seen: Mutex<Seen>,
}

impl App {
    fn new(options: Options, base_url: String) -> Self {
        let people = People::new(&options.client_name);
        Self {
            base_url,
            client_name: options.client_name,
            redirect_uris: options.redirect_uris,
            catalogue: Catalogue::new(&people),
            people,
            key: ComingKey::begin(),
            store: Mutex::new(Store::new()),
            transfer: Mutex::default(),
            faults: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Files and tasks, brought up to this moment. Nobody who holds this may take the store: locks are taken in the order
    /// store, transfer, faults, seen.
    fn transfer(&self) -> MutexGuard<'_, TransferState> {
        let mut state = self.transfer.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(&self.catalogue, now_millis());
        state
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

/// What the front page says about the routes.
#[rustfmt::skip]
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/.well-known/openid-configuration", "discovery"),
    ("GET", "/jwk.json", "the key of the id_tokens"),
    ("GET", "/v2/oauth2/authorize", "sign in, allow or deny"),
    ("POST", "/v2/oauth2/token", "authorization code, refresh token, client credentials, dependent token"),
    ("POST", "/v2/oauth2/token/revoke", "end a token"),
    ("POST", "/v2/oauth2/token/introspect", "look at a token"),
    ("GET, POST", "/v2/oauth2/userinfo", "who a token speaks for"),
    ("GET", "/v2/api/identities", "identities by username or id"),
    ("GET", "/v2/api/identity_providers", "identity providers by domain or id"),
    ("GET", "/v2/api/identities/{id}/consents", "what a person lets apps do, as a document"),
    ("GET, POST", "/v2/web/choose", "who are you"),
    ("GET, POST", "/v2/web/consent", "do you allow this"),
    ("GET", "/v2/web/identities", "see linked identities"),
    ("GET", "/v2/web/logout", "sign out of the sandbox"),
    ("GET, POST", "/v2/web/consents", "see and rescind consents"),
    ("GET", "/v2/web/auth-code", "the code of apps without a web server"),
    ("GET", "/v2/groups/my_groups", "Groups: where the person is a member"),
    ("GET", "/v2/groups/{id}", "Groups: one group"),
    ("GET", "/v0.10/endpoint_search", "Transfer: find endpoints"),
    ("GET", "/v0.10/endpoint/{id}", "Transfer: one endpoint"),
    ("GET", "/v0.10/operation/endpoint/{id}/ls", "Transfer: what is in a folder"),
    ("GET", "/v0.10/operation/endpoint/{id}/stat", "Transfer: one file or folder"),
    ("POST", "/v0.10/operation/endpoint/{id}/mkdir", "Transfer: make a folder"),
    ("POST", "/v0.10/operation/endpoint/{id}/rename", "Transfer: rename a file or folder"),
    ("GET", "/v0.10/submission_id", "Transfer: an id for handing in a task"),
    ("POST", "/v0.10/transfer", "Transfer: hand in a transfer; it takes 2 s"),
    ("POST", "/v0.10/delete", "Transfer: hand in a deletion; it takes 1 s"),
    ("GET", "/v0.10/task_list", "Transfer: the person's tasks"),
    ("GET", "/v0.10/task/{id}", "Transfer: one task"),
    ("POST", "/v0.10/task/{id}/cancel", "Transfer: end a task"),
    ("GET", "/v0.10/task/{id}/event_list", "Transfer: what happened to a task"),
    ("GET", "/v0.10/bookmark_list", "Transfer: the person's bookmarks"),
    ("GET, POST, DELETE", "/sandbox/faults", "see, switch on and clear faults"),
    ("GET, DELETE", "/sandbox/seen", "calls by route, and parameters of the latest authorize, logout, token, revoke and introspect requests"),
    ("POST", "/sandbox/tasks/finish", "let tasks end at once"),
];

fn router(app: AppState) -> Router {
    Router::new()
        .route("/", get(web::front))
        .route("/static/sandbox.css", get(web::stylesheet))
        .route("/static/sandbox.svg", get(web::icon))
        .route("/.well-known/openid-configuration", get(auth::discovery))
        .route("/jwk.json", get(auth::key_set))
        .route("/v2/oauth2/authorize", get(authorize::authorize))
        .route("/v2/oauth2/token", post(token::token))
        .route("/v2/oauth2/token/revoke", post(auth::revoke))
        .route("/v2/oauth2/token/introspect", post(auth::introspect))
        .route("/v2/oauth2/userinfo", get(auth::userinfo).post(auth::userinfo))
        .route("/v2/api/identities", get(identities::identities))
        .route("/v2/api/identity_providers", get(identities::identity_providers))
        .route("/v2/api/identities/{id}/consents", get(consents::of_identity))
        .route("/v2/web/identities", get(web::linked_identities))
        .route("/v2/web/choose", get(sign_in::choose_again).post(sign_in::choose))
        .route("/v2/web/consent", get(sign_in::consent).post(sign_in::decide))
        .route("/v2/web/consents", get(web::consents).post(web::rescind))
        .route("/v2/web/logout", get(web::logout))
        .route("/v2/web/auth-code", get(web::auth_code))
        .route("/v2/groups/my_groups", get(groups::my_groups))
        .route("/v2/groups/{id}", get(groups::group))
        .route("/v0.10/endpoint_search", get(transfer::endpoint_search))
        .route("/v0.10/endpoint/{id}", get(transfer::endpoint))
        .route("/v0.10/operation/endpoint/{id}/ls", get(operations::ls))
        .route("/v0.10/operation/endpoint/{id}/stat", get(operations::stat))
        .route("/v0.10/operation/endpoint/{id}/mkdir", post(operations::mkdir))
        .route("/v0.10/operation/endpoint/{id}/rename", post(operations::rename))
        .route("/v0.10/submission_id", get(submit::submission_id))
        .route("/v0.10/transfer", post(submit::transfer))
        .route("/v0.10/delete", post(submit::delete))
        .route("/v0.10/task_list", get(task_routes::task_list))
        .route("/v0.10/task/{id}", get(task_routes::task))
        .route("/v0.10/task/{id}/cancel", post(task_routes::cancel))
        .route("/v0.10/task/{id}/event_list", get(task_routes::event_list))
        .route("/v0.10/bookmark_list", get(task_routes::bookmark_list))
        .route("/sandbox/faults", get(control::faults).post(control::switch_on).delete(control::clear_faults))
        .route("/sandbox/seen", get(control::seen).delete(control::clear_seen))
        .route("/sandbox/tasks/finish", post(control::finish_tasks))
        .route("/v0.10/{*rest}", any(transfer::unknown))
        .fallback(web::unknown)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(app.clone(), control::on_the_way))
        .with_state(app)
}
