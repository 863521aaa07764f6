//! What every handler can reach: built once from the settings.

use std::{
    collections::HashMap,
    fmt,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::task::TaskTracker;

use crate::{
    clock::Clock,
    globus::{
        Globus,
        auth::ConfidentialAppAuthClient,
        environment::{Environment, Trust},
        error::UsageError,
        flow::{AuthorizationCodeFlowManager, AuthorizeUrls},
        http::{ClientError, HttpClient, Limits, Proxies},
        id_token::IdTokenVerifier,
        provider::Provider,
    },
    metrics::Metrics,
    pages::{DataView, Site, hashed_name},
    session::{
        Lifetimes, Vault,
        assertions::Assertions,
        authentications::Authentications,
        exchanges::Exchanges,
        login_attempt::LoginAttempts,
        memberships::Memberships,
        programs::Programs,
        recent_logins::RecentLogins,
        records::Records,
        refused_states::RefusedStates,
        seal::KeyRing,
        store::{MemoryStore, PostgresStore, RedisStore, SqliteStore, Store, StoreError},
        tokens::Tokens,
    },
    settings::{Image, PresentedCollection, Settings, StoreKind},
    traces::{About, Traces},
};

/// The parts of a portal, wired up.
#[derive(Debug)]
pub struct App {
    /// The settings it was built from.
    pub settings: Settings,
    /// The clock that decides about age.
    pub clock: Clock,
    /// The HTTP client for calls to Globus.
    pub http: HttpClient,
    /// The client of Globus Auth.
    pub auth: ConfidentialAppAuthClient,
    /// Discovery document and key set of Globus Auth.
    pub provider: Arc<Provider>,
    /// Verifies id_tokens.
    pub id_tokens: Arc<IdTokenVerifier>,
    /// Logins in progress.
    pub login_attempts: LoginAttempts,
    /// Code exchanges in progress.
    pub exchanges: Exchanges,
    /// States of logins that Globus has refused.
    pub refused_states: RefusedStates,
    /// The last login of each browser.
    pub recent_logins: RecentLogins,
    /// What all login flows have in common. A returning login makes its own flow from it.
    pub login_flow: AuthorizationCodeFlowManager,
    /// The authorize URL to which logins send the browser.
    pub authorize_urls: AuthorizeUrls,
    /// Sessions: store, keys and lifetimes.
    pub vault: Vault,
    /// Tokens of sessions.
    pub tokens: Tokens,
    /// Sessions: begun, found, listed.
    pub records: Records,
    /// The groups of people, for policies.
    pub memberships: Memberships,
    /// How people have logged in at Globus, for policies.
    pub authentications: Authentications,
    /// Callers with a bearer token.
    pub programs: Programs,
    /// What the gate says about people, signed.
    pub assertions: Assertions,
    /// What is counted for the operator.
    pub metrics: Metrics,
    /// What is traced for the operator.
    pub traces: Traces,
    /// Requests that continue in tasks of their own, even if their clients have left.
    pub requests: TaskTracker,
    /// What every page shows.
    pub site: Site,
    /// The operator's pictures, by their names under `/static/`.
    pub pictures: HashMap<String, Image>,
    stopping: AtomicBool,
}

impl App {
    /// Marks the process as stopping: from now on `/readyz` answers 503, and connections end after their next response.
    pub fn begin_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the process is about to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Why a portal cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No HTTP client can be built.
    #[error("cannot build an HTTP client: are CA certificates installed (Debian: ca-certificates)?")]
    Http(#[from] ClientError),
    /// The session store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The login flow cannot be built.
    #[error("cannot build the login flow: {0}")]
    Flow(#[from] UsageError),
}

/// A handle on the [`App`]. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<App>);

/// Shows nothing: every page's visitor holds the state, and in it are the sessions of others.
impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppState")
    }
}

impl Deref for AppState {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0
    }
}

impl AppState {
    /// Builds a portal: opens the session store. Globus is called when the portal is [served](crate::server::Server::serve), or
    /// when a login needs it.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(settings: Settings, clock: Clock) -> Result<Self, BuildError> {
        let store = open_store(&settings.session_store).await?;
        for warning in store.warnings().await {
            tracing::warn!("session store: {warning}");
        }
        let app = Self::with_store(settings, clock, store)?;
        let http = app.http.clone();
        tokio::spawn(async move {
            if let Err(error) = http.open().await {
                tracing::error!(error = error.for_log(), "Globus cannot be called");
            }
        });
        Ok(app)
    }

    /// Builds a portal on an open store. Call it within a runtime.
    ///
    /// # Errors
    /// [`BuildError::Http`] or [`BuildError::Flow`].
    pub fn with_store(settings: Settings, clock: Clock, store: Arc<dyn Store>) -> Result<Self, BuildError> {
        let (http, metrics, traces) = observed(http_client(&settings)?, &settings);
        settings.policies.iter().for_each(|(name, _)| metrics.gate_policy(name));
        let auth = auth_client(&settings, &http, &clock);
        let provider = Arc::new(Provider::new(&auth, clock.clone()));
        let id_tokens = Arc::new(IdTokenVerifier::new(provider.clone(), settings.client_id.clone()));
        let login_flow = auth.oauth2_start_flow(settings.public_url("/login"), &settings.scopes)?;
        let login_flow = if settings.refresh_tokens { login_flow.with_refresh_tokens() } else { login_flow };
        let vault = Vault::new(
            store,
            KeyRing::new(&settings.secret_key, &settings.secret_key_fallbacks),
            clock.clone(),
            Lifetimes { idle: settings.session_idle, absolute: settings.session_lifetime },
            settings.session_cache,
            metrics.clone(),
            &traces,
        );
        let tokens = Tokens::new(vault.clone(), auth.clone(), settings.refresh_timeout, id_tokens.clone());
        Ok(Self(Arc::new(App {
            id_tokens,
            login_attempts: LoginAttempts::new(settings.root.clone()).with_hosts(settings.app_hosts.clone()),
            exchanges: Exchanges::new(settings.max_exchanges),
            recent_logins: RecentLogins::default(),
            refused_states: RefusedStates::default(),
            authorize_urls: AuthorizeUrls::like(&login_flow),
            login_flow,
            records: Records::new(vault.clone(), tokens.clone(), settings.sessions_per_person),
            authentications: Authentications::new(clock.clone(), settings.groups_max_age, tokens.clone(), auth.clone()),
            tokens,
            memberships: Memberships::new(clock.clone(), settings.groups_max_age),
            programs: Programs::new(&clock, &auth, settings.max_exchanges, settings.groups_max_age),
            assertions: assertions(&settings, &clock),
            metrics,
            traces,
            requests: TaskTracker::new(),
            site: site(&settings),
            pictures: pictures(&settings),
            stopping: AtomicBool::new(false),
            settings,
            clock,
            http,
            auth,
            provider,
            vault,
        })))
    }
}

