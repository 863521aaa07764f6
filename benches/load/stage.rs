//! A portal, and the provider it uses.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{client::Connection, provider::CLIENT_ID, servers::Server, stores::Stores};

/// How long the provider's tokens live, in seconds: those of most measurements for long, others are always about to expire.
pub const LONG: u32 = 172_800;
pub const SHORT: u32 = 30;

/// The settings file of a gate. Its policy is one that has to be looked at.
const GATE: &str = "\
TRUSTED_PROXIES = ['127.0.0.1']
MAX_CONNECTIONS = 11000
KEEP_ALIVE_SECONDS = 3600
[policies.default]
domains = ['northfield.example']
";

pub struct Stage {
    pub portal: Server,
    variables: Vec<(String, String)>,
    _provider: Server,
    _folder: TempDir,
}

impl Stage {
    /// `life` is that of the provider's tokens in seconds, and `delay` how long it takes to give some.
    pub fn start(stores: &Stores, kind: &str, life: u32, delay: Duration) -> Self {
        let provider = [("LOAD_TOKEN_LIFE", life.to_string()), ("LOAD_DELAY", delay.as_millis().to_string())];
        Self::with(stores, kind, "", provider)
    }

    /// A stage whose portal is the gate behind a proxy on this machine, which may keep many connections for long.
    pub fn start_gate(stores: &Stores, kind: &str) -> Self {
        Self::with(stores, kind, GATE, [("LOAD_TOKEN_LIFE", LONG.to_string()), ("LOAD_DELAY", "0".to_owned())])
    }

    /// A stage whose provider is quick, but for its listings of folders.
    pub fn start_slow(stores: &Stores, kind: &str, listing: Duration) -> Self {
        let slow = ("LOAD_LISTING_DELAY", listing.as_millis().to_string());
        Self::with(stores, kind, "", [("LOAD_TOKEN_LIFE", LONG.to_string()), ("LOAD_DELAY", "0".to_owned()), slow])
    }

    fn with<const N: usize>(stores: &Stores, kind: &str, settings: &str, provider: [(&str, String); N]) -> Self {
        let provider = Server::start("provider", &owned(provider));
        let folder = tempfile::tempdir().unwrap();
        let (store, cache) = stores.fresh(kind, folder.path());
        let base = format!("http://{}/", provider.address);
        let config = folder.path().join("portal.conf");
        std::fs::write(&config, settings).unwrap();
        let variables = owned([
            ("RUST_LOG", std::env::var("LOAD_LOG").unwrap_or_else(|_| "warn".to_owned())),
            ("GLOBUS_PORTAL_CONFIG", config.display().to_string()),
            ("GLOBUS_PORTAL_SECRET_KEY", "a key for measurements, long enough to be one".to_owned()),
            ("GLOBUS_PORTAL_APP_CLIENT_ID", CLIENT_ID.to_owned()),
            ("GLOBUS_PORTAL_APP_CLIENT_SECRET", "a secret".to_owned()),
            ("GLOBUS_PORTAL_SESSION_STORE", store),
            ("GLOBUS_PORTAL_SESSION_CACHE_SECONDS", cache.to_string()),
            ("GLOBUS_SDK_SERVICE_URL_AUTH", base.clone()),
            ("GLOBUS_SDK_SERVICE_URL_TRANSFER", base.clone()),
            ("GLOBUS_SDK_SERVICE_URL_GROUPS", base),
        ]);
        Self { portal: Server::start("portal", &variables), variables, _provider: provider, _folder: folder }
    }

    /// Starts another process like the portal, and tells how long it takes until it has answered. The store has its tables
    /// by now.
    pub fn first_answer(&self) -> Duration {
        let begun = Instant::now();
        let another = Server::start("portal", &self.variables);
        assert_eq!(another.connection().get("/healthz", "").status, 200);
        begun.elapsed()
    }
}

fn owned<const N: usize>(variables: [(&str, String); N]) -> Vec<(String, String)> {
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Logs in; gives the session cookie.
pub fn log_in(connection: &mut Connection) -> String {
    let begun = connection.get("/login", "");
    assert_eq!(begun.status, 303);
    let parameter = |name: &str| {
        let found = begun.location.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("no {name} in {}", begun.location)).to_owned()
    };
    let target = format!("/login?code={}&state={}", parameter("nonce"), parameter("state"));
    let back = connection.get(&target, &begun.cookies[0]);
    assert_eq!((back.status, &*back.location), (303, "/"));
    back.cookies[0].clone()
}