/// The HTTP client that the settings ask for. Services on plain http are on loopback, so a client for them needs no CA
/// certificates. Any other client is built in the background, so that the start does not wait for it.
///
/// # Errors
/// If no client can be built.
pub fn http_client(settings: &Settings) -> Result<HttpClient, ClientError> {
    let Environment { auth, transfer, groups, .. } = &settings.environment;
    let limits = Limits::for_web_pages().with_timeout(settings.globus_timeout);
    if [auth, transfer, groups].iter().all(|url| url.scheme() == "http") {
        return Ok(named(HttpClient::trusting(limits, Trust::Only(Vec::new()), Proxies::Ignored)?));
    }
    let trust = settings.globus_trust.clone();
    Ok(named(HttpClient::when_needed(limits, trust, Proxies::FromEnvironment)))
}

/// What is counted and traced, and the same client, whose calls are.
fn observed(mut http: HttpClient, settings: &Settings) -> (HttpClient, Metrics, Traces) {
    let metrics = Metrics::counted(settings.metrics_listen.is_some());
    let traces = Traces::to(settings.collector.clone(), About::of(settings), &metrics);
    if metrics.is_counted() {
        http = http.with_observer(Arc::new(metrics.clone()));
    }
    if traces.is_on() {
        http = http.with_observer(Arc::new(traces.clone()));
    }
    (http, metrics, traces)
}

fn auth_client(settings: &Settings, http: &HttpClient, clock: &Clock) -> ConfidentialAppAuthClient {
    // No retries here: the revocation queue, the refresh of Globus's documents and the person retry at their own time.
    let globus = Globus::new(settings.environment.clone(), http.clone().without_retries()).with_clock(clock.clone());
    let auth = globus.confidential_app(&settings.client_id, &settings.client_secret);
    match &settings.sandbox {
        Some(public) => auth.with_browser_base(public.clone()),
        None => auth,
    }
}

fn assertions(settings: &Settings, clock: &Clock) -> Assertions {
    let (current, fallbacks) = (&settings.secret_key, &settings.secret_key_fallbacks);
    Assertions::new(settings.public_url(""), current, fallbacks, clock.clone())
}

/// The same client, whose requests name the portal as the app.
#[expect(clippy::expect_used, reason = "a name and version that Cargo allows")]
fn named(http: HttpClient) -> HttpClient {
    let name = concat!("globus-portal/", env!("CARGO_PKG_VERSION"));
    http.with_app_name(name).expect("the package's name and version can be sent")
}

/// How many connections to PostgreSQL a portal has at most.
const POSTGRES_CONNECTIONS: u32 = 16;

/// Opens the store that the settings name.
///
/// # Errors
/// [`StoreError`].
pub async fn open_store(kind: &StoreKind) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match kind {
        StoreKind::Memory => Arc::new(MemoryStore::default()),
        StoreKind::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
        StoreKind::Redis(url) => Arc::new(RedisStore::open(url.expose_secret()).await?),
        StoreKind::Postgres(url) => Arc::new(PostgresStore::open(url.expose_secret(), POSTGRES_CONNECTIONS).await?),
    })
}

fn site(settings: &Settings) -> Site {
    let site = Site {
        app_name: settings.app_name.clone(),
        root: settings.root.clone(),
        sandbox: settings.sandbox.as_ref().map(ToString::to_string),
        zone: settings.time_zone.clone(),
        data: Vec::new(),
    };
    let data = settings.collections.iter().map(|one| DataView {
        title: one.title.clone(),
        description: one.description.clone(),
        href: page_of(&settings.root, one),
        image: one.image.as_ref().map(|image| site.static_path(&picture_name(image))),
    });
    Site { data: data.collect(), ..site }
}

/// The page of a presented collection, which opens with its folder.
fn page_of(root: &str, one: &PresentedCollection) -> String {
    let path = one.path.as_deref().map(|path| format!("?path={}", utf8_percent_encode(path, NON_ALPHANUMERIC)));
    format!("{root}/collections/{}{}", one.id, path.unwrap_or_default())
}

fn pictures(settings: &Settings) -> HashMap<String, Image> {
    let pictures = settings.collections.iter().filter_map(|one| one.image.clone());
    pictures.map(|image| (picture_name(&image), image)).collect()
}

fn picture_name(image: &Image) -> String {
    hashed_name("picture", &image.bytes, image.extension)
}
